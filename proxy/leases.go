package proxy

import (
	"context"
	"sync"
	"time"
)

// leases are the holds that this gateway must keep renewing.
type leases struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

func (l *leases) add(id string) {
	l.mu.Lock()
	if l.ids == nil {
		l.ids = map[string]struct{}{}
	}
	l.ids[id] = struct{}{}
	l.mu.Unlock()
}

func (l *leases) remove(id string) {
	l.mu.Lock()
	delete(l.ids, id)
	l.mu.Unlock()
}

func (l *leases) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, 0, len(l.ids))
	for id := range l.ids {
		ids = append(ids, id)
	}
	return ids
}

// keepLeases renews the holds of requests under way, three times in a lease: so one only runs out when the gateway that took it
// has died.
func (s *Server) keepLeases(ctx context.Context) {
	every(ctx, s.HoldLease/3, func() {
		if err := s.budgets.RenewAll(ctx, s.leases.all(), s.HoldLease); err != nil {
			s.Warn("renew the holds of requests under way", err)
		}
	})
}

// sweep moves expired holds into spend, and enters the rows of those whose gateway has died into this gateway's ledger.
func (s *Server) sweep(ctx context.Context) {
	every(ctx, min(sweepEvery, s.HoldLease), func() {
		_ = s.replayLost(ctx) // before a hold whose settle was lost expires
		if err := s.budgets.Expire(ctx); err != nil {
			return // the store is down; requests say so louder
		}
		s.adoptOrphans(ctx)
	})
}

const sweepEvery = 5 * time.Second

func every(ctx context.Context, period time.Duration, do func()) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}
