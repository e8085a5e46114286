package proxy

import (
	"testing"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// TestStickiness: what a turn leaves in its provider's prompt cache is known for as long as providers keep it.
func TestStickiness(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	here, there := &exchange.Candidate{Target: "p/here"}, &exchange.Candidate{Target: "p/there"}
	var k stickiness
	turn := func(name string, of uint64, served *exchange.Candidate, used pricing.Usage, after time.Duration, warm int64) {
		t.Helper()
		k.remember(of, "m", served, &used, now)
		found := k.find(of, now.Add(after))
		if want := (exchange.Sticky{Model: "m", Target: served.Target, Warm: warm, Output: used.Completion()}); found != want {
			t.Errorf("%s: %+v, want %+v", name, found, want)
		}
	}
	turn("a first turn may be kept unasked", 1, here, pricing.Usage{Input: 2_000, Output: 30, Reasoning: 10}, time.Minute, 2_000)
	turn("a second one that read nothing shows that it is not", 1, here, pricing.Usage{Input: 2_500, Output: 10}, time.Minute, 0)
	turn("one that read some shows that it is", 1, here, pricing.Usage{Input: 500, CacheRead: 2_500, Output: 10}, time.Minute, 3_000)
	turn("elsewhere it begins anew", 1, there, pricing.Usage{Input: 3_000}, time.Minute, 3_000)
	turn("a short one is not kept", 2, here, pricing.Usage{Input: 900}, time.Minute, 0)
	turn("what is written is", 2, here, pricing.Usage{Input: 100, CacheRead: 700, CacheWrite: 300}, time.Minute, 1_000)
	turn("for five minutes", 2, here, pricing.Usage{Input: 100, CacheRead: 700, CacheWrite: 300}, 6*time.Minute, 0)
	turn("or an hour", 2, here, pricing.Usage{CacheRead: 700, CacheWrite1h: 300}, 59*time.Minute, 1_000)
	if k.remember(0, "m", here, &pricing.Usage{}, now); k.find(0, now) != (exchange.Sticky{}) || k.find(99, now) != (exchange.Sticky{}) {
		t.Error("something is known of no conversation")
	}
}
