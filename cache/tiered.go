package cache

import (
	"context"
	"time"
)

// Tiered is a small memory in front of Redis. What one gateway asks for again and again does not travel each time. The memory holds no
// answer longer than Redis does, serves none that a purge has reached, and serves nothing when Redis cannot say whether one has.
type Tiered struct {
	near  *Memory
	far   *Redis
	limit time.Duration
}

// NewTiered puts a memory in front of Redis. No answer stays in it longer than limit; 0 is 30 seconds. Both are the Tiered's now: use
// and close them through it.
func NewTiered(near *Memory, far *Redis, limit time.Duration) *Tiered {
	defaultTo(&limit, 30*time.Second)
	t := &Tiered{near: near, far: far, limit: limit}
	far.flight.keep = func(c *course, a *Answer, ttl time.Duration) { t.put(c.key, a, ttl, c.lease) }
	return t
}

// Get returns the answer under a key, if there is one that still lives.
func (t *Tiered) Get(ctx context.Context, key Key) (*Answer, bool) {
	a := t.Find(ctx, &Ask{Key: key})
	return a, a != nil
}

// Find is Get with bounds.
func (t *Tiered) Find(ctx context.Context, ask *Ask) *Answer {
	if a, lost := t.nearby(ctx, ask); a != nil || lost {
		return a
	}
	f, _ := t.far.lookup(ctx, ask, nil, t.far.options.Lookup)
	t.far.count(f.answer != nil)
	t.remember(ask.Key, &f)
	return f.answer
}

// nearby returns the answer that the memory has and that surely was not purged. Lost says that it has one, but that Redis does not tell.
func (t *Tiered) nearby(ctx context.Context, ask *Ask) (a *Answer, lost bool) {
	if ask.Key.IsZero() {
		return nil, false
	}
	epoch, due := t.far.epochs.current(t.far.options.Now())
	a, ok := t.near.get(ask, epoch, &t.far.hidden)
	if ok && due { // only a hit is worth the question whether the epoch still holds: a lookup asks it anyway
		now, told := t.far.freshEpoch(ctx)
		if !told {
			t.far.count(false)
			return nil, true
		}
		a, ok = t.near.get(ask, now, &t.far.hidden)
	}
	if !ok {
		return nil, false
	}
	t.near.hits.Add(1)
	return a, false
}

func (t *Tiered) remember(key Key, f *found) {
	if f.answer == nil {
		return
	}
	if left := f.expires.Sub(t.far.options.Now()); left > 0 {
		t.near.put(key, f.answer, min(left, t.limit), f.epoch)
	}
}

// Join returns the answer under a key or else a seat in the flight, of the whole fleet, that makes it.
func (t *Tiered) Join(ctx context.Context, ask *Ask) (*Answer, *Seat) {
	a, lost := t.nearby(ctx, ask)
	if a != nil {
		return a, nil
	}
	f, seat := t.far.board(ctx, ask, lost)
	t.remember(ask.Key, &f)
	return f.answer, seat
}

// Mark is what has been purged so far, as far as this gateway knows.
func (t *Tiered) Mark() Mark { return t.far.Mark() }

// Hides reports whether a purge that this gateway knows of has reached an answer that carries these labels and was asked for at mark.
func (t *Tiered) Hides(key Key, labels []string, mark Mark) bool {
	return t.far.Hides(key, labels, mark)
}

// Put keeps a copy of an answer for ttl, if it is complete and not too large. The next Get of this gateway sees it.
func (t *Tiered) Put(_ context.Context, key Key, answer *Answer, ttl time.Duration) {
	t.put(key, answer, ttl, "")
}

func (t *Tiered) put(key Key, answer *Answer, ttl time.Duration, lease string) {
	if !t.far.accepts(key, answer, ttl) {
		t.far.giveUp(key, answer.Mark, lease)
		return
	}
	a := answer.clone(t.far.options.Now())
	if a.Mark == (Mark{}) {
		a.Mark = t.far.Mark()
	}
	if a.Mark.Epoch != 0 {
		t.near.put(key, a, min(ttl, t.limit), a.Mark.Epoch)
	}
	t.far.put(key, a, ttl, lease)
}

// Purge forgets the answers that carry one of some labels, or every answer of the org if it names none: at once here, within about a
// second on every other gateway.
func (t *Tiered) Purge(ctx context.Context, labels ...string) error {
	if err := t.far.Purge(ctx, labels...); err != nil {
		return err
	}
	if len(labels) == 0 {
		t.near.answers.InvalidateAll() // the new epoch hides them already; this frees them
	} else {
		t.near.free(&t.far.hidden)
	}
	return nil
}

// Flush waits until what was put before is stored or dropped.
func (t *Tiered) Flush(ctx context.Context) error { return t.far.Flush(ctx) }

// Stats tells what both have seen.
func (t *Tiered) Stats() Stats {
	s, near := t.far.Stats(), t.near.Stats()
	s.NearHits = near.Hits
	s.Hits += near.Hits
	s.Mismatched += near.Mismatched
	s.Entries, s.Bytes = near.Entries, near.Bytes
	return s
}

// Close stores what was put and ends all goroutines.
func (t *Tiered) Close() {
	t.far.Close()
	t.near.Close()
}
