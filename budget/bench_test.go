package budget

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

// The benchmarks hold and settle on three budgets, as a request of a team's member does.
func benchCharges() []Charge {
	ends := time.Now().AddDate(0, 1, 0)
	return []Charge{
		{Key: "org/monthly/2026-11", Limit: 7_000_000 * pricing.Dollar, Hard: true, Ends: ends},
		{Key: "team=search/monthly/2026-11", Limit: 1_000_000 * pricing.Dollar, Hard: true, Ends: ends},
		{Key: "user=ann/daily/2026-11-23", Limit: 1000 * pricing.Dollar, Hard: false, Ends: ends},
	}
}

// benchLimits are those of a team with all three figures, and of its member with one.
func benchLimits() []Limit {
	return []Limit{
		{"team=search", Requests, MaxTokens, true},
		{"team=search", Tokens, MaxTokens, true},
		{"team=search", Concurrent, MaxTokens, true},
		{"user=each:ann", Requests, MaxTokens, true},
	}
}

func benchHold(limits []Limit) *Hold {
	return &Hold{
		Want: 1000, Least: 10, Charges: benchCharges(), Lease: time.Minute, Seed: make([]byte, 300), States: make([]State, 0, 3),
		Limits: limits, Tokens: 900, Rates: make([]Rate, 0, 4),
	}
}

// cpu is what this process has used of the processors: on a machine that others use too, the clock on the wall says little.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// reportCPU begins to measure, and tells per operation what was used when it is called.
func reportCPU(b *testing.B) (tell func()) {
	begun := cpu()
	return func() { b.ReportMetric(float64(cpu()-begun)/float64(b.N), "cpu-ns/op") }
}

// reportServer is reportCPU for a Redis that nobody else uses, with what the server used.
func reportServer(b *testing.B, client redis.UniversalClient) (tell func()) {
	stats := func() (calls, seconds float64) {
		info, err := client.Info(b.Context(), "cpu", "commandstats").Result()
		if err != nil {
			b.Fatal(err)
		}
		number := func(after string) (n float64) {
			if _, line, found := strings.Cut(info, after); found {
				fmt.Sscanf(line, "%g", &n)
			}
			return n
		}
		return number("cmdstat_evalsha:calls="), number("used_cpu_user:") + number("used_cpu_sys:")
	}
	calls, seconds := stats()
	own := reportCPU(b)
	return func() {
		own()
		nowCalls, nowSeconds := stats()
		b.ReportMetric((nowSeconds-seconds)*1e9/float64(b.N), "server-cpu-ns/op")
		b.ReportMetric((nowCalls-calls)/float64(b.N), "round-trips/op")
	}
}

func benchIDs() []string {
	ids := make([]string, 1<<18)
	for i := range ids {
		ids[i] = "01JD" + strconv.Itoa(i) + ".1"
	}
	return ids
}

func BenchmarkMemory(b *testing.B) {
	for _, run := range []struct {
		name   string
		open   int
		limits []Limit
	}{{"open=0", 0, nil}, {"open=10000", 10_000, nil}, {"limits=4", 0, benchLimits()}} {
		b.Run(run.name, func(b *testing.B) {
			m, ids, ctx, h := NewMemory(nil, Options{}), benchIDs(), b.Context(), benchHold(run.limits)
			for i := range run.open {
				h.ID = "open" + strconv.Itoa(i)
				m.Reserve(ctx, h)
			}
			b.ReportAllocs()
			b.ResetTimer()
			defer reportCPU(b)()
			for i := 0; i < b.N; i++ {
				h.ID = ids[i%len(ids)]
				m.Reserve(ctx, h)
				m.Settle(ctx, Settlement{ID: h.ID, Actual: 700, Tokens: 500})
			}
		})
	}
}

func BenchmarkMemoryParallel(b *testing.B) {
	m, ids, ctx := NewMemory(nil, Options{}), benchIDs(), b.Context()
	var next atomic.Int64
	b.ReportAllocs()
	defer reportCPU(b)()
	b.RunParallel(func(pb *testing.PB) {
		h := benchHold(nil)
		for pb.Next() {
			h.ID = ids[int(next.Add(1))%len(ids)]
			m.Reserve(ctx, h)
			m.Settle(ctx, Settlement{ID: h.ID, Actual: 700})
		}
	})
}

// BenchmarkRedis needs a real Redis. Each of its operations is two round trips.
func BenchmarkRedis(b *testing.B) {
	for _, run := range []struct {
		name    string
		callers int
		limits  []Limit
	}{{"callers=1", 1, nil}, {"callers=16", 16, nil}, {"callers=16/limits=4", 16, benchLimits()}} {
		b.Run("reserve+settle/"+run.name, func(b *testing.B) {
			s, ctx := openRedis(b).handles[0], b.Context()
			var next atomic.Int64
			b.SetParallelism((run.callers + 1) / 2) // of two processors
			b.ReportAllocs()
			defer reportServer(b, s.(*Redis).client)()
			b.RunParallel(func(pb *testing.PB) {
				h := benchHold(run.limits)
				for pb.Next() {
					h.ID = strconv.FormatInt(next.Add(1), 10)
					if _, err := s.Reserve(ctx, h); err != nil {
						b.Error(err)
					}
					if _, err := s.Settle(ctx, Settlement{ID: h.ID, Actual: 700, Tokens: 500}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	b.Run("settle batch of 64", func(b *testing.B) {
		s, ctx := openRedis(b).handles[0], b.Context()
		batch, results := make([]Settlement, 64), make([]Settled, 64)
		for i := 0; i < b.N; i += 64 {
			b.StopTimer()
			for j := range batch {
				batch[j] = Settlement{ID: strconv.Itoa(i + j), Actual: 700}
				s.Reserve(ctx, &Hold{ID: batch[j].ID, Want: 1000, Charges: benchCharges(), Lease: time.Minute, Seed: make([]byte, 300)})
			}
			b.StartTimer()
			if err := s.SettleBatch(ctx, batch, results); err != nil {
				b.Fatal(err)
			}
		}
	})
}
