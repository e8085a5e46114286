package proxy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

// restore raises the counters of an embedded store to what the ledger has: at start, and for the budgets that a reload brings. It
// only ever raises, so it may run while requests do.
func (s *Server) restore(ctx context.Context, g *generation) error {
	keeper, ok := s.budgets.(interface {
		Restore(context.Context, []budget.Charge, []pricing.Nano) error
	})
	if !ok {
		return nil // a fleet's counters outlive its gateways
	}
	for _, line := range g.budgets {
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
		return budget.Charge{Key: b.ScopeKey(f, nil) + "/" + now.ID, Limit: b.Limit, Ends: now.End}
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
	return s.regain(ctx, g)
}

// regain brings a fleet's store back that has lost its memory: this gateway adds what its own ledger knows of each window, as
// every other gateway does with its own, and only then holds money again.
func (s *Server) regain(ctx context.Context, g *generation) error {
	lost, ok := s.budgets.(interface{ Resume() })
	if !ok {
		return nil
	}
	for _, line := range g.budgets {
		windows, err := s.windowsOf(ctx, g, line.budget)
		if err != nil {
			return err
		}
		for i, w := range windows {
			id := "regain." + s.ids.next(time.Now()) + "." + strconv.Itoa(i)
			if _, err := s.budgets.Charge(ctx, id, []budget.Charge{w.charge}, w.spent); err != nil {
				return err
			}
		}
	}
	lost.Resume()
	return nil
}

// Recover finishes what the last process left undone in a fleet's store: holds that the store may not have settled. A request that
// has a row is settled at its cost, any other at the held amount, as an orphan. Settling twice changes nothing.
func (s *Server) Recover(ctx context.Context) error {
	for _, open := range s.ledger.Recovered().Opens {
		row, err := ledger.DecodeRow(open.Seed)
		if err != nil {
			return fmt.Errorf("recover the hold of %s: %w", open.ID, err)
		}
		if err := s.recoverHold(ctx, open, row); err != nil {
			return fmt.Errorf("recover the hold of %s: %w", open.ID, err)
		}
	}
	return nil
}

func (s *Server) recoverHold(ctx context.Context, open ledger.OpenHold, seed ledger.Row) error {
	entered, ended, err := s.ledger.Find(ctx, seed.ID)
	if err != nil {
		return err
	}
	cost := open.Held
	if ended {
		cost = entered.Cost
	}
	settled, err := s.budgets.Settle(ctx, open.ID, cost)
	if err != nil {
		return err
	}
	switch {
	case ended && settled.Orphaned:
		s.correct(open.ID, entered, settled.Held)
	case !ended && !settled.Orphaned && !settled.Unknown: // else another gateway has its row, or the store never took it
		orphan := seed
		orphan.ID, orphan.Kind, orphan.Cost, orphan.Baseline, orphan.Saved = open.ID, ledger.KindOrphan, open.Held, open.Held, exchange.Savings{}
		if err := s.ledger.Append(&orphan); err != nil {
			return err
		}
	}
	return s.ledger.Forget(open.ID)
}

// holdID names the n-th hold of a request, from 1: each candidate that is tried has its own.
func holdID(request string, n int) string { return request + "." + strconv.Itoa(n) }

// Standing is how one budget stands in its current window.
type Standing struct {
	Budget *policy.Budget
	Window budget.Window
	budget.State
}

// Standing returns how the budgets stand that have one window for all their requests.
func (s *Server) Standing(ctx context.Context) ([]Standing, error) {
	g := s.current.Load()
	if g == nil {
		return nil, errors.New("no policy is loaded")
	}
	var all []Standing
	var charges []budget.Charge
	for _, line := range g.budgets {
		b := line.budget
		if b.Scope.Team == policy.Each || b.Scope.Project == policy.Each || b.Scope.Key == policy.Each || b.Scope.User == policy.Each {
			continue
		}
		w := g.calendar.Window(b.Period, time.Now())
		all = append(all, Standing{Budget: b, Window: w})
		charges = append(charges, budget.Charge{Key: b.ScopeKey(&exchange.Facts{}, nil) + "/" + w.ID, Limit: b.Limit, Ends: w.End})
	}
	states := make([]budget.State, len(charges))
	if err := s.budgets.States(ctx, charges, states); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].State = states[i]
	}
	return all, nil
}

// Policy returns the policy of new requests, nil before the first Use.
func (s *Server) Policy() *policy.Policy {
	if g := s.current.Load(); g != nil {
		return g.policy
	}
	return nil
}
