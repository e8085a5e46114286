package router

import (
	"math"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
)

// stay returns the model that a conversation stays with and why, nil if it goes where the route sends it.
func stay(p *policy.Policy, f *exchange.Facts, r *policy.Route, to *policy.Model, t *trace) (*policy.Model, exchange.Reason, exchange.Switch) {
	none := exchange.Switch{}
	if f.Sticky.Model == "" || f.Sticky.Model == to.Name {
		return nil, exchange.ReasonNone, none
	}
	last, ok := p.Resolve(f.Sticky.Model)
	switch {
	case !ok:
		t.left(f.Sticky.Model, "the policy no longer has it")
		return nil, exchange.ReasonNone, none
	case to.Rank > last.Rank:
		t.left(f.Sticky.Model, "the route's model ranks higher")
		return nil, exchange.ReasonNone, none
	case !serves(p, f, last):
		t.left(f.Sticky.Model, "it cannot serve this turn")
		return nil, exchange.ReasonNone, none
	}
	saving := r.When.AsksBudget() // such a route is there to save
	switch p.MoveDown {
	case policy.MoveAlways:
		t.left(f.Sticky.Model, "the policy says conversations.move_down: always")
		return nil, exchange.ReasonNone, none
	case policy.MoveNever:
		return last, exchange.ReasonSticky, none
	case policy.MoveForBudgets:
		if !saving {
			return last, exchange.ReasonSticky, none
		}
	}
	w, known := weighSwitch(p, f, last, to)
	switch {
	case !known && saving:
		t.left(f.Sticky.Model, "the route asks for a budget")
		return nil, exchange.ReasonNone, none
	case !known:
		return last, exchange.ReasonSticky, none
	case w.Kept():
		return last, exchange.ReasonSwitchCost, w
	}
	t.leftFor(f.Sticky.Model, w.Stays-w.Moves)
	return nil, exchange.ReasonNone, w
}

// usualAnswer is how long an answer is taken to be where the conversation has none yet, in tokens.
const usualAnswer = 300

// weighSwitch works out what this turn and those ahead would cost with either model: the prompt is read from the provider's cache where the last turn has
// left it there, and paid in full elsewhere, written to a cache where prompts are marked; the answer is as long as the last one. The turns ahead are taken
// to be like this one, with the prompt in the cache, if there was anything in one. known is false if either has no target with a price.
func weighSwitch(p *policy.Policy, f *exchange.Facts, last, to *policy.Model) (w exchange.Switch, known bool) {
	here, there := foremost(p, f, last), foremost(p, f, to)
	if here == nil || there == nil || here.Price == nil || there.Price == nil {
		return w, false
	}
	prompt, answer := promptTokens(p, f), f.Sticky.Output
	if answer == 0 {
		answer = usualAnswer * max(1, f.N)
	}
	if f.MaxOutput > 0 {
		answer = min(answer, f.MaxOutput*max(1, f.N))
	}
	return exchange.Switch{
		To: to.Name, Target: there,
		Stays: turnsCost(p, f, here, prompt, answer),
		Moves: turnsCost(p, f, there, prompt, answer),
	}, true
}

// foremost is the target of a model that would be tried first, nil if none can serve.
func foremost(p *policy.Policy, f *exchange.Facts, m *policy.Model) (first *exchange.Candidate) {
	for _, c := range m.Use {
		if obstacleTo(p, f, c) != fit {
			continue
		}
		if c.Target == f.Sticky.Target {
			return c
		}
		if first == nil {
			first = c
		}
	}
	return first
}

// turnsCost is what this turn and those ahead cost at a target.
func turnsCost(p *policy.Policy, f *exchange.Facts, c *exchange.Candidate, prompt, answer int64) pricing.Nano {
	u := pricing.Usage{Input: prompt, Output: answer, Region: c.Region}
	if c.Target == f.Sticky.Target {
		u.CacheRead = min(prompt, f.Sticky.Warm)
		u.Input -= u.CacheRead
	}
	if provider := p.Providers[c.Provider]; f.Sticky.Warm > 0 && provider != nil && provider.MarksPrompts {
		u.Input, u.CacheWrite = 0, u.Input
	}
	cost := c.Price.Cost(&u, f.At)
	if p.TurnsAhead <= 1 {
		return cost
	}
	ahead := pricing.Usage{Input: prompt, Output: answer, Region: c.Region}
	if f.Sticky.Warm > 0 {
		ahead.Input, ahead.CacheRead = 0, prompt
	}
	const most = math.MaxInt64 / 128 // so that no sum of turns wraps
	return min(cost, most) + pricing.Nano(p.TurnsAhead-1)*min(c.Price.Cost(&ahead, f.At), most)
}
