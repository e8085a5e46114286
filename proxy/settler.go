package proxy

import (
	"context"
	"sync"
	"time"

	"bursar/pricing"
)

// settler settles holds off the reply path. The ledger row is journalled before, so nothing is lost between; what the store does
// not take, because it is down, is tried again until it does. A hold that expires meanwhile is corrected by its late settle.
type settler struct {
	queue  chan settlement
	regain chan struct{} // the store has lost its memory
}

type settlement struct {
	id     string
	actual pricing.Nano
}

// settleQueue bounds what waits; when it is full the caller settles itself, which slows requests to the store's pace.
const settleQueue = 4096

func (q *settler) start(s *Server, running *sync.WaitGroup) {
	q.queue = make(chan settlement, settleQueue)
	q.regain = make(chan struct{}, 1)
	running.Go(func() {
		for next := range q.queue {
			s.settleHold(next)
		}
	})
}

// lost asks for the store's memory to be restored. Requests are refused until it is.
func (q *settler) lost() {
	select {
	case q.regain <- struct{}{}:
	default: // asked already
	}
}

// restoreLost restores a store that has lost its memory, whenever one has.
func (s *Server) restoreLost(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.settling.regain:
			err := s.regain(ctx, s.current.Load())
			s.Warn("the budget store had lost its memory; restored it from this gateway's ledger", err)
		}
	}
}

// close settles what is queued and ends.
func (q *settler) close() { close(q.queue) }

// settleLater queues a settlement.
func (s *Server) settleLater(id string, actual pricing.Nano) {
	s.leases.remove(id)
	next := settlement{id, actual}
	if s.Embedded {
		s.settleHold(next)
		return
	}
	select {
	case s.settling.queue <- next:
	default:
		s.settleHold(next)
	}
}

// settleHold settles until the store takes it, or for as long as the store itself keeps a hold that nobody renews: after that it
// has become spend at the held amount, and the recovery at the next start corrects it from the journal.
func (s *Server) settleHold(next settlement) {
	wait := 20 * time.Millisecond
	for begun := time.Now(); ; {
		settled, err := s.budgets.Settle(context.Background(), next.id, next.actual)
		if err == nil {
			if settled.Orphaned {
				s.correct(next.id, settled.Held)
			}
			if !s.Embedded { // in the embedded mode the request's row closes its hold
				if err := s.ledger.Forget(next.id); err != nil {
					s.Warn("close a hold in the journal", err)
				}
			}
			return
		}
		if s.draining.Load() || time.Since(begun) > s.HoldLease {
			s.Warn("settle a hold; it stays held until it expires into spend", err)
			return
		}
		time.Sleep(wait)
		wait = min(2*wait, 2*time.Second)
	}
}

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
