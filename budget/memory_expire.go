package budget

import (
	"context"
	"time"
)

// orphan is an expired hold in the outbox.
type orphan struct {
	Orphan
	handedOut bool
	claimed   time.Duration // until when it is not handed out again
}

// expireMost bounds how long one Expire keeps the lock.
const expireMost = 10_000

// Expire turns holds whose lease has ended into spend at the held amount and puts them into the outbox of orphans. It is called every few
// seconds.
func (m *Memory) Expire(context.Context) error {
	clock := m.clock()
	now := clock.Sub(m.base)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = now
	for range expireMost {
		if len(m.leases) == 0 || m.leases[0].until > now {
			break
		}
		b := m.leases[0]
		m.leases.remove(b)
		for _, w := range b.windows {
			w.held -= b.held
			w.spent += b.held
		}
		b.leave(AsHeld)
		b.state, b.until = holdExpired, now+m.options.Late
		m.late.push(b)
		m.outbox[b.id] = &orphan{Orphan: Orphan{ID: b.id, Amount: b.held, Seed: append([]byte(nil), b.seed...)}}
	}
	m.forget(now)
	for key, w := range m.windows {
		if !w.ends.IsZero() && clock.After(w.ends.Add(keepWindow)) {
			delete(m.windows, key)
		}
	}
	m.forgetMeters(m.tick(now))
	return nil
}

// Orphans hands out at most most orphans, each with the amount its hold became. An orphan is handed out again after Options.Claim unless
// AckOrphan says that its ledger row is durable: a row may be written twice, so rows must be idempotent by ID.
func (m *Memory) Orphans(_ context.Context, most int) ([]Orphan, error) {
	now := m.clock().Sub(m.base)
	m.mu.Lock()
	defer m.mu.Unlock()
	var orphans []Orphan
	for _, o := range m.outbox {
		if len(orphans) == most {
			break
		}
		if !o.handedOut || o.claimed <= now {
			o.handedOut, o.claimed = true, now+m.options.Claim
			orphans = append(orphans, o.Orphan)
		}
	}
	return orphans, nil
}

// AckOrphan says that the orphan's ledger row is durable, so that it is not handed out again.
func (m *Memory) AckOrphan(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.outbox, id)
	return nil
}

// withdraw takes an orphan back that nobody was given: its settler writes the true ledger row, so it needs none. It tells
// whether it could.
func (m *Memory) withdraw(id string) bool {
	o, waiting := m.outbox[id]
	if !waiting || o.handedOut {
		return false
	}
	delete(m.outbox, id)
	return true
}
