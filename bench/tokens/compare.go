package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/pkoukk/tiktoken-go"
	loader "github.com/pkoukk/tiktoken-go-loader"

	"bursar/tokens"
)

// reference is tiktoken-go's encodings.
type reference struct{ o200k, cl100k *tiktoken.Tiktoken }

func newReference() (*reference, error) {
	tiktoken.SetBpeLoader(loader.NewOfflineLoader())
	o200k, err := tiktoken.GetEncoding("o200k_base")
	if err != nil {
		return nil, fmt.Errorf("tiktoken-go: %w", err)
	}
	cl100k, err := tiktoken.GetEncoding("cl100k_base")
	if err != nil {
		return nil, fmt.Errorf("tiktoken-go: %w", err)
	}
	return &reference{o200k, cl100k}, nil
}

var errDiffer = errors.New("the ids differ")

// compare compares ids: of every text with OpenAI's tiktoken, and of random strings with tiktoken-go.
func compare(counter *tokens.Counter, reference *reference, node *node, corpus []text, fuzz int) error {
	result := map[string]int{}
	families := map[string]tokens.Family{"o200k_base": tokens.O200k, "cl100k_base": tokens.CL100k}
	if node == nil {
		return errors.New("-ids needs OpenAI's tiktoken on Node: install node and npm")
	}
	for _, t := range corpus {
		for _, encoding := range []string{"o200k_base", "cl100k_base"} {
			ids := counter.IDs(families[encoding], nil, t.body)
			theirs, err := node.digest(encoding, t.body)
			if err != nil {
				return err
			}
			same := "equal"
			if digest(ids) != theirs {
				same = "DIFFERENT"
				result["different"]++
			}
			fmt.Printf("%-20s %-12s %9d bytes %9d tokens  %s\n", t.name, encoding, len(t.body), len(ids), same)
			if counted := counter.Count(families[encoding], t.body); counted != int64(len(ids)) {
				return fmt.Errorf("%s: %d ids, but a count of %d", t.name, len(ids), counted)
			}
		}
		result["bytes"] += len(t.body)
	}
	result["fuzz"] = fuzz
	rng := rand.New(rand.NewPCG(11, 12))
	for range fuzz {
		text := randomText(rng)
		for encoding, theirs := range map[string]*tiktoken.Tiktoken{"o200k_base": reference.o200k, "cl100k_base": reference.cl100k} {
			if slices.EqualFunc(counter.IDs(families[encoding], nil, text), theirs.EncodeOrdinary(string(text)), func(a uint32, b int) bool { return int(a) == b }) {
				continue
			}
			if bytes.Contains(text, []byte("'ſ")) { // the one place where tiktoken-go differs from OpenAI's own
				result["fuzz_long_s"]++
				continue
			}
			fmt.Printf("%s: DIFFERENT: %q\n", encoding, text)
			result["different"]++
		}
	}
	fmt.Printf("%d random strings compared with tiktoken-go; %d differ at an apostrophe before ſ, where it errs\n\n", fuzz, result["fuzz_long_s"])
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		return err
	}
	if result["different"] > 0 {
		return errDiffer
	}
	return nil
}

// digest is the SHA-256 of ids as little-endian numbers of 32 bits.
func digest(ids []uint32) string {
	sum := sha256.New()
	var word [4]byte
	for _, id := range ids {
		binary.LittleEndian.PutUint32(word[:], id)
		sum.Write(word[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// randomText strings together parts that the patterns of the encodings treat differently.
func randomText(rng *rand.Rand) []byte {
	atoms := []string{
		" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "'s", "'S", "'re", "'LL", "'", "’s", "ſ", "a", "Z", "the", "The", "HTTP", "tion",
		"ǅ", "ʰ", "ª", "é", "e\u0301", "\u0301", "ß", "中", "文字", "的", "ひら", "カ", "한글", "й", "Привет", "ك", "ก", "1", "123", "4567", "٣", "Ⅷ", "½",
		".", ",", "/", "//", "{\"", "\":", "-", "—", "😀", "👨‍👩‍👧", "<|endoftext|>", "\x00", "\x7f", "\ufeff", "_",
	}
	var text []byte
	for range 1 + rng.IntN(24) {
		if r := rune(rng.IntN(unicode.MaxRune)); rng.IntN(12) == 0 && utf8.ValidRune(r) {
			text = utf8.AppendRune(text, r)
			continue
		}
		text = append(text, atoms[rng.IntN(len(atoms))]...)
	}
	return text
}
