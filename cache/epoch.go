package cache

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// epochs remembers the org's epoch. It is a random number in Redis rather than a count: one that Redis has lost, or that a failover has
// turned back, is replaced by one that was never used before, and no answer that was purged comes back with it.
type epochs struct{ last atomic.Pointer[epoch] }

type epoch struct {
	value uint64    // never 0
	asked time.Time // Redis had it at this time or later
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
// not undo a newer one. An epoch that cannot be read counts as 0, which is none.
func (e *epochs) learn(text string, asked time.Time) uint64 {
	value, err := strconv.ParseUint(text, 36, 64)
	if err != nil || value == 0 {
		return 0
	}
	next := &epoch{value, asked}
	for {
		last := e.last.Load()
		if last != nil && last.asked.After(asked) {
			return last.value
		}
		if e.last.CompareAndSwap(last, next) {
			return value
		}
	}
}

// Purge forgets every answer of the org: at once here, within about a second on every other gateway that reaches Redis. The old ones go
// from Redis as their time to live ends. Its deadline is ctx's, at most a few seconds.
func (r *Redis) Purge(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text := newEpoch()
	if err := r.client.Set(ctx, r.epochName(), text, 0).Err(); err != nil {
		return fmt.Errorf("purge the answer cache: %w; nothing is sure to be purged: try again when Redis answers", err)
	}
	r.epochs.learn(text, r.options.Now())
	r.purges.Add(1)
	return nil
}

// readEpoch asks Redis for the epoch, and gives it one if it has none.
func (r *Redis) readEpoch(ctx context.Context) (uint64, error) {
	for range 3 {
		asked := r.options.Now()
		text, err := r.client.Get(ctx, r.epochName()).Result()
		if err == nil {
			if value := r.epochs.learn(text, asked); value != 0 {
				return value, nil
			}
			err = r.client.Set(ctx, r.epochName(), newEpoch(), 0).Err() // it cannot be read
		} else if errors.Is(err, redis.Nil) {
			err = r.client.SetNX(ctx, r.epochName(), newEpoch(), 0).Err() // another gateway may be first
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the epoch %s does not stay set; check Redis's eviction policy", r.epochName())
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

func (r *Redis) epochName() string { return r.prefix + "epoch" }

// newEpoch draws an epoch. It is never 0, and 63 random bits do not meet again.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return strconv.FormatUint(binary.LittleEndian.Uint64(b[:])|1, 36)
}
