package router

import (
	"math"
	"testing"

	"bursar/exchange"
)

const (
	unknown = "unknown"
	low     = "low"    // goes to a cheap model under a rule such as "< 0.35"
	middle  = "middle" // neither
	high    = "high"   // goes to a premium model under a rule such as ">= 0.7"
)

func level(c exchange.Complexity) string {
	switch {
	case !c.Known:
		return unknown
	case c.Score < 0.35:
		return low
	case c.Score < 0.7:
		return middle
	default:
		return high
	}
}

func TestComplexity(t *testing.T) {
	for text, want := range map[string]string{
		// Nothing in these tells how hard the work is: absence of evidence is not simplicity.
		"":                               unknown,
		"yes":                            unknown,
		"Yes!":                           unknown,
		"go on":                          unknown,
		"ok, do it":                      unknown,
		"what is it?":                    unknown,
		"Sounds good to me?":             unknown,
		"Tell me a story about a dragon": unknown,
		"法国的首都是哪里？":                      unknown,
		"这是一个很长的法律问题。What is 法人的责任范围以及赔偿条款？": unknown,

		"What is the capital of France?":          low,
		"who is Ada Lovelace":                     low,
		"Define entropy":                          low,
		"translate good morning to Spanish":       low,
		"how many planets are there?":             low,
		"How do you spell necessary?":             low,
		"what is 2+2?":                            low,
		"Was ist die Hauptstadt von Peru?":        low,
		"¿Qué es un quark?":                       low,
		"Wer war Leibniz?":                        low,
		"qui est Molière ?":                       low,
		"When was the treaty of Westphalia made?": low,

		"Why is the sky blue?": middle,
		// How many, but of a sum.
		"Tom gets 4 car washes a month. If each costs $15, how much does he pay in a year?": middle,
		"Write a haiku":                      middle,
		"Compare tea and coffee in one line": middle,
		// Begins like a lookup, but no sentence of this length is one.
		"What is the major product when 2-methyl-2-butene reacts with borane in THF and is then treated with hydrogen peroxide in base?": middle,

		"Prove that the square root of 2 is irrational.":             high,
		"Beweise den Satz von Pythagoras.":                           high,
		"Démontre que la suite converge.":                            high,
		"Compare the two designs and explain why one scales better.": high,
		"Refactor this function so that it must not allocate:\n```go\nfunc f(s string) []byte { return []byte(s) }\n```":                            high,
		"Design a rate limiter for a distributed gateway: at most 100 requests per second per key, without a single point of failure.":              high,
		"Write a Python function `merge_sorted(a, b)` that must run in O(n), use only the standard library, and never recurse. Return [] if empty.": high,
		"Debug this: it panics with a nil pointer in the second goroutine":                                                                          high,
		"What is the proof of Fermat's little theorem?":                                                                                             high,
	} {
		c := Complexity(Read([]byte(text)))
		if got := level(c); got != want {
			t.Errorf("%q is %s (%.3f), want %s\n%+v", text, got, c.Score, want, Read([]byte(text)))
		}
	}
}

// TestComplexityByHand works one score out as the documentation tells.
func TestComplexityByHand(t *testing.T) {
	s := exchange.Signals{Words: 230, Reasoning: 1, CodeMarks: 3, Constraints: 1}
	want := 0.35 + 0.35/2 + 0.25*3/6 + 0.20/4 + 0.15*170/340
	if c := Complexity(s); !c.Known || math.Abs(c.Score-want) > 1e-12 {
		t.Errorf("Complexity(%+v) = %+v, want %v", s, c, want)
	}
}

// TestMoreHardSignsNeverScoreLower keeps the score explainable.
func TestMoreHardSignsNeverScoreLower(t *testing.T) {
	for _, base := range []exchange.Signals{{Words: 5, Lookups: 1}, {Words: 30, Reasoning: 1}, {Words: 12, CodeMarks: 2, Lookups: 2}} {
		before := Complexity(base).Score
		for name, add := range map[string]func(*exchange.Signals){
			"reasoning":   func(s *exchange.Signals) { s.Reasoning++ },
			"code":        func(s *exchange.Signals) { s.CodeMarks++ },
			"math":        func(s *exchange.Signals) { s.MathMarks++ },
			"constraints": func(s *exchange.Signals) { s.Constraints++ },
			"steps":       func(s *exchange.Signals) { s.Steps++ },
			"questions":   func(s *exchange.Signals) { s.Questions += 2 },
			"words":       func(s *exchange.Signals) { s.Words += 100 },
		} {
			s := base
			add(&s)
			if after := Complexity(s); after.Known && after.Score < before {
				t.Errorf("more %s lowers the score of %+v from %.3f to %.3f", name, base, before, after.Score)
			}
		}
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	text := []byte("Compare `a` with b: at most 3 lines, 2+2, 法国 é. Why?")
	if n := testing.AllocsPerRun(100, func() { Complexity(Read(text)) }); n != 0 {
		t.Errorf("Read and Complexity allocate %v times", n)
	}
}

func BenchmarkComplexity(b *testing.B) {
	s := Read([]byte("Compare `a` with b: at most 3 lines. Why?"))
	for b.Loop() {
		Complexity(s)
	}
}
