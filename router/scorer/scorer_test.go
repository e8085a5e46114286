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

func TestModelComesBack(t *testing.T) {
	m := Train(lessons(), Usual)
	back, err := Decode(m.Encode())
	if err != nil || *back != *m {
		t.Errorf("a model did not come back: %v", err)
	}
	for _, bad := range [][]byte{nil, m.Encode()[1:], append([]byte{0, 0, 0xC0, 0x7F}, m.Encode()[4:]...)} {
		if _, err := Decode(bad); err == nil {
			t.Errorf("%d bytes were taken for a model", len(bad))
		}
	}
	if v := Shipped().Fails([]byte("What is 2 + 2?")); v[CheapFails] == v[PremiumFails] {
		t.Error("the shipped model has one head only")
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
