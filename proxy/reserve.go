package proxy

import (
	"context"
	"errors"
	"fmt"
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
func (s *Server) reserve(t *trip) *exchange.Fault {
	t.enter(exchange.StepReserve)
	if !t.planned {
		t.plan = t.envelope.Trim(s.counter, t.target, t.Decision.Trim)
		t.planned = true
	}
	var refusal *exchange.Fault
	for t.candidate < len(t.Decision.Candidates) {
		short, fault := s.holdFor(t, t.Decision.Candidates[t.candidate])
		switch {
		case fault == nil:
			return nil
		case short == nil: // not for want of money: no price, or the store is down
			return fault
		case short.budget.WhenSpent == policy.Downgrade && !t.downgraded:
			t.downgrade(short.budget.DowngradeTo)
			continue
		case refusal == nil:
			refusal = fault
		}
		t.candidate++
	}
	if t.failed != nil { // candidates before these were affordable but failed: that is what the client should hear of
		return t.failed
	}
	return refusal
}

// holdFor tries to hold the worst case of one candidate. When a budget has no room it returns that budget's line and the fault
// that says so.
func (s *Server) holdFor(t *trip, c *exchange.Candidate) (*budgetLine, *exchange.Fault) {
	if c.Price == nil {
		return nil, unknownPrice(c)
	}
	bound := s.promptBound(t, c)
	most := t.Decision.MaxOutput
	if c.MaxOutput > 0 {
		most = min(most, c.MaxOutput)
	}
	least := min(most, leastOutput)
	s.charge(t, c)
	t.holds++
	t.hold = budget.Hold{
		ID:      holdID(t.ID, t.holds),
		Want:    c.Price.Worst(bound, (most+t.prediction)*t.Facts.N, t.Start),
		Least:   c.Price.Worst(bound, (least+t.prediction)*t.Facts.N, t.Start),
		Charges: t.charges, Lease: s.HoldLease,
	}
	t.hold.Seed = t.seed(c, t.seeded[:0])
	t.seeded = t.hold.Seed
	grant, err := s.budgets.Reserve(context.Background(), &t.hold)
	if err != nil {
		if errors.Is(err, budget.ErrStoreLost) {
			s.settling.lost()
		} else if errors.Is(err, budget.ErrStoreDown) {
			s.settleLater(t, 0) // it may have been held all the same
		}
		return nil, storeDown(err)
	}
	s.views.note(t.charges, grant.States)
	for i, line := range t.touched {
		line.watch(t.charges[i].Key, grant.States[i], s.Budget)
	}
	if !grant.OK {
		line := t.touched[grant.Short]
		return line, spent(line, t, grant.States[grant.Short], t.hold.Least)
	}
	t.held = true
	t.Outcome.Held = grant.Amount
	t.cap = most
	if grant.Amount < t.hold.Want {
		t.cap = c.Price.Affordable(bound, grant.Amount, t.Start)/t.Facts.N - t.prediction
		if t.Decision.Reason != exchange.ReasonDowngraded {
			t.Decision.Reason = exchange.ReasonCapShrunk
		}
	}
	t.left = leastRoom(t.charges, grant.States)
	journalled := t.hold.ID
	if s.Embedded {
		journalled = t.ID
	}
	if err := s.ledger.Hold(journalled, t.Outcome.Held, t.hold.Seed); err != nil {
		s.cancel(t)
		return nil, &exchange.Fault{
			Status: 503, Type: "server_error", Code: "ledger_down", Reason: exchange.ReasonInternal, Err: err,
			Message: "The request could not be entered into the ledger, so it was not sent.", Hint: "Try again; operators see the cause in the log.",
		}
	}
	s.leases.add(t.hold.ID)
	return nil, nil
}

// promptBound returns an upper bound of the prompt tokens that the candidate's provider will bill, after the planned trim.
func (s *Server) promptBound(t *trip, c *exchange.Candidate) int64 {
	m := t.envelope.MeasureTrimmed(s.counter, prompt.Target{Family: t.using.family(c), Model: c.Model}, t.plan)
	return holdTokens(m.Tokens, m.Method)
}

// downgrade sends the request to the model that a spent budget falls back on.
func (t *trip) downgrade(to *policy.Model) {
	t.downgraded = true
	t.candidate = 0
	t.Decision.Model, t.Decision.Reason = to.Name, exchange.ReasonDowngraded
	t.Decision.Candidates = available(to.Use)
	if to.MaxOutput > 0 {
		t.Decision.MaxOutput = min(t.Decision.MaxOutput, to.MaxOutput)
	}
	t.rekey = true // the answer belongs to another model now, and so under another cache key
}

// charge lists the budgets that the request touches, each with its window.
func (s *Server) charge(t *trip, c *exchange.Candidate) {
	t.charges, t.touched = t.charges[:0], t.touched[:0]
	for _, line := range t.using.budgets {
		b := line.budget
		if !b.Touches(&t.Facts, c) {
			continue
		}
		window := t.using.calendar.Window(b.Period, t.Start)
		t.charges = append(t.charges, budget.Charge{
			Key: line.key(b.ScopeKey(&t.Facts, c), window.ID), Limit: b.Limit, Hard: line.hard(t, c), Ends: window.End,
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

func storeDown(err error) *exchange.Fault {
	return &exchange.Fault{
		Status: 503, Type: "server_error", Code: "budget_store_down", Reason: exchange.ReasonBudgetStore, Err: err,
		Message: "The budget store does not answer, and the policy denies requests without it.", Hint: "Try again in a moment.",
		RetryAfter: 2 * time.Second,
	}
}

// spent says which budget has no room, what it stands at, and when it renews.
func spent(line *budgetLine, t *trip, state budget.State, needed pricing.Nano) *exchange.Fault {
	b := line.budget
	f := &exchange.Fault{
		Status: 429, Type: "insufficient_quota", Code: "budget_exceeded", Reason: exchange.ReasonBudgetSpent, NoRetry: true,
		Message: fmt.Sprintf("Budget %q has no room: $%s spent and $%s held of $%s %s, and this request needs $%s.",
			b.Name, state.Spent.Dollars(), state.Held.Dollars(), state.Limit.Dollars(), b.Period, needed.Dollars()),
	}
	if end := t.using.calendar.Window(b.Period, t.Start).End; end.IsZero() {
		f.Hint = "It never renews; its owner can raise the limit in policies.yaml."
	} else {
		f.Hint = fmt.Sprintf("It renews at %s; its owner can raise the limit in policies.yaml.", end.Format(time.RFC3339))
		f.RetryAfter = end.Sub(t.Start)
	}
	return f
}

func leastRoom(charges []budget.Charge, states []budget.State) pricing.Nano {
	left := noBound
	for i, c := range charges {
		if c.Hard {
			if room := max(0, states[i].Limit-states[i].Spent-states[i].Held); left == noBound || room < left {
				left = room
			}
		}
	}
	return left
}

// available returns the candidates that can serve, in order.
func available(all []*exchange.Candidate) []*exchange.Candidate {
	can := make([]*exchange.Candidate, 0, len(all))
	for _, c := range all {
		if c.Unavailable == "" {
			can = append(can, c)
		}
	}
	return can
}
