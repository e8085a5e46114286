package router

import (
	"testing"

	"bursar/exchange"
)

func benchmarkDecide(b *testing.B, change func(*exchange.Facts)) {
	p, f := load(b), facts(change)
	b.ReportAllocs()
	for b.Loop() {
		if _, fault := Decide(p, f); fault != nil {
			b.Fatal(fault)
		}
	}
}

func BenchmarkDecideDefault(b *testing.B) { benchmarkDecide(b, nil) }

func BenchmarkDecideSticky(b *testing.B) {
	benchmarkDecide(b, func(f *exchange.Facts) {
		f.Sticky = exchange.Sticky{Model: "premium", Target: "anthropic/claude-sonnet-4-5"}
	})
}

func BenchmarkDecideReordered(b *testing.B) {
	benchmarkDecide(b, func(f *exchange.Facts) {
		f.Sticky = exchange.Sticky{Model: "standard", Target: "anthropic/claude-haiku-4-5"}
	})
}

func BenchmarkDecideLeftOut(b *testing.B) {
	benchmarkDecide(b, func(f *exchange.Facts) { f.Model = "mixed" })
}

// TestDecideAllocations: the ordinary path shares the policy's slice; dropping or reordering makes one of its own.
func TestDecideAllocations(t *testing.T) {
	p := load(t)
	for name, c := range map[string]struct {
		change func(*exchange.Facts)
		want   float64
	}{
		"default": {nil, 0},
		"pinned":  {func(f *exchange.Facts) { f.Model, f.Pinned = "premium", true }, 0},
		"target":  {func(f *exchange.Facts) { f.Model = "openai/gpt-5-mini" }, 0},
		"sticky":  {func(f *exchange.Facts) { f.Sticky.Model = "premium" }, 0},
		"reorder": {func(f *exchange.Facts) { f.Sticky.Target = "anthropic/claude-haiku-4-5" }, 1},
		"dropped": {func(f *exchange.Facts) { f.Model = "mixed" }, 1},
	} {
		f := facts(c.change)
		if n := testing.AllocsPerRun(100, func() { _, _ = Decide(p, f) }); n != c.want {
			t.Errorf("%s: %v allocations, want %v", name, n, c.want)
		}
	}
}
