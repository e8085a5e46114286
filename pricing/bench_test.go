package pricing

import "testing"

func BenchmarkCost(b *testing.B) {
	p, _ := Embedded().Find("openai", "gpt-5.6-luna")
	u := Usage{Input: 1200, CacheRead: 8000, Output: 300, Reasoning: 700}
	b.ReportAllocs()
	for b.Loop() {
		p.Cost(&u, day)
	}
}

func BenchmarkCostUnknownTier(b *testing.B) {
	p, _ := Embedded().Find("openai", "gpt-5.6-luna")
	u := Usage{Input: 1200, CacheRead: 8000, Output: 300, Reasoning: 700, Tier: "made-up"}
	b.ReportAllocs()
	for b.Loop() {
		p.Cost(&u, day)
	}
}

func BenchmarkWorst(b *testing.B) {
	p, _ := Embedded().Find("openai", "gpt-5.6-luna")
	b.ReportAllocs()
	for b.Loop() {
		p.Worst(9200, 4096, day)
	}
}

func BenchmarkAffordable(b *testing.B) {
	p, _ := Embedded().Find("openai", "gpt-5.6-luna")
	b.ReportAllocs()
	for b.Loop() {
		p.Affordable(9200, Dollar/10, day)
	}
}

func BenchmarkFind(b *testing.B) {
	t := Embedded()
	b.ReportAllocs()
	for b.Loop() {
		t.Find("openai", "gpt-5-mini-2025-08-07")
	}
}

func BenchmarkParseTable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTable(embeddedPrices); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoAllocations: money is worked out on every request.
func TestNoAllocations(t *testing.T) {
	p, _ := Embedded().Find("openai", "gpt-5.6-luna")
	u := Usage{Input: 1200, CacheRead: 8000, Output: 300, Tier: "made-up", Region: "eu"}
	for name, f := range map[string]func(){
		"Cost":       func() { p.Cost(&u, day) },
		"Worst":      func() { p.Worst(9200, 4096, day) },
		"Affordable": func() { p.Affordable(9200, Dollar, day) },
		"Find":       func() { Embedded().Find("openai", "gpt-5-mini-2025-08-07") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
