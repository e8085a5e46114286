package budget

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"bursar/pricing"
)

// ask is what a put wants besides telling what was spent.
type ask struct {
	need, more pricing.Nano // to hold more, if need is not 0
	give       bool         // to give back what is idle
}

// put is one put of a slice on its way. Between begin and finish no other is.
type put struct {
	slice *slice
	call  call
	spent pricing.Nano // as told
	owed  pricing.Nano // as told
	told  []string     // IDs, as told
}

// fill gets more money for a purse. False: none can be had, and the hold must make a call of its own.
func (l *Leased) fill(ctx context.Context, p *purse, h *Hold) bool {
	defer l.filled(p)
	if l.gate(ctx) != nil {
		return false
	}
	s, fresh := l.sliceFor(p, h)
	if fresh {
		if err := l.journal.BeginSlice(s.id, s.about()); err != nil {
			l.drop(s)
			return false
		}
	}
	now := l.options.Clock()
	l.mu.Lock()
	p.grow(now, h.Want)
	a := ask{need: h.Want - s.room(), more: p.size + p.waiting}
	p.waiting = 0
	if a.need <= 0 { // filled ahead of its time
		a.need = min(h.Want, a.more)
	}
	b := l.begin(s, a)
	l.mu.Unlock()
	reply, err := l.redis.run(ctx, sliceScript, b.call.keys, b.call.args...)
	verdict, err := l.finish(b, reply, err)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if verdict != "ok" {
		p.near = l.options.Clock().Add(nearFor)
	}
	p.filled = l.options.Clock()
	if s.number == 1 && !s.born {
		l.retire(s)
	}
	return verdict == "ok"
}

// nearFor is for how long no slice is asked for after one was refused.
const nearFor = time.Second

// sliceFor returns the slice to fill, a new one if there is none, once no other call about it is under way.
func (l *Leased) sliceFor(p *purse, h *Hold) (s *slice, fresh bool) {
	l.mu.Lock()
	for p.current != nil && p.current.busy != nil {
		busy := p.current.busy
		l.mu.Unlock()
		<-busy
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	if s, fresh = p.current, p.current == nil; fresh {
		s = l.newSlice(p, h)
	}
	s.busy = make(chan struct{})
	return s, fresh
}

// newSlice makes the next slice of a purse. It is worth nothing yet.
func (l *Leased) newSlice(p *purse, h *Hold) *slice {
	s := &slice{
		id: slicePrefix + l.options.Gateway + "." + rand.Text(), purse: p, lease: h.Lease, put: l.options.Clock(),
		charges: append([]Charge(nil), h.Charges...), seed: append([]byte(nil), h.Seed...),
	}
	s.budgets = distinct(s.charges)
	for _, b := range s.budgets {
		s.counters = append(s.counters, l.redis.keys.counter(b.key))
	}
	l.slices[s.id], p.current = s, s
	return s
}

const slicePrefix = "slice."

// IsSlice tells whether an ID is that of a slice, not of a hold.
func IsSlice(id string) bool { return strings.HasPrefix(id, slicePrefix) }

// sliceFacts is what Recover needs to know of a slice.
type sliceFacts struct {
	Charges []Charge
	Lease   time.Duration
	Seed    []byte
}

func (s *slice) about() []byte {
	text, err := json.Marshal(sliceFacts{s.charges, s.lease, s.seed})
	if err != nil {
		panic("BUG: a slice cannot be written: " + err.Error()) // texts, numbers and a time
	}
	return text
}

// drop forgets a slice that nobody knows of but this process.
func (l *Leased) drop(s *slice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.slices, s.id)
	if s.purse.current == s {
		s.purse.current = nil
	}
	l.free(s)
}

// free lets the next call about s begin.
func (l *Leased) free(s *slice) {
	if s.busy != nil {
		close(s.busy)
		s.busy = nil
	}
}

// filled lets the purse's next fill begin.
func (l *Leased) filled(p *purse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(p.filling)
	p.filling = nil
}

// begin makes the put of a slice as it stands. The caller holds mu, and has made s busy.
func (l *Leased) begin(s *slice, a ask) *put {
	if a.give { // not drawn on any more, whether or not the answer is heard
		s.funds -= s.idle()
	}
	s.number++
	s.put = l.options.Clock()
	b := &put{slice: s, spent: s.spent, owed: s.owed, told: s.pending[:len(s.pending):len(s.pending)]}
	b.call = l.redis.putCall(s, a, s.held, b.told)
	return b
}

// putCall is the call of slice.lua.
func (r *Redis) putCall(s *slice, a ask, keep pricing.Nano, told []string) call {
	known := ""
	if epoch := r.epoch.Load(); epoch != nil {
		known = *epoch
	}
	give := "0"
	if a.give {
		give = "1"
	}
	keys := append(make([]string, 0, 8+len(s.counters)), r.keys.holds, r.keys.seeds, r.keys.leases, r.keys.closed(s.id), r.keys.epoch,
		r.keys.slice(s.id), r.keys.wanted, r.keys.idle)
	args := append(make([]any, 0, 15+2*len(s.counters)), s.id, s.number, int64(s.spent), int64(keep), int64(a.need), int64(a.more), give,
		s.lease.Milliseconds(), s.seed, r.drift.Milliseconds(), known, rand.Text(), strings.Join(told, "\n"),
		keepSlice.Milliseconds(), idleCounts.Milliseconds())
	for i := range s.budgets {
		keys = append(keys, s.counters[i])
		args = append(args, s.budgets[i].limitText(), forgetAt(s.budgets[i].ends))
	}
	return call{keys, args}
}

const (
	keepSlice  = 24 * time.Hour  // how long Redis remembers what it was told of a slice, for the recovery of its gateway
	idleCounts = 2 * time.Second // how long after a put its idle money is thought to be there
)

// finish takes in what the store answered to a put.
func (l *Leased) finish(b *put, reply []string, err error) (verdict string, _ error) {
	s := b.slice
	if err == nil {
		verdict, err = l.learn(b, reply)
	}
	if err != nil {
		l.mu.Lock()
		s.unsure = true
		l.free(s)
		l.mu.Unlock()
		return "", l.heard(fmt.Errorf("put slice %q: %w", s.id, err))
	}
	l.answered()
	l.given.Add(1)
	if (verdict == "ok" || verdict == "near") && len(b.told) > 0 {
		l.journal.Reported(s.id, b.told)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if verdict == "ok" || verdict == "near" {
		s.pending = s.pending[len(b.told):]
	}
	l.free(s)
	return verdict, nil
}

var errReply = errors.New("reply cannot be understood")

// learn reads the reply of slice.lua into the slice.
func (l *Leased) learn(b *put, reply []string) (string, error) {
	verdict := reply[0]
	if verdict == "lost" {
		return "", fmt.Errorf("%w: restore the windows from the ledger, then Resume: %w", ErrStoreLost, ErrStoreDown)
	}
	amounts, err := parseAmounts(reply[min(2, len(reply)):])
	if err != nil || len(amounts) != 2+2*len(b.slice.budgets) {
		return "", fmt.Errorf("%w: %q: %w", errReply, reply, ErrStoreDown)
	}
	if reply[1] != "" {
		l.redis.epoch.CompareAndSwap(nil, &reply[1])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := b.slice
	switch verdict {
	case "ok", "near":
		s.born = s.born || verdict == "ok" || amounts[0] > 0 || b.spent > 0
		s.funds, s.reported, s.unsure = amounts[0], b.spent, false
		l.acknowledge(s, b.owed)
	case "expired", "closed":
		s.reported, s.unsure, s.expired = amounts[1], false, true
		l.retire(s)
	case "full":
	default:
		return "", fmt.Errorf("%w: %q: %w", errReply, reply, ErrStoreDown)
	}
	s.states = s.states[:0]
	for i := range s.budgets {
		s.states = append(s.states, State{Spent: amounts[2+2*i], Held: amounts[3+2*i]})
	}
	return verdict, nil
}

// acknowledge notes that the store knows of what was taken while it was away.
func (l *Leased) acknowledge(s *slice, owed pricing.Nano) {
	if owed == 0 {
		return
	}
	s.owed -= owed
	for _, b := range s.budgets {
		if l.owed[b.key] -= owed; l.owed[b.key] <= 0 {
			delete(l.owed, b.key)
		}
	}
}
