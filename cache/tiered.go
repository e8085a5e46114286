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
	return &Tiered{near: near, far: far, limit: limit}
}

// Get returns the answer under a key, if there is one that still lives.
func (t *Tiered) Get(ctx context.Context, key Key) (*Answer, bool) {
	epoch, due := t.far.epochs.current(t.far.options.Now())
	if a, ok := t.near.get(key, epoch); ok && !key.IsZero() {
		now := epoch
		if due { // only a hit is worth the question whether the epoch still holds: a lookup asks it anyway
			if now, ok = t.far.freshEpoch(ctx); !ok {
				t.far.count(false)
				return nil, false
			}
		}
		if now == epoch {
			t.near.hits.Add(1)
			return a, true
		}
	}
	f := t.far.lookup(ctx, key)
	t.far.count(f.answer != nil)
	if f.answer == nil {
		return nil, false
	}
	if left := f.expires.Sub(t.far.options.Now()); left > 0 {
		t.near.put(key, f.answer, min(left, t.limit), f.epoch)
	}
	return f.answer, true
}

// Put keeps a copy of an answer for ttl, if it is complete and not too large. The next Get of this gateway sees it.
func (t *Tiered) Put(_ context.Context, key Key, answer *Answer, ttl time.Duration) {
	if !t.far.accepts(key, answer, ttl) {
		return
	}
	a := answer.clone(t.far.options.Now())
	if epoch, _ := t.far.epochs.current(t.far.options.Now()); epoch != 0 {
		t.near.put(key, a, min(ttl, t.limit), epoch)
	}
	t.far.put(key, a, ttl)
}

// Purge forgets every answer of the org: at once here, within about a second on every other gateway.
func (t *Tiered) Purge(ctx context.Context) error {
	if err := t.far.Purge(ctx); err != nil {
		return err
	}
	t.near.answers.InvalidateAll() // the new epoch hides them already; this frees them
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
