package proxy

import (
	"context"
	"fmt"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
)

// window is one counter of a budget as the ledger knows it.
type window struct {
	charge budget.Charge
	spent  pricing.Nano
}

// restore raises the counters of an embedded store to what the ledger has: at start all, later those of the budgets that a reload
// brings. The caller has locked the books.
func (s *Server) restore(ctx context.Context, g, before *generation) error {
	keeper, ok := s.budgets.(interface {
		Restore(context.Context, []budget.Charge, []pricing.Nano) error
	})
	if !ok {
		return nil // a fleet's counters outlive its gateways
	}
	for _, line := range g.budgets {
		if before.has(line.budget, g.policy.Location) {
			continue
		}
		windows, err := s.windowsOf(ctx, g, line.budget)
		if err != nil {
			return err
		}
		charges, amounts := make([]budget.Charge, len(windows)), make([]pricing.Nano, len(windows))
		for i, w := range windows {
			charges[i], amounts[i] = w.charge, w.spent
		}
		if err := keeper.Restore(ctx, charges, amounts); err != nil {
			return fmt.Errorf("restore budget %q: %w", line.budget.Name, err)
		}
	}
	return nil
}

// windowsOf asks the ledger what was spent in a budget's current window: one sum, or one for each team, project, key or user that
// has a window of its own.
func (s *Server) windowsOf(ctx context.Context, g *generation, b *policy.Budget) ([]window, error) {
	now := g.calendar.Window(b.Period, time.Now())
	query := ledger.Query{Filter: ledger.Filter{From: now.Start, To: now.End, Model: b.Scope.Model}}
	if b.Scope.Tag.Name != "" {
		query.Tag = &b.Scope.Tag
	}
	part := func(by, want string, fixed *string) {
		if want == policy.Each {
			query.By = append(query.By, by)
		} else {
			*fixed = want
		}
	}
	part("team", b.Scope.Team, &query.Team)
	part("project", b.Scope.Project, &query.Project)
	part("key", b.Scope.Key, &query.Key)
	part("user", b.Scope.User, &query.User)
	statement, err := s.ledger.Report(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("restore budget %q: %w", b.Name, err)
	}
	charge := func(f *exchange.Facts) budget.Charge {
		return budget.Charge{Key: b.ScopeKey(f, nil) + "/" + now.ID, Limit: b.LimitAt(time.Now()), Ends: now.End}
	}
	if len(query.By) == 0 {
		return []window{{charge(&exchange.Facts{}), statement.Spend}}, nil
	}
	var all []window
	for _, line := range statement.Lines {
		f := exchange.Facts{Team: query.Team, Project: query.Project, Key: query.Key, User: query.User}
		empty := false
		for i, by := range query.By {
			empty = empty || line.Group[i] == ""
			switch by {
			case "team":
				f.Team = line.Group[i]
			case "project":
				f.Project = line.Group[i]
			case "key":
				f.Key = line.Group[i]
			case "user":
				f.User = line.Group[i]
			}
		}
		if !empty { // who has no such name has no window of that budget
			all = append(all, window{charge(&f), line.Spend})
		}
	}
	return all, nil
}

// acquaint gives a fleet's store that remembers nothing what this gateway's ledger knows, before the first request.
func (s *Server) acquaint(ctx context.Context, g *generation) error {
	known, err := s.budgets.Known(ctx)
	if err != nil || known {
		return nil // a store that is down says so to every request
	}
	return s.regain(ctx, g, new([]window))
}

// regain brings a fleet's store back that has lost its memory: this gateway adds what its own ledger knows of each window, as
// every other gateway does with its own, and only then holds money again. The sums are kept
// between tries.
func (s *Server) regain(ctx context.Context, g *generation, sums *[]window) (err error) {
	lost, ok := s.budgets.(interface{ Resume() })
	if !ok {
		return nil
	}
	// What was settled lately is in the ledger too: settled again after this it would count twice.
	forgotten := s.settling.lately.forgetAll()
	defer forgotten()
	if *sums == nil {
		if *sums, err = s.addUp(ctx, g); err != nil {
			return err
		}
	}
	for _, w := range *sums {
		if w.spent <= 0 { // corrections can stand here whose orphans stand in another gateway's ledger
			continue
		}
		// The same id however often this is tried: what was added once is not added again.
		if _, err := s.budgets.Charge(ctx, "regain."+s.Gateway+"."+w.charge.Key, []budget.Charge{w.charge}, w.spent); err != nil {
			return err
		}
	}
	lost.Resume()
	s.settling.again()
	return nil
}

// addUp returns what the ledger knows of all windows, at a moment when no row is booked. A row is either in these sums, or its
// settlement knows that it is not.
func (s *Server) addUp(ctx context.Context, g *generation) (all []window, err error) {
	s.books.Lock()
	defer s.books.Unlock()
	for _, line := range g.budgets {
		windows, err := s.windowsOf(ctx, g, line.budget)
		if err != nil {
			return nil, err
		}
		all = append(all, windows...)
	}
	s.settling.summed.Add(1)
	return all, nil
}
