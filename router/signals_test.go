package router

import (
	"bytes"
	"strings"
	"testing"

	"bursar/exchange"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		text string
		want exchange.Signals
	}{
		{"", exchange.Signals{}},
		{"yes", exchange.Signals{Bytes: 3, Words: 1}},
		{"go on, please", exchange.Signals{Bytes: 13, Words: 3}},
		{"What is the capital of France?", exchange.Signals{Words: 6, Lookups: 2, Questions: 1}},
		{"what's a quark?", exchange.Signals{Words: 4, Lookups: 1, Questions: 1}},
		{"what is it?", exchange.Signals{Words: 3, Questions: 1}}, // asks for what was said before
		{"Translate \"good morning\" to Spanish", exchange.Signals{Words: 5, Lookups: 1}},
		{"Prove that sqrt(2) is irrational.", exchange.Signals{Words: 5, Reasoning: 2, MathMarks: 2}},
		{"Really??? Why?!", exchange.Signals{Words: 2, Questions: 2, Reasoning: 1}},
		{"must not use X; at most 3, without loops", exchange.Signals{Words: 8, Constraints: 4}},
		{"1. open\n2) close\n- lock\n * bolt\n", exchange.Signals{Words: 4, Steps: 4}},
		{"x = 5 and 2*3 and n^2", exchange.Signals{Words: 4, MathMarks: 3}},
		{"5 × 4 and ∑ and \\frac{1}{2}", exchange.Signals{Words: 3, MathMarks: 4}},
		{"on 2026-08-21, pages 3/4, 10 apples", exchange.Signals{Words: 3}},
		{"3 pens at $1.50, 4 at 2,000: how many?", exchange.Signals{Words: 5, MathMarks: 3, Lookups: 1, Questions: 1}},
		{"GPT4 v1.2.3 at 10:30, 3-5 days", exchange.Signals{Words: 4}},
		{"call `f` with userName or user_name()", exchange.Signals{Words: 7, CodeMarks: 4}},
		{"```go\n// why must we, first?\nreturn x\n```\nwhy", exchange.Signals{Words: 8, CodeMarks: 1, Reasoning: 1}},
		{"if (a && b) {\n  c();\n}", exchange.Signals{Words: 4, CodeMarks: 4}},
		{"Was ist die Hauptstadt von Peru?", exchange.Signals{Words: 6, Lookups: 2, Questions: 1}},
		{"¿Qué es un quark?", exchange.Signals{Words: 4, Lookups: 1, Questions: 1}},
		{"QU'EST-CE que l'amour?", exchange.Signals{Words: 6, Lookups: 1, Questions: 1}},
		{"Erkläre GENAU, höchstens drei Sätze", exchange.Signals{Words: 5, Reasoning: 1, Constraints: 2}},
		{"ÜBERSETZE Hallo", exchange.Signals{Words: 2, Lookups: 1}},
		{"法国的首都是哪里？", exchange.Signals{NonLatin: 8, Questions: 1}},
		{"Докажи теорему", exchange.Signals{NonLatin: 13}},
		{"\xff\xc3 \xe4\xb8", exchange.Signals{}},
		{"\xc3", exchange.Signals{}},
		{"a\xc3\x97b", exchange.Signals{Words: 2, MathMarks: 2}},
	} {
		got := Read([]byte(c.text))
		if c.want.Bytes = len(c.text); !cmp.Equal(got, c.want) {
			t.Errorf("Read(%q), got + want -:\n%s", c.text, cmp.Diff(c.want, got))
		}
	}
}

// TestVocabulary: every word is found under its own mark, so that none hides another by its hash or by standing in two lists.
func TestVocabulary(t *testing.T) {
	seen := map[string]mark{}
	for _, v := range vocabulary {
		for _, word := range strings.Fields(v.words) {
			if strings.Count(word, "_") > 1 {
				t.Errorf("%q: phrases have two words", word)
			}
			if before, twice := seen[word]; twice {
				t.Errorf("%q is listed twice, as %d and %d", word, before, v.mark)
			}
			seen[word] = v.mark
			if word != strings.ToLower(word) {
				t.Errorf("%q is not in lower case", word)
			}
			r := reader{text: []byte(strings.ReplaceAll(word, "_", " "))}
			for r.at < len(r.text) {
				if r.text[r.at] == ' ' {
					r.at++
				}
				r.word()
			}
			if r.last != v.mark {
				t.Errorf("%q is read as mark %d, want %d", word, r.last, v.mark)
			}
		}
	}
	t.Logf("%d words and phrases", len(seen))
}

// FuzzRead: no text makes Read fail, count more than there is, or depend on anything but the text.
func FuzzRead(f *testing.F) {
	f.Add([]byte("What is 2+2? ```x``` `y` must 1. é × 法"))
	f.Add([]byte("\xc3\x97\xc3\xff\xe4\xb8`\\$$"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := Read(text)
		if s.Bytes != len(text) || s != Read(text) {
			t.Errorf("Read(%q) = %+v", text, s)
		}
		for _, n := range []int{s.Words, s.CodeMarks, s.MathMarks, s.Constraints, s.Steps, s.Reasoning / 2, s.Questions, s.Lookups, s.NonLatin} {
			if n < 0 || n > len(text) {
				t.Errorf("Read(%q) = %+v: a count out of bounds", text, s)
			}
		}
		if c := Complexity(s); c.Score < 0 || c.Score > 1 || !c.Known && c.Score != 0 {
			t.Errorf("Complexity(%+v) = %+v", s, c)
		}
	})
}

func benchmarkRead(b *testing.B, unit string) {
	text := bytes.Repeat([]byte(unit), 4096/len(unit)+1)[:4096]
	b.SetBytes(4096)
	b.ReportAllocs()
	for b.Loop() {
		Read(text)
	}
}

func BenchmarkReadProse(b *testing.B) {
	benchmarkRead(b, "Please compare the two proposals and explain which of them keeps our costs below the budget of next year. ")
}

func BenchmarkReadCode(b *testing.B) {
	benchmarkRead(b, "func (s *Server) handleRequest(ctx context.Context) error {\n\tif x := s.user_name(); x != nil {\n\t\treturn x\n\t}\n}\n")
}

func BenchmarkReadChinese(b *testing.B) {
	benchmarkRead(b, "请证明根号二是无理数，并且说明每一步的理由。")
}
func BenchmarkReadShortWords(b *testing.B) { benchmarkRead(b, "a ") }
func BenchmarkReadBackticks(b *testing.B)  { benchmarkRead(b, "`") }
func BenchmarkReadBroken(b *testing.B)     { benchmarkRead(b, "\xc3") }
func BenchmarkReadDigits(b *testing.B)     { benchmarkRead(b, "1+") }
