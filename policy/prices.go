package policy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// priceBook finds what a target costs: overrides first, then the built-in prices, then what is assumed.
type priceBook struct {
	builtIn   *pricing.Table
	overrides map[string]*pricing.Price     // by provider/model
	contracts map[string][]pricing.Contract // by provider, and by provider/model
	assumed   *pricing.Rates                // nil if unknown prices are denied
	now       time.Time                     // when tiers are compared
}

// find returns the price of a target, nil if it is unknown and the policy denies that, and the model's limits as far as known.
func (b *priceBook) find(p *Provider, model string) (*pricing.Price, pricing.Limits) {
	// The host tells who bills. The provider's name is the author's choice and only says who is meant if the host is unknown.
	known, ok := b.builtIn.FindHost(p.host, model)
	if !ok {
		known, ok = b.builtIn.Find(p.Name, model)
	}
	var limits pricing.Limits
	if ok {
		limits = known.Limits
	}
	if own := b.overrides[p.Name+"/"+model]; own != nil {
		return own, limits
	}
	ofTarget := b.contracts[p.Name+"/"+model]
	switch {
	case ok:
		return known.Under(slices.Concat(b.contracts[p.Name], ofTarget)), limits
	case b.assumed != nil: // nobody takes a discount off what is only assumed
		return pricing.Flat(p.Name, model, *b.assumed).Under(slices.DeleteFunc(slices.Clone(ofTarget), discounts)), limits
	}
	for _, c := range ofTarget {
		if c.Rates != nil { // all that is known; before and after it, it is the nearest guess
			return pricing.Flat(p.Name, model, *c.Rates).Under(slices.DeleteFunc(slices.Clone(ofTarget), discounts)), limits
		}
	}
	return nil, limits
}

func discounts(c pricing.Contract) bool { return c.Rates == nil }

// rank returns what a typical request costs on the first target whose price is known. The worst case would not do: it goes by the
// dearest service tier of a price list, which nobody asked for.
func (b *priceBook) rank(use []*exchange.Candidate) pricing.Nano {
	typical := pricing.Usage{Input: 3000, Output: 1000}
	for _, c := range use {
		if c.Price != nil {
			return c.Price.Cost(&typical, b.now)
		}
	}
	return math.MaxInt64
}

func (c *compiler) prices() {
	book := &priceBook{builtIn: pricing.Embedded(), overrides: map[string]*pricing.Price{}, contracts: map[string][]pricing.Contract{}, now: c.now}
	c.policy.prices = book
	file := c.file.Prices
	if file == nil {
		return
	}
	c.policy.AllowPerCallTools = file.PerCallTools.value == "allow"
	switch assume := file.Unknown.value == "assume"; {
	case assume && file.AssumeUSD == nil:
		c.problem(file.Unknown.at, "add assume_usd: { input: 5, output: 25 }, in $ per million tokens", "prices.unknown is assume, but nothing says what to assume")
	case assume:
		c.policy.UnknownPrice = AssumeUnknown
		rates := file.AssumeUSD.rates()
		book.assumed = &rates
	case file.AssumeUSD != nil:
		c.problem(file.AssumeUSD.At, "write unknown: assume, or remove it", "prices.assume_usd has no effect while prices.unknown is deny")
	}
	for i := range file.Overrides.rows {
		row := &file.Overrides.rows[i]
		provider, model, ok := c.policy.target(row.name)
		if !ok || !printable(model) {
			c.badTarget(text{spot: spot{at: row.at, ok: true}, value: row.name}, "prices.overrides")
			continue
		}
		book.overrides[row.name] = pricing.Flat(provider.Name, model, row.value.rates())
	}
	c.contracts(book, file)
}

func (r *ratesEntry) rates() pricing.Rates {
	return pricing.Rates{
		Input: r.Input.value, Output: r.Output.value, CacheRead: r.CacheRead.value, CacheWrite: r.CacheWrite.value,
		Reasoning: r.Reasoning.value, PerRequest: r.PerRequest.value,
	}
}

// idleOverrides warns of overrides that no model uses: most likely a slip in the name.
func (c *compiler) idleOverrides() {
	if c.file.Prices == nil {
		return
	}
	for i := range c.file.Prices.Overrides.rows {
		row := &c.file.Prices.Overrides.rows[i]
		if c.policy.listed[row.name] != nil || c.policy.prices.overrides[row.name] == nil {
			continue
		}
		hint := "it holds only for requests that ask for it by that name"
		if near := nearest(row.name, slices.Collect(maps.Keys(c.policy.listed))); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.warn(row.at, hint, "prices.overrides: no model uses %s", quoted(row.name))
	}
}
