package ledger

import (
	"math"
	"testing"
	"time"

	"bursar/pricing"
)

func TestForecast(t *testing.T) {
	f := func(now string, spent, want pricing.Nano) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, now)
		must(t, err)
		if got := ThisMonth(at).Of(spent); got != want {
			t.Errorf("%s at %s comes to %s, want %s", spent.Dollars(), now, got.Dollars(), want.Dollars())
		}
	}
	f("2026-11-16T00:00:00Z", 1_000, 2_000)
	f("2026-11-16T00:00:00Z", -1_000, -2_000)
	f("2026-12-16T12:00:00Z", 7, 14)      // 31 days
	f("2026-02-08T00:00:00Z", 10, 40)     // 28 days
	f("2026-11-21T00:00:00Z", 1, 1)       // 1.5, towards zero
	f("2026-11-01T00:00:00Z", 123, 123)   // nothing to go by
	f("2026-11-02T00:00:00Z", 1e17, 3e18) // a hundred million dollars in a day
	f("2026-11-30T23:59:59Z", math.MaxInt64/2, 4611687797627927111)
	if ThisMonth(time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)).until() != "2026-12-31" {
		t.Error("December ends in another month")
	}
	if (*Forecast)(nil).Of(5) != 5 {
		t.Error("no forecast is the spend")
	}
}
