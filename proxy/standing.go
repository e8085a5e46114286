package proxy

import (
	"context"
	"errors"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/policy"
)

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
		if b.Scope.Differs() {
			continue
		}
		w := g.calendar.Window(b.Period, time.Now())
		all = append(all, Standing{Budget: b, Window: w})
		charges = append(charges, budget.Charge{Key: b.ScopeKey(&exchange.Facts{}, nil) + "/" + w.ID, Limit: b.LimitAt(time.Now()), Ends: w.End})
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

// LimitStanding is how one limit stands in one of its units.
type LimitStanding struct {
	Limit *policy.Limit
	Unit  budget.Unit
	budget.Rate
}

// LimitStandings returns how the limits stand that count all their requests together.
func (s *Server) LimitStandings(ctx context.Context) ([]LimitStanding, error) {
	g := s.current.Load()
	if g == nil {
		return nil, errors.New("no policy is loaded")
	}
	var all []LimitStanding
	var limits []budget.Limit
	for _, line := range g.limits {
		l := line.limit
		if l.Scope.Differs() {
			continue
		}
		for unit, most := range [...]int64{budget.Requests: l.Requests, budget.Tokens: l.Tokens, budget.Concurrent: l.Concurrent} {
			if most > 0 {
				all = append(all, LimitStanding{Limit: l, Unit: budget.Unit(unit)})
				limits = append(limits, budget.Limit{Key: l.ScopeKey(&exchange.Facts{}), Unit: budget.Unit(unit), Most: most})
			}
		}
	}
	rates := make([]budget.Rate, len(limits))
	if err := s.budgets.Rates(ctx, limits, rates); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Rate = rates[i]
	}
	return all, nil
}
