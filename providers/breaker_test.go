package providers

import (
	"fmt"
	"testing"
	"time"
)

// clock is a time that moves when told to.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                { return &clock{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)} }

func (b *Breaker) report(vs ...verdict) {
	for _, v := range vs {
		b.done(v)
	}
}

func wantState(t *testing.T, b *Breaker, want BreakerState) {
	t.Helper()
	if got := b.State(); got != want {
		t.Fatalf("the breaker is %v, want %v", got, want)
	}
}

func TestBreakerOpensOnFailuresInARow(t *testing.T) {
	b := newBreaker(newClock().now)
	b.report(failing, failing, failing, failing, neutral, healthy, failing, failing, neutral, failing, failing, neutral)
	wantState(t, b, BreakerClosed)
	b.report(failing)
	wantState(t, b, BreakerOpen)
	if ok, wait := b.allow(); ok || wait != firstOpen {
		t.Errorf("an open breaker allows %v, or in %v", ok, wait)
	}
}

func TestBreakerOpensOnShare(t *testing.T) {
	b := newBreaker(newClock().now)
	for range windowSize/2 - 1 {
		b.report(failing, healthy)
	}
	wantState(t, b, BreakerClosed)
	b.report(failing, healthy)
	wantState(t, b, BreakerOpen)
}

func TestBreakerProbes(t *testing.T) {
	clk := newClock()
	b := newBreaker(clk.now)
	fail := []verdict{failing, failing, failing, failing, failing}
	b.report(fail...)
	open := firstOpen
	for range 10 {
		clk.pass(open - 1)
		if ok, _ := b.allow(); ok {
			t.Fatalf("allowed before %v were over", open)
		}
		clk.pass(1)
		wantState(t, b, BreakerHalfOpen)
		if ok, _ := b.allow(); !ok {
			t.Fatalf("no probe after %v", open)
		}
		if ok, _ := b.allow(); ok {
			t.Fatal("two probes at once")
		}
		b.done(neutral) // the client left: it told nothing
		if ok, _ := b.allow(); !ok {
			t.Fatal("no new probe after one that told nothing")
		}
		b.done(failing)
		wantState(t, b, BreakerOpen)
		open = min(2*open, longestOpen)
	}
	clk.pass(open)
	b.allow()
	b.done(healthy)
	wantState(t, b, BreakerClosed)
	if ok, _ := b.allow(); !ok {
		t.Error("a closed breaker does not allow")
	}
	// It fails again at once: it had not been well for long, so it stays open as long as before.
	b.report(fail...)
	if _, wait := b.allow(); wait != longestOpen {
		t.Errorf("opened again for %v, want %v", wait, longestOpen)
	}
}

func TestBreakerForgetsAfterHealth(t *testing.T) {
	clk := newClock()
	b := newBreaker(clk.now)
	fail := []verdict{failing, failing, failing, failing, failing}
	b.report(fail...)
	clk.pass(longestOpen)
	b.allow()
	for range windowSize + 1 {
		b.done(healthy)
	}
	b.report(fail...)
	if _, wait := b.allow(); wait != firstOpen {
		t.Errorf("opened for %v after it was well for long, want %v", wait, firstOpen)
	}
}

func TestBreakerLosesProbe(t *testing.T) {
	clk := newClock()
	b := newBreaker(clk.now)
	b.report(failing, failing, failing, failing, failing)
	clk.pass(firstOpen)
	b.allow() // and never reports
	clk.pass(probePatience)
	if ok, _ := b.allow(); !ok {
		t.Error("a lost probe keeps the breaker shut for ever")
	}
}

func TestBreakersAreBounded(t *testing.T) {
	clk := newClock()
	u, err := New(Config{Name: "p", BaseURL: "http://127.0.0.1:1", Now: clk.now})
	if err != nil {
		t.Fatal(err)
	}
	u.breaker("p/known").report(failing, failing, failing, failing, failing)
	for i := range 3 * maxBreakers {
		u.breaker(fmt.Sprintf("p/quiet-%d", i))
	}
	for i := range 3 * maxBreakers {
		u.breaker(fmt.Sprintf("p/bad-%d", i)).report(failing)
	}
	if n := len(u.Health().Targets); n > maxBreakers || u.State("p/known") != BreakerOpen {
		t.Errorf("%d breakers, want at most %d; the known one is %v", n, maxBreakers, u.State("p/known"))
	}
}
