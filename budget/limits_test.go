package budget

import (
	"errors"
	"strings"
	"testing"
	"time"

	"bursar/pricing"
)

func limit(key string, unit Unit, most int64) Limit {
	return Limit{Key: key, Unit: unit, Most: most, Hard: true}
}

// take asks for a hold of tokens within limits, and of one nano-dollar of each budget.
func take(t testing.TB, s store, id string, tokens int64, limits []Limit, charges ...Charge) Grant {
	t.Helper()
	g, err := s.Reserve(t.Context(), &Hold{ID: id, Want: 1, Least: 1, Charges: charges, Limits: limits, Tokens: tokens, Lease: time.Minute})
	if err != nil {
		t.Fatalf("reserve %s: %v", id, err)
	}
	return g
}

func wantUsed(t testing.TB, s store, limits []Limit, want ...int64) {
	t.Helper()
	out := make([]Rate, len(limits))
	must(t, s.Rates(t.Context(), limits, out))
	got := make([]int64, len(out))
	for i, r := range out {
		got[i] = r.Used
		if r.Most != limits[i].Most {
			t.Errorf("limit %d: most %d, want %d", i, r.Most, limits[i].Most)
		}
	}
	wantEqual(t, "used of each limit", got, want)
}

// about compares a wait. Clocks that cannot be stopped are up to a second further than a whole second.
func about(t testing.TB, got, want time.Duration) {
	t.Helper()
	if got > want || got < want-2*time.Second {
		t.Errorf("wait %v, want %v, or a little less", got, want)
	}
}

// TestLimitsAndBudgetsAreOne: a hold takes all of them or nothing.
func TestLimitsAndBudgetsAreOne(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, other := b.handles[0], b.handles[1]
		team := hard("team=search/monthly/2026-11", 3)
		limits := []Limit{limit("team=search", Requests, 10), limit("team=search", Concurrent, 3), limit("team=search", Tokens, 100)}
		g := take(t, s, "a", 60, limits, team)
		wantEqual(t, "grant", g, Grant{OK: true, Amount: 1, Short: -1, Slow: -1, States: []State{{0, 1, 3}}, Rates: []Rate{{1, 10}, {1, 3}, {60, 100}}})
		wantEqual(t, "the same hold again", take(t, other, "a", 60, limits, team), g)

		g = take(t, other, "b", 41, limits, team)
		about(t, g.Wait, 61*time.Second)
		g.Wait = 0
		wantEqual(t, "refused by tokens", g, Grant{Short: -1, Slow: 2, States: []State{{0, 1, 3}}, Rates: []Rate{{1, 10}, {1, 3}, {60, 100}}})
		wantEqual(t, "more than ever fits", take(t, s, "b", 101, limits, team).Wait, Never)
		take(t, s, "b", 20, limits, team)
		take(t, other, "c", 20, limits)
		g = take(t, s, "d", 0, limits, team)
		wantEqual(t, "refused by what is under way", []any{g.OK, g.Slow, g.Wait}, []any{false, 1, time.Duration(0)})
		take(t, s, "d", 0, limits[:1], team)
		wantEqual(t, "refused by money", take(t, s, "e", 0, limits[:1], team), Grant{Short: 0, Slow: -1, States: []State{{0, 3, 3}}, Rates: []Rate{{4, 10}}})
		wantUsed(t, other, limits, 4, 3, 100)
		wantStates(t, s, []Charge{team}, 0, 3)

		for id, tokens := range map[string]int64{"a": 50, "b": 25, "c": AsHeld, "d": 7} {
			_, err := other.Settle(t.Context(), Settlement{ID: id, Actual: 1, Tokens: tokens})
			must(t, err)
		}
		wantUsed(t, s, limits, 4, 0, 95)
		wantStates(t, s, []Charge{team}, 3, 0)
	})
}

// TestLimitsSlide: what passed makes room again a minute later, second by second, and never before.
func TestLimitsSlide(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, limits := b.handles[0], []Limit{limit("user=each:ann", Requests, 3), limit("team=search", Tokens, 100)}
		ok := func(id string, tokens int64, want bool) {
			t.Helper()
			wantEqual(t, "grant of "+id, take(t, s, id, tokens, limits).OK, want)
		}
		ok("0:00", 60, true)
		b.forward(30 * time.Second)
		ok("0:30", 10, true)
		b.forward(20 * time.Second)
		ok("0:50", 20, true)
		g := take(t, s, "0:50 again", 5, limits)
		wantEqual(t, "refused by requests", g.Slow, 0)
		about(t, g.Wait, 11*time.Second)
		limits[0].Most = 9
		g = take(t, s, "0:50 large", 75, limits)
		wantEqual(t, "refused by tokens", g.Slow, 1)
		about(t, g.Wait, 41*time.Second)
		limits[0].Most = 3
		b.forward(9 * time.Second)
		ok("0:59", 1, false)
		b.forward(2 * time.Second)
		ok("1:01", 70, true)
		ok("1:01 again", 0, false)
		wantUsed(t, s, limits, 3, 100)
		b.forward(30 * time.Second)
		ok("1:31", 10, true)
		b.forward(20 * time.Second)
		wantUsed(t, s, limits, 2, 80)
		b.forward(40 * time.Second)
		wantUsed(t, s, limits, 1, 10)
		b.forward(time.Hour)
		wantUsed(t, s, limits, 0, 0)
		ok("next", 100, true)
	})
}

// TestNoBurstAtTheTurnOfAMinute: where a fixed window would let twice the limit pass within seconds.
func TestNoBurstAtTheTurnOfAMinute(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, limits := b.handles[0], []Limit{limit("team=search", Requests, 20)}
		passed := make([]int, 200) // in each second
		for now := range passed {
			for i := range 10 {
				if take(t, s, strings.Repeat("x", now+1)+string(rune('a'+i)), 0, limits).OK {
					passed[now]++
				}
			}
			b.forward(time.Second)
		}
		all := 0
		for now := range passed {
			all += passed[now]
			sum := 0
			for _, n := range passed[max(0, now-59) : now+1] {
				sum += n
			}
			if sum > 20 {
				t.Fatalf("%d requests passed in the minute up to second %d", sum, now)
			}
		}
		if all < 3*20 {
			t.Errorf("%d requests passed in 200 s of 20 per minute", all)
		}
	})
}

// TestCrashedHoldsLeave: what is under way ends with the lease, tokens and requests stay counted for their minute.
func TestCrashedHoldsLeave(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, other, ctx := b.handles[0], b.handles[1], t.Context()
		team := hard("team/2026-11", 100)
		limits := []Limit{limit("team", Concurrent, 1), limit("team", Tokens, 100), limit("team", Requests, 10)}
		take(t, s, "dead", 40, limits, team)
		wantEqual(t, "while it lives", take(t, other, "next", 0, limits, team).OK, false)
		b.forward(50 * time.Second)
		must(t, s.Renew(ctx, "dead", 5*time.Second))
		b.forward(6 * time.Second)
		must(t, other.Expire(ctx))
		must(t, s.Expire(ctx))
		wantUsed(t, s, limits, 0, 40, 1)
		wantEqual(t, "when it is gone", take(t, other, "next", 0, limits, team).OK, true)
		wantUsed(t, s, limits, 1, 40, 2)
		late, err := s.Settle(ctx, Settlement{ID: "dead", Actual: 0, Tokens: 5})
		must(t, err)
		wantEqual(t, "late settle", late, Settled{Applied: true, Held: 1, Late: true, Correction: -1})
		wantUsed(t, s, limits, 1, 40, 2)
		must(t, other.Cancel(ctx, "next"))
		must(t, other.Cancel(ctx, "next"))
		wantUsed(t, s, limits, 0, 40, 2)
		wantStates(t, s, []Charge{team}, 0, 0)
	})
}

// TestTokensAreCorrectedWhereTheyCount: a settle that comes when its second is no longer counted changes nothing.
func TestTokensAreCorrectedWhereTheyCount(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, limits, ctx := b.handles[0], []Limit{limit("team", Tokens, 1000)}, t.Context()
		settle := func(id string, tokens int64) {
			t.Helper()
			done, err := b.handles[1].Settle(ctx, Settlement{ID: id, Actual: 1, Tokens: tokens})
			must(t, err)
			wantEqual(t, "settled "+id, done, Settled{Applied: true, Held: 1})
		}
		take(t, s, "long", 500, limits)
		take(t, s, "short", 300, limits)
		take(t, s, "more", 100, limits)
		b.forward(40 * time.Second)
		must(t, s.RenewAll(ctx, []string{"long"}, time.Hour))
		settle("short", 100)
		settle("more", 150) // a count of ours may be too low
		wantUsed(t, s, limits, 750)
		b.forward(22 * time.Second)
		take(t, s, "next", 900, limits)
		settle("long", 0)
		wantUsed(t, s, limits, 900)
		b.forward(70 * time.Second)
		settle("next", 1000)
		wantUsed(t, s, limits, 0)
	})
}

// TestObservedLimitsOnlyCount.
func TestObservedLimitsOnlyCount(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		limits := []Limit{{Key: "team", Unit: Concurrent, Most: 1}, {Key: "team", Unit: Requests, Most: 1}, {Key: "team", Unit: Tokens, Most: 1}}
		for _, id := range []string{"a", "b"} {
			wantEqual(t, "grant", take(t, b.handles[0], id, 7, limits).OK, true)
		}
		wantUsed(t, b.handles[1], limits, 2, 2, 14)
	})
}

// TestLoweredLimits refuse until there is room, and nothing else.
func TestLoweredLimits(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, limits := b.handles[0], []Limit{limit("team", Concurrent, 5), limit("team", Requests, 5)}
		for _, id := range []string{"a", "b", "c"} {
			take(t, s, id, 0, limits)
		}
		limits[0].Most, limits[1].Most = 2, 2
		g := take(t, s, "d", 0, limits)
		wantEqual(t, "refused by", g.Slow, 1)
		about(t, g.Wait, 61*time.Second)
		b.forward(61 * time.Second)
		must(t, s.Cancel(t.Context(), "a"))
		wantEqual(t, "still refused by", take(t, s, "d", 0, limits).Slow, 0)
		must(t, s.Cancel(t.Context(), "b"))
		wantEqual(t, "then", take(t, s, "d", 0, limits).OK, true)
		limits[1].Most = 0
		g = take(t, s, "e", 0, limits[1:])
		wantEqual(t, "a limit of none", []any{g.OK, g.Wait}, []any{false, Never})
	})
}

func TestBadLimitsAreRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		f := func(want string, tokens int64, limits ...Limit) {
			t.Helper()
			if _, err := b.handles[0].Reserve(t.Context(), &Hold{ID: "a", Lease: 1e9, Limits: limits, Tokens: tokens}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want an error with %q", limits, err, want)
			}
		}
		f("empty", 0, Limit{})
		f("line break", 0, Limit{Key: "a\nb"})
		f("unit", 0, Limit{Key: "a", Unit: unitCount})
		f("not in 0", 0, Limit{Key: "a", Most: MaxTokens + 1})
		f("not in 0", 0, Limit{Key: "a", Most: -1})
		f("twice", 0, Limit{Key: "a"}, Limit{Key: "a", Unit: Tokens}, Limit{Key: "a"})
		f("tokens", -1)
		f("tokens", MaxTokens+1)
		if _, err := b.handles[0].Settle(t.Context(), Settlement{ID: "a", Tokens: -2}); err == nil {
			t.Error("settle of negative tokens: no error")
		}
	})
}

// TestClocksPutBack: seconds that were counted stay counted, and none of them for ever.
func TestClocksPutBack(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		if _, monotonic := b.handles[0].(*Memory); monotonic {
			t.Skip("its clock is never put back")
		}
		s, limits := b.handles[0], []Limit{limit("team", Tokens, 100)}
		take(t, s, "a", 60, limits)
		b.forward(-30 * time.Second)
		wantEqual(t, "after a small step", take(t, s, "b", 41, limits).OK, false)
		take(t, s, "c", 20, limits)
		done, err := s.Settle(t.Context(), Settlement{ID: "c", Actual: 1, Tokens: 10})
		must(t, err)
		wantEqual(t, "settled", done.Applied, true)
		wantUsed(t, s, limits, 70)
		b.forward(-2 * time.Hour) // it was two hours ahead until now
		wantUsed(t, s, limits, 0)
		take(t, s, "d", 100, limits)
		_, err = s.Settle(t.Context(), Settlement{ID: "a", Actual: 1, Tokens: 1})
		must(t, err)
		wantUsed(t, s, limits, 100)
	})
}

// TestRedisForgetsLimits: no key of a limit stays.
func TestRedisForgetsLimits(t *testing.T) {
	b := openMiniredis(t)
	s := b.handles[0].(*Redis)
	limits := []Limit{limit("team", Concurrent, 5), limit("team", Requests, 5), limit("team", Tokens, 5)}
	take(t, s, "a", 1, limits)
	must(t, s.Cancel(t.Context(), "a"))
	exist := func() int64 {
		n, err := s.client.Exists(t.Context(), s.keys.meter(&limits[0]), s.keys.meter(&limits[1]), s.keys.meter(&limits[2])).Result()
		must(t, err)
		return n
	}
	wantEqual(t, "keys of limits", exist(), 2)
	b.forget(3 * time.Minute)
	wantEqual(t, "keys of limits", exist(), 0)
	if _, err := s.Reserve(t.Context(), &Hold{ID: "a", Lease: time.Minute}); !errors.Is(err, ErrClosed) {
		t.Errorf("reserve of a cancelled ID: %v", err)
	}
	wantEqual(t, "grant", take(t, s, "b", int64(pricing.Nano(5)), limits).OK, true)
}
