package policy

import (
	"testing"
	"time"

	"bursar/pricing"

	"pgregory.net/rapid"
)

// raised parses a budget of $100 a month in Berlin with these raises.
func raised(t testing.TB, zone, raises string) *Budget {
	t.Helper()
	p, err := Parse("p", small("timezone: "+zone+"\nbudgets:\n  - { everyone: true, monthly_usd: 100, raises: ["+raises+"] }\n"), noEnv)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p.Budgets[0]
}

func TestLimitAt(t *testing.T) {
	b := raised(t, "Europe/Berlin", `
		{ to_usd: 150, from: 2100-11-20, until: 2100-11-30, why: launch },
		{ to_usd: 120, from: 2100-11-29, until: 2100-12-02, why: sale },
		{ by_usd: 5, until: 2100-11-21T12:00:00Z, why: test },
		{ by_usd: 7.50, from: 2100-11-21T10:30:00+01:00, until: 2100-11-22, why: another }`)
	f := func(at string, want pricing.Nano, why string) {
		t.Helper()
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.LimitAt(when); got != want*pricing.Dollar/10 {
			t.Errorf("%s: limit $%s, want $%s", at, got.Dollars(), (want * pricing.Dollar / 10).Dollars())
		}
		got := ""
		if r := b.RaisedAt(when); r != nil {
			got = r.Why
		}
		if got != why {
			t.Errorf("%s: raised for %q, want %q", at, got, why)
		}
	}
	f("2100-11-19T22:59:59Z", 1050, "test")
	f("2100-11-19T23:00:00Z", 1550, "test") // midnight in Berlin
	f("2100-11-21T09:29:59Z", 1550, "test")
	f("2100-11-21T09:30:00Z", 1625, "test")
	f("2100-11-21T12:00:00Z", 1575, "another")
	f("2100-11-22T22:59:59Z", 1575, "another")
	f("2100-11-22T23:00:00Z", 1500, "launch")
	f("2100-11-29T12:00:00Z", 1500, "launch")
	f("2100-11-30T22:59:59Z", 1500, "launch")
	f("2100-11-30T23:00:00Z", 1200, "sale")
	f("2100-12-02T22:59:59Z", 1200, "sale")
	f("2100-12-02T23:00:00Z", 1000, "")
	if key := b.ScopeKey(nil, nil); key != "everyone/monthly" {
		t.Errorf("key %q: a raise must not reset what is spent", key)
	}
}

// TestRaisesOnOddDays: days of 23 and 25 hours, and one that begins at one o'clock.
func TestRaisesOnOddDays(t *testing.T) {
	f := func(zone, day, begins, over string) {
		t.Helper()
		r := &raised(t, zone, "{ by_usd: 1, from: "+day+", until: "+day+", why: x }").Raises[0]
		for _, edge := range []struct {
			got  time.Time
			want string
		}{{r.From, begins}, {r.Until, over}} {
			if got := edge.got.UTC().Format(time.RFC3339); got != edge.want {
				t.Errorf("%s in %s: %s, want %s", day, zone, got, edge.want)
			}
		}
	}
	f("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
	f("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
	f("Africa/Cairo", "2024-04-26", "2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z") // clocks went from 0:00 to 1:00
	f("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z")
	f("UTC", "2028-02-29", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z")
	f("UTC", "2026-12-31", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z")
}

// TestLimitAtNeverFalls below the limit, and is the limit again when all raises are over.
func TestLimitAtNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &Budget{Limit: pricing.Nano(rapid.Int64Range(0, int64(mostDollars)).Draw(t, "limit"))}
		day := func(name string) time.Time {
			return time.Unix(86400*int64(rapid.IntRange(0, 20).Draw(t, name)), 0)
		}
		for range rapid.IntRange(0, 5).Draw(t, "raises") {
			r := Raise{From: day("from"), Until: day("until")}
			if amount := mostDollars / pricing.Nano(rapid.Int64Range(1, 1000).Draw(t, "part")); rapid.Bool().Draw(t, "by") {
				r.By = amount
			} else {
				r.To = amount
			}
			b.Raises = append(b.Raises, r)
		}
		at := day("at")
		got, raised := b.LimitAt(at), b.RaisedAt(at)
		if got < b.Limit || got > mostDollars || raised == nil && got != b.Limit || b.LimitAt(time.Unix(86400*21, 0)) != b.Limit {
			t.Fatalf("$%s at %v of %+v", got.Dollars(), at, b)
		}
	})
}

func TestRaiseThatIsOverIsWarnedOf(t *testing.T) {
	p, err := Parse("p", small("budgets:\n  - { everyone: true, daily_usd: 1, raises: [{ to_usd: 2, until: 2020-01-31, why: past }] }\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range p.Warnings {
		if w.Message == "budgets[1].raises[1] is over" && w.Hint != "" {
			return
		}
	}
	t.Errorf("warnings %v", p.Warnings)
}
