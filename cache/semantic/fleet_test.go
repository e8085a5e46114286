package semantic

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/cache"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// quietRedis drops go-redis's log lines: tests take Redis away on purpose.
type quietRedis struct{}

func (quietRedis) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quietRedis{})
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.startGlobalTimeCache.func1"))
}

// patience is how long tests wait for what must happen soon: long, since the machines that run them are slow at times.
const patience = time.Minute

func until(t testing.TB, what string, good func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !good(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// eachRedis runs a test against a double of Redis, and against a real one if there is one.
func eachRedis(t *testing.T, test func(*testing.T, *common)) {
	t.Run("miniredis", func(t *testing.T) { test(t, &common{addr: miniredis.RunT(t).Addr(), org: rand.Text()}) })
	t.Run("redis", func(t *testing.T) {
		addr := os.Getenv("BURSAR_TEST_REDIS")
		if addr == "" {
			t.Skip("set BURSAR_TEST_REDIS to run against a real Redis")
		}
		r := &common{addr: addr, db: 9, org: "semantic-" + rand.Text()}
		t.Cleanup(r.forget)
		test(t, r)
	})
	t.Run("cluster", func(t *testing.T) {
		addrs := os.Getenv("BURSAR_TEST_REDIS_CLUSTER")
		if addrs == "" {
			t.Skip("set BURSAR_TEST_REDIS_CLUSTER to run against a real Redis Cluster (addresses separated by commas)")
		}
		test(t, &common{addr: addrs, org: "semantic-" + rand.Text()})
	})
}

// common is a Redis that the gateways of a test have in common, with what was purged of its answers.
type common struct {
	addr string
	db   int
	org  string

	mu     sync.Mutex
	purges uint64
	purged []string
}

func (r *common) client(t testing.TB) redis.UniversalClient {
	c := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: strings.Split(r.addr, ","), DB: r.db, ContextTimeoutEnabled: true, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (r *common) forget() {
	c := redis.NewClient(&redis.Options{Addr: r.addr, DB: r.db})
	defer c.Close()
	ctx := context.Background()
	for keys := c.Scan(ctx, 0, "bursar:{"+r.org+"}*", 1000).Iterator(); keys.Next(ctx); {
		c.Del(ctx, keys.Val())
	}
}

func (r *common) mark() cache.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cache.Mark{Epoch: 1, Purge: r.purges}
}

func (r *common) hides(_ cache.Key, labels []string, mark cache.Mark) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return mark.Purge < r.purges && slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(r.purged, l) })
}

// gateway joins the fleet. What is too late for a busy machine is not late here, unless the test says so.
func (r *common) gateway(t testing.TB, change ...func(*FleetOptions)) *Cache {
	o := &FleetOptions{
		Client: r.client(t), Org: r.org, Mark: r.mark, Hides: r.hides, Behind: time.Hour, Block: 5 * time.Millisecond, Gather: time.Millisecond,
		Timeout: 30 * time.Second, Save: 5 * time.Millisecond,
	}
	for _, f := range change {
		f(o)
	}
	c := NewCache(CacheOptions{Fleet: o})
	t.Cleanup(c.Close)
	return c
}

var hourly = Terms{Target: 0.05, TTL: time.Hour, Name: "team=a, small"}

// partition waits until a gateway has loaded the partition of a context.
func partition(t testing.TB, c *Cache, context cache.Key) (p *Partition) {
	t.Helper()
	until(t, "the partition to be loaded", func() bool {
		p = c.Partition(context, hourly)
		return p != nil && p.shared.fresh.Load() != 0
	})
	return p
}

// tell asks and learns as one request that goes upstream does.
func tell(p *Partition, text, answer string, user uint64, labels ...string) Verdict {
	var q Question
	q.Reset(text, user, time.Now())
	p.Find(&q)
	if q.Verdict != Served {
		p.Learn(&q, Answer{Text: answer, Key: cache.NewKey("team=a").Part(answer).Key(), At: time.Now(), Labels: labels, Mark: cache.Mark{Epoch: 1}})
	}
	return q.Verdict
}

func entries(p *Partition) int { return p.State().Entries }

// estimates are what a partition's estimates have come to.
func estimates(p *Partition) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%+v %+v %+v", p.gate, p.shipped, p.selector)
}

// TestAFleetLearnsTogether: what one gateway has learned another serves; each event counts once, and all have the same estimates, to the last bit,
// also a gateway that comes later, from the snapshot and what came after it.
func TestAFleetLearnsTogether(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *common) {
		a, b := r.gateway(t), r.gateway(t)
		pa, pb := partition(t, a, contextOf("x")), partition(t, b, contextOf("x"))
		tell(pa, "How do I renew the parking permit?", "On the portal.", 1)
		until(t, "both to have the first question", func() bool { return entries(pa) == 1 && entries(pb) == 1 })
		if v := tell(pb, "Please explain how to renew the parking permit.", "On the portal.", 2); v != Quarantined {
			t.Errorf("on the other gateway, before anybody confirmed: %v", v)
		}
		until(t, "both to have the second", func() bool { return entries(pa) == 2 && entries(pb) == 2 })
		questions := 2
		for i := range 60 {
			p := []*Partition{pa, pb}[i%2]
			v := tell(p, fmt.Sprintf("How %s I renew the parking permit%s", []string{"can", "would", "should"}[i%3], []string{"?", "", " please?"}[i/3%3]), "On the portal.", uint64(i+3))
			if v != Served {
				questions++
			}
			if v != Served && v != Shadowed {
				t.Fatalf("question %d: %v", i, v)
			}
		}
		settled := func(all ...*Partition) func() bool {
			return func() bool {
				for _, p := range all {
					if entries(p) != questions || estimates(p) != estimates(all[0]) {
						return false
					}
				}
				return true
			}
		}
		until(t, "61 questions with a candidate to be counted", func() bool {
			pa.mu.Lock()
			defer pa.mu.Unlock()
			return pa.gate.asked >= 61
		})
		until(t, "both to have the same estimates", settled(pa, pb))
		pa.mu.Lock()
		var labelled float64
		for _, s := range pa.gate.strata {
			labelled += s.labelled
		}
		faded := math.Exp(-1*settleEvery/memory) * float64(questions-1) // as far as all were counted before the first fading
		if pa.gate.asked != 61 || pa.learned != questions || labelled < faded || labelled > float64(questions-1) {
			t.Errorf("%d of 61 questions with a candidate counted, %v labels of %d, %d learned of %d", pa.gate.asked, labelled, questions-1, pa.learned, questions)
		}
		pa.mu.Unlock()
		c := r.gateway(t)
		pc := partition(t, c, contextOf("x"))
		until(t, "a third to have the same estimates", settled(pa, pc))
		if s := pc.State(); s.Labels != questions || s.Answers != 1 {
			t.Errorf("a gateway that came later: %+v", s)
		}
	})
}

// TestAFleetRemembers: what was learned outlives all gateways.
func TestAFleetRemembers(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *common) {
		a := r.gateway(t)
		p := partition(t, a, contextOf("x"))
		tell(p, "How do I renew the parking permit?", "On the portal.", 1)
		until(t, "the question to be learned", func() bool { return entries(p) == 1 })
		tell(p, "How can I renew the parking permit?", "On the portal.", 2)
		a.Close()
		b := r.gateway(t)
		p = partition(t, b, contextOf("x"))
		if n := entries(p); n != 2 {
			t.Fatalf("%d questions after a restart, want 2", n)
		}
		if v := tell(p, "How would I renew the parking permit?", "On the portal.", 3); v != Served && v != Shadowed {
			t.Errorf("after a restart: %v", v)
		}
		if p.State().Name != hourly.Name {
			t.Errorf("%+v", p.State())
		}
	})
}

// TestReportsAndPurgesReachTheFleet, and a gateway that comes later does not know what was taken out.
func TestReportsAndPurgesReachTheFleet(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *common) {
		a, b := r.gateway(t), r.gateway(t)
		pa, pb := partition(t, a, contextOf("x")), partition(t, b, contextOf("x"))
		three := func() {
			tell(pa, "How do I renew the parking permit?", "On the portal.", 1, "route=x")
			tell(pa, "Where do I find my payslip?", "In the drawer.", 2, "route=x")
			tell(pb, "Who repairs the coffee machine?", "The porter.", 3, "route=y")
			until(t, "both to have three questions", func() bool { return entries(pa) == 3 && entries(pb) == 3 })
		}
		three()
		if n := a.Condemn(cache.NewKey("team=a").Part("In the drawer.").Key(), nil); n != 1 {
			t.Errorf("%d questions forgotten", n)
		}
		until(t, "the other gateway to hear of the report", func() bool { return entries(pb) == 2 })
		r.mu.Lock()
		r.purges, r.purged = r.purges+1, []string{"route=x"}
		r.mu.Unlock()
		until(t, "both to hear of the purge", func() bool { return entries(pa) == 1 && entries(pb) == 1 })
		pc := partition(t, r.gateway(t), contextOf("x"))
		if n := entries(pc); n != 1 {
			t.Errorf("a gateway that came later has %d questions", n)
		}
		client := r.client(t)
		until(t, "the questions to be gone from Redis", func() bool {
			left, err := client.Keys(t.Context(), pa.shared.name+":q:*").Result()
			return err == nil && len(left) == 1
		})
	})
}

// TestWhatIsSentTwiceCountsOnce: a parcel whose arrival was not heard of comes again.
func TestWhatIsSentTwiceCountsOnce(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *common) {
		a := r.gateway(t)
		p := partition(t, a, contextOf("x"))
		tell(p, "How do I renew the parking permit?", "On the portal.", 1)
		until(t, "the question to be learned", func() bool { return entries(p) == 1 })
		var e event
		e.kind, e.risk, e.doubt, e.chance = passed, 0.01, 0.02, 0.5
		twice := &parcel{events: e.append(nil), numbers: [streams]uint64{learning: 1000}}
		client := r.client(t)
		for range 2 {
			_, err := client.TxPipelined(t.Context(), func(tx redis.Pipeliner) error {
				p.shared.fill(t.Context(), tx, twice)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		tell(p, "Where do I find my payslip?", "In the drawer.", 1)
		until(t, "the next question to be learned", func() bool { return entries(p) == 2 })
		until(t, "both messages to be read", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.shared.seen[learning][a.fleet.run] >= 1000
		})
		n, err := client.XLen(t.Context(), p.shared.stream(learning)).Result()
		if p.mu.Lock(); err != nil || n < 2 || p.shipped.wager.seen+p.gate.wager.seen > 1 {
			t.Errorf("%d messages, %v: seen %v and %v times", n, err, p.gate.wager.seen, p.shipped.wager.seen)
		}
		p.mu.Unlock()
	})
}

// TestRedisIsDown: while Redis does not answer all is a miss, at once and without an error; what was noted meanwhile arrives when it is back.
func TestRedisIsDown(t *testing.T) {
	server := miniredis.RunT(t)
	r := &common{addr: server.Addr(), org: "acme"}
	c := r.gateway(t, func(o *FleetOptions) { o.Behind, o.Timeout = 50*time.Millisecond, 100*time.Millisecond })
	p := partition(t, c, contextOf("x"))
	tell(p, "How do I renew the parking permit?", "On the portal.", 1)
	until(t, "the question to be learned", func() bool { return entries(p) == 1 })
	server.SetError("LOADING Redis is loading the dataset in memory")
	until(t, "the partition to be behind", func() bool { return tell(p, "Where do I find my payslip?", "In the drawer.", 2) == Behind })
	server.SetError("")
	until(t, "what was noted meanwhile to be learned", func() bool { return entries(p) >= 2 })
	until(t, "the partition to serve again", func() bool { return tell(p, "How can I renew the parking permit?", "On the portal.", 1) != Behind })
}

// TestNothingIsNamedBeforeTheSecretIsKnown: without Redis there is no partition, and no wait.
func TestNothingIsNamedBeforeTheSecretIsKnown(t *testing.T) {
	server := miniredis.RunT(t)
	server.SetError("LOADING")
	r := &common{addr: server.Addr(), org: "acme"}
	c := r.gateway(t)
	if p := c.Partition(contextOf("x"), hourly); p != nil {
		t.Error("a partition without a secret")
	}
	server.SetError("")
	p := partition(t, c, contextOf("x"))
	if other := partition(t, r.gateway(t), contextOf("x")); other.context != p.context {
		t.Error("two gateways of a fleet name a partition differently")
	}
	if own := NewCache(CacheOptions{Secret: []byte("another")}).Partition(contextOf("x"), hourly); own.context == p.context {
		t.Error("a partition's name does not depend on the secret")
	}
}

// TestEverythingEnds: no key is left in Redis for ever but the secret.
func TestEverythingEnds(t *testing.T) {
	server := miniredis.RunT(t)
	r := &common{addr: server.Addr(), org: "acme"}
	c := r.gateway(t)
	p := partition(t, c, contextOf("x"))
	for i := range 5 {
		tell(p, "How do I renew the parking permit?", "On the portal.", uint64(i))
		until(t, "the question to be learned", func() bool { return entries(p) == i+1 || i > 1 })
	}
	c.Close()
	for _, name := range server.Keys() {
		if name != "bursar:{acme}:m:secret" && server.TTL(name) == 0 {
			t.Errorf("%s has no end", name)
		}
	}
	if n := len(server.Keys()); n < 5 {
		t.Errorf("%d keys: %v", n, server.Keys())
	}
}

// BenchmarkLoad is what a gateway takes to know 2,000 questions of 200 answers that the fleet has.
func BenchmarkLoad(b *testing.B) {
	r := &common{addr: miniredis.RunT(b).Addr(), org: "acme"}
	p := partition(b, r.gateway(b), contextOf("x"))
	for i := range 2000 {
		tell(p, fmt.Sprintf("How do I %s the permit number %d of the office?", []string{"renew", "replace", "book", "find"}[i%4], i), fmt.Sprint("Answer ", i%200, " is this."), uint64(i))
		if i%500 == 0 {
			_ = p.shared.fleet.cache.Flush(b.Context())
		}
	}
	_ = p.shared.fleet.cache.Flush(b.Context())
	for b.Loop() {
		if n := entries(partition(b, r.gateway(b), contextOf("x"))); n < 1000 {
			b.Fatalf("%d questions", n)
		}
	}
}
