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
// written is never read), then on the trimmed one (trim), then nothing at all if the answer was a hit (exact). What cheap answers that failed
// their checks have cost, and calls of the house's own, is a loss of the cascade (escalate).
func (s *Server) price(t *trip, usage pricing.Usage) {
	out := &t.Outcome
	out.Usage = usage
	out.Cost, out.Baseline, out.Saved = t.sunk, 0, exchange.Savings{exchange.LeverRoute: t.fee - t.sunk, exchange.LeverEscalate: -t.fee}
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
	out.Cost += served
	if t.beside != nil { // nobody asked for it, so it replaces nothing
		if t.hit {
			out.Cost = t.sunk
		}
		lever := exchange.LeverEscalate
		if t.beside.kind == exchange.AsideSummary {
			lever = exchange.LeverTrim
		}
		out.Baseline, out.Saved = 0, exchange.Savings{}
		out.Saved[lever] = -out.Cost
		return
	}
	if t.hit {
		out.Cost = t.sunk
		lever := exchange.LeverExact
		if out.Reason == exchange.ReasonSemanticHit {
			lever = exchange.LeverSemantic
		}
		out.Saved[lever] = served
	}
	out.Saved[exchange.LeverRoute] += out.Baseline - routed
	out.Saved[exchange.LeverPromptCache] = routed - marked
	out.Saved[exchange.LeverTrim] = marked - served
}

// cancel gives back the hold of a candidate that failed. If the client left while the provider had the prompt, its cost is not
// given back.
func (s *Server) cancel(t *trip) {
	s.price(t, t.Outcome.Usage)
	if t.Outcome.Served != nil && t.Outcome.Cost > t.sunk {
		return // end settles it
	}
	wasted, tokens := t.wasted, max(t.wastedTokens, t.promptTokens())
	t.sunk, t.wasted, t.wastedTokens = t.sunk+wasted, 0, 0
	s.leaveAlone(t, 0)
	if !t.held {
		return
	}
	t.held = false
	if wasted > 0 {
		s.settleLater(t, wasted, tokens)
		if !s.Embedded {
			s.settling.await() // else the next candidate would find its own request's place taken, and money of it held
		}
		return
	}
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
		s.settleLater(t, 0, 0)
	} else if !s.Embedded { // a store that is restarted may forget this as it may forget a settle, and the hold would expire into spend
		s.settling.lately.note([]settlement{{
			budget.Settlement{ID: t.hold.ID}, slices.Clone(t.charges), t.row(), t.journalled, s.settling.summed.Load(),
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
	s.book(t)
	s.learnLength(t)
	if t.Outcome.Method == exchange.MethodReported {
		s.histories.note(t.stored.ids.Seen.ID, t.usedTokens())
	}
	if t.beside != nil {
		t.beside.cost = t.Outcome.Cost
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

// book enters the row and settles the hold. A stranger without a key gets no row: else anybody could fill the ledger.
func (s *Server) book(t *trip) {
	if t.Outcome.Reason == exchange.ReasonUnauthorized {
		return
	}
	s.books.RLock()
	defer s.books.RUnlock()
	row := t.row()
	if err := s.ledger.Append(&row); err != nil {
		s.Warn("enter a request into the ledger", err)
	}
	if t.held {
		t.held = false
		s.settleLater(t, t.Outcome.Cost-t.sunk, t.usedTokens())
	}
	if g := s.current.Load(); g != t.using && t.Outcome.Cost > 0 {
		s.chargeNewcomers(t, g)
	}
}

// chargeNewcomers charges a request to the budgets that were added while it was under way.
func (s *Server) chargeNewcomers(t *trip, g *generation) {
	held := slices.Clone(t.charges)
	s.charge(t, g, t.Outcome.Served)
	added := slices.DeleteFunc(t.charges, func(c budget.Charge) bool {
		return slices.ContainsFunc(held, func(h budget.Charge) bool { return h.Key == c.Key })
	})
	if len(added) == 0 {
		return
	}
	if _, err := s.budgets.Charge(context.Background(), t.ID+".added", added, t.Outcome.Cost); err != nil {
		s.Warn("charge a request to budgets that were added while it was under way", err)
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
