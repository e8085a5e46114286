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
	return m, nil
}

// Get returns the answer under a key, if there is one that still lives.
func (m *Memory) Get(_ context.Context, key Key) (*Answer, bool) {
	a, ok := m.get(key, m.epoch.Load())
	if !ok {
		m.misses.Add(1)
		return nil, false
	}
	m.hits.Add(1)
	return a, true
}

func (m *Memory) get(key Key, epoch uint64) (*Answer, bool) {
	k, ok := m.answers.GetIfPresent(key.digest)
	if !ok || k.epoch != epoch {
		return nil, false
	}
	if k.scope != key.scope {
		m.mismatched.Add(1)
		return nil, false
	}
	return k.answer, true
}

// Put keeps a copy of an answer for ttl, if it is complete and not too large.
func (m *Memory) Put(_ context.Context, key Key, answer *Answer, ttl time.Duration) {
	if key.IsZero() || !storable(answer, ttl) || len(answer.Body) > m.options.MaxAnswer {
		m.refused.Add(1)
		return
	}
	m.put(key, answer.clone(m.options.Now()), ttl, m.epoch.Load())
}

// put keeps the answer itself.
func (m *Memory) put(key Key, answer *Answer, ttl time.Duration, epoch uint64) {
	m.answers.Set(key.digest, &kept{answer: answer, scope: key.scope, epoch: epoch, ttl: ttl})
	m.stored.Add(1)
}

// Purge forgets every answer. One that is being stored meanwhile is not served after it.
func (m *Memory) Purge(context.Context) error {
	m.epoch.Add(1)
	m.answers.InvalidateAll()
	m.purges.Add(1)
	return nil
}

// Stats tells what the memory has seen.
func (m *Memory) Stats() Stats {
	s := m.read()
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
