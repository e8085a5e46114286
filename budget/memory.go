package budget

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"bursar/pricing"
)

// Memory is a store for one gateway. What it knows ends with the process: Charge or Restore rebuild the windows from the ledger at start.
// It is safe for concurrent use, and its size is bounded by the open holds, the orphans, the windows and the IDs it remembers.
type Memory struct {
	clock   func() time.Time
	options Options

	mu      sync.Mutex
	base    time.Time     // times are kept as durations since then: on the monotonic clock, if the clock has one
	second  int64         // see tick
	seen    time.Duration // the time of the last reserve or expire: near enough for what a settle needs it for
	windows map[string]*window
	meters  map[meterKey]*meter
	ids     map[string]*holding // open, expired, and closed ones that are still remembered
	leases  holdHeap            // open ones by the end of their lease
	late    holdHeap            // expired ones by the time they are forgotten
	closed  holdQueue           // closed ones by the time they are forgotten
	outbox  map[string]*orphan  // expired ones that no AckOrphan has removed
	free    []*holding
}

// window is the counters of one budget in one window.
type window struct {
	spent, held pricing.Nano
	ends        time.Time
}

// holding is a hold on its way: open, then settled or expired, then forgotten.
type holding struct {
	id       string
	state    holdState
	orphaned bool // settled late, and Orphans had handed it out
	held     pricing.Nano
	actual   pricing.Nano
	windows  []*window     // distinct, once it is open
	within   []within      // its limits, once it is open
	tokens   int64         // held on limits of tokens
	second   int64         // at which it counts on limits per minute
	until    time.Duration // end of the lease while open, then when it is forgotten
	at       int           // place in its heap
	seed     []byte
}

type holdState uint8

const (
	holdOpen holdState = iota
	holdExpired
	holdSettled
	holdLate
	holdCharged
	holdCancelled
)

// rememberMost bounds the closed IDs that a Memory remembers: unlike with Redis no call can be late by more than a goroutine's delay.
const rememberMost = 4096

// NewMemory makes an empty store. clock is time.Now if nil.
func NewMemory(clock func() time.Time, o Options) *Memory {
	if clock == nil {
		clock = time.Now
	}
	return &Memory{
		clock: clock, options: o.withDefaults(), base: clock(),
		windows: map[string]*window{}, meters: map[meterKey]*meter{}, ids: map[string]*holding{}, outbox: map[string]*orphan{},
	}
}

// Reserve holds money on every charge of h and takes room within every limit, or does neither. It returns ErrClosed if h.ID is settled, expired or cancelled. It keeps no
// part of h but the ID.
func (m *Memory) Reserve(_ context.Context, h *Hold) (Grant, error) {
	if err := h.check(); err != nil {
		return Grant{}, err
	}
	now := m.clock().Sub(m.base)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = now
	m.forget(now)
	if b, known := m.ids[h.ID]; known {
		if b.state != holdOpen {
			return Grant{}, fmt.Errorf("reserve %q: %w", h.ID, ErrClosed)
		}
		g := Grant{OK: true, Amount: b.held, Short: -1, Slow: -1, States: m.states(h.Charges, h.States[:0])}
		if len(h.Limits) > 0 {
			g.Rates = m.ratesOf(h.Limits, h.Rates[:0], m.tick(now))
		}
		return g, nil
	}
	b := m.holding(h.ID)
	g, err := m.hold(b, h, now)
	if !g.OK {
		m.recycle(b)
		return g, err
	}
	b.until = now + h.Lease
	b.seed = append(b.seed, h.Seed...)
	m.ids[h.ID] = b
	m.leases.push(b)
	return g, nil
}

// hold takes the largest amount of [Least, Want] that fits.
func (m *Memory) hold(b *holding, h *Hold, now time.Duration) (Grant, error) {
	g := Grant{Amount: h.Want, Short: -1, Slow: -1}
	for i := range h.Charges {
		c := &h.Charges[i]
		w := m.window(c)
		b.windows = append(b.windows, w)
		used := w.spent + w.held
		if used > maxUsed {
			return Grant{}, fmt.Errorf("reserve %q: budget %q counts %d nano-dollars, more than a counter can safely hold", h.ID, c.Key, used)
		}
		if room := c.Limit - used; c.Hard && room < g.Amount {
			g.Amount, g.Short = room, i
		}
	}
	g.Amount = max(0, g.Amount) // what costs nothing always fits
	g.OK = g.Amount >= h.Least
	if len(h.Limits) > 0 {
		m.limit(b, h, &g, now)
	}
	if g.OK {
		b.held = g.Amount
		for i, w := range b.windows {
			if !slices.Contains(b.windows[:i], w) {
				w.held += g.Amount
			}
		}
	} else {
		g.Amount = 0
	}
	g.States = h.States[:0]
	for i, w := range b.windows {
		g.States = append(g.States, State{Spent: w.spent, Held: w.held, Limit: h.Charges[i].Limit})
	}
	b.windows = distinctWindows(b.windows)
	return g, nil
}

// Settle replaces a hold by what it truly took, exactly once however often it is called.
func (m *Memory) Settle(_ context.Context, s Settlement) (Settled, error) {
	return m.settle(&s, nil)
}

// Cancel settles a hold at nothing, also one whose Reserve comes later: that is refused.
func (m *Memory) Cancel(_ context.Context, id string) error {
	_, err := m.settle(&Settlement{ID: id}, nil)
	return err
}

// Charge makes amount the true cost of id, with or without a hold: it settles an open or expired hold, does nothing for an id that is settled,
// and else adds the amount to what the charges have spent.
func (m *Memory) Charge(_ context.Context, id string, charges []Charge, amount pricing.Nano) (Settled, error) {
	if err := checkCharges(id, charges); err != nil {
		return Settled{}, err
	}
	return m.settle(&Settlement{ID: id, Actual: amount, Tokens: AsHeld}, &charges)
}

func (m *Memory) settle(s *Settlement, charges *[]Charge) (Settled, error) {
	if err := s.check(leastOf(charges)); err != nil {
		return Settled{}, err
	}
	id, actual := s.ID, s.Actual
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.seen
	b, known := m.ids[id]
	switch {
	case !known && charges == nil:
		if actual == 0 {
			m.close(m.holding(id), holdCancelled, 0, now)
		}
		return Settled{Unknown: true}, nil
	case !known:
		return m.charge(id, *charges, actual, now)
	case b.state == holdOpen:
		for _, w := range b.windows {
			w.held -= b.held
			w.spent += actual
		}
		b.leave(s.Tokens)
		m.leases.remove(b)
		m.close(b, holdSettled, actual, now)
	case b.state == holdExpired:
		for _, w := range b.windows {
			w.spent += actual - b.held
		}
		m.late.remove(b)
		b.orphaned = !m.withdraw(id)
		m.close(b, holdLate, actual, now)
	default:
		before := b.settled()
		before.Applied = false
		return before, nil
	}
	return b.settled(), nil
}

// charge adds spend that had no hold, or gives some back.
func (m *Memory) charge(id string, charges []Charge, actual pricing.Nano, now time.Duration) (Settled, error) {
	b := m.holding(id)
	for i := range charges {
		w := m.window(&charges[i])
		if w.spent > maxUsed {
			m.recycle(b)
			return Settled{}, fmt.Errorf("charge %q: budget %q counts %d nano-dollars, more than a counter can safely hold", id, charges[i].Key, w.spent)
		}
		b.windows = append(b.windows, w)
	}
	b.windows = distinctWindows(b.windows)
	for _, w := range b.windows {
		w.spent = max(0, w.spent+actual)
	}
	m.close(b, holdCharged, actual, now)
	return b.settled(), nil
}

// settled tells what the settle of b did.
func (b *holding) settled() Settled {
	s := Settled{Applied: true, Held: b.held}
	switch b.state {
	case holdCancelled:
		return Settled{Unknown: true}
	case holdCharged:
		return s // it had no hold that could be overrun
	case holdLate:
		s.Late, s.Correction, s.Orphaned = true, b.actual-b.held, b.orphaned
	}
	s.Overrun = max(0, b.actual-b.held)
	return s
}

// Renew makes the lease of an open hold end a lease from now. One that is not open is left alone: its settle tells what became of it.
func (m *Memory) Renew(_ context.Context, id string, lease time.Duration) error {
	now := m.clock().Sub(m.base)
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, known := m.ids[id]; known && b.state == holdOpen {
		b.until = now + lease
		m.leases.fix(b)
	}
	return nil
}

// RenewAll renews many holds.
func (m *Memory) RenewAll(ctx context.Context, ids []string, lease time.Duration) error {
	for _, id := range ids {
		if err := m.Renew(ctx, id, lease); err != nil {
			return err
		}
	}
	return nil
}

// SettleBatch settles many holds. results must be as long as batch.
func (m *Memory) SettleBatch(ctx context.Context, batch []Settlement, results []Settled) error {
	for i, s := range batch {
		var err error
		if results[i], err = m.Settle(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// States writes what each charge's window stands at into out, which must be as long as charges.
func (m *Memory) States(_ context.Context, charges []Charge, out []State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states(charges, out[:0])
	return nil
}

func (m *Memory) states(charges []Charge, out []State) []State {
	for i := range charges {
		s := State{Limit: charges[i].Limit}
		if w, ok := m.windows[charges[i].Key]; ok {
			s.Spent, s.Held = w.spent, w.held
		}
		out = append(out, s)
	}
	return out
}

// Open returns how many holds are open, expired ones that no Expire has met included.
func (m *Memory) Open(context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.leases), nil
}

// Known tells whether the store remembers what was spent: a Memory never does at start.
func (m *Memory) Known(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.windows) > 0, nil
}

// Restore raises what the charges' windows have spent to at least amounts: for the start, with the sums of the ledger.
func (m *Memory) Restore(_ context.Context, charges []Charge, amounts []pricing.Nano) error {
	if err := checkCharges("restore", charges); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range charges {
		w := m.window(&charges[i])
		w.spent = max(w.spent, amounts[i])
	}
	return nil
}
