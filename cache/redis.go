package cache

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis keeps answers for a fleet of gateways: Redis 7 or later, or Valkey; single, Sentinel or Cluster. A Redis that is down or slow
// costs a request at most the lookup deadline, and after a few of those nothing: the breaker opens, and lookups miss at once. It is
// safe for concurrent use.
type Redis struct {
	client  redis.UniversalClient
	options RedisOptions
	prefix  string
	epochs  epochs
	hidden  purges
	breaker breaker
	storing *storing
	flight  Flight
	fleet   *fleet
	counters
}

// RedisOptions tune a Redis. The zero value of a field takes its default.
type RedisOptions struct {
	Lookup    time.Duration    // deadline of a lookup; default 5 ms
	Store     time.Duration    // deadline of a store, which nobody waits for; default 250 ms
	MaxAnswer int              // bytes of one body; default 1 MiB
	Queue     int              // answers waiting to be stored; default 1024
	MaxQueued int64            // bytes they may take; default 64 MiB
	Workers   int              // that store them; default 2
	Failures  int              // in a row, that open the breaker; default 5
	Pause     time.Duration    // from opening to the first probe, doubled by each failed one up to 30 s; default 500 ms
	Lease     time.Duration    // how long a gateway that died keeps others from asking what it asked; default 3 s
	Now       func() time.Time // default time.Now
}

func (o RedisOptions) withDefaults() RedisOptions {
	defaultTo(&o.Lookup, 5*time.Millisecond)
	defaultTo(&o.Store, 250*time.Millisecond)
	defaultTo(&o.MaxAnswer, 1<<20)
	defaultTo(&o.Queue, 1024)
	defaultTo(&o.MaxQueued, 64<<20)
	defaultTo(&o.Workers, 2)
	defaultTo(&o.Failures, 5)
	defaultTo(&o.Pause, 500*time.Millisecond)
	defaultTo(&o.Lease, 3*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func defaultTo[N int | int64 | time.Duration](n *N, usual N) {
	if *n <= 0 {
		*n = usual
	}
}

// NewRedis makes the store of one org; its keys begin with bursar:{org}:x:. The client must have ContextTimeoutEnabled set: without it a
// lookup in a Redis that hangs would hang with it. The client stays the caller's; Close ends what NewRedis began.
func NewRedis(client redis.UniversalClient, org string, options RedisOptions) (*Redis, error) {
	if org == "" || strings.ContainsAny(org, "{}\n") {
		return nil, fmt.Errorf("org %q: it must not be empty nor contain braces or line breaks, because it is the hash tag of its keys", org)
	}
	if !keepsDeadlines(client) {
		return nil, fmt.Errorf("redis client of org %q: set ContextTimeoutEnabled: a lookup must not outlive its deadline", org)
	}
	r := &Redis{client: client, options: options.withDefaults(), prefix: "bursar:{" + org + "}:x:"}
	r.breaker = breaker{now: r.options.Now, failures: r.options.Failures, shortest: r.options.Pause, longest: max(30*time.Second, r.options.Pause)}
	r.storing = newStoring(r)
	r.fleet = newFleet(r)
	r.flight.ended = r.fleet.ended
	r.flight.keep = func(c *course, a *Answer, ttl time.Duration) {
		if !r.accepts(c.key, a, ttl) {
			r.giveUp(c.key, a.Mark, c.lease)
			return
		}
		r.put(c.key, a.clone(r.options.Now()), ttl, c.lease)
	}
	return r, nil
}

func keepsDeadlines(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	default:
		return true // a client of the caller's own make
	}
}

// Get returns the answer under a key, if there is one that still lives and Redis tells so in time.
func (r *Redis) Get(ctx context.Context, key Key) (*Answer, bool) {
	a := r.Find(ctx, &Ask{Key: key})
	return a, a != nil
}

// Find is Get with bounds.
func (r *Redis) Find(ctx context.Context, ask *Ask) *Answer {
	f, _ := r.lookup(ctx, ask, nil, r.options.Lookup)
	r.count(f.answer != nil)
	return f.answer
}

func (r *Redis) count(hit bool) {
	if hit {
		r.hits.Add(1)
	} else {
		r.misses.Add(1)
	}
}

// Put keeps a copy of an answer for ttl, if it is complete and not too large. It returns before the answer is stored.
func (r *Redis) Put(_ context.Context, key Key, answer *Answer, ttl time.Duration) {
	if r.accepts(key, answer, ttl) {
		r.put(key, answer.clone(r.options.Now()), ttl, "")
	}
}

func (r *Redis) accepts(key Key, answer *Answer, ttl time.Duration) bool {
	ok := !key.IsZero() && storable(answer, ttl) && len(answer.Body) <= r.options.MaxAnswer
	if !ok {
		r.refused.Add(1)
	}
	return ok
}

// put keeps the answer itself, and gives back the lease by which it was made, if there is one.
func (r *Redis) put(key Key, answer *Answer, ttl time.Duration, lease string) {
	if lease != "" {
		r.fleet.expect(lease)
	}
	if answer.Mark == (Mark{}) {
		answer.Mark = r.Mark() // now, not when it is written: a purge in between is meant for it, too
	}
	r.storing.add(job{key: key, answer: answer, expires: r.options.Now().Add(ttl), epoch: answer.Mark.Epoch, lease: lease})
}

// Flush waits until what was put before is stored or dropped.
func (r *Redis) Flush(ctx context.Context) error { return r.storing.flush(ctx) }

// Stats tells what this gateway has seen of the store.
func (r *Redis) Stats() Stats {
	s := r.read()
	r.flight.read(&s)
	s.Open = r.breaker.open()
	return s
}

// Close stores what was put and ends the workers. What is put after is dropped.
func (r *Redis) Close() {
	r.fleet.close()
	r.storing.close()
}

// mayAsk reports whether the breaker lets a call through. It sends a probe when one is due.
func (r *Redis) mayAsk() bool {
	call, probe := r.breaker.ask()
	if probe {
		r.storing.spawn(r.probe)
	}
	if !call {
		r.skipped.Add(1)
	}
	return call
}

// probe asks Redis twice: once with time to connect anew, which no request should wait for, and once within a lookup's deadline.
func (r *Redis) probe(ctx context.Context) {
	patient, cancel := context.WithTimeout(ctx, max(time.Second, r.options.Lookup))
	defer cancel()
	err := r.client.Ping(patient).Err()
	if err == nil {
		quick, cancel := context.WithTimeout(ctx, r.options.Lookup)
		defer cancel()
		err = r.client.Ping(quick).Err()
	}
	r.breaker.probed(err == nil)
}

// name returns the Redis key of an answer. The epoch in it puts all answers from before a purge out of reach, for every gateway.
func (r *Redis) name(epoch uint64, key Key) string {
	b := make([]byte, 0, 128)
	b = append(b, r.prefix...)
	b = strconv.AppendUint(b, epoch, 36)
	b = append(b, ':')
	b = hex.AppendEncode(b, key.digest[:])
	return string(b)
}
