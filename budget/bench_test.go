package budget

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"bursar/pricing"
)

// The benchmarks hold and settle on three budgets, as a request of a team's member does.
func benchCharges() []Charge {
	ends := time.Now().AddDate(0, 1, 0)
	return []Charge{
		{"org/monthly/2026-11", 7_000_000 * pricing.Dollar, true, ends},
		{"team=search/monthly/2026-11", 1_000_000 * pricing.Dollar, true, ends},
		{"user=ann/daily/2026-11-23", 1000 * pricing.Dollar, false, ends},
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
	for _, open := range []int{0, 10_000} {
		b.Run(fmt.Sprint("open=", open), func(b *testing.B) {
			m, ids, ctx := NewMemory(nil, Options{}), benchIDs(), b.Context()
			h := &Hold{Want: 1000, Least: 10, Charges: benchCharges(), Lease: time.Minute, Seed: make([]byte, 300), States: make([]State, 0, 3)}
			for i := range open {
				h.ID = "open" + strconv.Itoa(i)
				m.Reserve(ctx, h)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				h.ID = ids[i%len(ids)]
				m.Reserve(ctx, h)
				m.Settle(ctx, Settlement{ID: h.ID, Actual: 700})
			}
		})
	}
}

func BenchmarkMemoryParallel(b *testing.B) {
	m, ids, ctx := NewMemory(nil, Options{}), benchIDs(), b.Context()
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		h := &Hold{Want: 1000, Least: 10, Charges: benchCharges(), Lease: time.Minute, Seed: make([]byte, 300), States: make([]State, 0, 3)}
		for pb.Next() {
			h.ID = ids[int(next.Add(1))%len(ids)]
			m.Reserve(ctx, h)
			m.Settle(ctx, Settlement{ID: h.ID, Actual: 700})
		}
	})
}

// BenchmarkRedis needs a real Redis. Each of its operations is two round trips.
func BenchmarkRedis(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprint("reserve+settle/callers=", callers), func(b *testing.B) {
			s, ctx := openRedis(b).handles[0], b.Context()
			var next atomic.Int64
			b.SetParallelism((callers + 1) / 2) // of two processors
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				h := &Hold{Want: 1000, Least: 10, Charges: benchCharges(), Lease: time.Minute, Seed: make([]byte, 300), States: make([]State, 0, 3)}
				for pb.Next() {
					h.ID = strconv.FormatInt(next.Add(1), 10)
					if _, err := s.Reserve(ctx, h); err != nil {
						b.Error(err)
					}
					if _, err := s.Settle(ctx, Settlement{ID: h.ID, Actual: 700}); err != nil {
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
