package proxy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bursar/budget"
	"bursar/ledger"
	"bursar/pricing"
)

// settler settles holds off the reply path, many in one round trip. The ledger row is journalled before, so nothing is lost between;
// what the store does not take, because it is down, is tried again until it does. A hold that expires meanwhile is corrected by
// its late settle. The queue needs no bound: while the store is down no new holds are taken.
type settler struct {
	mu      sync.Mutex
	waiting []settlement
	queued  int64         // settlements that ever waited
	done    int64         // those of them that have been tried until the store took them
	grown   chan struct{} // closed when done has grown; nil while nobody cares
	closed  bool
	wake    chan struct{} // something waits, or the settler is closed
	regain  chan struct{} // the store has lost its memory
	lately  lately
	summed  atomic.Int64 // how often the ledger was added up for it; raised while no row is booked
	resumed atomic.Int64 // how often it was restored
}

// settlement is one hold to settle. The charges are for a store that has lost the hold, the row for a hold that has expired.
type settlement struct {
	budget.Settlement
	charges    []budget.Charge
	row        ledger.Row
	journalled string // the hold's id in the journal
	summed     int64  // how often the ledger had been added up when the row was entered
}

func newSettler() settler {
	return settler{wake: make(chan struct{}, 1), regain: make(chan struct{}, 1)}
}

// settleLater settles a request's hold: at once if the store is in this process, else soon. Until then its lease is renewed. The row is that of what
// was paid under it.
func (s *Server) settleLater(t *trip, row *ledger.Row, actual pricing.Nano, tokens int64) {
	if s.Embedded {
		s.leases.remove(t.hold.ID)
		settled, err := s.budgets.Settle(context.Background(), budget.Settlement{ID: t.hold.ID, Actual: actual, Tokens: tokens})
		if err != nil {
			s.Warn("settle a hold", err)
		}
		if settled.Orphaned { // this process was stopped for longer than a lease
			s.correct(t.hold.ID, *row, settled.Held)
		}
		s.overrun(t.hold.ID, &settled)
		return
	}
	next := settlement{budget.Settlement{ID: t.hold.ID, Actual: actual, Tokens: tokens}, slices.Clone(t.charges), *row, t.journalled, s.settling.summed.Load()}
	q := &s.settling
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.waiting = append(q.waiting, next)
		q.queued++
	}
	q.mu.Unlock()
	if closed { // a stream that outlived the drain
		s.settleNow([]settlement{next})
		return
	}
	q.signal()
}

func (q *settler) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // awake already
	}
}

// close lets what waits be settled, and ends the settler then.
func (q *settler) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// mostAtATime bounds the settlements of one round trip.
const mostAtATime = 128

// take returns the next settlements. Last says that none will follow.
func (q *settler) take() (batch []settlement, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), mostAtATime)
	batch, q.waiting = q.waiting[:n:n], q.waiting[n:]
	return batch, q.closed && len(q.waiting) == 0
}

// longestAwait bounds how long a request waits for settlements: a store that takes longer is about to be down.
const longestAwait = 250 * time.Millisecond

// busy tells whether something is queued that has not been settled.
func (q *settler) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.done < q.queued
}

// await waits until all that is queued by now has been settled. False: nothing was, or it takes too long.
func (q *settler) await() bool {
	late := time.NewTimer(longestAwait)
	defer late.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	goal := q.queued
	waits := q.done < goal
	for q.done < goal {
		if q.grown == nil {
			q.grown = make(chan struct{})
		}
		grown := q.grown
		q.mu.Unlock()
		select {
		case <-grown:
			q.mu.Lock()
		case <-late.C:
			q.mu.Lock()
			return false
		}
	}
	return waits
}

// finish notes that n more have been settled.
func (q *settler) finish(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done += int64(n)
	if q.grown != nil {
		close(q.grown)
		q.grown = nil
	}
}

// settleQueued settles what is queued until the settler is closed and the queue is empty.
func (s *Server) settleQueued() {
	for range s.settling.wake {
		for {
			batch, last := s.settling.take()
			if len(batch) > 0 {
				s.settleNow(batch)
				s.settling.finish(len(batch))
			}
			if last {
				return
			}
			if len(batch) == 0 {
				break
			}
		}
	}
}

// settleNow settles until the store takes it. While draining it gives up after a while: the journal still has those holds open, and
// the recovery at the next start settles them.
func (s *Server) settleNow(batch []settlement) {
	calls, results := make([]budget.Settlement, len(batch)), make([]budget.Settled, len(batch))
	for i := range batch {
		calls[i] = batch[i].Settlement
	}
	wait, begun, failed := 20*time.Millisecond, time.Now(), false
	for tries := 1; ; tries++ {
		err := s.budgets.SettleBatch(context.Background(), calls, results)
		if err == nil {
			break
		}
		failed = true
		if tries == 1 {
			s.Warn("settle holds; tried again until the store answers", err)
		}
		if s.draining.Load() && tries > 8 {
			return
		}
		time.Sleep(wait)
		wait = min(2*wait, time.Second)
	}
	if s.lostSince(results) { // what it forgot is in the ledger, and added up from there: settled before that it would count twice
		if !s.draining.Load() {
			s.settleAgain(batch)
		}
		return
	}
	known := batch[:0:0] // to the store, once and for all: what it was restored with must not be settled again
	for i := range batch {
		s.settled(&batch[i], &results[i], time.Since(begun))
		if !results[i].Pending && !s.added(batch[i]) {
			known = append(known, batch[i])
		}
	}
	s.settling.lately.note(known)
	if failed {
		_ = s.replayLost(context.Background()) // it may be another server that answers now; if not the sweep asks again
	}
}

// storeRemembers is how long the store surely knows the holds it has settled. A hold that it does not know later may be one.
const storeRemembers = 9 * time.Minute

// settled books what a settle brought to light, and closes the hold in the journal.
func (s *Server) settled(done *settlement, result *budget.Settled, tried time.Duration) {
	s.leases.remove(done.ID)
	switch {
	case result.Orphaned:
		s.correct(done.ID, done.row, result.Held)
	case result.Unknown && s.added(*done): // the store was restored from a ledger that had the row
	case result.Unknown && done.Actual > 0 && tried < storeRemembers: // lost, say by a failover: the spend is real all the same
		if _, err := s.budgets.Charge(context.Background(), done.ID, done.charges, done.Actual); err != nil {
			s.Warn("charge what a lost hold cost; the recovery at the next start tries again", err)
			return
		}
	}
	s.overrun(done.ID, result)
	if result.Pending {
		return // its slice is told of later, and closes it
	}
	if err := s.ledger.Forget(done.journalled); err != nil {
		s.Warn("close a hold in the journal", err)
	}
}

// added tells whether the store has been restored from the ledger since the settlement's row was entered.
func (s *Server) added(done settlement) bool { return done.summed < s.settling.summed.Load() }

// overrun tells of a request that cost more than its worst case: a bound of ours is none, or the provider tells what cannot be.
func (s *Server) overrun(hold string, result *budget.Settled) {
	if result.Overrun > 0 {
		s.Warn("a request cost more than was held for it", fmt.Errorf("hold %s: $%s held, $%s more spent", hold, result.Held.Dollars(), result.Overrun.Dollars()))
	}
}
