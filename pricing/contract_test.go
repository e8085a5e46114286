package pricing

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestContractsHoldInTheirTime: at every moment the price is the list's, or that of the last contract that holds then.
func TestContractsHoldInTheirTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, u := anyPrice().Draw(t, "price"), anyUsage(&Price{}).Draw(t, "usage")
		u.Tier = ""
		var all []Contract
		for range rapid.IntRange(0, 4).Draw(t, "contracts") {
			var c Contract
			if rapid.Bool().Draw(t, "begins") {
				c.From = anyTime().Draw(t, "from")
			}
			if rapid.Bool().Draw(t, "ends") {
				c.Until = anyTime().Draw(t, "until")
			}
			if rapid.Bool().Draw(t, "rates") {
				r := anyRates(t)
				c.Rates = &r
			} else {
				c.Pays = Ratio{rapid.Uint64Range(1, 100).Draw(t, "pays"), 100}
			}
			all = append(all, c)
		}
		under := p.Under(all)
		times := []time.Time{anyTime().Draw(t, "at"), time.Unix(1_600_000_000, 0)}
		for _, c := range all {
			times = append(times, c.From, c.From.Add(-1), c.Until, c.Until.Add(-1))
		}
		for _, at := range times {
			if at.Year() < 2000 {
				continue
			}
			want := p.Cost(u, at)
			switch c := holding(all, at); {
			case c == nil:
			case c.Rates != nil:
				want = Flat("p", "m", *c.Rates).Cost(u, at)
			default:
				s := p.sheetAt(at)
				want = s.sum(u, listPrice).times(p.region(u.Region).by(c.Pays)).nano(halfEven)
			}
			if got := under.Cost(u, at); got != want {
				t.Fatalf("at %s: %d, want %d under %+v", at, got, want, all)
			}
			if worst := under.Worst(u.Prompt(), u.Completion(), at); worst < under.Cost(u, at) {
				t.Fatalf("at %s: worst %d below %d", at, worst, under.Cost(u, at))
			}
		}
	})
}

// TestMarginalTiers against the same sum, token by token.
func TestMarginalTiers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Int64Range(0, 400)
		rate := rapid.Map(rapid.Int64Range(1, 1000), func(n int64) Pico { return Pico(n * 1000) })
		rates := func() Rates {
			return Rates{Input: rate.Draw(t, "in"), CacheRead: rate.Draw(t, "read"), CacheWrite: rate.Draw(t, "write"), CacheWrite1h: rate.Draw(t, "write 1h"), AudioIn: rate.Draw(t, "audio"), ImageIn: rate.Draw(t, "image"), Output: rate.Draw(t, "out")}
		}
		e := Entry{Marginal: true, Rates: rates(), Tiers: []Tier{{100, rates()}, {300, rates()}}}
		p := &Price{Provider: "p", Model: "m", Entries: []Entry{e}}
		p.compile()
		u := &Usage{CacheRead: small.Draw(t, "r"), CacheWrite: small.Draw(t, "w"), CacheWrite1h: small.Draw(t, "h"), Input: small.Draw(t, "i"), AudioIn: small.Draw(t, "a"), ImageIn: small.Draw(t, "m"), Output: small.Draw(t, "o")}
		tier := func(tokens int64) *Rates {
			s := &p.sheets[0]
			return &s.tier(tokens).standard
		}
		var want, at int64
		count := func(n int64, rate func(*Rates) Pico) {
			for range n {
				at++
				want += int64(rate(tier(at)))
			}
		}
		count(u.CacheRead, func(r *Rates) Pico { return r.CacheRead })
		count(u.CacheWrite, func(r *Rates) Pico { return r.CacheWrite })
		count(u.CacheWrite1h, func(r *Rates) Pico { return r.CacheWrite1h })
		count(u.Input, func(r *Rates) Pico { return r.Input })
		count(u.AudioIn, func(r *Rates) Pico { return r.AudioIn })
		count(u.ImageIn, func(r *Rates) Pico { return r.ImageIn })
		want += u.Output * int64(tier(at).Output)
		if got := p.Cost(u, time.Unix(1_750_000_000, 0)); int64(got) != want/1000 {
			t.Fatalf("cost %d, want %d of %+v", got, want/1000, u)
		}
	})
}

// TestContractsBeforeTheList: the first list price holds for all that is older, and a contract only while it holds, also before the list begins.
func TestContractsBeforeTheList(t *testing.T) {
	month := func(m time.Month) time.Time { return time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC) }
	list := &Price{Provider: "p", Model: "m", Entries: []Entry{{From: month(8), Rates: Rates{Input: 100_000, Output: 100_000}}}}
	list.compile()
	f := func(contract Contract, want ...Nano) {
		t.Helper()
		p := list.Under([]Contract{contract})
		for i, m := range []time.Month{4, 6, 7, 9} {
			if got := p.Cost(&Usage{Input: 1000}, month(m)); got != want[i] {
				t.Errorf("%v: %d nano-dollars, want %d", m, got, want[i])
			}
		}
	}
	f(Contract{From: month(5), Pays: Ratio{1, 2}}, 100_000, 50_000, 50_000, 50_000)
	f(Contract{From: month(5), Until: month(7), Pays: Ratio{1, 2}}, 100_000, 50_000, 100_000, 100_000)
	f(Contract{From: month(5), Until: month(7), Rates: &Rates{Input: 7_000, Output: 7_000}}, 100_000, 7_000, 100_000, 100_000)
}
