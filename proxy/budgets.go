package proxy

import (
	"context"
	"sync"
	"time"

	"bursar/budget"
	"bursar/policy"
	"bursar/pricing"
)

// budgetLine is one budget of the policy, with the window keys it has made.
type budgetLine struct {
	budget *policy.Budget

	mu     sync.Mutex
	id     string            // the window the keys are of
	keys   map[string]string // scope to scope/window
	warned map[string]warned // by scope/window
}

// warned is how many thresholds of a window were told, and of which limit: a raise that begins or ends sets new ones.
type warned struct {
	limit pricing.Nano
	told  int
}

// BudgetEvent tells that a window has reached a threshold of its budget: one of warn_at, or all of it.
type BudgetEvent struct {
	Budget *policy.Budget
	Key    string  // scope and window
	Share  float64 // the threshold, 1 for all of it
	Team   string  // whose request has reached it; "" if the budget is of more than one team
	Renews time.Time
	budget.State
}

// nearlySpent is the share from which a budget that has refused a request counts as spent. Below it the request was too large.
const nearlySpent = 0.95

// watch tells of the thresholds that a window has newly reached, each once. A restart tells of them again: better twice than never.
func (l *budgetLine) watch(charge *budget.Charge, state budget.State, refused bool, team string, tell func(BudgetEvent)) {
	if state.Limit <= 0 || float64(state.Spent+state.Held) < l.lowest()*float64(state.Limit) {
		return
	}
	reached := 0
	for _, share := range l.budget.WarnAt {
		if float64(state.Spent) >= share*float64(state.Limit) {
			reached++
		}
	}
	thresholds := l.budget.WarnAt
	if used := state.Spent + state.Held; used >= state.Limit || refused && float64(used) >= nearlySpent*float64(state.Limit) {
		reached, thresholds = len(thresholds)+1, append(thresholds[:len(thresholds):len(thresholds)], 1)
	}
	key := charge.Key
	l.mu.Lock()
	before := l.warned[key]
	if before.limit > 0 && before.limit != state.Limit {
		before.told = 0
	}
	if reached > before.told {
		if l.warned == nil || len(l.warned) > 4096 {
			l.warned = map[string]warned{}
		}
		l.warned[key] = warned{state.Limit, reached}
	}
	l.mu.Unlock()
	for i := before.told; i < reached; i++ {
		tell(BudgetEvent{l.budget, key, thresholds[i], l.teamOf(team), charge.Ends, state})
	}
}

// teamOf returns the team of a request if the budget is of that team's requests only: a key belongs to one team.
func (l *budgetLine) teamOf(team string) string {
	if s := &l.budget.Scope; s.Team != "" || s.Key != "" {
		return team
	}
	return ""
}

// lowest is the share that the first event comes at.
func (l *budgetLine) lowest() float64 {
	if w := l.budget.WarnAt; len(w) > 0 {
		return min(w[0], nearlySpent)
	}
	return nearlySpent
}

// key returns scope/window without making it anew for each request.
func (l *budgetLine) key(scope, window string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.id != window || l.keys == nil || len(l.keys) > 4096 {
		l.id, l.keys = window, map[string]string{}
	}
	key, ok := l.keys[scope]
	if !ok {
		key = scope + "/" + window
		l.keys[scope] = key
	}
	return key
}

// budgetViews remembers the last known state of each window, so that rules on budget_used need no call of their own: a reserve
// brings the states along. A view older than a second is fetched anew.
type budgetViews struct {
	mu    sync.Mutex
	views map[string]budgetView
}

type budgetView struct {
	budget.State
	at time.Time
}

const viewAge = time.Second

func (v *budgetViews) note(charges []budget.Charge, states []budget.State) {
	if len(states) != len(charges) {
		return
	}
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.views == nil || len(v.views) > 1<<16 {
		v.views = map[string]budgetView{}
	}
	for i := range charges {
		v.views[charges[i].Key] = budgetView{states[i], now}
	}
}

func (v *budgetViews) fresh(charges []budget.Charge, into []budget.State) bool {
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range charges {
		view, ok := v.views[charges[i].Key]
		if !ok || now.Sub(view.at) > viewAge {
			return false
		}
		into[i] = view.State
		into[i].Limit = charges[i].Limit
	}
	return true
}

// budgetUsed returns the used share of the fullest budget that the request touches. When the store is down the share is unknown
// and counts as 1: a rule that protects a budget then protects it.
func (s *Server) budgetUsed(t *trip) float64 {
	model, ok := t.using.policy.Resolve(t.Facts.Model)
	if !ok {
		model = t.using.policy.Default
	}
	s.charge(t, t.using, &t.Facts, model.Use[0])
	states := make([]budget.State, len(t.charges))
	if !s.views.fresh(t.charges, states) {
		if err := s.budgets.States(context.Background(), t.charges, states); err != nil {
			return 1
		}
		s.views.note(t.charges, states)
	}
	used := 0.0
	for _, state := range states {
		if state.Limit > 0 {
			used = max(used, float64(state.Spent+state.Held)/float64(state.Limit))
		}
	}
	return used
}
