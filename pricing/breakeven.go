package pricing

import (
	"math"
	"math/bits"
	"time"
)

// BreakEven returns how many more calls a conversation must have until it pays to drop tokens from the middle of its prompt. Every call
// without them saves reading them from the provider's cache; but what stands behind them, kept tokens, is no longer what the cache
// has, and must be written once instead of read. It is the largest int64 if it never pays, and 0 if it does at once, as where nothing is cached.
func (p *Price) BreakEven(dropped, kept int64, at time.Time) int64 {
	r := p.sheetAt(at).tier(dropped + kept).standard
	lost := max(r.Input, r.CacheWrite) - r.CacheRead // per token that is written and not read
	switch {
	case kept <= 0 || lost <= 0:
		return 0
	case dropped <= 0 || r.CacheRead <= 0:
		return math.MaxInt64
	}
	highLost, lowLost := bits.Mul64(uint64(kept), uint64(lost))
	highSaved, lowSaved := bits.Mul64(uint64(dropped), uint64(r.CacheRead))
	if highSaved > 0 || highLost > 0 { // 10^19 pico-dollars are ten million dollars: no prompt
		return math.MaxInt64
	}
	return int64(min((lowLost-1)/lowSaved+1, math.MaxInt64))
}

// CachePays returns the chance, in thousandths, from which on it pays to have a prefix of a prompt written to the provider's cache: the chance of
// being read before the provider forgets it. A write costs more than no cache at all by some share of what a read then saves. It is more than
// 1000 if it never pays, and 0 if a write costs no more than the input.
func (p *Price) CachePays(prompt int64, at time.Time) int64 {
	r := p.sheetAt(at).tier(prompt).standard
	lost, saved := r.CacheWrite-r.Input, r.Input-r.CacheRead
	switch {
	case saved <= 0:
		return 1001
	case lost <= 0:
		return 0
	case lost > saved:
		return 1001
	}
	return int64((1000*lost + saved - 1) / saved)
}
