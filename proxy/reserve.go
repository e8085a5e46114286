package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
	"bursar/prompt"
)

// reserve holds the worst case of the next candidate that the budgets can afford, over all budgets at once. Without room it
// shrinks the output cap to what is affordable, then takes the model that a spent budget downgrades to, then the next candidate,
// and only then refuses.
//
// The model that a budget downgrades to may have answered the same question before: then hit is true and all is done.
func (s *Server) reserve(t *trip) (hit bool, refusal *exchange.Fault) {
	t.enter(exchange.StepReserve)
	if !t.planned {
		t.plan = t.envelope.Trim(s.counter, t.target, t.Decision.Trim.At(t.Decision.Candidates[0], t.Start))
		s.sumUp(t)
		t.planned = true
	}
	for t.candidate < len(t.Decision.Candidates) {
		short := s.holdFor(t, t.Decision.Candidates[t.candidate])
		switch {
		case short == nil:
			return false, nil
		case short.final:
			return false, short.fault
		case refusal == nil:
			refusal = short.fault
		}
		if b := short.spent; b != nil && b.WhenSpent == policy.Downgrade && t.draft == nil && t.beside == nil && !t.Facts.Fixed && t.downgrade(b.DowngradeTo) {
			if answered, fault := s.lookup(t); answered || fault != nil {
				return answered, fault
			}
			t.enter(exchange.StepReserve)
			continue
		}
		t.candidate++
	}
	if t.failed != nil { // candidates before these were affordable but failed: that is what the client should hear of
		return false, t.failed
	}
	return false, refusal
}

// shortage is why a candidate cannot be held for.
type shortage struct {
	fault *exchange.Fault
	spent *policy.Budget // the budget that has no room, if that is why
	final bool           // no other candidate would fare better
}

// holdFor tries to hold the worst case of one candidate, and to take its place within all limits.
func (s *Server) holdFor(t *trip, c *exchange.Candidate) *shortage {
	if c.Price == nil {
		return &shortage{fault: unknownPrice(c), final: true}
	}
	m := t.envelope.MeasureTrimmed(s.counter, prompt.Target{Family: t.using.family(c), Model: c.Model}, t.plan)
	t.sent, t.estimate = s.adjusted(t, c, m.Tokens), m.Tokens
	s.charge(t, t.using, &t.Facts, c)
	if t.beside == nil {
		s.limit(t, t.using, c)
	}
	bound, predicted := s.holdTokens(c, m.Tokens, m.Method, t.using.family(c), len(t.chat)), min(m.Prediction, mostOutput)
	added, fault := t.history(c, bound)
	if fault != nil {
		return &shortage{fault: fault}
	}
	bound, t.sent = bound+added, t.sent+added
	t.stored.bound = bound
	most := min(t.Decision.MaxOutput, mostOutput)
	if c.MaxOutput > 0 {
		most = min(most, c.MaxOutput)
	}
	least := min(most, t.using.policy.Output.LeastUseful)
	asked := most
	most = t.fitting(most, least, bound, predicted)
	if len(t.charges) == 0 && len(t.limits) == 0 && !s.Embedded { // nothing bounds it, so it needs no store that may be down
		t.cap, t.left = most, noBound
		t.holds++ // of nothing, but what is paid is told apart by it
		return nil
	}
	worst := func(output int64) pricing.Nano { return c.Price.Worst(bound, (output+predicted)*t.Facts.N, t.Start) }
	typical := s.typical(t, c, least, most)
	t.hold = budget.Hold{
		Want: worst(most), Least: worst(least), Charges: t.charges, Limits: t.limits,
		Tokens: min(bound+(typical+predicted)*t.Facts.N, budget.MaxTokens), Lease: s.HoldLease,
	}
	t.hold.Seed = t.seed(c, t.seeded[:0])
	t.seeded = t.hold.Seed
	grant, short := s.obtain(t)
	if enough := worst(typical); short == nil && grant.OK && grant.Amount < t.hold.Want && enough < grant.Amount {
		grant, short = s.holdLess(t, c, enough)
	}
	if short != nil {
		return short
	}
	t.cap = most
	if !grant.OK { // only its limits are taken, and only here
		t.left = noBound
		return nil
	}
	t.held = true
	t.Outcome.Held = grant.Amount
	if grant.Amount < worst(most) {
		t.cap = min(most, c.Price.Affordable(bound, grant.Amount, t.Start)/t.Facts.N-predicted)
	}
	if t.cap < asked && t.Decision.Reason != exchange.ReasonDowngraded {
		t.Decision.Reason = exchange.ReasonCapShrunk
	}
	t.left = t.leastRoom(grant.States)
	return s.journal(t, grant.Slice)
}

// holdLess gives back a hold that took all the room that a budget had left, and takes what answers of this kind need: others want to be answered
// too. The cap goes down with it, so that even the longest answer costs no more than is held.
func (s *Server) holdLess(t *trip, c *exchange.Candidate, enough pricing.Nano) (budget.Grant, *shortage) {
	s.giveBack(t)
	s.limit(t, t.using, c) // what has counted the request once does not count it again
	t.hold.Limits, t.hold.Want, t.hold.Least = t.limits, enough, min(t.hold.Least, enough)
	return s.obtain(t)
}

// obtain asks the store for the hold, and tells whoever watches what its budgets and limits stand at.
func (s *Server) obtain(t *trip) (budget.Grant, *shortage) {
	t.holds++
	t.hold.ID = holdID(t.ID, t.holds)
	t.journalled = t.hold.ID
	resumed := s.settling.resumed.Load()
	settling := len(t.limits) > 0 && s.settling.busy()
	grant, err := s.budgets.Reserve(context.Background(), &t.hold)
	if err == nil && t.tooEarly(&grant) && (s.settling.await() || settling) {
		grant, err = s.budgets.Reserve(context.Background(), &t.hold)
	}
	if err != nil {
		switch {
		case errors.Is(err, budget.ErrStoreLost):
			s.settling.lost(resumed)
		case errors.Is(err, budget.ErrUnsent): // nothing is held, and an outage may be long: nothing to remember of it
		case errors.Is(err, budget.ErrStoreDown):
			// It may have been held all the same. Should this process die before that is given back, its journal knows that nothing was spent of it.
			if err := s.ledger.Hold(t.journalled, 0, t.hold.Seed); err != nil {
				s.Warn("enter a hold that may have been taken into the journal", err)
			}
			s.settleLater(t, s.seeded(t), 0, 0)
		default:
			return grant, &shortage{fault: asFault(err), final: true}
		}
		if len(t.charges) == 0 {
			return grant, s.limitAlone(t, err)
		}
		return grant, &shortage{fault: storeDown(err), final: true}
	}
	if t.using.asksBudget {
		s.views.note(t.charges, grant.States)
	}
	for i, line := range t.touched {
		line.watch(&t.charges[i], grant.States[i], !grant.OK && i == grant.Short, t.Identity.Team, s.Budget)
	}
	s.watchLimits(t, &grant)
	switch {
	case grant.OK && len(grant.Rates) < len(t.limits): // the store is away; what was granted is this gateway's own part of the money
		short := s.limitAlone(t, budget.ErrStoreDown)
		if short != nil {
			t.held = true
			s.cancel(t)
		}
		return grant, short
	case grant.OK:
		t.within(grant.Rates)
		return grant, nil
	case grant.Slow >= 0:
		return grant, t.slower(&grant)
	default:
		b := t.touched[grant.Short].budget
		return grant, &shortage{fault: spent(b, t, grant.States[grant.Short], t.hold.Least), spent: b}
	}
}

// journal enters a hold that was taken, so that a gateway that dies leaves a trace of it.
func (s *Server) journal(t *trip, slice string) *shortage {
	t.journalled = drawnFrom(t.hold.ID, slice)
	if s.Embedded {
		t.journalled = t.ID
	}
	if err := s.ledger.Hold(t.journalled, t.Outcome.Held, t.hold.Seed); err != nil {
		s.cancel(t)
		return &shortage{final: true, fault: &exchange.Fault{
			Status: 503, Type: "server_error", Code: "ledger_down", Reason: exchange.ReasonInternal, Err: err,
			Message: "The request could not be entered into the ledger, so it was not sent.", Hint: "Try again; operators see the cause in the log.",
		}}
	}
	s.leases.add(t.hold.ID)
	return nil
}

// downgrade sends the request to the model that a spent budget falls back on. False: none of its targets can serve, or so many
// budgets have sent it on already that they send it in circles.
func (t *trip) downgrade(to *policy.Model) bool {
	targets := t.keepers(usable(to.Use, t.Facts.Scope))
	if len(targets) == 0 || t.downgrades >= len(t.using.budgets) {
		return false
	}
	t.downgrades++
	t.candidate = 0
	t.Decision.Model, t.Decision.Reason, t.Decision.Candidates, t.Decision.Cascade = to.Name, exchange.ReasonDowngraded, targets, nil
	if to.MaxOutput > 0 {
		t.Decision.MaxOutput = min(t.Decision.MaxOutput, to.MaxOutput)
	}
	return true
}

// charge lists the budgets of a generation that a request with these facts touches, each with its window.
func (s *Server) charge(t *trip, g *generation, f *exchange.Facts, c *exchange.Candidate) {
	t.charges, t.touched = t.charges[:0], t.touched[:0]
	for _, line := range g.budgets {
		b := line.budget
		if !b.Touches(f, c) {
			continue
		}
		window := g.calendar.Window(b.Period, t.Start)
		t.charges = append(t.charges, budget.Charge{
			Key: line.key(b.ScopeKey(f, c), window.ID), Limit: b.LimitAt(t.Start), Hard: b.Refuses(g.policy, c), Ends: window.End, Local: b.Local,
		})
		t.touched = append(t.touched, line)
	}
}

func unknownPrice(c *exchange.Candidate) *exchange.Fault {
	return &exchange.Fault{
		Status: 503, Type: "server_error", Code: "unknown_price", Reason: exchange.ReasonUnknownPrice, NoRetry: true,
		Message: fmt.Sprintf("The price of %s is not known, and the policy denies unknown prices.", c.Target),
		Hint:    fmt.Sprintf("Add it under `prices: overrides: %s: { input: ..., output: ... }`.", c.Target),
	}
}

// spent says which budget has no room, what it stands at, and when it renews.
func spent(b *policy.Budget, t *trip, state budget.State, needed pricing.Nano) *exchange.Fault {
	renews := t.using.calendar.Window(b.Period, t.Start).End
	f := &exchange.Fault{
		Status: 429, Type: "insufficient_quota", Code: "budget_exceeded", Reason: exchange.ReasonBudgetSpent, NoRetry: true,
		Message: fmt.Sprintf("Budget %q has no room: $%s spent and $%s held of $%s %s%s, and this request needs $%s.",
			b.Name, state.Spent.Dollars(), state.Held.Dollars(), state.Limit.Dollars(), b.Period, raised(b, t.Start), needed.Dollars()),
		Budget: &exchange.BudgetShort{
			Name: b.Name, Period: b.Period, Needed: needed, Renews: renews, Secret: b.Scope.Everyone,
			Spent: state.Spent, Held: state.Held, Limit: state.Limit, Raised: strings.Trim(raised(b, t.Start), " ()"),
		},
	}
	if b.Scope.Everyone { // what the whole company spends is not every team's business
		f.Message = fmt.Sprintf("Budget %q of the whole organisation has no room for this request, which needs $%s.", b.Name, needed.Dollars())
	}
	if renews.IsZero() {
		f.Hint = "It never renews; its owner can raise the limit in policies.yaml."
	} else {
		f.Hint = fmt.Sprintf("It renews at %s; its owner can raise the limit in policies.yaml.", renews.Format(time.RFC3339))
		f.RetryAfter = renews.Sub(t.Start)
	}
	return f
}

// raised tells of a raise in force: " (raised from $4000.00 until 2026-12-01T00:00:00Z: launch week)".
func raised(b *policy.Budget, at time.Time) string {
	r := b.RaisedAt(at)
	if r == nil {
		return ""
	}
	return fmt.Sprintf(" (raised from $%s until %s: %s)", b.Limit.Dollars(), r.Until.Format(time.RFC3339), r.Why)
}

// leastRoom is the room in the tightest hard budget of the caller's own.
func (t *trip) leastRoom(states []budget.State) pricing.Nano {
	left := noBound
	for i, c := range t.charges {
		if c.Hard && !t.touched[i].budget.Scope.Everyone {
			if room := max(0, states[i].Limit-states[i].Spent-states[i].Held); left == noBound || room < left {
				left = room
			}
		}
	}
	return left
}

// usable returns the candidates that can serve the key and have a price, in order.
func usable(all []*exchange.Candidate, scope *exchange.KeyScope) []*exchange.Candidate {
	can := make([]*exchange.Candidate, 0, len(all))
	for _, c := range all {
		if c.Unavailable == "" && c.Price != nil && scope.Allows(c) {
			can = append(can, c)
		}
	}
	return can
}
