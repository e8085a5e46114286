package budget

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"bursar/exchange"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestWindowOf(t *testing.T) {
	f := func(p exchange.Period, zoneName, at, id, start, end string) {
		t.Helper()
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		w := WindowOf(p, moment, zone(t, zoneName))
		if got := []string{w.ID, w.Start.Format(time.RFC3339), w.End.Format(time.RFC3339)}; got[0] != id || got[1] != start || got[2] != end {
			t.Errorf("%v of %s in %s: got %q, want %q", p, at, zoneName, got, []string{id, start, end})
		}
		if !w.Contains(moment) {
			t.Errorf("%v of %s in %s does not contain it: %v", p, at, zoneName, w)
		}
	}
	const day, week, month, quarter, year = exchange.PeriodDaily, exchange.PeriodWeekly, exchange.PeriodMonthly, exchange.PeriodQuarterly, exchange.PeriodYearly

	f(day, "UTC", "2026-11-23T15:04:05Z", "2026-11-23", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
	f(week, "UTC", "2026-11-23T00:00:00Z", "2026-W48", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z")
	f(week, "UTC", "2026-11-22T23:59:59Z", "2026-W47", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")
	f(week, "UTC", "2027-01-03T12:00:00Z", "2026-W53", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z") // a week of two years
	f(week, "UTC", "2024-12-30T12:00:00Z", "2025-W01", "2024-12-30T00:00:00Z", "2025-01-06T00:00:00Z")
	f(month, "UTC", "2026-11-30T23:59:59Z", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
	f(month, "UTC", "2026-01-31T12:00:00Z", "2026-01", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z") // the 31st day is in it
	f(month, "UTC", "2028-02-29T12:00:00Z", "2028-02", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z") // a leap year
	f(month, "UTC", "2100-02-28T12:00:00Z", "2100-02", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z") // not one
	f(quarter, "UTC", "2026-11-23T12:00:00Z", "2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z")
	f(quarter, "UTC", "2026-03-31T12:00:00Z", "2026-Q1", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z")
	f(year, "UTC", "2026-11-23T12:00:00Z", "2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
	f(exchange.PeriodTotal, "UTC", "2026-11-23T12:00:00Z", "total", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")

	// The same instant is another day elsewhere, also by half and quarter hours.
	f(day, "Pacific/Auckland", "2026-11-23T15:04:05Z", "2026-11-24", "2026-11-24T00:00:00+13:00", "2026-11-25T00:00:00+13:00")
	f(day, "Asia/Kolkata", "2026-11-23T18:30:00Z", "2026-11-24", "2026-11-24T00:00:00+05:30", "2026-11-25T00:00:00+05:30")
	f(day, "Asia/Kathmandu", "2026-11-23T18:14:59Z", "2026-11-23", "2026-11-23T00:00:00+05:45", "2026-11-24T00:00:00+05:45")
	f(month, "America/Los_Angeles", "2026-12-01T07:59:59Z", "2026-11", "2026-11-01T00:00:00-07:00", "2026-12-01T00:00:00-08:00")

	// Days of 23 and 25 hours.
	f(day, "America/New_York", "2026-03-08T12:00:00Z", "2026-03-08", "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00")
	f(day, "America/New_York", "2026-11-01T12:00:00Z", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00")
	f(day, "Australia/Lord_Howe", "2026-04-04T20:00:00Z", "2026-04-05", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30")

	// Midnight does not exist: the day starts at one.
	f(day, "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00")
	f(day, "America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03", "2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00")
	// Midnight comes twice: the day starts at the first one.
	f(day, "America/Havana", "2026-11-01T04:30:00Z", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00")
	// At one minute past midnight, clocks were put back to yesterday: it is over all the same.
	f(day, "America/St_Johns", "2010-11-07T02:35:00Z", "2010-11-07", "2010-11-07T00:00:00-02:30", "2010-11-08T00:00:00-03:30")
	// Samoa had no 30 December 2011, Kiritimati no 31 December 1994 (or 1 January 1995, by older data).
	f(day, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00")
	f(day, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00")
	f(month, "Pacific/Apia", "2011-12-31T09:59:59Z", "2011-12", "2011-12-01T00:00:00-10:00", "2012-01-01T00:00:00+14:00")
	f(year, "Pacific/Kiritimati", "1995-01-01T12:00:00Z", "1995", "1995-01-01T00:00:00+14:00", "1996-01-01T00:00:00+14:00")
}

var oddZones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "America/St_Johns", "Pacific/Apia",
	"Pacific/Kiritimati", "Pacific/Kwajalein", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut",
	"Asia/Gaza", "America/Asuncion", "Asia/Tehran", "Atlantic/Azores", "America/Juneau", "Asia/Manila", "Africa/Monrovia", "Antarctica/Troll",
	"America/Scoresbysund", "America/Nuuk", "Pacific/Chatham", "Asia/Pyongyang", "America/Caracas", "Europe/Dublin", "Africa/Casablanca",
}

// TestWindowsTileTime: every instant is in exactly one window, and windows follow each other without gap or overlap.
func TestWindowsTileTime(t *testing.T) {
	locs := map[string]*time.Location{}
	for _, name := range oddZones {
		locs[name] = zone(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(oddZones).Draw(t, "zone")
		p := exchange.Period(rapid.IntRange(0, int(exchange.PeriodYearly)).Draw(t, "period"))
		at := time.Unix(rapid.Int64Range(-4_000_000_000, 5_000_000_000).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))
		checkTile(t, p, at, locs[name])
	})
}

// TestWindowsTileTimeAtTransitions walks every change of clocks of every odd zone, second by second around it.
func TestWindowsTileTimeAtTransitions(t *testing.T) {
	for _, name := range oddZones {
		loc := zone(t, name)
		at := time.Date(1840, 1, 1, 0, 0, 0, 0, loc)
		for at.Year() < 2046 {
			_, next := at.ZoneBounds()
			if next.IsZero() {
				break
			}
			if !next.After(at) { // golang/go#81583
				next = at.Add(24 * time.Hour)
			}
			for p := exchange.PeriodDaily; p <= exchange.PeriodYearly; p++ {
				for _, off := range []time.Duration{-24 * time.Hour, -time.Hour, -time.Nanosecond, 0, time.Minute, time.Hour, 24 * time.Hour} {
					checkTile(t, p, next.Add(off), loc)
				}
			}
			at = next
		}
	}
}

func checkTile(t rapid.TB, p exchange.Period, at time.Time, loc *time.Location) {
	t.Helper()
	w := WindowOf(p, at, loc)
	next, last := WindowOf(p, w.End, loc), WindowOf(p, w.Start.Add(-1), loc)
	switch {
	case at.Before(w.Start) || !at.Before(w.End):
		t.Fatalf("%v in %v: %v is not in its window %v", p, loc, at, w)
	case !next.Start.Equal(w.End) || next.ID <= w.ID:
		t.Fatalf("%v in %v: window %v is followed by %v", p, loc, w, next)
	case !last.End.Equal(w.Start) || last.ID >= w.ID:
		t.Fatalf("%v in %v: window %v comes after %v", p, loc, w, last)
	}
	for _, inside := range []time.Time{w.Start, w.End.Add(-1), w.Start.Add(w.End.Sub(w.Start) / 2)} {
		if got := WindowOf(p, inside, loc); got != w {
			t.Fatalf("%v in %v: %v is in %v, but also in %v", p, loc, inside, got, w)
		}
	}
}

func TestCalendarAgreesWithWindowOf(t *testing.T) {
	loc := zone(t, "America/Havana")
	c := NewCalendar(loc)
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(1_790_000_000+rapid.Int64Range(-40*86400, 40*86400).Draw(t, "at"), 0)
		p := exchange.Period(rapid.IntRange(0, int(exchange.PeriodTotal)).Draw(t, "period"))
		if got, want := c.Window(p, at), WindowOf(p, at, loc); got != want {
			t.Fatalf("calendar says %v, WindowOf %v", got, want)
		}
	})
}

func TestCalendarDoesNotAllocate(t *testing.T) {
	c, now := NewCalendar(zone(t, "Europe/Berlin")), time.Now()
	if n := testing.AllocsPerRun(100, func() { c.Window(exchange.PeriodMonthly, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCalendar(b *testing.B) {
	c, now := NewCalendar(zone(b, "Europe/Berlin")), time.Now()
	for b.Loop() {
		c.Window(exchange.PeriodMonthly, now)
	}
}

func BenchmarkWindowOf(b *testing.B) {
	loc, now := zone(b, "Europe/Berlin"), time.Now()
	for b.Loop() {
		WindowOf(exchange.PeriodMonthly, now, loc)
	}
}
