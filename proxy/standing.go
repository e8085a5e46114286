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
