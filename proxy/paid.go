package proxy

import (
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// paid is a call that a request has paid for and goes on from: its answer failed the checks, or none of use came, and the candidate may bill it
// all the same. It is booked before money is held for the next candidate, in a row of its own: so each row has the cost of one hold, at that
// hold's model, and what was paid stays booked whatever becomes of the request.
type paid struct {
	by       *exchange.Candidate
	usage    pricing.Usage
	method   exchange.Method
	finish   string
	attempts int
	status   int             // of the answer, or what the client would have heard of the failure
	reason   exchange.Reason // of the call
	failed   string          // the check that its answer failed, "" if it failed itself
	booked   bool
}

// failedCall is a candidate that had the whole prompt, and may bill the usage whatever it made of it. One that is free leaves no trace.
func (t *trip) failedCall(c *exchange.Candidate, usage pricing.Usage, method exchange.Method, attempts int, heard *exchange.Fault) *paid {
	if c.Price.Cost(&usage, t.Start) == 0 {
		return nil
	}
	return &paid{by: c, usage: usage, method: method, attempts: attempts, status: heard.Status, reason: exchange.ReasonProviderFailed}
}

// pay books a call that the request goes on from, and settles its hold.
func (s *Server) pay(t *trip, p *paid) {
	x := t.exchangeOf(p)
	t.sunk += x.Outcome.Cost
	p.booked = true
	tokens := min(max(p.usage.Prompt()+p.usage.Completion(), t.promptTokens()), budget.MaxTokens)
	s.leaveAlone(t, tokens)
	t.change(x.Outcome.Cost)
	waits := t.held && !s.Embedded
	s.book(t, &x, tokens)
	if waits {
		s.settling.await() // else the next candidate would find its own request's place taken, and money of it held
	}
	for _, observe := range s.Observe {
		observe(&x)
	}
}

// exchangeOf is a call that the request goes on from, as an exchange beside it. A call of the house's own stays one: budgets go by its tag.
func (t *trip) exchangeOf(p *paid) exchange.Exchange {
	x, lever := t.Exchange, exchange.LeverRoute
	x.ID = ledger.TryID(t.ID, t.holds)
	switch {
	case t.beside != nil:
		lever = t.beside.lever()
	case p.failed != "":
		x.Aside, lever = exchange.AsideRejected, exchange.LeverEscalate
	default:
		x.Aside = exchange.AsideFailed
	}
	if t.beside == nil {
		x.Facts.Tags = tagAside(t.Facts.Tags, x.Aside, t.Decision.Rule)
	}
	x.Outcome = exchange.Outcome{
		Status: p.status, Reason: p.reason, Served: p.by, Attempts: p.attempts, Usage: p.usage, Method: p.method, Finish: p.finish, Capped: t.Outcome.Capped,
		Cache: t.cacheWord(), Cost: p.by.Price.Cost(&p.usage, t.Start), Held: t.Outcome.Held, Failed: p.failed, Duration: time.Since(t.Start),
	}
	x.Outcome.Saved[lever] = -x.Outcome.Cost
	return x
}

// change notes that a hold is replaced by what was paid under it: what clients hear of the room in their budgets goes by it.
func (t *trip) change(cost pricing.Nano) {
	if t.held && t.left != noBound {
		t.left += t.Outcome.Held - cost
	}
	t.Outcome.Held = 0
}

// total is what the request has cost with all that it has gone on from.
func (t *trip) total() pricing.Nano { return t.Outcome.Cost + t.sunk }
