package cache

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// epochs remembers the org's epoch and how many purges by label it has seen. The epoch is a random number in Redis rather than a count: one
// that Redis has lost, or that a failover has turned back, is replaced by one that was never used before, and no answer that was
// purged comes back with it.
type epochs struct{ last atomic.Pointer[epoch] }

type epoch struct {
	value  uint64    // never 0
	purges uint64    // purges by label in this epoch
	asked  time.Time // Redis had it at this time or later
}

// rereadEpoch is how long a gateway goes by an epoch, and so how long a purge takes to reach it.
const rereadEpoch = time.Second

// current returns the epoch, 0 if none is known yet, and whether it must be asked for again.
func (e *epochs) current(now time.Time) (value uint64, due bool) {
	last := e.last.Load()
	if last == nil {
		return 0, true
	}
	age := now.Sub(last.asked)
	return last.value, age >= rereadEpoch || age < 0
}

// learn notes what Redis answered when it was asked at a time, and returns the epoch to go by: a late answer to an old question does
// not undo a newer one. An epoch that cannot be read counts as 0, which is none; so does one that has fewer purges than it had: Redis has
// lost some, and answers that they hid would come back.
func (e *epochs) learn(text string, purges uint64, asked time.Time) uint64 {
	value, err := strconv.ParseUint(text, 36, 64)
	if err != nil || value == 0 {
		return 0
	}
	next := &epoch{value, purges, asked}
	for {
		last := e.last.Load()
		if last != nil && last.asked.After(asked) {
			return last.value
		}
		if last != nil && last.value == value && last.purges > purges {
			return 0
		}
		if e.last.CompareAndSwap(last, next) {
			return value
		}
	}
}

// Mark is what has been purged so far, as far as this gateway knows.
func (r *Redis) Mark() Mark {
	last := r.epochs.last.Load()
	if last == nil {
		return Mark{}
	}
	return Mark{Epoch: last.value, Purge: last.purges}
}

// Hides reports whether a purge that this gateway knows of has reached an answer that carries these labels and was asked for at mark. Before it
// knows the epoch, every answer counts as reached.
func (r *Redis) Hides(key Key, labels []string, mark Mark) bool {
	last := r.epochs.last.Load()
	return last == nil || mark.Epoch != last.value || r.hidden.current().hides(key, labels, mark)
}

// Purge forgets the answers that carry one of some labels, or every answer of the org if it names none: at once here, within about a
// second on every other gateway that reaches Redis. The old ones go from Redis as their time to live ends. Its deadline is ctx's, at
// most a few seconds.
func (r *Redis) Purge(ctx context.Context, labels ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := r.purge(ctx, labels)
	if err != nil {
		return fmt.Errorf("purge the answer cache: %w; nothing is sure to be purged: try again when Redis answers", err)
	}
	r.purged.Add(1)
	return nil
}

func (r *Redis) purge(ctx context.Context, labels []string) error {
	if len(labels) == 0 {
		return r.renew(ctx)
	}
	args := make([]any, 0, len(labels)+1)
	args = append(args, mostPurged)
	for _, label := range labels {
		args = append(args, label)
	}
	full, err := purgeScript.Run(ctx, r.client, []string{r.purgesName()}, args...).Bool()
	if err != nil {
		return err
	}
	if full { // more labels than are worth remembering
		return r.renew(ctx)
	}
	epoch, err := r.readEpoch(ctx)
	if err != nil {
		return err
	}
	return r.removeAnswers(ctx, epoch, labels)
}

// removeAnswers removes what is purged by its own key: purges of single answers are not remembered for ever.
func (r *Redis) removeAnswers(ctx context.Context, epoch uint64, labels []string) error {
	_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, label := range labels {
			text, single := strings.CutPrefix(label, LabelAnswer+"=")
			if key, ok := ParseKey(text); single && ok {
				p.Unlink(ctx, r.name(epoch, key))
			}
		}
		return nil
	})
	return err
}

// renew gives the org a new epoch, without purges.
func (r *Redis) renew(ctx context.Context) error {
	text := newEpoch()
	_, err := r.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, r.epochName(), text, 0)
		p.Del(ctx, r.purgesName())
		return nil
	})
	if err == nil {
		r.epochs.learn(text, 0, r.options.Now())
	}
	return err
}

// purgeScript notes a purge of some labels, each with the count of purges that it makes. Single answers are forgotten first where there are
// too many. It returns 1 if there are too many labels still.
var purgeScript = redis.NewScript(`
local count = redis.call('HINCRBY', KEYS[1], '#', 1)
for i = 2, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], count) end
if redis.call('HLEN', KEYS[1]) <= tonumber(ARGV[1]) then return 0 end
local all, single = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
	if string.sub(all[i], 1, 7) == 'answer=' then single[#single + 1] = {all[i], tonumber(all[i + 1])} end
end
table.sort(single, function(a, b) return a[2] < b[2] end)
for i = 1, math.floor(#single / 2) do redis.call('HDEL', KEYS[1], single[i][1]) end
return redis.call('HLEN', KEYS[1]) > tonumber(ARGV[1]) and 1 or 0
`)

// readEpoch asks Redis for the epoch and its purges, and gives it an epoch if it has none.
func (r *Redis) readEpoch(ctx context.Context) (uint64, error) {
	for try := range 3 {
		asked := r.options.Now()
		both := r.client.Pipeline()
		mark, count := both.Get(ctx, r.epochName()), both.HGet(ctx, r.purgesName(), "#")
		if _, err := both.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return 0, err
		}
		text, err := mark.Result()
		if err == nil {
			if value := r.epochs.learn(text, parseCount(count.Val()), asked); value != 0 {
				return value, r.readPurges(ctx)
			}
			if try > 0 { // else two answers may have overtaken each other
				err = r.renew(ctx) // it cannot be read, or has lost purges
			}
		} else if errors.Is(err, redis.Nil) {
			err = r.client.SetNX(ctx, r.epochName(), newEpoch(), 0).Err() // another gateway may be first
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the epoch %s does not stay set; check Redis's eviction policy", r.epochName())
}

// readPurges makes the table of purges as new as the count that was learned.
func (r *Redis) readPurges(ctx context.Context) error {
	known, wanted := r.hidden.current(), r.epochs.last.Load()
	if known.count == wanted.purges {
		return nil
	}
	if wanted.purges == 0 {
		r.hidden.table.Store(noPurges)
		return nil
	}
	fields, err := r.client.HGetAll(ctx, r.purgesName()).Result()
	if err != nil {
		return err
	}
	table := &purgeTable{count: parseCount(fields["#"]), last: make(map[string]uint64, len(fields))}
	for label, count := range fields {
		if label != "#" {
			table.last[label] = parseCount(count)
		}
	}
	r.hidden.table.Store(table)
	return nil
}

func parseCount(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64) // what Redis counted
	return n
}

// freshEpoch returns the epoch, not older than a second; ok is false if Redis does not tell.
func (r *Redis) freshEpoch(ctx context.Context) (value uint64, ok bool) {
	value, due := r.epochs.current(r.options.Now())
	if !due {
		return value, true
	}
	if !r.mayAsk() {
		return 0, false
	}
	limited, cancel := context.WithTimeout(ctx, r.options.Lookup)
	defer cancel()
	value, err := r.readEpoch(limited)
	if err != nil && ctx.Err() == nil {
		r.failed.Add(1)
	}
	if err == nil || ctx.Err() == nil {
		r.breaker.tell(err == nil)
	}
	return value, err == nil
}

func (r *Redis) epochName() string  { return r.prefix + "epoch" }
func (r *Redis) purgesName() string { return r.prefix + "purges" }

// newEpoch draws an epoch. It is never 0, and 63 random bits do not meet again.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return strconv.FormatUint(binary.LittleEndian.Uint64(b[:])|1, 36)
}
