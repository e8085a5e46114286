package semantic

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/cache"
)

// TestIsolationOfTenants: fifty tenants ask equal and nearly equal questions at once, on two gateways of a fleet or on one alone. None is ever served
// what another was told. BURSAR_ISOLATION_REQUESTS asks more of them.
func TestIsolationOfTenants(t *testing.T) {
	total := 2000
	if n, err := strconv.Atoi(os.Getenv("BURSAR_ISOLATION_REQUESTS")); err == nil {
		total = n
	}
	t.Run("memory", func(t *testing.T) { isolate(t, total, NewCache(CacheOptions{})) })
	eachRedis(t, func(t *testing.T, c *common) {
		isolate(t, total, c.gateway(t), c.gateway(t))
	})
}

func isolate(t *testing.T, total int, gateways ...*Cache) {
	t.Helper()
	const tenants = 50
	ways := []string{"How do I renew the parking permit?", "How can I renew the parking permit?", "how would I renew the parking permit", "How should I renew the parking permit?", "Where is the parking permit renewed?"}
	contexts := make([]cache.Key, tenants)
	for i := range contexts {
		contexts[i] = cache.NewKey(fmt.Sprint("team=", i)).Part("semantic").Key()
		for _, g := range gateways {
			if g.fleet != nil {
				partition(t, g, contexts[i])
			}
		}
	}
	var served, crossed atomic.Int64
	ask := func(random *rand.Rand) {
		var q Question
		for range total / 8 {
			tenant := random.IntN(tenants)
			p := gateways[random.IntN(len(gateways))].Partition(contexts[tenant], hourly)
			q.Reset(ways[random.IntN(len(ways))], uint64(random.IntN(5)), time.Now())
			if p.Find(&q); q.Verdict == Served {
				served.Add(1)
				if !q.Key.IsOf(fmt.Sprint("team=", tenant)) {
					crossed.Add(1)
				}
				continue
			}
			secret := fmt.Sprintf("tenant %d says so", tenant)
			p.Learn(&q, Answer{Text: secret, Key: cache.NewKey(fmt.Sprint("team=", tenant)).Part(q.Text).Key(), At: time.Now(), Mark: cache.Mark{Epoch: 1}})
		}
	}
	for half := range uint64(2) {
		var wg sync.WaitGroup
		for i := range uint64(4) {
			wg.Go(func() { ask(rand.New(rand.NewPCG(half, i))) })
		}
		wg.Wait()
		for _, g := range gateways { // what the fleet has learned by then is served from now on
			if err := g.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d requests, %d served, %d across tenants", total, served.Load(), crossed.Load())
	if crossed.Load() != 0 || served.Load() < int64(total)/20 {
		t.Errorf("%d of %d were served, %d of them another tenant's answer", served.Load(), total, crossed.Load())
	}
}
