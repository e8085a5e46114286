package replay

import (
	"cmp"
	"maps"
	"math/big"
	"math/bits"
	"slices"

	"bursar/policy"
	"bursar/pricing"
)

// baselines are what routers that know less would have spent on the requests that the new policy sends to a model. All of them keep the
// policy's trims, caps and cache; none of their quality is known here.
type baselines struct {
	policy *policy.Policy
	prices Prices
	tiers  []*policy.Model // cheapest first
	cost   []pricing.Nano  // by tier, of all requests
	served []int64         // by tier, by the new policy
	length [65]struct {    // by bits of the prompt's tokens
		requests, premium int64 // premium: those that the new policy sends to a model dearer than the cheapest
		cheap, dear       pricing.Nano
	}
}

func newBaselines(p *policy.Policy, prices Prices) *baselines {
	b := &baselines{policy: p, prices: prices}
	for _, name := range slices.Sorted(maps.Keys(p.Models)) {
		if m := p.Models[name]; len(servable(m.Use)) > 0 {
			b.tiers = append(b.tiers, m)
		}
	}
	slices.SortStableFunc(b.tiers, func(x, y *policy.Model) int { return cmp.Compare(x.Rank, y.Rank) })
	b.cost, b.served = make([]pricing.Nano, len(b.tiers)), make([]int64, len(b.tiers))
	return b
}

func (b *baselines) add(r *Record, now *Result) {
	u := r.Usage
	u.Tier, u.Region = "", ""
	if !r.answered() {
		u = pricing.Usage{Input: r.Facts.PromptTokens}
	}
	bucket := &b.length[bits.Len64(uint64(max(0, r.Facts.PromptTokens)))]
	bucket.requests++
	for i, m := range b.tiers {
		cost := b.prices.Cost(servable(m.Use)[0], &u, r.Facts.At)
		b.cost[i] += cost
		if i == 0 {
			bucket.cheap += cost
		}
		if i == len(b.tiers)-1 {
			bucket.dear += cost
		}
		if m.Name == now.Model {
			b.served[i]++
			if i > 0 {
				bucket.premium++
			}
		}
	}
}

// Baseline is what one of the simple routers would have spent.
type Baseline struct {
	Name  string       `json:"name"`
	Spend pricing.Nano `json:"-"`
}

// Baselines returns the simple routers, none if they were not asked for or the policy has no model that can be priced.
func (s *Summary) Baselines() []Baseline {
	b := s.baselines
	if b == nil || len(b.tiers) == 0 {
		return nil
	}
	var requests, premium int64
	var random pricing.Nano
	for i := range b.tiers {
		requests += b.served[i]
	}
	for i := range b.tiers {
		if requests > 0 {
			random += part(b.cost[i], b.served[i], requests)
		}
	}
	for i := range b.length {
		premium += b.length[i].premium
	}
	// The longest prompts go to the dearest model, as many as the policy sends to anything but the cheapest.
	var byLength pricing.Nano
	left := premium
	for i := len(b.length) - 1; i >= 0; i-- {
		l := &b.length[i]
		if l.requests == 0 {
			continue
		}
		dear := min(left, l.requests)
		left -= dear
		byLength += part(l.dear, dear, l.requests) + part(l.cheap, l.requests-dear, l.requests)
	}
	last := len(b.tiers) - 1
	return []Baseline{
		{"always " + b.tiers[0].Name, b.cost[0]},
		{"random mix of the same shares", random},
		{"longest prompts to " + b.tiers[last].Name, byLength},
		{"always " + b.tiers[last].Name, b.cost[last]},
	}
}

// part is n of whole parts of a sum.
func part(sum pricing.Nano, n, whole int64) pricing.Nano {
	share := new(big.Int).Mul(big.NewInt(int64(sum)), big.NewInt(n))
	return pricing.Nano(share.Quo(share, big.NewInt(whole)).Int64())
}
