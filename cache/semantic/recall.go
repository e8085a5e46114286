package semantic

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"bursar/cache/embed"
	"bursar/cache/index"

	"github.com/redis/go-redis/v9"
)

// recall takes the questions near to q in again that only Redis has. It waits for Redis as long as a lookup may; whatever goes wrong, the lookup goes
// on with what memory has.
func (p *Partition) recall(q *Question) {
	s := p.shared
	if s == nil || !s.beyond.Load() || q.vector == (embed.Vector{}) || s.behind(time.Now()) || !s.fleet.recalling.may(time.Now()) {
		return
	}
	found, err := s.search(q)
	s.fleet.recalling.tell(err == nil, time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Recalls++
	if err != nil {
		p.counts.RecallsFailed++
	}
	before := p.counts.Recalled
	for _, n := range found {
		s.readmit(n)
	}
	if p.counts.Recalled > before {
		q.near = p.index.Nearest(&q.vector, q.room[:0:reach])
	}
}

// search asks Redis for the nearest questions, and reads those that memory lacks and that are nearer than the last of those it found.
func (s *shared) search(q *Question) ([]*newcomer, error) {
	f := s.fleet
	ctx, cancel := context.WithTimeout(f.ctx, f.options.Lookup)
	defer cancel()
	var nearest *redis.VectorScoreSliceCmd
	var condemned *redis.StringSliceCmd
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		args := &redis.VSimArgs{Count: reach, EF: searched}
		nearest = p.VSimWithArgsWithScores(ctx, s.vectorSet(), &redis.VectorFP32{Val: floats32(&q.vector)}, args)
		condemned = p.SMembers(ctx, s.condemned())
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	wanted := s.lacking(nearest.Val(), q.near)
	if len(wanted) == 0 {
		return nil, nil
	}
	values := make([]*redis.SliceCmd, len(wanted))
	if _, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, r := range wanted {
			values[i] = p.HMGet(ctx, s.question(r), entryFields[:]...)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	reported := make(map[string]bool, len(condemned.Val()))
	for _, m := range condemned.Val() {
		reported[m] = true
	}
	var found []*newcomer
	for i, r := range wanted {
		n := readNewcomer(r, values[i].Val())
		if n == nil { // it has expired
			f.erase(s, r)
			continue
		}
		found = append(found, n)
	}
	return s.spared(found, reported), nil
}

// spared drops the questions whose answer was reported, by its key or by what it says, and the others that say the same, here and elsewhere.
func (s *shared) spared(found []*newcomer, reported map[string]bool) []*newcomer {
	for left := -1; left != len(found); {
		left = len(found)
		found = slices.DeleteFunc(found, func(n *newcomer) bool {
			answer, said := string(n.answer[:]), string(n.said.digest[:])
			if !reported[string(n.entry.key.AppendTo(nil))] && !reported[answer] && !reported[said] {
				return false
			}
			reported[answer], reported[said] = true, true
			s.condemn(answer, said)
			s.fleet.erase(s, n.entry.ref)
			return true
		})
	}
	return found
}

// lacking are the questions found that memory lacks and that belong to the nearest. Redis tells cosines as (1 + cosine) / 2, of vectors that it has
// rounded.
func (s *shared) lacking(found []redis.VectorScore, near []index.Match) (wanted []ref) {
	const rounding = 0.02
	p := s.of
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range found {
		r, ok := refFrom(m.Name)
		if !ok || p.known[r] != nil {
			continue
		}
		if len(near) == reach && 2*m.Score-1 < float64(near[reach-1].Cosine)-rounding {
			continue
		}
		wanted = append(wanted, r)
	}
	return wanted
}

// readmit makes a question that was let go an entry again. What was learned from it has not been forgotten.
func (s *shared) readmit(n *newcomer) {
	p, e := s.of, n.entry
	switch {
	case p.known[e.ref] != nil || !time.Now().Before(e.expires):
	case s.fleet.options.Hides(e.key, e.labelled(), e.mark):
		s.fleet.erase(s, e.ref)
	default:
		p.admit(e, n.answer, &n.said)
		p.counts.Recalled++
	}
}

// respite keeps lookups from waiting for a Redis that does not answer in time: after some failures in a row it is asked once a second only.
type respite struct {
	failures atomic.Int64
	until    atomic.Int64 // Unix nanoseconds
}

const (
	mostFailures = 5
	rests        = time.Second
)

// may tells whether a lookup may ask. While Redis is left alone, it lets one of them try each second.
func (b *respite) may(now time.Time) bool {
	if b.failures.Load() < mostFailures {
		return true
	}
	until := b.until.Load()
	return now.UnixNano() >= until && b.until.CompareAndSwap(until, now.Add(rests).UnixNano())
}

// tell hears how it went.
func (b *respite) tell(ok bool, now time.Time) {
	if ok {
		b.failures.Store(0)
		return
	}
	b.until.Store(now.Add(rests).UnixNano())
	b.failures.Add(1)
}
