// Command tinygguf writes a tiny llama model with random weights. It talks gibberish, but a real llama.cpp server loads it, so
// everything on the wire is real: streams, token usage, stop reasons, cancellation.
//
//	go run ./internal/testkit/tinygguf -out tiny.gguf
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
)

func main() {
	out := flag.String("out", "tiny.gguf", "file to write")
	flag.Parse()
	if err := os.WriteFile(*out, build(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "tinygguf:", err)
		os.Exit(1)
	}
}

// Shape of the model: small enough to load in milliseconds, real enough for every code path of the server.
const (
	width, hidden, layers, heads = 64, 128, 2, 4
	context                      = 131072
)

// Value types of the GGUF format, version 3.
const (
	typeU32 uint32 = 4
	typeI32 uint32 = 5
	typeF32 uint32 = 6
	typeStr uint32 = 8
	typeArr uint32 = 9
)

const template = `{% for m in messages %}{{ m['role'] }}: {% if m['content'] is string %}{{ m['content'] }}{% endif %}` + "\n" +
	`{% endfor %}assistant:`

func build() []byte {
	words, kinds, scores := vocabulary()
	var meta buffer
	count := 0
	put := func(key string, kind uint32, value any) {
		meta.text(key)
		meta.put(kind)
		meta.value(value)
		count++
	}
	put("general.architecture", typeStr, "llama")
	put("general.name", typeStr, "tiny-random")
	for key, v := range map[string]uint32{
		"context_length": context, "embedding_length": width, "block_count": layers, "feed_forward_length": hidden,
		"vocab_size": uint32(len(words)), "attention.head_count": heads, "attention.head_count_kv": heads,
		"rope.dimension_count": width / heads,
	} {
		put("llama."+key, typeU32, v)
	}
	put("llama.attention.layer_norm_rms_epsilon", typeF32, float32(1e-5))
	put("tokenizer.ggml.model", typeStr, "llama")
	put("tokenizer.ggml.tokens", typeArr, words)
	put("tokenizer.ggml.scores", typeArr, scores)
	put("tokenizer.ggml.token_type", typeArr, kinds)
	put("tokenizer.ggml.bos_token_id", typeU32, uint32(1))
	put("tokenizer.ggml.eos_token_id", typeU32, uint32(2))
	put("tokenizer.ggml.unknown_token_id", typeU32, uint32(0))
	put("tokenizer.chat_template", typeStr, template)

	infos, data, tensors := weights(len(words))
	var file buffer
	file.WriteString("GGUF")
	file.put(uint32(3), uint64(tensors), uint64(count))
	file.Write(meta.Bytes())
	file.Write(infos)
	file.pad()
	file.Write(data)
	return file.Bytes()
}

// vocabulary is the three control tokens, every byte, and some words and letters, with the tokenizer's kind and score of each.
func vocabulary() (words []string, kinds []int32, scores []float32) {
	add := func(word string, kind int32, score float32) {
		words, kinds, scores = append(words, word), append(kinds, kind), append(scores, score)
	}
	add("<unk>", 2, 0)
	add("<s>", 3, 0)
	add("</s>", 3, 0)
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), 6, -1000)
	}
	seen := map[string]bool{}
	plain := func(word string) {
		if !seen[word] {
			seen[word] = true
			add(word, 1, -float32(len(seen))/10)
		}
	}
	for _, w := range strings.Fields("price model token budget answer question order ticket refund search result summary code test file error team key cache time value list name first last open close read write start end") {
		plain("\u2581" + w)
		plain(w)
	}
	for r := ' '; r < 0x7f; r++ {
		if r != ' ' {
			plain(string(r))
		}
	}
	plain("\n")
	plain("\u2581")
	return words, kinds, scores
}

// weights returns the tensors' descriptions, their data, and how many they are. The same seed gives the same file.
func weights(vocab int) (infos, data []byte, tensors int) {
	random := rand.New(rand.NewPCG(11, 13))
	var info, raw buffer
	add := func(name string, dims ...uint64) {
		info.text(name)
		info.put(uint32(len(dims)))
		n := uint64(1)
		for _, d := range dims {
			info.put(d)
			n *= d
		}
		info.put(uint32(0), uint64(raw.Len())) // F32, offset
		for range n {
			v := float32(1) // norms
			if len(dims) > 1 {
				v = float32(random.NormFloat64() * 0.08)
			}
			raw.put(math.Float32bits(v))
		}
		raw.pad()
		tensors++
	}
	v := uint64(vocab)
	add("token_embd.weight", width, v)
	add("output_norm.weight", width)
	add("output.weight", width, v)
	for i := range layers {
		block := fmt.Sprintf("blk.%d.", i)
		add(block+"attn_norm.weight", width)
		add(block+"ffn_norm.weight", width)
		for _, name := range []string{"q", "k", "v", "output"} {
			add(block+"attn_"+name+".weight", width, width)
		}
		add(block+"ffn_gate.weight", width, hidden)
		add(block+"ffn_up.weight", width, hidden)
		add(block+"ffn_down.weight", hidden, width)
	}
	return info.Bytes(), raw.Bytes(), tensors
}

// buffer writes GGUF's little-endian values.
type buffer struct{ bytes.Buffer }

func (b *buffer) put(values ...any) {
	for _, v := range values {
		_ = binary.Write(&b.Buffer, binary.LittleEndian, v) // a bytes.Buffer takes all
	}
}

func (b *buffer) text(s string) {
	b.put(uint64(len(s)))
	b.WriteString(s)
}

func (b *buffer) value(v any) {
	switch v := v.(type) {
	case string:
		b.text(v)
	case []string:
		b.put(typeStr, uint64(len(v)))
		for _, s := range v {
			b.text(s)
		}
	case []int32:
		b.put(typeI32, uint64(len(v)), v)
	case []float32:
		b.put(typeF32, uint64(len(v)), v)
	default:
		b.put(v)
	}
}

// pad aligns to the 32 bytes that GGUF asks for.
func (b *buffer) pad() {
	if over := b.Len() % 32; over != 0 {
		b.Write(make([]byte, 32-over))
	}
}
