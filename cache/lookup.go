package cache

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Ask is a lookup.
type Ask struct {
	Key    Key
	MaxAge time.Duration // answers older than this do not count; 0 is any age
	// Labels returns what a purge can name the answer by that comes of it. It is called for misses only; nil is none.
	Labels func() []string
	// Behind says that the flight fetches anew what is stored still: who would take what is stored does not wait for it.
	Behind bool
}

// found is what Redis knows of a key: an answer with what a memory in front needs to keep it, or else, if it was asked for, whether the
// lease for making one is ours.
type found struct {
	answer  *Answer
	epoch   uint64
	expires time.Time

	lease  string // the lease that we took; "" if we did not
	holder string // who has it, if somebody else does
}

// lookup asks Redis once: for the answer, for the epoch with it and, on a miss, for the lease if one is wanted, all in one round trip.
// A second one follows only where a purge or the age asked for hides what is stored.
func (r *Redis) lookup(ctx context.Context, ask *Ask, want *wanted, most time.Duration) (f found, err error) {
	if ask.Key.IsZero() {
		return f, nil
	}
	if !r.mayAsk() {
		return f, errSkipped
	}
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	f, err = r.find(limited, ask, want)
	if err != nil {
		if ctx.Err() == nil { // else it was the caller who left
			r.failed.Add(1)
			r.breaker.tell(false)
		}
		return found{}, err
	}
	r.breaker.tell(true)
	return f, nil
}

var errSkipped = errors.New("the breaker is open")

func (r *Redis) find(ctx context.Context, ask *Ask, want *wanted) (found, error) {
	over := false // whatever is stored does not count
	for range 4 {
		raw, f, err := r.fetch(ctx, ask.Key, want, over)
		if err != nil || raw == nil {
			return f, err
		}
		if f.answer = r.usable(raw, ask, &f); f.answer != nil || want == nil {
			return f, nil
		}
		over = true
	}
	return found{}, nil
}

// usable reads what lay under a key; nil if it may not be served.
func (r *Redis) usable(raw []byte, ask *Ask, f *found) *Answer {
	answer, expires, v := readFrame(raw, ask.Key, r.options.MaxAnswer)
	f.expires = expires
	switch now := r.options.Now(); {
	case v == foreign:
		r.mismatched.Add(1)
	case v == corrupt:
		r.corrupt.Add(1)
		r.storing.remove(r.name(f.epoch, ask.Key), raw)
	case !now.Before(expires), tooOld(answer, ask, now):
	case r.hidden.current().hides(ask.Key, answer.Labels, answer.Mark):
		r.storing.remove(r.name(f.epoch, ask.Key), raw)
	default:
		answer.Mark.Epoch = f.epoch
		return answer
	}
	return nil
}

func tooOld(a *Answer, ask *Ask, now time.Time) bool {
	return ask.MaxAge > 0 && now.Sub(a.Stored) > ask.MaxAge
}

// lookupScript returns the epoch and the count of purges and, if the epoch is the one that the caller goes by: the answer, or false; then,
// if there is none and a lease is wanted, whose the lease is: the caller's own, or the holder's, who is told that he is followed.
var lookupScript = redis.NewScript(`
local epoch, purges = redis.call('GET', KEYS[1]), redis.call('HGET', KEYS[2], '#')
if epoch ~= ARGV[1] then return {epoch, purges} end
if ARGV[2] == '0' then
	local answer = redis.call('GET', KEYS[3])
	if answer then return {epoch, purges, answer} end
end
if ARGV[3] == '0' then return {epoch, purges, false} end
if redis.call('SET', KEYS[4], ARGV[4], 'NX', 'PX', ARGV[3]) then return {epoch, purges, false, ARGV[4]} end
local holder = redis.call('GET', KEYS[4])
if holder == ARGV[5] then
	redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[3])
	return {epoch, purges, false, ARGV[4]}
end
redis.pcall('PUBLISH', ARGV[6] .. string.match(holder, '^[^/]*'), ARGV[7] .. holder)
return {epoch, purges, false, holder}
`)

// wanted is the lease that a lookup takes on a miss.
type wanted struct {
	lease string // the token to take it by: GATEWAY/NUMBER
	dead  string // a holder that is known to be no more: its lease may be taken; "" if none is
	note  []byte // what the holder is told, before its token
}

// fetch returns the value under a key and the epoch that it is of or, without a value, whose the lease is.
func (r *Redis) fetch(ctx context.Context, key Key, want *wanted, over bool) (raw []byte, f found, err error) {
	for range 3 {
		epoch, _ := r.epochs.current(r.options.Now())
		if epoch == 0 { // the first lookup
			if epoch, err = r.readEpoch(ctx); err != nil {
				return nil, f, err
			}
		}
		name := r.name(epoch, key)
		args := [7]any{strconv.FormatUint(epoch, 36), "0", "0", "", "", "", ""}
		if over {
			args[1] = "1"
		}
		if want != nil {
			args[2], args[3], args[4], args[5], args[6] = r.options.Lease.Milliseconds(), want.lease, want.dead, r.mailPrefix(), want.note
		}
		asked := r.options.Now()
		reply, err := lookupScript.Run(ctx, r.client, []string{r.epochName(), r.purgesName(), name, name + leaseSuffix}, args[:]...).Slice()
		if err != nil {
			return nil, f, err
		}
		text, _ := at(reply, 0).(string)
		count, _ := at(reply, 1).(string)
		if r.epochs.learn(text, parseCount(count), asked) != epoch || len(reply) < 3 {
			if _, err := r.readEpoch(ctx); err != nil { // the first lookup after a purge
				return nil, f, err
			}
			continue
		}
		f.epoch = epoch
		if err := r.readPurges(ctx); err != nil {
			return nil, f, err
		}
		if value, ok := at(reply, 2).(string); ok {
			return []byte(value), f, nil
		}
		if holder, ok := at(reply, 3).(string); ok {
			if f.holder = holder; holder == want.lease {
				f.lease, f.holder = holder, ""
			}
		}
		return nil, f, nil
	}
	return nil, f, nil
}

func at(reply []any, i int) any {
	if i < len(reply) {
		return reply[i]
	}
	return nil
}
