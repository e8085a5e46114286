package pricing

import (
	"math"
	"time"
)

// sheet is an Entry with a rate for every bucket of every tier and mode, so that asking it needs no rules any more.
type sheet struct {
	from  time.Time
	daily *Window
	tiers []tierSheet // sorted by above; the first one is the base

	marginal, everywhere bool
	pays                 Ratio
}

type tierSheet struct {
	above    int64
	standard Rates
	modes    []Mode
	bound    bound
}

// bound is the dearest that a token can be: of any bucket, any mode, and any tier up to this one, since a call may use fewer
// prompt tokens than were reserved.
type bound struct {
	in, out Pico
	fee     Nano
}

func newSheet(e *Entry) sheet {
	s := sheet{from: e.From, daily: e.Daily, tiers: make([]tierSheet, 1+len(e.Tiers)), marginal: e.Marginal, everywhere: e.everywhere, pays: e.Pays}
	if s.pays == (Ratio{}) {
		s.pays = one
	}
	base := e.Rates.complete()
	for i := range s.tiers {
		t := &s.tiers[i]
		t.above, t.standard = math.MinInt64, base
		if i > 0 {
			t.above = e.Tiers[i-1].Above
			t.standard = e.Tiers[i-1].Rates.completeBeside(e.Rates)
			t.bound = s.tiers[i-1].bound
		}
		t.bound.cover(&t.standard)
		for _, m := range e.Modes {
			m.Rates = m.Rates.completeBeside(e.Rates).stepUp(t.standard, base)
			t.bound.cover(&m.Rates)
			t.modes = append(t.modes, m)
		}
	}
	return s
}

func (b *bound) cover(r *Rates) {
	b.in = max(b.in, r.Input, r.CacheRead, r.CacheWrite, r.CacheWrite1h, r.AudioIn, r.ImageIn)
	b.out = max(b.out, r.Output, r.Reasoning, r.AudioOut, r.ImageOut)
	b.fee = max(b.fee, r.PerRequest)
}

// fixed is the part of the worst case that the answer does not change.
func (b bound) fixed(prompt int64) picos { return picos{}.fee(b.fee).plus(b.in, prompt) }

// listPrice stands for the index of a mode where there is none.
const listPrice = -1

// sum returns what a usage costs in a mode, before regions and contracts.
func (s *sheet) sum(u *Usage, mode int) picos {
	last := s.tier(promptOf(u))
	if !s.marginal || last == &s.tiers[0] {
		return last.rates(mode).sum(u)
	}
	beside := *u
	beside.Input, beside.CacheRead, beside.CacheWrite, beside.CacheWrite1h, beside.AudioIn, beside.ImageIn = 0, 0, 0, 0, 0, 0
	all := last.rates(mode).sum(&beside)
	at, tier := int64(0), 0 // tokens of the prompt so far, and the tier that the next one is in
	for _, part := range [...]struct {
		tokens int64
		rate   func(*Rates) Pico
	}{
		{u.CacheRead, func(r *Rates) Pico { return r.CacheRead }},
		{u.CacheWrite, func(r *Rates) Pico { return r.CacheWrite }},
		{u.CacheWrite1h, func(r *Rates) Pico { return r.CacheWrite1h }},
		{u.Input, func(r *Rates) Pico { return r.Input }},
		{u.AudioIn, func(r *Rates) Pico { return r.AudioIn }},
		{u.ImageIn, func(r *Rates) Pico { return r.ImageIn }},
	} {
		for n := max(0, part.tokens); n > 0; {
			for tier+1 < len(s.tiers) && at >= s.tiers[tier+1].above {
				tier++
			}
			here := n
			if tier+1 < len(s.tiers) {
				here = min(n, s.tiers[tier+1].above-at)
			}
			all = all.plus(part.rate(s.tiers[tier].rates(mode)), here)
			n -= here
			at = min(at, math.MaxInt64-here) + here
		}
	}
	return all
}

func (t *tierSheet) rates(mode int) *Rates {
	if mode == listPrice {
		return &t.standard
	}
	return &t.modes[mode].Rates
}

// tier returns the tier of a prompt.
func (s *sheet) tier(prompt int64) *tierSheet {
	i := len(s.tiers) - 1
	for i > 0 && prompt <= s.tiers[i].above {
		i--
	}
	return &s.tiers[i]
}

// promptOf is Usage.Prompt without its overflow: the numbers come from a provider.
func promptOf(u *Usage) int64 {
	var sum int64
	for _, n := range [...]int64{u.Input, u.CacheRead, u.CacheWrite, u.CacheWrite1h, u.AudioIn, u.ImageIn} {
		if n > 0 {
			if sum > math.MaxInt64-n {
				return math.MaxInt64
			}
			sum += n
		}
	}
	return sum
}
