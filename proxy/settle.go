package proxy

import (
	"context"
	"slices"
	"strings"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// settle prices a plain answer. A stream is priced when its body is closed.
func (s *Server) settle(t *trip) {
	if t.streaming {
		return
	}
	t.enter(exchange.StepSettle)
	s.price(t, t.Outcome.Usage)
	s.headers(t)
}

// price works out what the answer cost, what it would have cost on the baseline, and which lever made the difference. The levers
// telescope, so they sum to baseline minus cost to the nano-dollar: baseline on the untrimmed prompt, then the model that served
// on the untrimmed prompt (route), then with what its provider read and wrote because we marked it (prompt_cache, a loss where what was
// written is never read), then on the trimmed one (trim), then nothing at all if the answer was a hit (exact). What calls beside a request have cost is
// a loss of theirs; where one of them brought the answer after all, that loss is taken back here (escalate).
func (s *Server) price(t *trip, usage pricing.Usage) {
	out := &t.Outcome
	out.Usage = usage
	out.Cost, out.Baseline, out.Saved = 0, 0, exchange.Savings{}
	if out.Served == nil || out.Served.Price == nil || out.Reason == exchange.ReasonProviderRefused {
		return // nothing was served, and so not even a price per request is due
	}
	if usage.Region == "" {
		usage.Region = out.Served.Region
		out.Usage.Region = usage.Region // a later repricing goes by the row alone
	}
	untrimmed := usage
	if usage.Prompt() > 0 {
		untrimmed.Input += out.Trimmed
	}
	served := out.Served.Price.Cost(&usage, t.Start)
	marked, unmarked := out.Served.Price.Cost(&untrimmed, t.Start), t.unmarked(untrimmed)
	routed := out.Served.Price.Cost(&unmarked, t.Start)
	out.Baseline = routed
	if b := t.Decision.Baseline; b != nil && b.Price != nil {
		standard := untrimmed // tier and region are what the served provider said of itself
		if p := t.using.policy.Providers[b.Provider]; p != nil && p.MarksPrompts {
			standard = unmarked // others have a cache that needs no marks
		}
		standard.Tier, standard.Region = "", b.Region
		out.Baseline = b.Price.Cost(&standard, t.Start)
	}
	if !t.hit && !t.paidBefore {
		out.Cost = served
	}
	switch {
	case t.beside != nil: // nobody asked for it, so it replaces nothing
		out.Baseline = 0
		out.Saved[t.beside.lever()] = -out.Cost
		return
	case t.hit && out.Reason == exchange.ReasonSemanticHit:
		out.Saved[exchange.LeverSemantic] = served
	case t.hit:
		out.Saved[exchange.LeverExact] = served
	case t.paidBefore:
		out.Saved[exchange.LeverEscalate] = served
	}
	out.Saved[exchange.LeverRoute] = out.Baseline - routed
	out.Saved[exchange.LeverPromptCache] = routed - marked
	out.Saved[exchange.LeverTrim] = marked - served
}

// cancel gives back the hold of a candidate that failed, less what its call is paid. If the client left while the provider had the prompt, its
// cost is not given back.
func (s *Server) cancel(t *trip) {
	s.price(t, t.Outcome.Usage)
	if t.Outcome.Served != nil && t.Outcome.Cost > 0 {
		return // end settles it
	}
	if p := t.paid; p != nil {
		t.paid = nil
		s.pay(t, p)
		return
	}
	s.leaveAlone(t, 0)
	t.change(0)
	if !t.held {
		return
	}
	t.held = false
	s.leases.remove(t.hold.ID)
	if !s.Embedded {
		// Before the store is told: a recovery cannot see that a hold was cancelled, and would enter a row for money that was given
		// back. Should this process die in between, the hold expires into spend, and its row comes from the store.
		if err := s.ledger.Forget(t.journalled); err != nil {
			s.Warn("close a hold in the journal", err)
		}
	}
	s.giveBack(t)
}

// giveBack tells the store that a hold is not needed.
func (s *Server) giveBack(t *trip) {
	if err := s.budgets.Cancel(context.Background(), t.hold.ID); err != nil {
		s.settleLater(t, s.seeded(t), 0, 0)
	} else if !s.Embedded { // a store that is restarted may forget this as it may forget a settle, and the hold would expire into spend
		s.settling.lately.note([]settlement{{
			budget.Settlement{ID: t.hold.ID}, slices.Clone(t.charges), *s.seeded(t), t.journalled, s.settling.summed.Load(),
		}})
	}
}

// end enters the request into the ledger, returns the change, and tells whoever watches. It runs once for each request, whatever
// came of it. The row goes first: the journal survives a crash right after it, and the settle is repeated from there.
func (s *Server) end(t *trip) {
	t.enter(exchange.StepSettle)
	t.Outcome.Duration = time.Since(t.Start)
	t.Outcome.Cache = t.cacheWord()
	s.leaveAlone(t, t.usedTokens())
	s.leaveSeat(t, t.Outcome.Reason == exchange.ReasonProviderFailed || t.Outcome.Reason == exchange.ReasonStreamBroken)
	if t.Outcome.Reason != exchange.ReasonUnauthorized { // a stranger without a key gets no row: else anybody could fill the ledger
		s.book(t, &t.Exchange, t.usedTokens())
	}
	s.learnLength(t)
	if t.Outcome.Method == exchange.MethodReported {
		s.histories.note(t.stored.ids.Seen.ID, t.usedTokens())
	}
	if t.beside != nil {
		t.beside.cost = t.total()
	} else if answered(t.Outcome.Reason) && t.Outcome.Served != nil && !t.hit {
		s.sticky.remember(t.Facts.Conversation, t.Decision.Model, t.Outcome.Served, &t.Outcome.Usage, time.Now())
	}
	if t.beside == nil {
		s.diary.note(t)
		s.endSample(t)
	}
	for _, observe := range s.Observe {
		observe(&t.Exchange)
	}
	t.release()
}

// book enters the row of a request, or of a call that it goes on from, and settles the hold: the row has what is paid under that one hold.
func (s *Server) book(t *trip, x *exchange.Exchange, tokens int64) {
	s.books.RLock()
	defer s.books.RUnlock()
	row := t.rowOf(x)
	if err := s.ledger.Append(&row); err != nil {
		s.Warn("enter a request into the ledger", err)
	}
	if t.held {
		t.held = false
		s.settleLater(t, &row, row.Cost, tokens)
	}
	if g := s.current.Load(); (g != t.using || x.Aside != t.Aside) && row.Cost > 0 {
		s.chargeOthers(t, g, x)
	}
}

// chargeOthers charges what was paid to the budgets that its hold is not of: those that were added while the request was under way, and those of
// answers that were rejected or of candidates that failed, which nobody knows before.
func (s *Server) chargeOthers(t *trip, g *generation, x *exchange.Exchange) {
	held := slices.Clone(t.charges)
	s.charge(t, g, &x.Facts, x.Outcome.Served)
	others := slices.DeleteFunc(t.charges, func(c budget.Charge) bool {
		return slices.ContainsFunc(held, func(h budget.Charge) bool { return h.Key == c.Key })
	})
	if len(others) == 0 {
		return
	}
	if _, err := s.budgets.Charge(context.Background(), x.ID+".added", others, x.Outcome.Cost); err != nil {
		s.Warn("charge a request to budgets that its hold is not of", err)
	}
}

func answered(r exchange.Reason) bool {
	return r == exchange.ReasonAnswered || r == exchange.ReasonFallback || r == exchange.ReasonEscalated
}

// correct enters what a late settle changed. The hold had expired into spend, and the ledger has a row of the held amount for it:
// beside the row of the truth, that amount is taken back, from the same team and in the same window.
func (s *Server) correct(hold string, of ledger.Row, held pricing.Nano) {
	row := ledger.Row{
		ID: hold, Kind: ledger.KindCorrection, Time: of.Time, Team: of.Team, Project: of.Project, Key: of.Key, User: of.User, Tags: of.Tags,
		Asked: of.Asked, Rule: of.Rule, Target: of.Target, Tier: of.Tier, Policy: of.Policy,
		Reason: exchange.ReasonOrphaned.String(), Cost: -held, Baseline: -held,
	}
	if err := s.ledger.Append(&row); err != nil {
		s.Warn("enter a correction into the ledger", err)
	}
}

// adoptOrphans enters the rows of requests whose gateway has died.
func (s *Server) adoptOrphans(ctx context.Context) {
	orphans, err := s.budgets.Orphans(ctx, 256)
	if err != nil {
		return
	}
	for _, o := range orphans {
		row, err := ledger.DecodeRow(o.Seed)
		if err != nil {
			s.Warn("read the row of an orphaned hold", err)
			row = ledger.Row{Time: time.Now().UnixNano()}
		}
		row.ID, row.Kind, row.Reason, row.Cost, row.Baseline = o.ID, ledger.KindOrphan, exchange.ReasonOrphaned.String(), o.Amount, o.Amount
		row.Saved, row.Held = exchange.Savings{}, o.Amount
		if err := s.ledger.Append(&row); err != nil {
			s.Warn("enter an orphaned hold into the ledger", err)
			return
		}
		if seed, _, ok := strings.Cut(o.ID, "."); ok && s.Embedded { // the journal has the hold open under the request's id
			if err := s.ledger.Forget(seed); err != nil {
				s.Warn("close an orphaned hold in the journal", err)
			}
		}
		if err := s.budgets.AckOrphan(ctx, o.ID); err != nil {
			return // it comes again, and the ledger knows it by its id
		}
	}
}
