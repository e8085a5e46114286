package semantic

import (
	"container/list"
	"sync"
	"time"

	"bursar/cache"
)

// Cache holds a partition for each context. It is safe for concurrent use. What it knows is lost when the process ends; the answers
// themselves are in the answer cache.
type Cache struct {
	options CacheOptions

	mu     sync.Mutex
	known  map[cache.Key]*list.Element // of *held
	recent list.List                   // the one used last in front
	gone   Counts                      // of partitions that were let go
}

// CacheOptions bound a cache. The zero value of a field takes its default.
type CacheOptions struct {
	MaxPartitions int // default 256; the one not used for longest goes
	MaxEntries    int // of each partition, default 1,000,000; the oldest goes
}

// Terms are what the policy says of a partition, and what it is called in statistics.
type Terms struct {
	Target float64       // wrong answers per hit that are tolerated, 0..1
	TTL    time.Duration // how long an entry serves
	Name   string        // who shares it and the model, for people
}

type held struct {
	context   cache.Key
	partition *Partition
	terms     Terms
}

// NewCache makes an empty cache.
func NewCache(o CacheOptions) *Cache {
	if o.MaxPartitions <= 0 {
		o.MaxPartitions = 256
	}
	if o.MaxEntries <= 0 {
		o.MaxEntries = 1_000_000
	}
	return &Cache{options: o, known: map[cache.Key]*list.Element{}}
}

// Partition returns the partition of a context. One that was under another bound or TTL begins anew: what it has shown was shown for those.
func (c *Cache) Partition(context cache.Key, terms Terms) *Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[context]; e != nil {
		if h := e.Value.(*held); h.terms == terms {
			c.recent.MoveToFront(e)
			return h.partition
		}
		c.drop(e)
	}
	for c.recent.Len() >= c.options.MaxPartitions {
		c.drop(c.recent.Back())
	}
	h := &held{context: context, terms: terms, partition: New(Options{Target: terms.Target, TTL: terms.TTL, MaxEntries: c.options.MaxEntries, Seed: uint64(time.Now().UnixNano())})}
	h.partition.context, h.partition.name = context, terms.Name
	c.known[context] = c.recent.PushFront(h)
	return h.partition
}

func (c *Cache) drop(e *list.Element) {
	h := e.Value.(*held)
	c.recent.Remove(e)
	delete(c.known, h.context)
	c.gone.add(h.partition.State().Counts)
}

func (c *Cache) find(context cache.Key) *Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[context]; e != nil {
		return e.Value.(*held).partition
	}
	return nil
}

func (c *Cache) partitions() []*Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*Partition, 0, c.recent.Len())
	for e := c.recent.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*held).partition)
	}
	return all
}
