package proxy

import (
	"context"
	"errors"
	"slices"
	"time"

	"bursar/budget"
)

var errLost = errors.New("it had lost its memory")

// lostSince tells whether the store does not know holds because it has lost its memory, and asks for that to be restored.
func (s *Server) lostSince(results []budget.Settled) bool {
	if !slices.ContainsFunc(results, func(r budget.Settled) bool { return r.Unknown }) {
		return false
	}
	store, ok := s.budgets.(interface {
		Incarnation(context.Context) (string, error)
	})
	if !ok {
		return false
	}
	resumed := s.settling.resumed.Load()
	if _, err := store.Incarnation(context.Background()); !errors.Is(err, budget.ErrStoreLost) {
		return false
	}
	s.settling.lost(resumed)
	return true
}

// settleAgain queues settlements once more, for when the store is restored.
func (s *Server) settleAgain(batch []settlement) {
	time.Sleep(20 * time.Millisecond)
	q := &s.settling
	q.mu.Lock()
	q.waiting = append(q.waiting, batch...)
	q.queued += int64(len(batch))
	q.mu.Unlock()
	q.signal()
}

// lost asks for the store's memory to be restored. Requests are refused until it is. One that came upon the loss before the last
// restoring, but says so after it, asks in vain.
func (q *settler) lost(resumed int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if resumed != q.resumed.Load() {
		return
	}
	select {
	case q.regain <- struct{}{}:
	default: // asked already
	}
}

// again notes that the store holds money again: whoever had asked for it has what it wanted.
func (q *settler) again() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.resumed.Add(1)
	select {
	case <-q.regain:
	default:
	}
}

// restoreLost restores a store that has lost its memory, whenever one has.
func (s *Server) restoreLost(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.settling.regain:
		}
		var sums []window // added up once: what was tried with them stands
		err := s.regain(ctx, s.current.Load(), &sums)
		for ; err != nil && ctx.Err() == nil; err = s.regain(ctx, s.current.Load(), &sums) {
			s.Warn("restore the budget store, which has lost its memory; tried again", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		if err == nil {
			s.Warn("restored the budget store from this gateway's ledger", errLost)
		}
	}
}
