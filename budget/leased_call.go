package budget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/pricing"
)

// call takes a hold by a call to Redis. Where that finds no room, it has other gateways give back what lies idle in their slices, and
// waits for it. While the store is away it takes what the budgets allow to be spent without it.
func (l *Leased) call(ctx context.Context, h *Hold) (Grant, error) {
	given := l.given.Load()
	g, err := l.reserve(ctx, h)
	if err == nil && g.Short >= 0 && g.Slow < 0 {
		if g, err = l.beg(ctx, h, g, given); err != nil {
			return g, err
		}
	}
	if errors.Is(err, ErrUnsent) { // else it may have been carried out, and h be held in Redis
		if own, ok := l.owe(h); ok {
			return own, nil
		}
	}
	return g, err
}

func (l *Leased) reserve(ctx context.Context, h *Hold) (Grant, error) {
	if err := l.gate(ctx); err != nil {
		return Grant{}, fmt.Errorf("reserve %q: %w", h.ID, err)
	}
	g, err := l.redis.Reserve(ctx, h)
	if err = l.heard(err); err == nil && g.OK {
		own := *h
		own.Want, own.States, own.Seed = g.Amount, nil, append([]byte(nil), h.Seed...)
		own.Charges = append([]Charge(nil), h.Charges...)
		l.mu.Lock()
		l.calls[h.ID] = own
		l.mu.Unlock()
	}
	return g, err
}

// heard notes whether the store answers. When it refuses connections, or several calls in a row had no answer in time, no request waits for it
// any more: the pulse tries it again. One slow call alone is no outage.
func (l *Leased) heard(err error) error {
	switch {
	case err == nil:
		l.silent.Store(0)
	case errors.Is(err, ErrStoreLost):
		l.void()
	case errors.Is(err, context.Canceled): // the caller left, which says nothing of the store
	case errors.Is(err, ErrStoreDown):
		l.look()
		if l.silent.Add(1) >= mostSilent || errors.Is(err, ErrUnsent) {
			l.down.Store(true)
		}
		l.rouse()
	}
	return err
}

// answered notes that the store does.
func (l *Leased) answered() {
	l.silent.Store(0)
	l.down.Store(false)
}

// mostSilent is how many calls in a row may go without an answer before the store counts as down.
const mostSilent = 3

var errDown = fmt.Errorf("it did not answer before, and is being tried again: %w: %w", ErrStoreDown, ErrUnsent)

// How long a hold waits for money to come back from other gateways' slices. They look for it with each pulse.
const (
	begFor   = 250 * time.Millisecond
	begTries = 10
	begAgain = 500 * time.Millisecond // a counter without room is told of so often
)

// plea is what is known of a counter without room.
type plea struct {
	told  time.Time
	until time.Time // what other gateways had idle may come back until then
}

// beg asks for money back from other gateways, and takes h again and again until it is there or cannot be. Given is how often this gateway had
// given something back before h was refused.
func (l *Leased) beg(ctx context.Context, h *Hold, g Grant, given int64) (Grant, error) {
	for range begTries {
		hope, err := l.plead(ctx, h.Charges[g.Short].Key)
		if g.OK || err != nil || !hope && given == l.given.Load() {
			return g, nil //nolint:nilerr // that there is no room is known all the same
		}
		select {
		case <-ctx.Done():
			return g, nil
		case <-time.After(l.options.patience / begTries):
		}
		h.States, given = nil, l.given.Load()
		if g, err = l.reserve(ctx, h); err != nil || g.OK || g.Short < 0 || g.Slow >= 0 {
			return g, err
		}
	}
	return g, nil
}

// plead tells all gateways of a counter without room, and whether something may come of it.
func (l *Leased) plead(ctx context.Context, key string) (hope bool, err error) {
	counter := l.redis.keys.counter(key)
	now := l.options.Clock()
	l.mu.Lock()
	p, known := l.pleas[counter]
	fresh := known && now.Sub(p.told) < begAgain
	if !fresh {
		p.told = now
		l.pleas[counter] = p
		l.wanted[counter] = now.Add(wantedFor)
	}
	l.mu.Unlock()
	l.rouse() // what is idle here goes back, too
	if fresh {
		return now.Before(p.until) || l.returns(counter), nil
	}
	reply, err := l.redis.run(ctx, begScript, []string{l.redis.keys.wanted, l.redis.keys.idle, l.redis.keys.since}, counter,
		l.redis.drift.Milliseconds(), wantedFor.Milliseconds())
	if err == nil && len(reply) != 2 {
		err = fmt.Errorf("%w: %q: %w", errReply, reply, ErrStoreDown)
	}
	if l.heard(err) != nil {
		return false, err
	}
	amounts, err := parseAmounts(reply)
	if err != nil {
		return false, err
	}
	asked, idle := time.Duration(amounts[0])*time.Millisecond, amounts[1]
	if idle > 0 && asked < begFor {
		p.until = now.Add(begFor - asked)
	}
	l.mu.Lock()
	l.pleas[counter] = p
	l.mu.Unlock()
	return now.Before(p.until) || l.returns(counter), nil
}

// returns tells whether money of a counter is about to go back from here.
func (l *Leased) returns(counter string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.slices {
		if (s.idle() > 0 || s.busy != nil) && slices.Contains(s.counters, counter) {
			return true
		}
	}
	return false
}

// owe takes a hold while the store is away, from what is left of a slice and from what each charge allows to be spent without it. The
// store hears of it when it is back.
func (l *Leased) owe(h *Hold) (Grant, bool) {
	now := l.options.Clock()
	l.mu.Lock()
	p := l.purse(h.Charges)
	s := p.current
	if s != nil && !s.sameLimits(h.Charges) {
		l.retire(s)
		s = nil
	}
	may := l.mayOwe(h)
	room := max(0, s.room())
	if may < 0 || len(h.Charges) == 0 || room+may < h.Least {
		l.mu.Unlock()
		return Grant{}, false
	}
	fresh := s == nil
	if fresh {
		s = l.newSlice(p, h)
	}
	l.mu.Unlock()
	if fresh {
		if err := l.journal.BeginSlice(s.id, s.about()); err != nil {
			l.drop(s)
			return Grant{}, false
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	may, room = l.mayOwe(h), max(0, s.room()) // the lock was open
	amount := min(h.Want, room+may)
	if s.retired || amount < h.Least {
		return Grant{}, false
	}
	if more := amount - room; more > 0 {
		s.funds, s.owed = s.funds+more, s.owed+more
		for _, b := range s.budgets {
			l.owed[b.key] += more
		}
	}
	g := l.take(s, h, amount, now)
	if amount < h.Want {
		g.Short = l.tightest(h)
	}
	return g, true
}

// mayOwe is the most that all charges of a hold allow to be taken without the store, -1 if one allows nothing ever.
func (l *Leased) mayOwe(h *Hold) pricing.Nano {
	may := h.Want
	for i := range h.Charges {
		c := &h.Charges[i]
		if c.Local <= 0 {
			return -1
		}
		may = min(may, max(0, c.Local-l.owed[c.Key]))
	}
	return may
}

// tightest is the charge that allows the least to be taken without the store.
func (l *Leased) tightest(h *Hold) (at int) {
	for i := range h.Charges {
		if h.Charges[i].Local-l.owed[h.Charges[i].Key] < h.Charges[at].Local-l.owed[h.Charges[at].Key] {
			at = i
		}
	}
	return at
}
