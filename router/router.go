// Package router picks the route of a request: which model serves it, on which targets, with what cap, and why. It is separate, and
// pure, so that the same function decides live requests, `explain`, policy tests and replays: it reads no clock and no store, and
// equal policy and facts give equal decisions.
//
// # How hard a request looks
//
// Read counts marks in the text that the user wrote last, and Complexity weighs them. Both can be checked by hand. A text that shows
// nothing has no complexity, and no rule on complexity matches it.
//
// # What is decided, in this order
//
//  1. The model that the client asked for must exist: one of the policy, provider/model of a configured provider, or auto.
//     A key that is bound to some models is refused any other that it asks for by name.
//  2. A pinned request (x-bursar-pin) gets what it asked for, if the key may pin. No route is read. So does one of a kind whose answer is
//     of use from that model alone, such as an embedding, whether or not the key may pin; it cannot ask for auto.
//  3. Else the routes are read from top to bottom. The first that matches decides; observed ones that match before it are noted.
//     `to: asked` is the model asked for and, for auto, the policy's default. Routes that the key may not use, and those that lead to a
//     model that it may not use, are passed over.
//  4. A conversation that asks for auto stays with the model that served its last turn unless the route's model ranks higher: the
//     provider's prompt cache is warm there, and encrypted reasoning is readable only there. So a conversation may go up but does not
//     bounce down. A route with a condition on the budget is there to save: it moves a conversation down where that saves more than is
//     lost with the warm cache. conversations.move_down says which routes may do so.
//     A route whose cheap answers need a certificate that the team does not have goes to the model that it would escalate to.
//  5. Of the model's targets, those that cannot serve are left out: not for this key, unavailable, without a price, or with too small a
//     context. The one that served the conversation's last turn goes first.
//  6. A request that goes on from what a provider has stored is served by that provider alone, whatever the route says: where none of the
//     model's targets is of that provider, the model that answered then does. It is not cached, not trimmed and not escalated.
//  7. The output cap, the cache mode, the trim and the baseline are filled in.
package router

import (
	"bursar/exchange"
	"bursar/policy"
)

// Decide routes a request. The fault, if any, is for the client: no such model (404), no target can serve (503), no target has a
// known price (503), the prompt is too long for all (400). It does not change the policy or the facts; the decision shares the
// policy's slices, so nobody may write to its Candidates.
func Decide(p *policy.Policy, f *exchange.Facts) (exchange.Decision, *exchange.Fault) {
	return decide(p, f, nil)
}

// decide is Decide that tells a trace, if there is one, how it came about.
func decide(p *policy.Policy, f *exchange.Facts, t *trace) (exchange.Decision, *exchange.Fault) {
	asked, fault := resolve(p, f)
	if fault != nil {
		return exchange.Decision{Reason: fault.Reason}, fault
	}
	if f.Fixed && asked == nil {
		return exchange.Decision{Reason: exchange.ReasonUnknownModel}, notAuto()
	}
	d := exchange.Decision{Trim: p.Trim}
	model := asked
	if (f.Pinned || f.Fixed) && asked != nil {
		if !f.Fixed && !f.Scope.AllowsPin() {
			return exchange.Decision{Reason: exchange.ReasonNotAllowed}, noPin(f)
		}
		d.Reason = exchange.ReasonPinned
		if p.Cache.TTL > 0 {
			d.Cache, d.CacheTTL = exchange.CacheOn, p.Cache.TTL
		}
	} else {
		var route *policy.Route
		if route, d.Observed = match(p, f, asked, t); route == nil && f.Scope != nil {
			return exchange.Decision{Reason: exchange.ReasonNotAllowed}, notRouted(f)
		} else if route == nil {
			return exchange.Decision{Reason: exchange.ReasonInternal}, noRoute(p)
		}
		d.Rule, d.Cache, d.CacheTTL, d.StopRepeats = route.Name, route.Cache, route.CacheTTL, route.StopRepeats
		d.Trim.Squeezes = route.Squeezes
		model, d.Reason = destination(p, f, route, asked)
		if asked == nil {
			staying, why, weighed := stay(p, f, route, model, t)
			if d.Switch = weighed; staying != nil {
				model, d.Reason = staying, why
			}
		}
		if cascades(route, model, d.Reason) {
			d.Cascade = route.Cascade
		}
	}
	if f.Stateful != "" {
		model, d.Reason = home(p, f, model, d.Reason)
		d.Cache, d.CacheTTL, d.StopRepeats, d.Cascade, d.Trim = exchange.CacheOff, 0, 0, nil, exchange.Trim{}
	}
	if d.Candidates, fault = usable(p, f, model, t); fault != nil {
		return exchange.Decision{Rule: d.Rule, Reason: fault.Reason, Model: model.Name, Observed: d.Observed}, fault
	}
	d.Model = model.Name
	d.MaxOutput = outputCap(p, f, model, d.Candidates)
	if d.Cascade != nil && d.Reason != exchange.ReasonUncertified {
		d.Instead = instead(p, f, d.Cascade)
	}
	d.Baseline = baseline(p, asked)
	return d, nil
}

// resolve returns the model that the client asked for, nil for auto.
func resolve(p *policy.Policy, f *exchange.Facts) (*policy.Model, *exchange.Fault) {
	if f.Model == policy.Auto {
		return nil, nil
	}
	m, ok := p.Resolve(f.Model)
	switch {
	case !ok:
		return nil, unknownModel(p, f.Model)
	case !f.Scope.AllowsAny(m.Use):
		return nil, notAllowed(f, f.Model)
	}
	return m, nil
}

// match returns the route that decides, and the names of the observed ones that would have.
func match(p *policy.Policy, f *exchange.Facts, asked *policy.Model, t *trace) (*policy.Route, []string) {
	var observed []string
	for _, r := range p.Routes {
		ok, failed := r.When.Match(f)
		if ok && f.Scope != nil {
			to, _ := destination(p, f, r, asked)
			if ok = f.Scope.AllowsRoute(r.Name) && f.Scope.AllowsAny(to.Use); !ok {
				failed = scopeOfKey
			}
		}
		t.route(r, ok, failed)
		switch {
		case !ok:
		case r.Observe:
			observed = append(observed, r.Name)
		default:
			return r, observed
		}
	}
	return nil, observed
}

// destination returns where a route sends a request.
func destination(p *policy.Policy, f *exchange.Facts, r *policy.Route, asked *policy.Model) (*policy.Model, exchange.Reason) {
	switch {
	case uncertified(f, r):
		return r.Escalate, exchange.ReasonUncertified
	case r.To != nil:
		return r.To, exchange.ReasonRule
	case asked != nil:
		return asked, exchange.ReasonAsked
	default:
		return p.Default, exchange.ReasonDefault
	}
}

// outputCap returns how many tokens the answer may have: what the client asked for, else the default, within the bounds of the policy,
// of the model, and of the candidate that allows most. What each single candidate allows is applied when it is called: a
// fallback is not to be cut to the limit of the one that failed.
func outputCap(p *policy.Policy, f *exchange.Facts, m *policy.Model, candidates []*exchange.Candidate) int64 {
	most := f.MaxOutput
	if most <= 0 {
		most = p.Output.DefaultMaxTokens
	}
	lower := func(bound int64) {
		if bound > 0 {
			most = min(most, bound)
		}
	}
	lower(p.Output.MaxTokens)
	lower(m.MaxOutput)
	var widest int64
	for _, c := range candidates {
		if c.MaxOutput == 0 {
			return most // its limit is not known
		}
		widest = max(widest, c.MaxOutput)
	}
	lower(widest)
	return most
}

// baseline returns what savings are measured against: for a model that the client named, that model, since it is what the request would
// have cost without Bursar; for auto, the policy's yardstick.
func baseline(p *policy.Policy, asked *policy.Model) *exchange.Candidate {
	if asked == nil {
		return p.Yardstick
	}
	if first := asked.Use[0]; first.Price != nil {
		return first
	}
	return nil
}
