package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/exchange"
	"bursar/pricing"
)

// Model is a name that clients may ask for: a tier of the policy, or provider/model.
type Model struct {
	Name        string
	Use         []*exchange.Candidate // in the order to try, never empty
	MaxOutput   int64                 // output cap in tokens, 0 for none of its own
	PastFilters bool                  // what one target's content filter objects to may go to the next
	// Rank compares tiers by price: what a typical request costs on the first target with a known price. A model whose price is
	// unknown ranks above all others.
	Rank pricing.Nano
}

// Auto is the model that a client asks for to leave the choice to the routes. Asked is what a route's `to` says to honour what
// the client named.
const (
	Auto  = "auto"
	Asked = "asked"
)

// Resolve finds what a client asked for: a model of the policy, or provider/model of a configured provider, which is made a
// model of its own with that one target. It does not know auto.
func (p *Policy) Resolve(asked string) (*Model, bool) {
	if m, ok := p.Models[asked]; ok {
		return m, true
	}
	if m, ok := p.listed[asked]; ok {
		return m, true
	}
	provider, model, ok := p.target(asked)
	if !ok || !printable(model) {
		return nil, false
	}
	return p.single(provider, model), true
}

// ModelNames returns the models that clients may ask for by name, sorted.
func (p *Policy) ModelNames() []string { return slices.Sorted(maps.Keys(p.Models)) }

// target splits provider/model. The model's own name may have slashes.
func (p *Policy) target(name string) (*Provider, string, bool) {
	provider, model, _ := strings.Cut(name, "/")
	found, ok := p.Providers[provider]
	return found, model, ok && model != ""
}

// printable refuses model names that no provider has: clients make them up, and they end up in logs and ledgers.
func printable(model string) bool {
	const most = 200
	return len(model) <= most && !strings.ContainsFunc(model, func(r rune) bool { return r <= ' ' || r > '~' })
}

// single makes a model of one target that is asked for by its own name.
func (p *Policy) single(provider *Provider, model string) *Model {
	c := p.candidate(provider, model, "")
	return &Model{Name: c.Target, Use: []*exchange.Candidate{c}, Rank: p.prices.rank([]*exchange.Candidate{c})}
}

func (p *Policy) candidate(provider *Provider, model, tier string) *exchange.Candidate {
	c := &exchange.Candidate{
		Provider: provider.Name, Model: model, Target: provider.Name + "/" + model, Tier: tier,
		Region: pricing.RegionOf(provider.host), Unavailable: provider.Unavailable,
	}
	price, limits := p.prices.find(provider, model)
	c.Price, c.MaxOutput, c.Context = price, limits.Output, limits.Context
	return c
}

func (c *compiler) models() {
	p, file := c.policy, &c.file.Models
	if file.ok && len(file.rows) == 0 {
		c.problem(file.at, "add one, such as standard: { use: [openai/gpt-5-mini] }", "there is no model")
	}
	p.Models = make(map[string]*Model, len(file.rows))
	p.listed = map[string]*Model{}
	unpriced := map[string]bool{}
	for i := range file.rows {
		row := &file.rows[i]
		c.checkName("model", row.at, row.name, Auto, Asked)
		m := &Model{Name: row.name, MaxOutput: row.value.MaxOutputTokens.value, PastFilters: row.value.FallbackOnFilter.value}
		p.Models[row.name] = m
		for _, use := range row.value.Use.items {
			provider, model, ok := p.target(use.value)
			if !ok || !printable(model) {
				c.badTarget(use, row.name+".use")
				continue
			}
			target := p.candidate(provider, model, row.name)
			m.Use = append(m.Use, target)
			if p.listed[use.value] == nil {
				p.listed[use.value] = p.single(provider, model)
			}
			if target.Price == nil && !unpriced[use.value] {
				unpriced[use.value] = true
				c.warn(use.at, fmt.Sprintf("add it under prices: overrides: %s: { input: ..., output: ... } ($ per million tokens)", use.value),
					"the price of %s is not known, so it is not used: prices.unknown is deny", use.value)
			}
		}
		m.Rank = p.prices.rank(m.Use)
	}
	c.idleOverrides()
}

// badTarget reports what should be provider/model but is not, or names a provider that does not exist.
func (c *compiler) badTarget(name text, where string) {
	provider, model, slash := strings.Cut(name.value, "/")
	switch {
	case !slash && c.file.Models.has(name.value):
		c.problem(name.at, "list the targets of that model", "%s lists model %s, but only targets can stand there", where, quoted(name.value))
	case !slash:
		c.problem(name.at, "write provider/model, such as openai/gpt-5-mini", "%s: %s is not a target", where, quoted(name.value))
	case c.policy.Providers[provider] == nil:
		hint := c.orAdd(c.didYouMean(provider, maps.Keys(c.policy.Providers)), provider, "providers")
		c.problem(name.at, hint, "%s: %s names provider %s, which does not exist", where, quoted(name.value), quoted(provider))
	default:
		c.problem(name.at, "write provider/model, such as openai/gpt-5-mini", "%s: %s is not the name of a model", where, quoted(model))
	}
}

// model finds the model that some part of the file names: one of the policy, or provider/model. further lists the other words
// that may stand there. It reports a name that is dangling and returns nil for it.
func (c *compiler) model(name text, where string, further ...string) *Model {
	if !name.ok {
		return nil
	}
	if m, ok := c.policy.Resolve(name.value); ok {
		return m
	}
	if strings.Contains(name.value, "/") {
		c.badTarget(name, where)
		return nil
	}
	if name.value == Auto {
		c.problem(name.at, "name one of the models", "%s cannot be auto: it must be a model", where)
		return nil
	}
	known := slices.Concat(c.policy.ModelNames(), further)
	c.problem(name.at, c.orAdd(c.didYouMean(name.value, slices.Values(known)), name.value, "models"),
		"%s names model %s, which does not exist", where, quoted(name.value))
	return nil
}
