package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

// rejoin keeps budgets exact over a restart of Redis, or a replica that takes its place. Either may have lost its last moments: holds and
// slices that it granted, and would grant again. So a gateway grants nothing on a server that it has not told of all its open holds and slices
// and of what it settled lately, nor before all other gateways have done so, or Grace is over. What was granted before can be spent meanwhile.
type rejoin struct {
	joining sync.Mutex
	joined  atomic.Bool // this gateway and all others have told the server
	suspect atomic.Bool // it may be another server than the one that was told
	server  string      // the one that was told
	tried   time.Time
}

// look has the server looked at before the next grant.
func (r *rejoin) look() { r.suspect.Store(true) }

var errRejoining = fmt.Errorf("it was restarted, and not all gateways have told it of their holds yet: %w: %w", ErrStoreDown, ErrUnsent)

// gate tells whether the store may be asked for grants.
func (l *Leased) gate(ctx context.Context) error {
	switch {
	case l.down.Load():
		return errDown
	case l.joined.Load() && !l.suspect.Load() && !l.options.Servers.moved.Load():
		return nil
	}
	return l.join(ctx)
}

// join tells the server all that it may have forgotten, if it is another one than before, and asks whether all others have done so.
func (l *Leased) join(ctx context.Context) error {
	l.joining.Lock()
	defer l.joining.Unlock()
	moved := l.suspect.Load() || l.options.Servers.moved.Load()
	if l.joined.Load() && !moved {
		return nil // somebody else did it meanwhile
	}
	now := l.options.Clock()
	if !moved && now.Sub(l.tried) < l.options.Pulse/2 {
		return errRejoining
	}
	l.tried = now
	l.suspect.Store(false)
	l.options.Servers.moved.Store(false)
	err := l.tell(ctx)
	switch {
	case errors.Is(err, errRejoining):
	case err != nil:
		l.look()
		return l.heard(err)
	}
	return err
}

// tell does the telling and the asking.
func (l *Leased) tell(ctx context.Context) error {
	server, err := l.redis.Incarnation(ctx)
	if err != nil {
		return err
	}
	l.options.Servers.armed.Store(true)
	if l.joined.Load() && server == l.server {
		return nil
	}
	l.joined.Store(false)
	if server != l.server {
		if err := l.reassert(ctx); err != nil {
			return err
		}
		if err := l.journal.Replay(ctx); err != nil {
			return err
		}
	}
	l.server = server
	k := &l.redis.keys
	reply, err := l.redis.run(ctx, joinScript, []string{k.members, k.joined, k.arrived}, l.options.Gateway, server, l.redis.drift.Milliseconds(),
		aliveFor.Milliseconds())
	if err != nil {
		return err
	}
	amounts, err := parseAmounts(reply)
	if err != nil || len(amounts) != 2 {
		return fmt.Errorf("join: %w: %q: %w", errReply, reply, ErrStoreDown)
	}
	if missing, waited := amounts[0], time.Duration(amounts[1])*time.Millisecond; missing > 0 && waited < l.options.Grace {
		return errRejoining
	}
	l.joined.Store(true)
	return nil
}

// aliveFor is how long before the last beat of any gateway another may have beaten last and be waited for.
const aliveFor = 5 * time.Second

// reassert takes all open holds and slices again, as far as they are forgotten, and ends slices again.
func (l *Leased) reassert(ctx context.Context) error {
	l.mu.Lock()
	var calls []call
	for id, h := range l.calls {
		calls = append(calls, l.redis.reassertCall(id, &h))
	}
	l.mu.Unlock()
	for len(calls) > 0 {
		batch := calls[:min(len(calls), renewBatch)]
		calls = calls[len(batch):]
		if _, err := l.redis.runAll(ctx, reassertScript, batch); err != nil {
			return fmt.Errorf("take holds again that a restarted Redis may have forgotten: %w", err)
		}
	}
	for _, s := range l.everySlice() {
		if err := l.putAgain(ctx, s); err != nil {
			return fmt.Errorf("tell a restarted Redis of slice %q: %w", s.id, err)
		}
	}
	l.mu.Lock()
	l.forgetEnded(l.options.Clock(), endedReplayed)
	ended := append([]endedSlice(nil), l.ended...)
	l.mu.Unlock()
	for _, e := range ended {
		if err := l.endAgain(ctx, e.slice); err != nil {
			return fmt.Errorf("tell a restarted Redis of the end of slice %q: %w", e.slice.id, err)
		}
	}
	for _, a := range l.adoptedLately() {
		if err := l.redis.adoptAgain(ctx, a.id); err != nil {
			return fmt.Errorf("tell a restarted Redis of the orphan %q: %w", a.id, err)
		}
	}
	return nil
}

func (r *Redis) reassertCall(id string, h *Hold) call {
	c := call{
		keys: []string{r.keys.holds, r.keys.seeds, r.keys.leases, r.keys.closed(id)},
		args: []any{id, int64(h.Want), h.Lease.Milliseconds(), h.Seed, r.drift.Milliseconds()},
	}
	for _, b := range distinct(h.Charges) {
		c.keys = append(c.keys, r.keys.counter(b.key))
		c.args = append(c.args, forgetAt(b.ends))
	}
	return c
}

func (l *Leased) everySlice() (all []*slice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.slices {
		all = append(all, s)
	}
	return all
}

// putAgain tells the server of a slice as it is: all that it is worth here stays held.
func (l *Leased) putAgain(ctx context.Context, s *slice) error {
	l.mu.Lock()
	for s.busy != nil {
		busy := s.busy
		l.mu.Unlock()
		<-busy
		l.mu.Lock()
	}
	if l.slices[s.id] != s || s.expired || !s.born && !s.unsure && s.owed == 0 {
		l.mu.Unlock()
		return nil
	}
	s.busy = make(chan struct{})
	b := l.begin(s, ask{})
	b.call = l.redis.putCall(s, ask{}, max(s.held, s.outstanding()), b.told)
	l.mu.Unlock()
	reply, err := l.redis.run(ctx, sliceScript, b.call.keys, b.call.args...)
	_, err = l.finish(b, reply, err)
	return err
}

// endedSlice is a slice that was ended, and by whose end a restarted Redis may still have it open.
type endedSlice struct {
	slice *slice
	at    time.Time
}

const (
	endedMayBeLost = 10 * time.Second // while the store answers: an older end no restart can take any more
	endedReplayed  = 5 * time.Minute  // longer than that the store may not know an end
)

// forgetEnded drops ends and adoptions that are older than age. The caller holds mu.
func (l *Leased) forgetEnded(now time.Time, age time.Duration) {
	for len(l.ended) > 0 && now.Sub(l.ended[0].at) > age {
		l.ended = l.ended[1:]
	}
	for len(l.adopted) > 0 && now.Sub(l.adopted[0].at) > age {
		l.adopted = l.adopted[1:]
	}
}

// endAgain tells the server of a slice that is over. What it knows already does not change.
func (l *Leased) endAgain(ctx context.Context, s *slice) error {
	s.number++
	c := l.redis.putCall(s, ask{give: true}, 0, nil)
	reply, err := l.redis.run(ctx, sliceScript, c.keys, c.args...)
	if err != nil || reply[0] == "closed" {
		return err
	}
	rest := pricing.Nano(0)
	if reply[0] == "expired" {
		amounts, err := parseAmounts(reply[3:4])
		if err != nil {
			return fmt.Errorf("%w: %q: %w", errReply, reply, ErrStoreDown)
		}
		rest = s.spent - amounts[0]
	}
	done, err := l.redis.Charge(ctx, s.id, s.charges, rest)
	if err == nil && done.Applied && done.Orphaned {
		l.journal.EndSlice(s.id, s.seed, done)
	}
	return err
}

// adoption is an orphan whose row this gateway has entered. A restarted Redis may have its hold open again, or hand it out to another.
type adoption struct {
	id string
	at time.Time
}

func (l *Leased) adoptedLately() []adoption {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]adoption(nil), l.adopted...)
}

// adoptAgain makes an orphan of a hold once more, if the server does not know that it is one, and keeps it from others.
func (r *Redis) adoptAgain(ctx context.Context, id string) error {
	short, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	record, err := r.client.HGet(short, r.keys.holds, id).Result()
	if err == nil {
		err = r.client.ZAddXX(short, r.keys.leases, redis.Z{Member: id}).Err()
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("%w: %w", ErrStoreDown, err)
	}
	if record != "" {
		if err := r.expire(ctx, []string{id, record}); err != nil {
			return err
		}
	}
	return r.AckOrphan(ctx, id)
}

// void drops all slices: the store has lost its memory, and whatever was spent of them is in the ledger, from which it will be restored. What
// is settled from now on of their holds is Unknown.
func (l *Leased) void() {
	l.mu.Lock()
	lost := l.slices
	l.slices, l.draws, l.purses = map[string]*slice{}, map[string]draw{}, map[string]*purse{}
	l.calls, l.owed, l.ended, l.unlink = map[string]Hold{}, map[string]pricing.Nano{}, nil, nil
	for _, s := range lost {
		s.retired = true
	}
	l.mu.Unlock()
	for _, s := range lost {
		if len(s.pending) > 0 {
			l.journal.Reported(s.id, s.pending)
		}
		l.journal.EndSlice(s.id, s.seed, Settled{})
	}
}

// leave says that this gateway is gone, so that nobody waits for it.
func (l *Leased) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.redis.options.Timeout)
	defer cancel()
	_ = l.redis.client.ZRem(ctx, l.redis.keys.members, l.options.Gateway).Err() // else others wait for it for Grace, once
}

// Resume accepts the store as it is after an ErrStoreLost: see Redis.Resume.
func (l *Leased) Resume() { l.redis.Resume() }

// Incarnation names the running server: see Redis.Incarnation.
func (l *Leased) Incarnation(ctx context.Context) (string, error) {
	id, err := l.redis.Incarnation(ctx)
	return id, l.heard(err)
}
