package semantic

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bursar/cache"

	"github.com/redis/go-redis/v9"
)

// fleet keeps what partitions learn in Redis, for all gateways: Redis 7 or later, or Valkey; single, Sentinel or Cluster. All its keys have one hash
// tag. No request ever waits for it: a writer sends what was noted, a follower learns what comes back, loaders read what was there before.
type fleet struct {
	client  redis.UniversalClient
	options FleetOptions
	prefix  string
	run     string // names this process among all that send
	cache   *Cache
	secret  atomic.Pointer[[]byte]

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	begin   sync.Once
	wake    chan struct{} // the writer
	loads   chan *shared

	mu         sync.Mutex // taken with a partition's lock held, never the other way round
	queued     []*shared
	followed   []*shared
	erased     []indexed // questions to be removed from Redis
	reported   []cache.Key
	adding     []indexed // questions that their vector sets do not have yet
	condemning []condemnation

	follower  follower
	recalling respite
	turn      int // whose vector set is tidied; the writer's
}

// FleetOptions join a cache to a fleet. The zero value of a field but the first ones takes its default.
type FleetOptions struct {
	Client redis.UniversalClient // it stays the caller's
	Org    string
	Mark   func() cache.Mark                          // of the answer cache: what has been purged so far
	Hides  func(cache.Key, []string, cache.Mark) bool // of the answer cache: whether a purge has reached an answer
	Warn   func(what string, err error)               // hears when Redis begins to fail; default nobody

	// VectorSets keeps the questions in Redis 8's vector sets too, and finds there what memory has no room for.
	VectorSets bool
	Lookup     time.Duration // how long a lookup waits for a vector set; default 5 ms

	Behind  time.Duration // how long ago the fleet may have been heard of for a hit to be served; default 1 s
	Block   time.Duration // how long one read waits for news; default 200 ms
	Gather  time.Duration // between two parcels of a partition; default 10 ms
	Timeout time.Duration // of a call, which nobody waits for; default 2 s
	Save    time.Duration // between two snapshots of a partition's estimates; default 2 s
}

func newFleet(c *Cache, o FleetOptions) *fleet {
	for _, d := range []struct {
		of    *time.Duration
		usual time.Duration
	}{{&o.Behind, time.Second}, {&o.Lookup, 5 * time.Millisecond}, {&o.Block, 200 * time.Millisecond}, {&o.Gather, 10 * time.Millisecond}, {&o.Timeout, 2 * time.Second}, {&o.Save, 2 * time.Second}} {
		if *d.of <= 0 {
			*d.of = d.usual
		}
	}
	if o.Warn == nil {
		o.Warn = func(string, error) {}
	}
	f := &fleet{
		client: o.Client, options: o, prefix: prefixOf(o.Org), run: rand.Text(), cache: c, wake: make(chan struct{}, 1), loads: make(chan *shared, 1024),
	}
	if len(c.options.Secret) > 0 {
		f.secret.Store(&c.options.Secret)
	}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// start begins to read and write: nothing is asked of Redis where no policy compares questions.
func (f *fleet) start() {
	f.begin.Do(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.ctx.Err() != nil {
			return
		}
		f.running.Go(f.write)
		f.running.Go(f.follow)
		for range 2 {
			f.running.Go(f.loadAll)
		}
	})
}

// join makes a partition one of the fleet's, and has it loaded.
func (f *fleet) join(p *Partition) {
	s := &shared{fleet: f, of: p, name: f.prefix + p.context.String()[:32]}
	for i := range s.seen {
		s.seen[i] = map[string]uint64{}
		s.at[i] = "0-0"
	}
	p.shared = s
	if f.options.VectorSets {
		p.known = map[ref]*entry{}
	}
	select {
	case f.loads <- s:
	default: // it is not followed, and so serves nothing, until it has been dropped and is asked for again
		go f.cache.lose(s) // its lock is held
	}
}

// leave ends the following of a partition. What it has to send is sent.
func (f *fleet) leave(s *shared) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.dropped = true
	f.followed = slices.DeleteFunc(f.followed, func(o *shared) bool { return o == s })
}

// queue has a partition's news sent. Its lock is held.
func (f *fleet) queue(s *shared) {
	if s.queued {
		return
	}
	s.queued = true
	f.mu.Lock()
	f.queued = append(f.queued, s)
	f.mu.Unlock()
	f.rouse()
}

func (f *fleet) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// erase has questions removed from Redis, which no gateway is to load again.
func (f *fleet) erase(s *shared, r ref) {
	f.mu.Lock()
	f.erased = append(f.erased, indexed{of: s, ref: r})
	f.mu.Unlock()
	f.rouse()
}

// report tells the other gateways of an answer that was reported.
func (f *fleet) report(answer cache.Key) {
	f.start()
	f.mu.Lock()
	f.reported = append(f.reported, answer)
	f.mu.Unlock()
	f.rouse()
}

// close sends what is left and ends all goroutines.
func (f *fleet) close() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.running.Wait()
}

// sealing returns the secret that partitions are named under: nil until Redis has told it. The first gateway of an org makes it.
func (f *fleet) sealing() []byte {
	if s := f.secret.Load(); s != nil {
		return *s
	}
	return nil
}

func (f *fleet) fetchSecret(ctx context.Context) error {
	if f.sealing() != nil {
		return nil
	}
	secret, err := FleetSecret(ctx, f.client, f.options.Org)
	if err == nil {
		f.secret.Store(&secret)
	}
	return err
}

// FleetSecret is the secret of an org's gateways that Redis keeps. The first gateway makes it.
func FleetSecret(ctx context.Context, client redis.UniversalClient, org string) ([]byte, error) {
	name := prefixOf(org) + "secret"
	if err := client.SetNX(ctx, name, rand.Text()+rand.Text(), 0).Err(); err != nil {
		return nil, err
	}
	secret, err := client.Get(ctx, name).Bytes()
	if err == nil && len(secret) == 0 {
		err = fmt.Errorf("%s is empty in Redis", name)
	}
	return secret, err
}

func prefixOf(org string) string { return "bursar:{" + org + "}:m:" }

// call bounds a call that nobody waits for.
func (f *fleet) call(run func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(f.ctx, f.options.Timeout)
	defer cancel()
	return run(ctx)
}

// pause waits after the n-th failure in a row, unless the fleet is closed.
func (f *fleet) pause(n int) {
	select {
	case <-f.ctx.Done():
	case <-time.After(min(5*time.Second, 50*time.Millisecond<<min(n, 10))):
	}
}

// The names of a partition's keys.
func (s *shared) question(r ref) string { return s.name + ":q:" + string(r[:]) }

func (s *shared) stream(i int) string { return s.name + [streams]string{":questions", ":learning"}[i] }
func (s *shared) state() string       { return s.name + ":estimates" }
