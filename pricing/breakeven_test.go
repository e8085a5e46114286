package pricing

import (
	"math"
	"testing"
	"time"
)

// The calls are those of the formula kept x (write - read) / (dropped x read), rounded up, at the list prices of August 2026.
func TestBreakEven(t *testing.T) {
	f := func(r Rates, dropped, kept, want int64) {
		t.Helper()
		if got := Flat("p", "m", r).BreakEven(dropped, kept, time.Now()); got != want {
			t.Errorf("%+v, %d dropped, %d kept: %d calls, want %d", r, dropped, kept, got, want)
		}
	}
	claude := Rates{Input: 3_000_000, CacheRead: 300_000, CacheWrite: 3_750_000, Output: 15_000_000}
	gpt5 := Rates{Input: 1_250_000, CacheRead: 125_000, Output: 10_000_000}
	gpt4o := Rates{Input: 2_500_000, CacheRead: 1_250_000, Output: 10_000_000}
	deepseek := Rates{Input: 435_000, CacheRead: 3_625, Output: 870_000}
	f(claude, 1000, 1000, 12) // 11.5
	f(gpt5, 1000, 1000, 9)
	f(gpt4o, 1000, 1000, 1)
	f(deepseek, 1000, 1000, 119)
	f(claude, 1000, 3000, 35) // 34.5
	f(claude, 3000, 1000, 4)  // 3.83
	f(claude, 1000, 0, 0)
	f(claude, 0, 1000, math.MaxInt64)
	f(Rates{Input: 20_000, Output: 50_000}, 1000, 1000, 0) // reads cost what input costs: nothing is cached
	f(Rates{}, 1000, 1000, 0)
	f(claude, 1, math.MaxInt64/2, math.MaxInt64)
}

// A write at a quarter above the input that saves nine tenths when it is read must be read by more than every fourth of those that may.
func TestCachePays(t *testing.T) {
	f := func(r Rates, want int64) {
		t.Helper()
		if got := Flat("p", "m", r).CachePays(1000, time.Now()); got != want {
			t.Errorf("%+v: from %d in 1000, want %d", r, got, want)
		}
	}
	f(Rates{Input: 3_000_000, CacheRead: 300_000, CacheWrite: 3_750_000, Output: 15_000_000}, 278)
	f(Rates{Input: 3_000_000, CacheRead: 300_000, CacheWrite: 6_000_000, Output: 15_000_000}, 1001)
	f(Rates{Input: 1_250_000, CacheRead: 125_000, Output: 10_000_000}, 0)
	f(Rates{Input: 1_250_000, Output: 10_000_000}, 1001) // a price list without a cache
	f(Rates{}, 1001)
}
