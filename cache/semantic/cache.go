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

type held struct {
	context   cache.Key
	partition *Partition
	target    float64
	ttl       time.Duration
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

// Partition returns the partition of a context, with the bound and the TTL of the policy. A partition that was under another bound or TTL
// begins anew: what it has shown was shown for those.
func (c *Cache) Partition(context cache.Key, target float64, ttl time.Duration) *Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[context]; e != nil {
		if h := e.Value.(*held); h.target == target && h.ttl == ttl {
			c.recent.MoveToFront(e)
			return h.partition
		}
		c.drop(e)
	}
	for c.recent.Len() >= c.options.MaxPartitions {
		c.drop(c.recent.Back())
	}
	h := &held{context: context, target: target, ttl: ttl, partition: New(Options{Target: target, TTL: ttl, MaxEntries: c.options.MaxEntries, Seed: uint64(time.Now().UnixNano())})}
	c.known[context] = c.recent.PushFront(h)
	return h.partition
}

func (c *Cache) drop(e *list.Element) {
	h := e.Value.(*held)
	c.recent.Remove(e)
	delete(c.known, h.context)
	c.gone.add(h.partition.State().Counts)
}

// Condemn takes back an answer that somebody reported to be wrong: all questions that lead to it are forgotten, in every partition. It returns how
// many they were.
func (c *Cache) Condemn(answer cache.Key) int {
	n := 0
	for _, p := range c.partitions() {
		n += p.condemn(answer)
	}
	return n
}

// Clear forgets everything that was learned.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.recent.Len() > 0 {
		c.drop(c.recent.Back())
	}
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

// Stats is how the whole cache stands.
type Stats struct {
	Counts
	Partitions int
	Certified  int // partitions whose own evidence certifies what they serve
	Entries    int
	Answers    int
	Bound      float64 // the widest of the certified partitions' bounds; 0 if there is none
}

// Stats tells how the cache stands.
func (c *Cache) Stats() Stats {
	all := c.partitions()
	c.mu.Lock()
	s := Stats{Counts: c.gone, Partitions: len(all)}
	c.mu.Unlock()
	for _, p := range all {
		state := p.State()
		s.Counts.add(state.Counts)
		s.Entries += state.Entries
		s.Answers += state.Answers
		if state.Confirmed {
			s.Certified++
			s.Bound = max(s.Bound, state.Bound)
		}
	}
	return s
}
