package policy

import (
	"fmt"
	"maps"
	"math"
	"strings"

	"bursar/pricing"
)

// contracts reads what was agreed with providers.
func (c *compiler) contracts(book *priceBook, file *pricesEntry) {
	for i := range file.Contracts.items {
		entry := &file.Contracts.items[i]
		where := fmt.Sprintf("prices.contracts[%d]", i+1)
		if entry.At.line == 0 || !entry.For.ok {
			continue // told already
		}
		name := entry.For.value
		target := strings.Contains(name, "/")
		switch {
		case target:
			if _, model, ok := c.policy.target(name); !ok || !printable(model) {
				c.badTarget(entry.For, where)
				continue
			}
		case c.policy.Providers[name] == nil:
			c.problem(entry.For.at, c.orAdd(c.didYouMean(name, maps.Keys(c.policy.Providers)), name, "providers"), "%s names provider %s, which does not exist", where, quoted(name))
			continue
		}
		if contract, ok := c.contract(entry, target, where); ok {
			book.contracts[name] = append(book.contracts[name], contract)
		}
		if book.overrides[name] != nil {
			c.warn(entry.For.at, "remove one of the two", "%s has no effect: %s has a price under prices.overrides, and that is what is paid", where, name)
		}
	}
}

func (c *compiler) contract(entry *contractEntry, target bool, where string) (pricing.Contract, bool) {
	zone := c.policy.Location
	out := pricing.Contract{From: entry.From.in(zone), Until: entry.Until.in(zone)}
	if entry.From.ok && entry.Until.ok && !out.From.Before(out.Until) {
		c.problem(entry.Until.at, "give a later date", "%s ends before it begins", where)
		return out, false
	}
	rates := entry.Input.given() || entry.Output.given() || entry.CacheRead.given() || entry.CacheWrite.given() || entry.Reasoning.given() || entry.PerRequest.given()
	switch {
	case rates == entry.Discount.given():
		c.problem(entry.At, "write discount: 15%, or input: and output: in $ per million tokens", "%s must give a discount, or rates, and not both", where)
		return out, false
	case entry.Discount.given():
		return out, c.discount(entry, &out, where)
	case !target:
		c.problem(entry.For.at, "write provider/model", "%s has rates, so it must name a target, not a provider", where)
		return out, false
	case !entry.Input.ok || !entry.Output.ok:
		c.problem(entry.At, "add input: and output:, in $ per million tokens", "%s has some rates, but not both input and output", where)
		return out, false
	}
	out.Rates = &pricing.Rates{
		Input: entry.Input.value, Output: entry.Output.value, CacheRead: entry.CacheRead.value, CacheWrite: entry.CacheWrite.value,
		Reasoning: entry.Reasoning.value, PerRequest: entry.PerRequest.value,
	}
	return out, true
}

// discount makes an exact fraction of a percentage: money is multiplied by it, and must not see a float.
func (c *compiler) discount(entry *contractEntry, out *pricing.Contract, where string) bool {
	const parts = 1_000_000 // a ten-thousandth of a percent
	if !entry.Discount.ok {
		return false
	}
	exact := entry.Discount.value * parts
	off := math.Round(exact)
	switch {
	case math.Abs(exact-off) > 1e-3:
		c.problem(entry.Discount.at, "write at most four decimals of a percent", "%s.discount is too fine", where)
		return false
	case off > 0.99*parts:
		c.problem(entry.Discount.at, "give what is paid as rates: input: 0, output: 0", "%s.discount is above 99%%", where)
		return false
	}
	var err error
	if out.Pays, err = pricing.NewRatio(uint64(parts-off), parts); err != nil {
		c.problem(entry.Discount.at, "write a percentage, such as 15%", "%s.discount cannot be used: %v", where, err)
		return false
	}
	return true
}
