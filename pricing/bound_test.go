package pricing

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWorstBoundsEveryCall: whatever a provider makes of at most so many tokens, it costs no more than what was held.
func TestWorstBoundsEveryCall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, at := anyPrice().Draw(t, "price"), anyTime().Draw(t, "at")
		u := anyUsage(p).Draw(t, "usage")
		prompt := saturate(u.Prompt(), rapid.Int64Range(0, 1000).Draw(t, "spare prompt"))
		output := saturate(u.Completion(), rapid.Int64Range(0, 1000).Draw(t, "spare output"))
		cost, worst := p.Cost(u, at), p.Worst(prompt, output, at)
		if cost > worst {
			t.Fatalf("a call of %+v costs %d, its bound for %d + %d tokens is %d", u, cost, prompt, output, worst)
		}
	})
}

// TestAffordableIsExact: not one token less than the budget allows, and not one more.
func TestAffordableIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, at := anyPrice().Draw(t, "price"), anyTime().Draw(t, "at")
		prompt := anyCount().Draw(t, "prompt")
		budget := Nano(rapid.OneOf(rapid.Int64Range(-10, 10_000), rapid.Int64(), rapid.Just[int64](math.MaxInt64)).Draw(t, "budget"))
		n := p.Affordable(prompt, budget, at)
		if p.Worst(prompt, 0, at) > budget {
			if n != 0 {
				t.Fatalf("Affordable = %d, but the prompt alone is beyond the budget", n)
			}
			return
		}
		if worst := p.Worst(prompt, n, at); worst > budget {
			t.Fatalf("Affordable = %d, worst case %d > budget %d", n, worst, budget)
		}
		if n < math.MaxInt64 {
			if worst := p.Worst(prompt, n+1, at); worst <= budget {
				t.Fatalf("Affordable = %d, but one more costs %d <= budget %d", n, worst, budget)
			}
		}
	})
}

// TestCostIsExact compares Cost with the same sum in big rationals.
func TestCostIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, at := anyPrice().Draw(t, "price"), anyTime().Draw(t, "at")
		u := anyUsage(p).Draw(t, "usage")
		u.Tier = ""
		s := p.sheetAt(at)
		if s.marginal {
			return // TestMarginalTiers
		}
		r := s.tier(u.Prompt()).standard
		sum := new(big.Int).Mul(big.NewInt(int64(r.PerRequest)), big.NewInt(1000))
		counts := []int64{
			u.Input, u.CacheRead, u.CacheWrite, u.CacheWrite1h, u.AudioIn, u.ImageIn,
			u.Output, u.Reasoning, u.AudioOut, u.ImageOut,
		}
		for i, rate := range r.buckets() {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(*rate)), big.NewInt(counts[i])))
		}
		by := p.region(u.Region).by(s.pays)
		num := sum.Mul(sum, new(big.Int).SetUint64(by.num))
		den := new(big.Int).SetUint64(by.den * 1000)
		q, rest := num.QuoRem(num, den, new(big.Int))
		if c := rest.Lsh(rest, 1).Cmp(den); c > 0 || c == 0 && q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
		want := Nano(math.MaxInt64)
		if q.IsInt64() {
			want = Nano(q.Int64())
		}
		if got := p.Cost(u, at); got != want {
			t.Fatalf("Cost(%+v) = %d, want %d", u, got, want)
		}
	})
}

// TestMoreTokensNeverCostLess: the bound grows with the prompt, over tiers too, and with the output.
func TestMoreTokensNeverCostLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, at := anyPrice().Draw(t, "price"), anyTime().Draw(t, "at")
		prompt, output := anyCount().Draw(t, "prompt"), anyCount().Draw(t, "output")
		more := rapid.Int64Range(0, 1<<40).Draw(t, "more")
		if a, b := p.Worst(prompt, output, at), p.Worst(saturate(prompt, more), output, at); a > b {
			t.Fatalf("Worst falls from %d to %d with %d more prompt tokens", a, b, more)
		}
		if a, b := p.Worst(prompt, output, at), p.Worst(prompt, saturate(output, more), at); a > b {
			t.Fatalf("Worst falls from %d to %d with %d more output tokens", a, b, more)
		}
	})
}

// anyPrice draws one of the embedded prices, or one made up with tiers, modes, regions and gaps.
func anyPrice() *rapid.Generator[*Price] {
	return rapid.OneOf(rapid.SampledFrom(Embedded().sorted), rapid.Custom(func(t *rapid.T) *Price {
		p := &Price{Provider: "p", Model: "m"}
		p.Entries = []Entry{anyEntry(t)}
		for range rapid.IntRange(0, 2).Draw(t, "later entries") {
			e := anyEntry(t)
			e.From = anyTime().Draw(t, "from")
			if last := p.Entries[len(p.Entries)-1].From; e.From.Before(last) {
				e.From = last
			}
			if rapid.Bool().Draw(t, "daily") {
				minute := rapid.IntRange(0, 24*60-1)
				e.Daily = &Window{minute.Draw(t, "opens"), minute.Draw(t, "closes")}
			}
			p.Entries = append(p.Entries, e)
		}
		for _, name := range []string{"us", "eu"}[:rapid.IntRange(0, 2).Draw(t, "regions")] {
			part := rapid.Uint64Range(1, 1_000_000)
			p.Regions = append(p.Regions, Region{name, Ratio{part.Draw(t, "num"), part.Draw(t, "den")}})
		}
		if err := p.check(); err != nil {
			t.Fatal(err)
		}
		p.compile()
		return p
	}))
}

func anyEntry(t *rapid.T) Entry {
	e := Entry{Rates: anyRates(t), Marginal: rapid.Bool().Draw(t, "marginal")}
	if den := rapid.Uint64Range(0, 1_000_000).Draw(t, "pays of"); den > 0 {
		e.Pays = Ratio{rapid.Uint64Range((den+99)/100, den).Draw(t, "pays"), den}
	}
	var above int64
	for range rapid.IntRange(0, 2).Draw(t, "tiers") {
		above += rapid.Int64Range(1, 1000).Draw(t, "above")
		e.Tiers = append(e.Tiers, Tier{above, anyRates(t)})
	}
	for _, name := range []string{"batch", "priority"}[:rapid.IntRange(0, 2).Draw(t, "modes")] {
		e.Modes = append(e.Modes, Mode{name, anyRates(t)})
	}
	return e
}

func anyRates(t *rapid.T) Rates {
	var r Rates
	for _, p := range r.buckets() {
		*p = rapid.OneOf(rapid.Just[Pico](0), rapid.Map(rapid.Int64Range(1, 100_000_000), func(n int64) Pico { return Pico(n) }),
			rapid.Map(rapid.Int64Range(1, int64(maxRate)), func(n int64) Pico { return Pico(n) })).Draw(t, "rate")
	}
	r.PerRequest = Nano(rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "fee"))
	return r
}

func anyUsage(p *Price) *rapid.Generator[*Usage] {
	return rapid.Custom(func(t *rapid.T) *Usage {
		// Small and large ones, but never so large that Usage.Prompt, which the test needs, would wrap.
		n := rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(0, 1000), rapid.Int64Range(0, 1_000_000), rapid.Int64Range(0, math.MaxInt64/8))
		tiers := []string{"", "default", "batch", "flex", "priority", "fast", "made-up"}
		regions := []string{"", "elsewhere"}
		for _, r := range p.Regions {
			regions = append(regions, r.Name)
		}
		return &Usage{
			Input: n.Draw(t, "input"), CacheRead: n.Draw(t, "cache read"), CacheWrite: n.Draw(t, "cache write"),
			CacheWrite1h: n.Draw(t, "cache write 1h"), AudioIn: n.Draw(t, "audio in"), ImageIn: n.Draw(t, "image in"),
			Output: n.Draw(t, "output"), Reasoning: n.Draw(t, "reasoning"), AudioOut: n.Draw(t, "audio out"), ImageOut: n.Draw(t, "image out"),
			Tier: rapid.SampledFrom(tiers).Draw(t, "tier"), Region: rapid.SampledFrom(regions).Draw(t, "region"),
		}
	})
}

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(1_700_000_000, 1_800_000_000), func(sec int64) time.Time { return time.Unix(sec, 0) })
}

func anyCount() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, 1_000_000), rapid.Int64Range(0, math.MaxInt64))
}

func saturate(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
