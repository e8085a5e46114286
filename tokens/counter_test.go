package tokens

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	loader "github.com/pkoukk/tiktoken-go-loader"
)

// TestVocabulary compares every token and rank with the loader's, which is OpenAI's file.
func TestVocabulary(t *testing.T) {
	c := newCounter(t)
	for name, e := range map[string]*encoding{"o200k_base": c.o200k, "cl100k_base": c.cl100k} {
		ranks, err := loader.NewOfflineLoader().LoadTiktokenBpe(name + ".tiktoken")
		if err != nil {
			t.Fatal(err)
		}
		if n := len(e.vocabulary.offsets) - 1; n != len(ranks) {
			t.Errorf("%s has %d tokens, want %d", name, n, len(ranks))
		}
		for token, want := range ranks {
			if got := e.vocabulary.rank([]byte(token), 0, len(token)); got != uint32(want) {
				t.Errorf("%s: rank of %q is %d, want %d", name, token, got, want)
			}
			grown := token + "\x00"
			if _, known := ranks[grown]; !known && e.vocabulary.rank([]byte(grown), 0, len(grown)) != noRank {
				t.Errorf("%s: %q has a rank", name, grown)
			}
		}
	}
}

func TestParseVocabularyRefuses(t *testing.T) {
	f := func(data, want string) {
		t.Helper()
		if _, err := parseVocabulary([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse of %q: error %v, want one with %q", data, err, want)
		}
	}
	f("", "does not begin with")
	f("bursarv1\x01\x00\x00\x00\x01\x00a", "does not begin with")
	f("bursarv2\x09\x00\x00\x00\x01\x00a", "cannot hold")
	f("bursarv2\x01\x00\x00\x00\x02\x00a", "names 2 bytes of tokens but holds 1")
	f("bursarv2\x01\x00\x00\x00\x01\x00a", "no token of rank 0 to 255 for byte")
}

func TestNewIsQuick(t *testing.T) {
	best := time.Hour
	for range 5 {
		start := time.Now()
		newCounter(t)
		best = min(best, time.Since(start))
	}
	if best > 200*time.Millisecond && !raceEnabled {
		t.Errorf("New takes %v at best: the gateway starts with it, keep it under 200 ms", best)
	}
}

func TestText(t *testing.T) {
	c := newCounter(t)
	f := func(family Family, text string, want int64) {
		t.Helper()
		for range 2 { // the second time from the memo, if it is long
			if got := c.Text(family, []byte(text)); got != want {
				t.Errorf("%.40q is %d tokens to %v, want %d", text, got, family, want)
			}
		}
	}
	f(O200k, "", 0)
	f(O200k, "hello world", 2)
	f(GPT5, "hello world", 2)
	f(Harmony, "hello world", 2)
	f(CL100k, "hello world", 2)
	f(CL100k, "tiktoken is great!", 6) // OpenAI's cookbook
	f(O200k, "<|endoftext|>", 7)       // as text, not as the special token
	f(O200k, strings.Repeat(" hello", 1000), 1000)
	f(CL100k, strings.Repeat(" hello", 1000), 1000)
	f(Llama, strings.Repeat(" hello", 1000), 1130)
	f(Qwen, "1234567890", 10)
	f(Llama, "1234567890", 4)
	f(O200k, "\xff\xfe\xfd", 3)
	f(O200k, "caf\xe9", 2)
}

// TestTextFromManyGoroutines: equal counts from many goroutines over more texts than it holds, with both families in between.
func TestTextFromManyGoroutines(t *testing.T) {
	c := newCounter(t)
	c.memo = newMemo(memoShards)
	texts := make([][]byte, 1500)
	want := make([][2]int64, len(texts))
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range texts {
		texts[i] = randomText(rng, 60)
		want[i] = [2]int64{c.Count(O200k, texts[i]), c.Count(Claude, texts[i])}
	}
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range texts {
				i = (i*7 + g) % len(texts)
				if got := [2]int64{c.Text(O200k, texts[i]), c.Text(Claude, texts[i])}; got != want[i] {
					t.Errorf("counts of %.40q are %v, want %v", texts[i], got, want[i])
				}
			}
		})
	}
	group.Wait()
}

func TestTextAllocatesNothing(t *testing.T) {
	c := newCounter(t)
	all := corpus()
	long := []byte(all["english"] + all["json"] + all["code"])
	letters := []byte(strings.Repeat("qzxj", 1000))
	tools := []byte(`[{"name":"foo","parameters":{"type":"object","properties":{}}}]`)
	f := func(what string, call func()) {
		t.Helper()
		if raceEnabled {
			call() // sync.Pool drops at random under the race detector
			return
		}
		if n := testing.AllocsPerRun(50, call); n != 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
	f("Text", func() { c.Text(O200k, long) })
	f("a count", func() { c.Count(O200k, long) })
	f("a count of one long word", func() { c.Count(CL100k, letters) })
	f("an estimate", func() { c.Count(Claude, long) })
	f("Tools", func() { c.Tools(O200k, tools) })
	f("FamilyOf", func() { FamilyOf("openai", "openai/gpt-4o-mini") })
}

// TestEstimateLeansHigh: an estimate for models nobody knows is no less than what either known tokenizer makes of a text.
func TestEstimateLeansHigh(t *testing.T) {
	c := newCounter(t)
	for name, text := range corpus() {
		known := max(c.Count(O200k, []byte(text)), c.Count(CL100k, []byte(text)))
		switch name {
		case "arabic", "hindi", "han", "spaces", "newlines", "dashes", "contraction": // where cl100k_base is like no later one
			known = c.Count(O200k, []byte(text))
		}
		for _, f := range []Family{Unknown, Grok, Kimi, GLM} {
			if n := c.Count(f, []byte(text)); n < known {
				t.Errorf("%s is %d tokens to %v, but %d to a known tokenizer", name, n, f, known)
			} else if n > 4*known+4 {
				t.Errorf("%s is %d tokens to %v: absurd beside %d", name, n, f, known)
			}
		}
	}
}

// TestHostileGrowth: no text takes more than a few steps per byte to merge, whatever its length. Steps are counted, not timed, so a
// busy machine cannot fail it; a quadratic merge would take thousands per byte.
func TestHostileGrowth(t *testing.T) {
	c := newCounter(t)
	for name, generate := range hostileTexts() {
		for _, e := range []*encoding{c.o200k, c.cl100k} {
			for _, size := range []int{16 << 10, 64 << 10, 256 << 10} {
				if (raceEnabled || testing.Short()) && size > 16<<10 {
					continue
				}
				s := e.scratch()
				s.steps = 0
				text := generate(size)
				for i := 0; i < len(text); {
					end := e.next(e.classes, text, i)
					e.countPiece(text, i, end, s)
					i = end
				}
				steps := s.steps
				e.release(s)
				if steps > 3*len(text) {
					t.Errorf("%s: %d bytes take %d steps to merge", name, len(text), steps)
				}
			}
		}
	}
}

// TestHostileSplit: up to a megabyte splits in milliseconds. A splitter that looks at a run again for each of its pieces would take minutes,
// so the bound is far from both.
func TestHostileSplit(t *testing.T) {
	c := newCounter(t)
	size := 1 << 20
	if raceEnabled {
		size = 1 << 17
	}
	for name, generate := range hostileTexts() {
		text := generate(size)
		for _, e := range []*encoding{c.o200k, c.cl100k} {
			start := time.Now()
			for i := 0; i < len(text); {
				i = e.next(e.classes, text, i)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: %d bytes take %v to split", name, len(text), took)
			}
		}
	}
}

// TestLongMergeIsMerge: the two ways to merge give the same parts.
func TestLongMergeIsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	c := newCounter(t)
	for _, e := range []*encoding{c.o200k, c.cl100k} {
		var s scratch
		for range 3000 {
			text := randomText(rng, 1+rng.IntN(20))
			text = text[:min(len(text), smallPiece)]
			if len(text) < 2 {
				continue
			}
			var short, long []int
			parts := e.vocabulary.merge(text, 0, len(text), &s)
			for _, p := range parts[:len(parts)-1] {
				short = append(short, int(p.start))
			}
			list := e.vocabulary.mergeLong(text, &s)
			for i := 0; i < len(list); i = int(list[i].next) {
				long = append(long, i)
			}
			if !equal(short, long) {
				t.Fatalf("%q merges to %v and to %v", text, short, long)
			}
		}
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestLongestMerge: a piece beyond what one merge takes is cut, and still counts every byte.
func TestLongestMerge(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("counts two megabytes without a place to split")
	}
	c := newCounter(t)
	text := bytes.Repeat([]byte("a"), 2*longestMerge+100)
	if n, want := c.Count(O200k, text), int64(len(text)+7)/8; n < want || n > want+4 {
		t.Errorf("%d times a is %d tokens, want about %d", len(text), n, want)
	}
	var group sync.WaitGroup // more at once than there are turns
	for range 2*runtime.GOMAXPROCS(0) + 1 {
		group.Go(func() { c.Count(CL100k, text[:keptMerge+1]) })
	}
	group.Wait()
	if n := len(c.o200k.shared.long); n != 0 {
		t.Errorf("%d turns to merge long pieces are not given back", n)
	}
	ids := c.o200k.encode(nil, text)
	if got := c.o200k.decode(ids); !bytes.Equal(got, text) {
		t.Errorf("%d times a decodes to %d bytes", len(text), len(got))
	}
}
