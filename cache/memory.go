package cache

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// Memory keeps answers in this process. It is safe for concurrent use.
type Memory struct {
	options MemoryOptions
	answers *otter.Cache[[sha256.Size]byte, *kept]
	epoch   atomic.Uint64
	hidden  purges
	flight  Flight
	counters
}

// MemoryOptions tune a memory. The zero value of a field takes its default.
type MemoryOptions struct {
	MaxBytes  int64            // of all answers together; default 256 MiB
	MaxAnswer int              // bytes of one body; default 1 MiB
	Now       func() time.Time // default time.Now
}

func (o MemoryOptions) withDefaults() MemoryOptions {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = 1 << 20
	}
	o.MaxAnswer = min(o.MaxAnswer, math.MaxInt32)
	return o
}

// kept is an answer with what decides whether it may be served.
type kept struct {
	answer *Answer
	scope  [sha256.Size]byte
	epoch  uint64
	ttl    time.Duration
}

// NewMemory makes a memory. Close ends its goroutines.
func NewMemory(options MemoryOptions) (*Memory, error) {
	m := &Memory{options: options.withDefaults()}
	o := &otter.Options[[sha256.Size]byte, *kept]{
		MaximumWeight:    uint64(m.options.MaxBytes),
		Weigher:          func(_ [sha256.Size]byte, k *kept) uint32 { return uint32(k.answer.weight()) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[[sha256.Size]byte, *kept]) time.Duration { return e.Value.ttl }),
	}
	if m.options.Now == nil {
		m.options.Now = time.Now
	} else {
		o.Clock = clock{m.options.Now}
	}
	var err error
	if m.answers, err = otter.New(o); err != nil {
		return nil, fmt.Errorf("make the answer memory: %w", err)
	}
	m.epoch.Store(1)
	m.flight.keep = func(c *course, a *Answer, ttl time.Duration) { m.Put(context.Background(), c.key, a, ttl) }
	return m, nil
}

// Get returns the answer under a key, if there is one that still lives.
func (m *Memory) Get(ctx context.Context, key Key) (*Answer, bool) {
	a := m.Find(ctx, &Ask{Key: key})
	return a, a != nil
}

func (m *Memory) count(hit bool) {
	if hit {
		m.hits.Add(1)
	} else {
		m.misses.Add(1)
	}
}

func (m *Memory) get(ask *Ask, epoch uint64, hidden *purges) (*Answer, bool) {
	k, ok := m.answers.GetIfPresent(ask.Key.digest)
	if !ok || k.epoch != epoch || tooOld(k.answer, ask, m.options.Now()) {
		return nil, false
	}
	if k.scope != ask.Key.scope {
		m.mismatched.Add(1)
		return nil, false
	}
	if hidden.current().hides(ask.Key, k.answer.Labels, k.answer.Mark) {
		return nil, false
	}
	return k.answer, true
}

// Find is Get with bounds.
func (m *Memory) Find(_ context.Context, ask *Ask) *Answer {
	a, ok := m.get(ask, m.epoch.Load(), &m.hidden)
	m.count(ok)
	return a
}

// Join returns the answer under a key or else a seat in the flight that makes it.
func (m *Memory) Join(_ context.Context, ask *Ask) (*Answer, *Seat) {
	if a, ok := m.get(ask, m.epoch.Load(), &m.hidden); ok {
		m.hits.Add(1)
		return a, nil
	}
	seat := m.flight.join(ask, m.Mark(), &m.hidden)
	if !seat.Leads() {
		return nil, seat
	}
	if a, ok := m.get(ask, m.epoch.Load(), &m.hidden); ok { // the flight before landed in between
		m.hits.Add(1)
		seat.share(a)
		return a, nil
	}
	m.misses.Add(1)
	return nil, seat
}

// Mark is what has been purged so far.
func (m *Memory) Mark() Mark { return Mark{Epoch: m.epoch.Load(), Purge: m.hidden.current().count} }

// Hides reports whether a purge has reached an answer that carries these labels and was asked for at mark.
func (m *Memory) Hides(key Key, labels []string, mark Mark) bool {
	return mark.Epoch != m.epoch.Load() || m.hidden.current().hides(key, labels, mark)
}

// Put keeps a copy of an answer for ttl, if it is complete and not too large.
func (m *Memory) Put(_ context.Context, key Key, answer *Answer, ttl time.Duration) {
	if key.IsZero() || !storable(answer, ttl) || len(answer.Body) > m.options.MaxAnswer {
		m.refused.Add(1)
		return
	}
	a := answer.clone(m.options.Now())
	if a.Mark == (Mark{}) {
		a.Mark = m.Mark()
	}
	m.put(key, a, ttl, a.Mark.Epoch)
}

// put keeps the answer itself.
func (m *Memory) put(key Key, answer *Answer, ttl time.Duration, epoch uint64) {
	m.answers.Set(key.digest, &kept{answer: answer, scope: key.scope, epoch: epoch, ttl: ttl})
	m.stored.Add(1)
}

// Purge forgets the answers that carry one of some labels, or every answer if it names none. One that is being made or stored meanwhile is
// not served after it.
func (m *Memory) Purge(_ context.Context, labels ...string) error {
	m.purged.Add(1)
	if len(labels) == 0 {
		m.epoch.Add(1)
		m.answers.InvalidateAll()
		return nil
	}
	m.hidden.add(labels)
	m.free(&m.hidden)
	return nil
}

// free drops the answers that purges hide.
func (m *Memory) free(hidden *purges) {
	table := hidden.current()
	for digest, k := range m.answers.All() {
		if table.hides(Key{digest, k.scope}, k.answer.Labels, k.answer.Mark) {
			m.answers.Invalidate(digest)
		}
	}
}

// Stats tells what the memory has seen.
func (m *Memory) Stats() Stats {
	s := m.read()
	m.flight.read(&s)
	s.Entries, s.Bytes = int64(m.answers.EstimatedSize()), int64(m.answers.WeightedSize())
	return s
}

// Flush returns at once: a Put is seen by the next Get.
func (m *Memory) Flush(context.Context) error { return nil }

// Close ends the memory's goroutines.
func (m *Memory) Close() { m.answers.StopAllGoroutines() }

// clock lets otter see the injected time. It needs no ticks: expired answers are not served, and go when room is needed.
type clock struct{ now func() time.Time }

func (c clock) NowNano() int64 { return c.now().UnixNano() }

func (clock) Tick(time.Duration) <-chan time.Time { return nil }
