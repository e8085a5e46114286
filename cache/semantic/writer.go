package semantic

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	mostMessages  = 20000               // of the stream of events, about: a snapshot has what is older
	keepEstimates = 30 * 24 * time.Hour // of a context that nobody asks in
	leastKept     = time.Hour           // of messages
	mostReported  = 1000                // answers, about: a gateway that was away for longer than they take loads everything anew
)

// write sends what partitions have noted until the fleet is closed, and then what is left once more.
func (f *fleet) write() {
	save := time.NewTicker(f.options.Save)
	defer save.Stop()
	failures := 0
	for {
		var err error
		select {
		case <-f.wake:
			err = f.call(f.send)
		case <-save.C:
			if err = f.call(f.save); err == nil {
				err = f.call(f.tidy)
			}
		case <-f.ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), f.options.Timeout)
			defer cancel()
			for f.send(last) == nil {
				if !f.adds() {
					_ = f.save(last) // the stream has the same events
					break
				}
			}
			return
		}
		if err == nil {
			failures = 0
			f.rest()
			continue
		}
		if failures++; failures == 1 && f.ctx.Err() == nil {
			f.options.Warn("write what the semantic cache has learned to Redis; it is tried again", err)
		}
		f.pause(failures)
		f.rouse()
	}
}

// rest lets parcels fill.
func (f *fleet) rest() {
	select {
	case <-f.ctx.Done():
	case <-time.After(f.options.Gather):
	}
}

func (f *fleet) send(ctx context.Context) error {
	if err := f.sendReports(ctx); err != nil {
		return err
	}
	if err := f.sendErased(ctx); err != nil {
		return err
	}
	if err := f.sendCondemned(ctx); err != nil {
		return err
	}
	if err := f.sendParcels(ctx); err != nil {
		return err
	}
	return f.sendVectors(ctx)
}

// sendParcels sends what partitions have noted, in one round trip. A parcel that arrived in part comes again as a whole, and counts once.
func (f *fleet) sendParcels(ctx context.Context) error {
	f.mu.Lock()
	queued := f.queued
	f.queued = nil
	f.mu.Unlock()
	sent := make([]*shared, 0, len(queued))
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, s := range queued {
			if parcel := s.take(); parcel != nil {
				s.fill(ctx, p, parcel)
				sent = append(sent, s)
			}
		}
		return nil
	})
	for _, s := range sent {
		s.of.mu.Lock()
		if err == nil && s.sending != nil {
			f.index(s, s.sending)
			s.sending = nil
		}
		if s.sending != nil || len(s.events)+len(s.newcomers) > 0 {
			f.queue(s)
		}
		s.of.mu.Unlock()
	}
	return err
}

// fill writes a parcel: questions before the message that names them.
func (s *shared) fill(ctx context.Context, p redis.Pipeliner, parcel *parcel) {
	keep := s.keeps()
	if len(parcel.newcomers) > 0 {
		var refs []byte
		for _, n := range parcel.newcomers {
			name := s.question(n.entry.ref)
			p.HSet(ctx, name, n.fields()...)
			p.PExpireAt(ctx, name, n.entry.expires)
			refs = append(refs, n.entry.ref[:]...)
		}
		add := &redis.XAddArgs{Stream: s.stream(questions), Values: []any{"from", s.fleet.run, "number", parcel.numbers[questions], "refs", refs}}
		s.of.mu.Lock()
		add.MinID, add.Approx = earlier(s.at[questions], keep), true // by Redis's own clock
		s.of.mu.Unlock()
		p.XAdd(ctx, add)
		p.PExpire(ctx, add.Stream, keep)
	}
	if len(parcel.events) > 0 {
		add := &redis.XAddArgs{
			Stream: s.stream(learning), MaxLen: mostMessages, Approx: true,
			Values: []any{"from", s.fleet.run, "number", parcel.numbers[learning], "events", parcel.events},
		}
		p.XAdd(ctx, add)
		p.PExpire(ctx, add.Stream, keep)
	}
}

// earlier is the id of a message that came so much before another.
func earlier(id string, by time.Duration) string {
	at, _, _ := strings.Cut(id, "-")
	ms, _ := strconv.ParseInt(at, 10, 64) // what Redis made
	return strconv.FormatInt(max(0, ms-by.Milliseconds()), 10)
}

func (f *fleet) sendReports(ctx context.Context) error {
	f.mu.Lock()
	reported := f.reported
	f.reported = nil
	f.mu.Unlock()
	if len(reported) == 0 {
		return nil
	}
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, answer := range reported {
			p.XAdd(ctx, &redis.XAddArgs{Stream: f.reports(), MaxLen: mostReported, Approx: true, Values: []any{"from", f.run, "answer", answer.AppendTo(nil)}})
		}
		return nil
	})
	if err != nil {
		f.mu.Lock()
		f.reported = append(reported, f.reported...)[:min(mostReported, len(reported)+len(f.reported))]
		f.mu.Unlock()
	}
	return err
}

func (f *fleet) reports() string { return f.prefix + "reports" }

func (f *fleet) sendErased(ctx context.Context) error {
	for {
		f.mu.Lock()
		n := min(mostAtOnce, len(f.erased))
		some := f.erased[:n:n]
		f.erased = f.erased[n:]
		f.mu.Unlock()
		if n == 0 {
			return nil
		}
		names := make([]string, n)
		for i := range some {
			names[i] = some[i].of.question(some[i].ref)
		}
		_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Unlink(ctx, names...)
			for i := range some {
				if f.options.VectorSets {
					p.VRem(ctx, some[i].of.vectorSet(), string(some[i].ref[:]))
				}
			}
			return nil
		})
		if err != nil && !answered(err) {
			f.mu.Lock()
			f.erased = append(some, f.erased...)
			f.mu.Unlock()
			return err
		}
	}
}

// save keeps the estimates of partitions that this gateway has contributed to.
func (f *fleet) save(ctx context.Context) error {
	f.mu.Lock()
	followed := f.followed
	f.mu.Unlock()
	var saving []*shared
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, s := range followed {
			if at, estimates := s.unsavedEstimates(); estimates != nil {
				saving = append(saving, s)
				p.Eval(ctx, saveScript, []string{s.state()}, at, estimates, keepEstimates.Milliseconds())
				p.XTrimMaxLenApprox(ctx, s.stream(questions), int64(s.of.options.MaxEntries), 0)
			}
		}
		return nil
	})
	if err != nil {
		for _, s := range saving {
			s.of.mu.Lock()
			s.contributed = true
			s.of.mu.Unlock()
		}
	}
	return err
}

func (s *shared) unsavedEstimates() (at string, estimates []byte) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if !s.contributed {
		return "", nil
	}
	s.contributed = false
	return s.at[learning], s.of.snapshot(s.seen[learning])
}

// saveScript keeps estimates, unless there are some of a later message.
const saveScript = `
local known = redis.call('HGET', KEYS[1], 'at')
local function order(id)
	local ms, n = string.match(id, '^(%d+)-(%d+)$')
	return tonumber(ms), tonumber(n)
end
if known then
	local a, b = order(known)
	local c, d = order(ARGV[1])
	if a > c or a == c and b >= d then return 0 end
end
redis.call('HSET', KEYS[1], 'at', ARGV[1], 'estimates', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`
