package budget

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Keep tends the slices until ctx ends: it reports what was spent, gives back what is idle or wanted elsewhere, renews and ends slices, and
// watches whether the store answers. Drain then gives back the rest.
func (l *Leased) Keep(ctx context.Context, j Journal) {
	l.mu.Lock()
	l.journal = j
	l.mu.Unlock()
	tick := time.NewTicker(l.options.Pulse)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.filling.Wait()
			return
		case <-tick.C:
		case <-l.wake:
		}
		l.pulse(ctx)
	}
}

// Drain ends all slices whose holds are settled, and gives back what is idle in the others, before the process ends. What it does not
// reach before ctx ends, the journal still has.
func (l *Leased) Drain(ctx context.Context) {
	defer l.drained.Store(true)
	for ctx.Err() == nil {
		l.mu.Lock()
		left := 0
		for _, s := range l.slices {
			l.retire(s)
			if s.open == 0 || s.idle() > 0 || len(s.pending) > 0 {
				left++
			}
		}
		l.mu.Unlock()
		if left == 0 {
			break
		}
		if l.pulse(ctx); l.down.Load() {
			return
		}
	}
	l.leave(ctx)
}

const (
	reportEvery = 500 * time.Millisecond // of what was spent, unless a fill told it
	wantedFor   = 2 * time.Second        // how long a counter without room gets no slices
	purseLasts  = time.Minute            // unused
)

// pulse does what is due.
func (l *Leased) pulse(ctx context.Context) {
	if !l.joined.Load() || l.suspect.Load() || l.options.Servers.moved.Load() {
		if err := l.join(ctx); err != nil && !errors.Is(err, errRejoining) {
			return
		}
	}
	counters, err := l.redis.run(ctx, beatScript, []string{l.redis.keys.members, l.redis.keys.wanted, l.redis.keys.idle, l.redis.keys.since},
		l.options.Gateway, l.redis.drift.Milliseconds())
	if l.heard(err) != nil {
		return
	}
	l.answered()
	now := l.options.Clock()
	l.mu.Lock()
	for _, counter := range counters {
		l.wanted[counter] = now.Add(wantedFor)
	}
	for counter, until := range l.wanted {
		if now.After(until) {
			delete(l.wanted, counter)
		}
	}
	l.mu.Unlock()
	l.putDue(ctx, now)
	l.endDue(ctx)
	l.tidy(ctx, now)
}

// putDue makes the puts that are due, in few round trips.
func (l *Leased) putDue(ctx context.Context, now time.Time) {
	l.mu.Lock()
	var due []*put
	for _, s := range l.slices {
		if a, ok := l.due(s, now); ok {
			s.busy = make(chan struct{})
			due = append(due, l.begin(s, a))
		}
	}
	l.mu.Unlock()
	for len(due) > 0 {
		batch := due[:min(len(due), mostPuts)]
		due = due[len(batch):]
		l.putAll(ctx, batch)
	}
}

// mostPuts bounds how long one call keeps Redis busy.
const mostPuts = 64

func (l *Leased) putAll(ctx context.Context, batch []*put) {
	ctx, cancel := context.WithTimeout(ctx, l.redis.options.Timeout)
	defer cancel()
	calls := make([]call, len(batch))
	for i, b := range batch {
		calls[i] = b.call
	}
	replies, err := l.redis.runAll(ctx, sliceScript, calls)
	for i, b := range batch {
		var reply []string
		if err == nil {
			reply = texts(replies[i])
		}
		_, _ = l.finish(b, reply, err) // an error is heard, and the next pulse tries again
	}
}

// due tells whether a slice is to be put, and how.
func (l *Leased) due(s *slice, now time.Time) (a ask, due bool) {
	if s.busy != nil || s.expired || !s.born && !s.unsure && s.owed == 0 {
		return a, false
	}
	wanted := l.isWanted(s)
	a.give = s.idle() > 0 && (s.retired || wanted || now.Sub(s.purse.used) > l.options.Idle)
	if wanted {
		s.purse.near = now.Add(nearFor)
	}
	switch since := now.Sub(s.put); {
	case s.ends():
		return a, s.unsure // else its end tells all
	case a.give, s.unsure, s.owed > 0, len(s.pending) >= mostPending:
		return a, true
	case len(s.pending) > 0:
		return a, since >= min(reportEvery, s.lease/3) || s.retired
	default:
		return a, since > s.lease/3
	}
}

// ends tells whether nothing more can come of a slice.
func (s *slice) ends() bool { return s.retired && s.open == 0 }

// isWanted tells whether somebody finds no room in a counter of the slice.
func (l *Leased) isWanted(s *slice) bool {
	return len(l.wanted) > 0 && slices.ContainsFunc(s.counters, func(counter string) bool {
		_, wanted := l.wanted[counter]
		return wanted
	})
}

// mayFill tells whether a purse may ask for a slice.
func (l *Leased) mayFill(p *purse, now time.Time) bool {
	return !l.down.Load() && now.After(p.near) && (p.current == nil || !l.isWanted(p.current))
}

// endDue ends the slices that nothing more can come of.
func (l *Leased) endDue(ctx context.Context) {
	now := l.options.Clock()
	l.mu.Lock()
	var over []*slice
	for _, s := range l.slices {
		if s.open == 0 && now.Sub(s.purse.used) > l.options.Idle && s.busy == nil && s.purse.filling == nil {
			l.retire(s)
		}
		if s.ends() && s.busy == nil && (!s.unsure || s.spent == 0) {
			s.busy = make(chan struct{})
			over = append(over, s)
		}
	}
	l.mu.Unlock()
	for _, s := range over {
		l.end(ctx, s)
	}
}

// end settles a slice at what was spent of it and not told yet.
func (l *Leased) end(ctx context.Context, s *slice) {
	rest := s.spent - s.reported
	var done Settled
	if s.born || s.unsure || rest > 0 {
		var err error
		if done, err = l.redis.Charge(ctx, s.id, s.charges, rest); l.heard(err) != nil {
			l.mu.Lock()
			l.free(s)
			l.mu.Unlock()
			return // the next pulse tries again
		}
	}
	l.given.Add(1)
	if len(s.pending) > 0 {
		l.journal.Reported(s.id, s.pending)
	}
	l.journal.EndSlice(s.id, s.seed, done)
	l.mu.Lock()
	l.acknowledge(s, s.owed)
	s.pending, s.reported = nil, s.spent
	if _, kept := l.slices[s.id]; kept { // else the store has lost it meanwhile
		l.ended = append(l.ended, endedSlice{s, l.options.Clock()})
		l.unlink = append(l.unlink, l.redis.keys.slice(s.id))
	}
	l.mu.Unlock()
	l.drop(s)
}

// tidy forgets what is over: here, and in Redis.
func (l *Leased) tidy(ctx context.Context, now time.Time) {
	l.mu.Lock()
	for key, p := range l.purses {
		if p.current == nil && p.filling == nil && now.Sub(p.used) > purseLasts && now.After(p.near) {
			delete(l.purses, key)
		}
	}
	for counter, p := range l.pleas {
		if now.Sub(p.told) > purseLasts {
			delete(l.pleas, counter)
		}
	}
	l.forgetEnded(now, endedMayBeLost)
	unlink := l.unlink
	l.unlink = nil
	l.mu.Unlock()
	if len(unlink) > 0 {
		ctx, cancel := context.WithTimeout(ctx, l.redis.options.Timeout)
		defer cancel()
		_ = l.redis.client.Unlink(ctx, unlink...).Err() // they go by themselves after a day
	}
}
