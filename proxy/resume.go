package proxy

import (
	"context"
	"strings"
	"time"

	"bursar/budget"
	"bursar/dialect"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/providers"
)

// resume goes on asking for the background responses that the last process left, however it ended. Their holds are booked as spent by then; what
// they have truly cost is a correction of that.
func (s *Server) resume(ctx context.Context) {
	for _, ready := range []chan struct{}{s.inUse, s.recovered} {
		select {
		case <-ready:
		case <-ctx.Done():
			return
		}
	}
	left, err := s.leftPending(ctx)
	if err != nil && ctx.Err() == nil {
		s.Warn("look for background responses that the last process left; they stay booked by their holds", err)
	}
	for _, row := range left {
		s.goOn(ctx, &row)
	}
}

// leftPending are the rows of responses that had not ended, by their requests: those in the ledger, and those of holds that another gateway has
// entered meanwhile.
func (s *Server) leftPending(ctx context.Context) (map[string]ledger.Row, error) {
	left, done := map[string]ledger.Row{}, map[string]bool{}
	opens := s.ledger.Recovered().Opens
	for i := range opens {
		if row := opens[i].Orphan(); mayBePending(&row) && !budget.IsSlice(row.ID) {
			left[requestOf(row.ID)] = row
		}
	}
	if err := s.ledger.Flush(ctx); err != nil {
		return nil, err
	}
	err := s.ledger.Rows(ctx, ledger.Filter{From: time.Now().Add(-longestWait)}, func(r *ledger.Row) error {
		switch id := requestOf(r.ID); {
		case r.Kind == ledger.KindCorrection && strings.HasSuffix(r.ID, madeGood):
			done[id] = true
		case mayBePending(r) && (r.Kind == ledger.KindRequest || r.Kind == ledger.KindOrphan):
			left[id] = *r
		case r.Kind == ledger.KindRequest: // the hold was open, and its request had its row
			delete(left, id)
		}
		return ctx.Err()
	})
	for id := range done {
		delete(left, id)
	}
	return left, err
}

// mayBePending tells whether a row's facts name a response that had not ended.
func mayBePending(r *ledger.Row) bool { return strings.Contains(r.Facts, "rresp_") }

// requestOf is the request that a row is of: holds and corrections have ids that begin with its.
func requestOf(id string) string {
	request, _, _ := strings.Cut(id, ".")
	return request
}

// madeGood ends the ids of corrections of what was booked by a hold.
const madeGood = ".background"

// goOn waits for one response, and makes the row good.
func (s *Server) goOn(ctx context.Context, row *ledger.Row) {
	recorded, err := exchange.ParseRecorded(row.Facts)
	sealer := s.sealer()
	for sealer == nil { // Redis has not told the fleet's secret yet
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.Poll):
			sealer = s.sealer()
		}
	}
	p := &pending{team: row.Team, since: time.Unix(0, row.Time), told: make(chan dialect.StoredResponse, 1)}
	if err == nil {
		p.origin, err = sealer.Open(row.Team, recorded.Response)
	}
	if err != nil {
		s.Warn("go on with a background response; it stays booked by its hold", &unknownCost{row.ID, err.Error()})
		return
	}
	if !s.pendings.begin(p) {
		return
	}
	go func() {
		defer s.pendings.end(p)
		defer s.surviveBeside()
		if seen, why := s.waitFor(p); why == "" {
			s.makeGood(ctx, row, &seen)
		}
	}()
}

// makeGood enters the difference between what a response has cost and what was booked for it, and gives it back to the budgets.
func (s *Server) makeGood(ctx context.Context, row *ledger.Row, seen *dialect.StoredResponse) {
	g := s.current.Load()
	m, ok := g.policy.Resolve(row.Target)
	usage, told := providers.ResponseUsage(seen)
	if !ok || !told || m.Use[0].Price == nil {
		s.Warn("go on with a background response; it stays booked by its hold", &unknownCost{row.ID, whyUnsaid})
		return
	}
	c := m.Use[0]
	if usage.Region == "" {
		usage.Region = c.Region
	}
	t := &trip{using: g}
	t.Start = time.Unix(0, row.Time)
	t.Facts = exchange.Facts{Team: row.Team, Project: row.Project, Key: row.Key, User: row.User, Tags: ledger.ParseTags(row.Tags)}
	s.charge(t, g, &t.Facts, &exchange.Candidate{Provider: c.Provider, Model: c.Model, Target: c.Target, Tier: row.Tier})
	difference := c.Price.Cost(&usage, t.Start) - row.Cost
	correction := ledger.Row{
		ID: requestOf(row.ID) + madeGood, Kind: ledger.KindCorrection, Time: row.Time, Team: row.Team, Project: row.Project, Key: row.Key, User: row.User,
		Tags: row.Tags, Asked: row.Asked, Rule: row.Rule, Target: row.Target, Tier: row.Tier, Policy: g.mark,
		Reason: row.Reason, Cost: difference, Baseline: difference,
	}
	s.books.RLock()
	if err := s.ledger.Append(&correction); err != nil {
		s.Warn("enter what a background response has cost", err)
	}
	summed := s.settling.summed.Load()
	s.books.RUnlock()
	giveBack := func() error {
		s.books.RLock()
		defer s.books.RUnlock()
		if summed < s.settling.summed.Load() { // the store was restored from a ledger that had the correction
			return nil
		}
		_, err := s.budgets.Charge(ctx, correction.ID, t.charges, difference)
		return err
	}
	if err := giveBack(); err != nil {
		s.insist(ctx, "give back what was held for a background response; tried again", row.ID, giveBack)
	}
}
