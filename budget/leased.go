package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"bursar/pricing"
)

// Leased is a Redis store for one gateway of a fleet that spares it most of the round trips: it takes a slice of the budgets that requests
// touch, in one call, and grants holds from that slice here. The promise is the same: Redis counts a slice as held until it is told what
// was spent of it, so spent + held never exceeds a limit, whatever the other gateways do.
//
// Slices are sized by demand, grow by at most an eighth of the room that is left, and what lies idle goes back within a second. Near a limit
// there are none: each hold is a call to Redis then. Who finds no room has all gateways give back what they do not need, and waits
// for it a quarter of a second before it says so.
//
// Leased also keeps a fleet exact when Redis is restarted and has lost its last moments (see rejoin), and goes on with a bounded sum while
// it is away, where the budgets allow it (see Charge.Local). Keep must run all the while. It is safe for concurrent use.
type Leased struct {
	redis   *Redis
	options LeasedOptions
	journal Journal

	mu      sync.Mutex
	purses  map[string]*purse
	slices  map[string]*slice       // all that are not ended, current or not
	draws   map[string]draw         // holds drawn from slices
	settled settledRing             // the last ones of those
	calls   map[string]Hold         // holds taken by calls of their own, with what was granted as Want
	ended   []endedSlice            // the last ones, for a restarted Redis
	owed    map[string]pricing.Nano // by charge: what was taken while the store was away, and it does not know yet
	before  map[string]pricing.Nano // the same, of slices of the process before
	adopted []adoption              // the last ones, for the same
	pleas   map[string]plea         // by counter
	wanted  map[string]time.Time    // by counter: until then no slices of it
	unlink  []string                // keys of ended slices
	key     []byte                  // buffer

	down    atomic.Bool   // the store does not answer
	given   atomic.Int64  // how often money went back to the store
	drained atomic.Bool   // nothing tends the slices any more
	silent  atomic.Int32  // calls in a row without an answer
	wake    chan struct{} // Keep has something to do at once
	filling sync.WaitGroup
	rejoin
}

// LeasedOptions tune a Leased store. The zero value of a field takes its default.
type LeasedOptions struct {
	Gateway string           // names this gateway; stays the same over restarts, and no other has it
	Calls   bool             // take no slices: each hold is a call to Redis
	Servers *Servers         // watches the client's connections; without it a restart is noticed by the next pulse only
	Pulse   time.Duration    // how often idle money is looked for; default 100 ms
	Idle    time.Duration    // what was not drawn on for so long gives its money back; default 1 s
	Grace   time.Duration    // how long after a restart of Redis grants wait for gateways that have not told it what they know; default 5 s
	Clock   func() time.Time // default time.Now

	patience time.Duration // begFor but in tests
}

// Journal is what a gateway must remember of its slices beyond its own death.
type Journal interface {
	// BeginSlice is called before anything is drawn from a slice. About is for Recover.
	BeginSlice(id string, about []byte) error
	// Reported tells that the store knows the cost of holds that were drawn from a slice.
	Reported(slice string, holds []string)
	// EndSlice tells that a slice is over and the store knows all of it. If it is Orphaned a ledger has, or will have, a row of Held made
	// from seed, which is to be corrected.
	EndSlice(id string, seed []byte, s Settled)
	// Replay settles again what was settled lately: the store may have lost it.
	Replay(ctx context.Context) error
}

// draw is a hold drawn from a slice.
type draw struct {
	slice  *slice
	amount pricing.Nano
}

// NewLeased makes a store on top of r, which nothing else in this process may use to reserve or settle.
func NewLeased(r *Redis, o LeasedOptions) (*Leased, error) {
	if o.Gateway == "" {
		return nil, errors.New("a leased budget store needs the name of its gateway")
	}
	if o.Servers == nil {
		o.Servers = &Servers{}
	}
	if o.Pulse == 0 {
		o.Pulse = 100 * time.Millisecond
	}
	if o.Idle == 0 {
		o.Idle = time.Second
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.patience == 0 {
		o.patience = begFor
	}
	return &Leased{
		redis: r, options: o, journal: forgetful{},
		purses: map[string]*purse{}, slices: map[string]*slice{}, draws: map[string]draw{}, calls: map[string]Hold{},
		owed: map[string]pricing.Nano{}, pleas: map[string]plea{}, wanted: map[string]time.Time{}, wake: make(chan struct{}, 1),
	}, nil
}

// forgetful is the journal of a store that is not kept.
type forgetful struct{}

func (forgetful) BeginSlice(string, []byte) error  { return nil }
func (forgetful) Reported(string, []string)        {}
func (forgetful) EndSlice(string, []byte, Settled) {}
func (forgetful) Replay(ctx context.Context) error { return ctx.Err() }

// Reserve holds money on every charge of h, or on none: from a slice if there is enough in it, or can be, else by a call to Redis. Grant.Slice
// tells which.
func (l *Leased) Reserve(ctx context.Context, h *Hold) (Grant, error) {
	if err := h.check(); err != nil {
		return Grant{}, err
	}
	if !l.options.Calls && len(h.Charges) > 0 && len(h.Limits) == 0 && h.Want > 0 {
		for range mostFills {
			g, next := l.draw(h)
			switch {
			case next.done:
				return g, next.err
			case next.fill != nil:
				if !l.fill(ctx, next.fill, h) {
					return l.call(ctx, h)
				}
				continue
			case next.wait == nil:
				return l.call(ctx, h)
			}
			select {
			case <-next.wait:
			case <-ctx.Done():
				return Grant{}, fmt.Errorf("reserve %q: %w: %w: %w", h.ID, ErrStoreDown, ErrUnsent, ctx.Err())
			}
		}
	}
	return l.call(ctx, h)
}

// mostFills bounds how often one hold waits for a fill before it makes a call of its own.
const mostFills = 4

// next is how a hold goes on: it is done, or fills the purse itself, or waits for the fill under way, or makes a call of its own.
type next struct {
	done bool
	err  error
	fill *purse
	wait chan struct{}
}

// draw takes h from the purse of its charges, if there is enough.
func (l *Leased) draw(h *Hold) (Grant, next) {
	now := l.options.Clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if d, known := l.draws[h.ID]; known {
		return Grant{OK: true, Amount: d.amount, Short: -1, Slow: -1, Slice: d.slice.id, States: d.slice.stand(h.Charges, h.States[:0])}, next{done: true}
	}
	if _, known := l.settled.find(h.ID); known {
		return Grant{}, next{done: true, err: fmt.Errorf("reserve %q: %w", h.ID, ErrClosed)}
	}
	if _, known := l.calls[h.ID]; known {
		return Grant{}, next{}
	}
	p := l.purse(h.Charges)
	if s := p.current; s != nil && !s.sameLimits(h.Charges) {
		l.retire(s)
	}
	if p.current.room() >= h.Want {
		g := l.take(p.current, h, h.Want, now)
		if p.filling == nil && p.current.room() < p.size/4 && l.mayFill(p, now) {
			p.filling = make(chan struct{})
			ahead := Hold{ID: h.ID, Want: h.Want, Charges: p.current.charges, Lease: h.Lease, Seed: p.current.seed}
			l.filling.Go(func() { l.fill(context.Background(), p, &ahead) })
		}
		return g, next{done: true}
	}
	switch {
	case p.filling != nil:
		p.waiting += h.Want
		return Grant{}, next{wait: p.filling}
	case !l.mayFill(p, now):
		return Grant{}, next{}
	}
	p.filling = make(chan struct{})
	return Grant{}, next{fill: p}
}

// purse finds or makes the purse of charges.
func (l *Leased) purse(charges []Charge) *purse {
	l.key = purseKey(charges, l.key[:0])
	p, known := l.purses[string(l.key)]
	if !known {
		p = &purse{key: string(l.key)}
		l.purses[p.key] = p
	}
	return p
}

// take draws from a slice.
func (l *Leased) take(s *slice, h *Hold, amount pricing.Nano, now time.Time) Grant {
	s.held += amount
	s.open++
	s.purse.used = now
	l.draws[h.ID] = draw{s, amount}
	return Grant{OK: true, Amount: amount, Short: -1, Slow: -1, Slice: s.id, States: s.stand(h.Charges, h.States[:0])}
}

// retire ends drawing from a slice: what is idle goes back with the next pulse, the rest when its holds are settled.
func (l *Leased) retire(s *slice) {
	s.retired = true
	if s.purse.current == s {
		s.purse.current = nil
	}
	l.rouse()
}

// rouse has the next pulse come at once.
func (l *Leased) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Settle replaces a hold by the actual cost, exactly once however often it is called. Of a hold drawn from a slice the store hears a little
// later: then the result is Pending.
func (l *Leased) Settle(ctx context.Context, s Settlement) (Settled, error) {
	if err := s.check(0); err != nil {
		return Settled{}, err
	}
	if done, ok := l.settle(s.ID, s.Actual, true); ok {
		l.tellLate(ctx)
		return done, nil
	}
	done, err := l.redis.Settle(ctx, s)
	if err == nil {
		l.called(s.ID)
	}
	return done, l.heard(err)
}

// SettleBatch settles many holds, in one round trip. results must be as long as batch. On an error nothing that was drawn from slices is
// settled: settle the batch again.
func (l *Leased) SettleBatch(ctx context.Context, batch []Settlement, results []Settled) error {
	var calls []Settlement
	var places []int
	l.mu.Lock()
	for i, s := range batch {
		_, drawn := l.draws[s.ID]
		_, settled := l.settled.find(s.ID)
		if !drawn && !settled {
			calls, places = append(calls, s), append(places, i)
		}
	}
	l.mu.Unlock()
	if len(calls) > 0 {
		answers := make([]Settled, len(calls))
		if err := l.redis.SettleBatch(ctx, calls, answers); err != nil {
			return l.heard(err)
		}
		for i, at := range places {
			results[at] = answers[i]
			l.called(calls[i].ID)
		}
	}
	for i, s := range batch {
		if len(places) > 0 && places[0] == i {
			places = places[1:]
			continue
		}
		var ok bool
		if results[i], ok = l.settle(s.ID, s.Actual, true); !ok { // the store has lost its slice meanwhile
			results[i] = Settled{Unknown: true}
		}
	}
	l.tellLate(ctx)
	return nil
}

// tellLate tells the store of what is settled after Drain: a stream may outlive it.
func (l *Leased) tellLate(ctx context.Context) {
	if l.drained.Load() {
		l.pulse(ctx)
		l.leave(ctx)
	}
}

// Cancel settles a hold at nothing, also one whose Reserve has not arrived yet: that is refused when it does.
func (l *Leased) Cancel(ctx context.Context, id string) error {
	if _, ok := l.settle(id, 0, false); ok {
		return nil
	}
	err := l.redis.Cancel(ctx, id)
	if err == nil {
		l.called(id)
	}
	return l.heard(err)
}

// settle settles a hold that was drawn from a slice. Remember it until the store knows its cost, unless it is cancelled: then there is
// nothing to know.
func (l *Leased) settle(id string, actual pricing.Nano, remember bool) (Settled, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, drawn := l.draws[id]
	if !drawn {
		s, known := l.settled.find(id)
		s.Applied = false
		return s, known
	}
	delete(l.draws, id)
	d.slice.held -= d.amount
	d.slice.open--
	d.slice.spent += actual
	if remember {
		d.slice.pending = append(d.slice.pending, id)
	}
	if len(d.slice.pending) >= mostPending || d.slice.ends() {
		l.rouse()
	}
	s := Settled{Applied: true, Pending: remember, Held: d.amount, Overrun: max(0, actual-d.amount)}
	l.settled.add(id, s)
	return s, true
}

// mostPending is how many settled holds one report is about, under load: each of their IDs travels along.
const mostPending = 256

// Charge makes amount the true cost of id, with or without a hold: see Redis.Charge.
func (l *Leased) Charge(ctx context.Context, id string, charges []Charge, amount pricing.Nano) (Settled, error) {
	s, err := l.redis.Charge(ctx, id, charges, amount)
	if err == nil {
		l.called(id)
	}
	return s, l.heard(err)
}

// called forgets a hold that was taken by a call and is over.
func (l *Leased) called(id string) {
	l.mu.Lock()
	delete(l.calls, id)
	l.mu.Unlock()
}

// RenewAll renews many holds. Slices are renewed by Keep.
func (l *Leased) RenewAll(ctx context.Context, ids []string, lease time.Duration) error {
	calls := make([]string, 0, len(ids))
	l.mu.Lock()
	for _, id := range ids {
		if _, drawn := l.draws[id]; !drawn {
			calls = append(calls, id)
		}
	}
	l.mu.Unlock()
	return l.heard(l.redis.RenewAll(ctx, calls, lease))
}

// Rates writes what each limit stands at into out: see Redis.Rates.
func (l *Leased) Rates(ctx context.Context, limits []Limit, out []Rate) error {
	return l.redis.Rates(ctx, limits, out)
}

// States writes what each charge's window stands at into out, which must be as long as charges: slices count as held.
func (l *Leased) States(ctx context.Context, charges []Charge, out []State) error {
	return l.redis.States(ctx, charges, out)
}

// Open returns how many holds and slices are open.
func (l *Leased) Open(ctx context.Context) (int, error) { return l.redis.Open(ctx) }

// Known tells whether the store remembers this org: see Redis.Known.
func (l *Leased) Known(ctx context.Context) (bool, error) { return l.redis.Known(ctx) }

// Expire turns holds and slices whose lease has ended into spend: see Redis.Expire.
func (l *Leased) Expire(ctx context.Context) error { return l.redis.Expire(ctx) }

// Orphans hands out orphans: see Redis.Orphans.
func (l *Leased) Orphans(ctx context.Context, most int) ([]Orphan, error) {
	return l.redis.Orphans(ctx, most)
}

// AckOrphan says that the orphan's ledger row is durable: see Redis.AckOrphan.
func (l *Leased) AckOrphan(ctx context.Context, id string) error {
	l.mu.Lock()
	l.adopted = append(l.adopted, adoption{id, l.options.Clock()})
	l.mu.Unlock()
	return l.redis.AckOrphan(ctx, id)
}

// settledRing remembers the last holds that were settled, for those who settle twice.
type settledRing struct {
	results map[string]Settled
	ids     []string
	at      int
}

func (r *settledRing) find(id string) (Settled, bool) {
	s, known := r.results[id]
	return s, known
}

func (r *settledRing) add(id string, s Settled) {
	if r.results == nil {
		r.results, r.ids = map[string]Settled{}, make([]string, rememberMost)
	}
	delete(r.results, r.ids[r.at])
	r.ids[r.at], r.results[id] = id, s
	r.at = (r.at + 1) % len(r.ids)
}
