package proxy

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"bursar/budget"
	"bursar/cache"
	"bursar/cache/semantic"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// stores are where a house holds money and keeps answers.
type stores struct {
	embedded bool
	budgets  interface {
		Budgets
		Open(context.Context) (int, error)
	}
	cache    Cache
	semantic *semantic.Cache
}

// kinds are the stores that a test may run against.
var kinds = []struct {
	name  string
	stand bool // stands in for the real one that follows
	open  func(testing.TB) stores
}{
	{"memory", false, inMemory},
	{"miniredis", true, func(t testing.TB) stores { return inRedis(t, miniredis.RunT(t).Addr(), 0) }},
	{"redis", false, func(t testing.TB) stores { return inRedis(t, realRedis(t), 7) }},
	{"slices, miniredis", true, func(t testing.TB) stores { return inSlices(t, miniredis.RunT(t).Addr(), 0) }},
	{"slices, redis", false, func(t testing.TB) stores { return inSlices(t, realRedis(t), 7) }},
}

// eachStore runs a test against every kind of store. Where there is a real Redis, miniredis would show nothing more.
func eachStore(t *testing.T, test func(*testing.T, func(testing.TB) stores)) {
	for _, kind := range kinds {
		if kind.stand && os.Getenv("BURSAR_TEST_REDIS") != "" {
			continue
		}
		t.Run(kind.name, func(t *testing.T) { test(t, kind.open) })
	}
}

func realRedis(t testing.TB) string {
	addr := os.Getenv("BURSAR_TEST_REDIS")
	if addr == "" {
		t.Skip("set BURSAR_TEST_REDIS to run against a real Redis")
	}
	return addr
}

func inMemory(t testing.TB) stores {
	answers, err := cache.NewMemory(cache.MemoryOptions{})
	must(t, err)
	t.Cleanup(answers.Close)
	return stores{embedded: true, budgets: budget.NewMemory(time.Now, budget.Options{}), cache: answers, semantic: semantic.NewCache(semantic.CacheOptions{})}
}

// inRedis opens stores of an org of their own, and removes their keys when the test ends.
func inRedis(t testing.TB, addr string, db int) stores {
	org := "proxy-" + rand.Text()
	s := joinRedis(t, addr, db, org)
	t.Cleanup(func() { forget(addr, db, org) })
	return s
}

// inSlices opens stores whose budgets are spent in slices.
func inSlices(t testing.TB, addr string, db int) stores {
	s := inRedis(t, addr, db)
	return leased(t, s)
}

// leased puts slices before a Redis store.
func leased(t testing.TB, s stores) stores {
	own, err := budget.NewLeased(s.budgets.(*budget.Redis), budget.LeasedOptions{Gateway: rand.Text(), Pulse: 10 * time.Millisecond, Idle: 50 * time.Millisecond})
	must(t, err)
	s.budgets = own
	return s
}

// forget makes a Redis lose its memory of an org.
func forget(addr string, db int, org string) {
	client := redis.NewClient(&redis.Options{Addr: addr, DB: db})
	defer client.Close()
	ctx := context.Background()
	for keys := client.Scan(ctx, 0, "bursar:{"+org+"*", 1000).Iterator(); keys.Next(ctx); {
		client.Del(ctx, keys.Val())
	}
}

// joinRedis opens the stores of an org, as one more gateway of its fleet does.
func joinRedis(t testing.TB, addr string, db int, org string) stores {
	return joinRedisFor(t, addr, db, org, 5*time.Second)
}

func joinRedisFor(t testing.TB, addr string, db int, org string, timeout time.Duration) stores {
	return joinRedisWith(t, addr, db, org, timeout, cache.RedisOptions{Lookup: time.Second})
}

func joinRedisWith(t testing.TB, addr string, db int, org string, timeout time.Duration, options cache.RedisOptions) stores {
	client := budget.Connect(&redis.UniversalOptions{Addrs: []string{addr}, DB: db})
	t.Cleanup(func() { _ = client.Close() })
	money, err := budget.NewRedis(client, org, budget.Options{Timeout: timeout})
	must(t, err)
	answers, err := cache.NewRedis(client, org, options)
	must(t, err)
	t.Cleanup(answers.Close)
	learned := semantic.NewCache(semantic.CacheOptions{Fleet: &semantic.FleetOptions{
		Client: client, Org: org, Mark: answers.Mark, Hides: answers.Hides, Behind: time.Minute, Block: 20 * time.Millisecond, Gather: time.Millisecond,
	}})
	t.Cleanup(learned.Close)
	return stores{budgets: money, cache: answers, semantic: learned}
}
