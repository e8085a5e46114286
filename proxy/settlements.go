package proxy

import (
	"context"
	"slices"
	"sync"
	"time"
)

// lately remembers the last settlements, for a store that was restarted and has lost its last moments: Redis with `appendfsync
// everysec` may answer before it writes, and a replica that takes over has not heard of everything. A hold whose settle is lost is
// open again, and would expire into spend a second time.
type lately struct {
	mu          sync.Mutex
	settled     []settledAt // oldest first
	incarnation string      // the server that took them

	replaying sync.Mutex // one replay at a time
}

type settledAt struct {
	settlement
	at time.Time
}

const (
	// mayBeLost is how old a settlement is that no restart can take any more: Redis says two seconds.
	mayBeLost = 10 * time.Second
	// mostReplayed is younger than what the store forgets: settling again what it does not know any more would charge it twice.
	mostReplayed = 5 * time.Minute
)

func (l *lately) note(batch []settlement) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range batch {
		l.settled = append(l.settled, settledAt{batch[i], now})
	}
}

// forget drops settlements that are older than age.
func (l *lately) forget(age time.Duration) {
	oldest := time.Now().Add(-age)
	keep := slices.IndexFunc(l.settled, func(s settledAt) bool { return s.at.After(oldest) })
	if keep < 0 {
		keep = len(l.settled)
	}
	l.settled = slices.Delete(l.settled, 0, keep)
}

// forgetAll drops all settlements, and keeps replays away until it is told to end.
func (l *lately) forgetAll() (end func()) {
	l.replaying.Lock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled = nil
	return l.replaying.Unlock
}

// seen notes which server answers, and returns what must be settled again if it is another one than before.
func (l *lately) seen(incarnation string) []settledAt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.incarnation == incarnation {
		l.forget(mayBeLost)
		return nil
	}
	l.forget(mostReplayed)
	return slices.Clone(l.settled)
}

// replayLost settles again what was settled lately, if it is another server now that answers. What was not lost is not changed by
// that.
func (s *Server) replayLost(ctx context.Context) error {
	store, ok := s.budgets.(interface {
		Incarnation(context.Context) (string, error)
	})
	if !ok {
		return nil // it lives and dies with this process
	}
	l := &s.settling.lately
	l.replaying.Lock()
	defer l.replaying.Unlock()
	now, err := store.Incarnation(ctx)
	if err != nil {
		return err // asked again soon
	}
	for _, done := range l.seen(now) {
		result, err := s.budgets.Charge(ctx, done.ID, done.charges, done.Actual)
		if err != nil {
			s.Warn("settle again what a restarted budget store may have lost; tried again", err)
			return err
		}
		if result.Orphaned { // it had expired meanwhile
			s.correct(done.ID, done.row, result.Held)
		}
	}
	l.mu.Lock()
	l.incarnation = now
	l.mu.Unlock()
	return nil
}
