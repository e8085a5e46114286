package providers

import (
	"errors"
	"testing"
	"time"
)

// TestOutlierIsPassedOver: most calls, until the probes among them find it as fast as before.
func TestOutlierIsPassedOver(t *testing.T) {
	var p pulse
	for range 100 {
		p.note(400 * time.Millisecond)
	}
	share := func() (passed int) {
		for range 100 {
			if p.passOver() {
				passed++
			}
		}
		return passed
	}
	if n := share(); n != 0 {
		t.Errorf("as usual, %d of 100 pass it over", n)
	}
	p.note(9 * time.Second)
	if n := share(); n != 0 {
		t.Errorf("after one slow answer %d of 100 pass it over", n)
	}
	for range 5 {
		p.note(9 * time.Second)
	}
	if n := share(); n != 90 {
		t.Errorf("an outlier is passed over by %d of 100", n)
	}
	for range 10 {
		p.note(400 * time.Millisecond)
	}
	if n := share(); n != 0 {
		t.Errorf("well again, %d of 100 pass it over", n)
	}
}

func TestNoOutlier(t *testing.T) {
	f := func(why string, usual, late time.Duration, before, after int) {
		t.Helper()
		var p pulse
		for range before {
			p.note(usual)
		}
		for range after {
			p.note(late)
		}
		if p.passOver() {
			t.Error(why)
		}
	}
	f("fast is no outlier, whatever the usual", 10*time.Millisecond, time.Second, 100, 10)
	f("a model that always thinks long is none", 20*time.Second, 30*time.Second, 100, 10)
	f("nothing is known yet", 100*time.Millisecond, 9*time.Second, 20, 10)
}

// TestOutlierIsAskedWhereNobodyElseCan answer.
func TestOutlierIsAskedWhereNobodyElseCan(t *testing.T) {
	u, _ := google(t)
	c := to(t, u, "m", true)
	b := u.breaker(c.Target)
	for range 100 {
		b.pulse.note(100 * time.Millisecond)
	}
	for range 10 {
		b.pulse.note(9 * time.Second)
	}
	c.Others = true
	var failure *Failure
	if _, err := u.Call(c); !errors.As(err, &failure) || failure.Cause != CauseBreaker {
		t.Errorf("with others to ask: %v", err)
	}
	c.Others = false
	answer, err := u.Call(c)
	if err != nil {
		t.Fatal(err)
	}
	answer.Release()
	if b.pulse.seen != 111 {
		t.Errorf("%d first bytes were noted", b.pulse.seen)
	}
}
