package replay

import (
	"fmt"
	"math/big"
	"path"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// Prices are price changes to try out. The zero value changes none.
type Prices struct {
	changes []priceChange
	known   map[*exchange.Candidate]int64 // by candidate: thousandths of a percent of its price, all changes together
}

// priceChange is one -what-if: the price of some targets, up or down.
type priceChange struct {
	pattern string
	times   int64 // in thousandths of a percent: 120_000 is a fifth more
}

const unchanged = 100_000

// Add reads a change: price.openai/gpt-5=+20%, price.openai/*=-5%, price.*=+10%.
func (p *Prices) Add(text string) error {
	what, by, ok := strings.Cut(text, "=")
	pattern, isPrice := strings.CutPrefix(what, "price.")
	number, isShare := strings.CutSuffix(by, "%")
	if !ok || !isPrice || !isShare || pattern == "" {
		return fmt.Errorf("%q: write it like price.openai/gpt-5=+20%%; * stands for any name", text)
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q: the pattern %s cannot be read", text, pattern)
	}
	share, ok := new(big.Rat).SetString(strings.TrimPrefix(number, "+"))
	if !ok || strings.ContainsAny(number, "eE/") {
		return fmt.Errorf("%q: %q is not a percentage", text, by)
	}
	share.Mul(share, big.NewRat(1000, 1))
	if !share.IsInt() || share.Cmp(big.NewRat(-unchanged, 1)) < 0 || share.Cmp(big.NewRat(1_000_000_000, 1)) > 0 {
		return fmt.Errorf("%q: a price changes by -100%% and more, with up to three decimals", text)
	}
	p.changes = append(p.changes, priceChange{pattern, unchanged + share.Num().Int64()})
	return nil
}

// matches tells whether the change is of this target.
func (c *priceChange) matches(target string) bool {
	if c.pattern == "*" {
		return true
	}
	ok, _ := path.Match(c.pattern, target) // Add has tried the pattern
	return ok
}

// Idle returns the patterns of changes that none of the targets matches: most likely a slip in a name.
func (p *Prices) Idle(targets []string) []string {
	var idle []string
	for i := range p.changes {
		used := false
		for _, t := range targets {
			used = used || p.changes[i].matches(t)
		}
		if !used {
			idle = append(idle, p.changes[i].pattern)
		}
	}
	return idle
}

// Cost is the candidate's price for a usage, with the changes.
func (p *Prices) Cost(c *exchange.Candidate, u *pricing.Usage, at time.Time) pricing.Nano {
	return p.change(c, c.Price.Cost(u, at))
}

// change is what a cost at a candidate's price becomes.
func (p *Prices) change(c *exchange.Candidate, cost pricing.Nano) pricing.Nano {
	if len(p.changes) == 0 {
		return cost
	}
	times, known := p.known[c]
	if !known {
		times = unchanged
		for i := range p.changes {
			if p.changes[i].matches(c.Target) {
				times = times * p.changes[i].times / unchanged
			}
		}
		if p.known == nil {
			p.known = map[*exchange.Candidate]int64{}
		}
		p.known[c] = times
	}
	if times == unchanged {
		return cost
	}
	changed := new(big.Int).Mul(big.NewInt(int64(cost)), big.NewInt(times))
	changed.Add(changed, big.NewInt(unchanged/2))
	return pricing.Nano(changed.Div(changed, big.NewInt(unchanged)).Int64())
}
