package semantic

import (
	"container/list"
	"context"
	"crypto/rand"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"bursar/cache"
)

// Cache holds a partition for each context. It is safe for concurrent use. Alone, it forgets what it has learned when the process ends; in a fleet
// Redis keeps it, and all gateways learn together. The answers themselves are in the answer cache.
type Cache struct {
	options CacheOptions
	fleet   *fleet // nil if it is alone
	total   atomic.Int64

	mu     sync.Mutex
	known  map[cache.Key]*list.Element // of *held
	recent list.List                   // the one used last in front
	gone   Counts                      // of partitions that were let go
}

// CacheOptions bound a cache. The zero value of a field takes its default.
type CacheOptions struct {
	MaxPartitions int // default 256; the one not used for longest goes
	MaxEntries    int // of each partition, default 1,000,000; the oldest goes
	MaxTotal      int // of all partitions, default 2,000,000; the partition not used for longest goes

	// Secret seals the names of partitions, so that nobody can work out from them what was asked. A fleet's gateways must have the same; an empty
	// one is made by Redis's first gateway, and alone by the process.
	Secret []byte
	Fleet  *FleetOptions // nil is alone
}

// NewCache makes an empty cache. Close it.
func NewCache(o CacheOptions) *Cache {
	for _, n := range []struct {
		of    *int
		usual int
	}{{&o.MaxPartitions, 256}, {&o.MaxEntries, 1_000_000}, {&o.MaxTotal, 2_000_000}} {
		if *n.of <= 0 {
			*n.of = n.usual
		}
	}
	if o.Fleet == nil && len(o.Secret) == 0 {
		o.Secret = []byte(rand.Text())
	}
	c := &Cache{options: o, known: map[cache.Key]*list.Element{}}
	if o.Fleet != nil {
		c.fleet = newFleet(c, *o.Fleet)
	}
	return c
}

// Close ends the cache's goroutines. What the fleet has not been told yet is told.
func (c *Cache) Close() {
	if c.fleet != nil {
		c.fleet.close()
	}
}

// Terms are what the policy says of a partition, and what it is called in statistics.
type Terms struct {
	Target float64       // wrong answers per hit that are tolerated, 0..1
	TTL    time.Duration // how long an entry serves
	Name   string        // who shares it and the model, for people
}

// Partition returns the partition of a context on the policy's terms: what was shown on other terms was shown for those. It returns nil while it is
// not known under which secret the fleet keeps it.
func (c *Cache) Partition(of cache.Key, terms Terms) *Partition {
	secret := c.options.Secret
	if c.fleet != nil {
		c.fleet.start()
		if secret = c.fleet.sealing(); secret == nil {
			return nil
		}
	}
	name := of.Sealed(secret, format, math.Float64bits(terms.Target), uint64(terms.TTL))
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[name]; e != nil {
		c.recent.MoveToFront(e)
		return e.Value.(*Partition)
	}
	for c.recent.Len() >= c.options.MaxPartitions || c.recent.Len() > 0 && c.total.Load() >= int64(c.options.MaxTotal) {
		c.drop(c.recent.Back())
	}
	p := New(Options{Target: terms.Target, TTL: terms.TTL, MaxEntries: c.options.MaxEntries, Seed: uint64(time.Now().UnixNano())})
	p.context, p.name, p.total = name, terms.Name, &c.total
	if c.fleet != nil {
		c.fleet.join(p)
	}
	c.known[name] = c.recent.PushFront(p)
	return p
}

// format sets apart what gateways of different versions have learned: it changes with the verifier, the evidence and what is kept of them.
const format = 2

func (c *Cache) drop(e *list.Element) {
	p := e.Value.(*Partition)
	c.recent.Remove(e)
	delete(c.known, p.context)
	c.gone.add(p.leave())
	if p.shared != nil {
		c.fleet.leave(p.shared)
	}
}

// lose lets a partition go whose following has failed: when it is asked for again it is loaded anew.
func (c *Cache) lose(s *shared) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[s.of.context]; e != nil && e.Value.(*Partition) == s.of {
		c.drop(e)
	}
}

// Flush waits until what was learned before has been learned: with a fleet, until it has come back from Redis.
func (c *Cache) Flush(ctx context.Context) error {
	if c.fleet == nil {
		return nil
	}
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !c.idle() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
	return nil
}

func (c *Cache) idle() bool {
	for _, p := range c.partitions() {
		if !p.shared.idle() {
			return false
		}
	}
	return true
}

func (c *Cache) find(name cache.Key) *Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[name]; e != nil {
		return e.Value.(*Partition)
	}
	return nil
}

func (c *Cache) partitions() []*Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*Partition, 0, c.recent.Len())
	for e := c.recent.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*Partition))
	}
	return all
}
