package scorer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func lessons() []Example {
	var all []Example
	for i := range 400 {
		easy, hard := fmt.Sprintf("What is the capital of country %d?", i), fmt.Sprintf("Prove lemma %d about rings", i)
		all = append(all, Example{[]byte(easy), 1, 1}, Example{[]byte(hard), 0, 1})
	}
	return all
}

func TestTrainLearns(t *testing.T) {
	m := Train(lessons(), Usual)
	easy, hard := m.Uplift([]byte("what is the capital of Peru")), m.Uplift([]byte("PROVE the lemma about fields"))
	if easy > 0.2 || hard < 0.8 {
		t.Errorf("uplift %.2f of an easy prompt, %.2f of a hard one", easy, hard)
	}
	if again := Train(lessons(), Usual); *again != *m {
		t.Error("equal examples gave another model")
	}
	warm := Train(lessons()[:2], Training{Epochs: 1, Rate: 0.01, Start: m})
	if v := warm.Fails([]byte("prove the lemma"))[CheapFails]; v < 0.4 {
		t.Errorf("begun from what it knew, it guesses %.2f", v)
	}
}

func TestFailsIsBounded(t *testing.T) {
	m := Train(lessons(), Usual)
	for _, text := range []string{"", " ", "\x00\xff\xfe", strings.Repeat("a", 1<<20), strings.Repeat("1 ", 1<<19), "日本語のテキスト", strings.Repeat("prove lemma ", 1<<16)} {
		for h, p := range m.Fails([]byte(text)) {
			if !(p >= 0 && p <= 1) {
				t.Errorf("%.20q: head %d guesses %v", text, h, p)
			}
		}
	}
	text := []byte("what is the capital of France")
	if n := testing.AllocsPerRun(100, func() { m.Fails(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFails(b *testing.B) {
	m := Train(lessons()[:20], Usual)
	text := bytes.Repeat([]byte("A robe takes 2 bolts of blue fiber and half that much white. "), 17) // 1 KB
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.Fails(text)
	}
}
