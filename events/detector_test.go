package events

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bursar/pricing"
)

// monday is when the tests' weeks begin.
var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// watched is a detector whose clock a test turns.
type watched struct {
	*Detector
	told []Event
	now  time.Time
}

func watch(rule Rule, hours Hours) *watched {
	w := &watched{now: monday}
	w.Detector = NewDetector(hours, func(e Event) { w.told = append(w.told, e) }, func(string, error) {})
	w.Use(rule)
	return w
}

func unbooked(context.Context, time.Time, time.Time) (map[Subject]map[int64]pricing.Nano, error) {
	return nil, nil
}

func own() *OwnHours { return NewOwnHours(monday, unbooked) }

// spend books an amount now, and judges.
func (w *watched) spend(key string, dollars float64) {
	w.Spend("search", key, pricing.Nano(dollars*1e9), w.now)
	w.judge(context.Background(), w.now)
}

// ordinary goes by hours of the same spend.
func (w *watched) ordinary(hours int, dollars float64) {
	for range hours {
		w.spend("k-a", dollars)
		w.now = w.now.Add(time.Hour)
	}
}

func TestRule(t *testing.T) {
	f := func(name string, history int, usual, hour float64, want int) {
		t.Helper()
		w := watch(UsualRule, own())
		w.ordinary(history, usual)
		w.told = nil
		w.spend("k-a", hour)
		if len(w.told) != want {
			t.Errorf("%s: %d events: %+v", name, len(w.told), w.told)
		}
	}
	f("three times the usual is not more than that", 48, 10, 30, 0)
	f("a cent more is", 48, 10, 30.01, 1)
	f("below the least", 48, 1, 5, 0)
	f("above it", 48, 1, 5.01, 1)
	f("no history", 11, 10, 1000, 0)
	f("a history of less than a day", 20, 10, 1000, 0)
	f("enough of it", 25, 10, 1000, 1)

	for _, c := range []struct{ median, high, want pricing.Nano }{
		{10, 10, 30}, {10, 40, 160}, {1, math.MaxInt64, math.MaxInt64}, {math.MaxInt64, math.MaxInt64, math.MaxInt64}, {0, 0, 0},
	} {
		if got := (usual{true, c.median, c.high}).bound(3); got != c.want {
			t.Errorf("median %d, high %d: bound %d, want %d", c.median, c.high, got, c.want)
		}
	}
}

func TestEventOfAnomaly(t *testing.T) {
	w := watch(UsualRule, own())
	w.ordinary(48, 10)
	w.now = w.now.Add(10 * time.Minute)
	w.spend("k-b", 20.5)
	w.spend("k-a", 20)
	w.spend("k-a", 2)
	if len(w.told) != 2 || w.told[0].ID != w.told[1].ID { // told at each look; the sender knows it by its id
		t.Fatalf("told %+v", w.told)
	}
	e := w.told[0]
	if e.Kind != Anomaly || e.Team != "search" || e.Key != "" || e.Spend.Spent != 40_500_000_000 || e.Spend.Usual != 10*pricing.Dollar || e.Spend.Bound != 30*pricing.Dollar {
		t.Errorf("event %+v, %+v", e, e.Spend)
	}
	want := "Team search has spent $40.50 since 00:00 UTC, more than $30.00. Of its busy hours of the last two weeks only one in twenty exceeded $10.00. Most of it by key k-b: $20.50."
	if e.Text != want || e.ID != "anomaly/team=search/2026-11-04T00" {
		t.Errorf("%s: %s", e.ID, e.Text)
	}
}

// TestKeyAlone: a key that runs away in a team large enough not to show it.
func TestKeyAlone(t *testing.T) {
	w := watch(UsualRule, own())
	for range 48 {
		w.spend("k-big", 1000)
		w.spend("k-small", 2)
		w.now = w.now.Add(time.Hour)
	}
	w.spend("k-small", 60)
	if len(w.told) != 1 || w.told[0].Key != "k-small" || !strings.HasPrefix(w.told[0].Text, "Key k-small of team search has spent $60.00") {
		t.Errorf("told %+v", w.told)
	}
}

// TestHistoryOutlivesARestart: what is booked is history, and the hour under way goes on.
func TestHistoryOutlivesARestart(t *testing.T) {
	booked := map[Subject]map[int64]pricing.Nano{}
	started := monday.Add(48*time.Hour + 30*time.Minute)
	for h := range int64(49) {
		note(booked, Subject{Team: "search"}, hourOf(monday)+h, 10*pricing.Dollar)
	}
	calls := 0
	w := watch(UsualRule, NewOwnHours(started, func(_ context.Context, from, to time.Time) (map[Subject]map[int64]pricing.Nano, error) {
		if calls++; calls == 1 {
			return nil, errors.New("the ledger is busy")
		}
		if !to.Equal(started) || from.After(monday) {
			t.Errorf("asked for %s to %s", from, to)
		}
		return booked, nil
	}))
	w.now = started
	w.spend("", 15) // not judged: there is no history yet
	w.spend("", 5)
	if len(w.told) != 0 {
		t.Errorf("told of the usual: %+v", w.told)
	}
	w.spend("", 0.02) // 30.02 in all
	if len(w.told) != 1 || w.told[0].Spend.Spent != 30_020_000_000 {
		t.Errorf("told %+v", w.told)
	}
}

// TestFalseAlarms counts, over eight weeks of forty teams of different habits, how often the rule speaks without cause, and how soon it
// speaks of a loop that spends ten times the busiest usual hour. The figures are logged.
func TestFalseAlarms(t *testing.T) {
	const teams, days = 40, 56
	r := rand.New(rand.NewPCG(1, 2))
	var alarms, weeks, found int
	var slowest time.Duration
	for team := range teams {
		w := watch(UsualRule, own())
		habit := habits[team%len(habits)]
		scale := math.Exp(r.Float64() * 6) // $1 to $400 an hour
		for h := range days * 24 {
			at := monday.Add(time.Duration(h) * time.Hour)
			w.now = at.Add(59 * time.Minute)
			if spend := scale * habit.share(at) * math.Exp(habit.noise*r.NormFloat64()); spend > 0 {
				w.spend("", spend)
			}
		}
		ids := map[string]bool{}
		for _, e := range w.told {
			ids[e.ID] = true
		}
		alarms, weeks = alarms+len(ids), weeks+days/7
		w.told = nil
		w.now = monday.Add(days*24*time.Hour + 10*time.Hour)
		usual := w.usualOf(w.now)
		for begun := w.now; w.now.Sub(begun) < time.Hour && len(w.told) == 0; w.now = w.now.Add(10 * time.Second) {
			w.spend("", max(usual*10, 20)/360)
			slowest = max(slowest, w.now.Sub(begun)*time.Duration(min(1, len(w.told))))
		}
		found += min(1, len(w.told))
	}
	t.Logf("%d false alarms in %d weeks of teams; %d of %d loops found, the slowest after %s", alarms, weeks, found, teams, slowest)
	if alarms > weeks/10 || found < teams {
		t.Errorf("%d false alarms in %d weeks, %d of %d loops found", alarms, weeks, found, teams)
	}
}

func (w *watched) usualOf(now time.Time) float64 {
	w.judge(context.Background(), now)
	return float64(usually(w.past[Subject{Team: "search"}], hourOf(now)).high) / 1e9
}

// habits of teams: how much of their spend falls in an hour, and how it varies.
var habits = []struct {
	noise float64
	share func(time.Time) float64
}{
	{0.3, func(at time.Time) float64 { return 1 }},                                           // a service
	{0.5, func(at time.Time) float64 { return 1.1 + math.Sin(float64(at.Hour())/24*6.283) }}, // with days and nights
	{0.6, func(at time.Time) float64 { // an office
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday || at.Hour() < 8 || at.Hour() > 18 {
			return 0
		}
		return 1
	}},
	{0.3, func(at time.Time) float64 { // a batch each night
		if at.Hour() == 2 {
			return 20
		}
		return 0
	}},
	{1.0, func(at time.Time) float64 { return 0.5 }}, // experiments
}

func TestFleetHours(t *testing.T) {
	eachRedis(t, func(t *testing.T, c *connection) {
		hours := NewFleetHours(c.client, c.org)
		one, two := watch(UsualRule, hours), watch(UsualRule, hours)
		for range 30 {
			one.spend("k-a", 5)
			two.spend("k-a", 5)
			one.now = one.now.Add(time.Hour)
			two.now = one.now
		}
		if len(one.told)+len(two.told) > 0 {
			t.Errorf("told of the usual: %+v %+v", one.told, two.told)
		}
		one.spend("k-a", 16)
		two.spend("k-a", 16) // more than three times 10 only together
		if len(one.told) != 0 || len(two.told) != 1 || two.told[0].Spend.Spent != 32*pricing.Dollar || two.told[0].Spend.Usual != 10*pricing.Dollar {
			t.Errorf("told %+v, %+v", one.told, two.told)
		}
		late := watch(UsualRule, hours)
		late.now = one.now
		late.spend("k-a", 1)
		if len(late.told) != 1 || late.told[0].ID != two.told[0].ID {
			t.Errorf("a gateway that has just started told %+v", late.told)
		}
	})
}

// TestSpendIsKeptWhileTheStoreIsDown and added later.
func TestSpendIsKeptWhileTheStoreIsDown(t *testing.T) {
	f := &flaky{Hours: own()}
	w := watch(UsualRule, f)
	w.ordinary(30, 10)
	f.down = true
	w.spend("k-a", 20)
	w.spend("k-a", 20)
	f.down = false
	w.spend("k-a", 1)
	if len(w.told) != 1 || w.told[0].Spend.Spent != 41*pricing.Dollar {
		t.Errorf("told %+v", w.told)
	}
}

type flaky struct {
	Hours
	down bool
}

func (f *flaky) Add(ctx context.Context, hour int64, sums map[Subject]pricing.Nano) (map[Subject]pricing.Nano, error) {
	if f.down {
		return nil, fmt.Errorf("down")
	}
	return f.Hours.Add(ctx, hour, sums)
}

// TestRunEnds: what was spent since the last look is added when the gateway ends, also if there was none.
func TestRunEnds(t *testing.T) {
	hours := own()
	w := watch(UsualRule, hours)
	now := time.Now()
	w.Spend("search", "k-a", 5, now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Run(ctx, time.Hour)
	if got := hours.hours[hourOf(now)][Subject{"search", "k-a"}]; got != 5 {
		t.Errorf("added %d", got)
	}
}
