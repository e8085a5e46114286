package proxy

import (
	"context"
	"sync"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/policy"
)

// alone counts limits in this process while the store does not answer, for those that allow it. Each gateway then lets as much pass as
// the whole fleet otherwise may.
type alone struct {
	store *budget.Memory
	mu    sync.Mutex
	swept time.Time
}

func newAlone() alone { return alone{store: budget.NewMemory(nil, budget.Options{})} }

// aloneLease is when a place is given up that nobody has left: only a bug of ours can forget to.
const aloneLease = time.Hour

// limitAlone counts a request that the store did not. It takes no money: it is for requests that no budget bounds, or whose money a store that is
// away has granted for its own part.
func (s *Server) limitAlone(t *trip, down error) *shortage {
	for _, line := range t.slowed {
		if line.limit.OnStoreDown != policy.Local && !line.limit.Observe {
			return &shortage{fault: storeDown(down), final: true}
		}
	}
	s.alone.sweep(t.Start)
	grant, err := s.alone.store.Reserve(context.Background(), &budget.Hold{ID: t.hold.ID, Limits: t.limits, Tokens: t.hold.Tokens, Lease: aloneLease})
	if err != nil {
		return &shortage{fault: asFault(err), final: true}
	}
	s.watchLimits(t, &grant)
	if !grant.OK {
		return t.slower(&grant)
	}
	t.alone = true
	t.within(grant.Rates)
	return nil
}

// leaveAlone ends what a request takes of limits that this process counts by itself.
func (s *Server) leaveAlone(t *trip, tokens int64) {
	if !t.alone {
		return
	}
	t.alone = false
	if _, err := s.alone.store.Settle(context.Background(), budget.Settlement{ID: t.hold.ID, Tokens: tokens}); err != nil {
		s.Warn("leave a limit", err)
	}
}

// sweep forgets what is over. There is no money in it, so nobody need hear of what has expired.
func (a *alone) sweep(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.swept) < time.Minute {
		return
	}
	a.swept = now
	ctx := context.Background()
	_ = a.store.Expire(ctx) // a Memory does not fail
	orphans, _ := a.store.Orphans(ctx, 1<<20)
	for _, o := range orphans {
		_ = a.store.AckOrphan(ctx, o.ID)
	}
}

// slower is the shortage of a limit. Another model has limits of its own, if this one is of a model.
func (t *trip) slower(g *budget.Grant) *shortage {
	return &shortage{fault: t.slow(g), final: t.slowed[g.Slow].limit.Scope.Model == ""}
}

// storeDown tells that nobody knows what is spent, nor what has passed.
func storeDown(err error) *exchange.Fault {
	return &exchange.Fault{
		Status: 503, Type: "server_error", Code: "budget_store_down", Reason: exchange.ReasonBudgetStore, Err: err,
		Message: "The budget store does not answer, and the policy denies requests without it.", Hint: "Try again in a moment.",
		RetryAfter: 2 * time.Second,
	}
}
