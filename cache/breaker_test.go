package cache

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	now := newFakeTime()
	b := breaker{now: now.Now, failures: 3, shortest: time.Second, longest: 3 * time.Second}
	f := func(call, probe bool) {
		t.Helper()
		if c, p := b.ask(); c != call || p != probe {
			t.Errorf("call %v, probe %v; want %v, %v", c, p, call, probe)
		}
	}
	for _, ok := range []bool{false, false, true, false, false} { // never three in a row
		f(true, false)
		b.tell(ok)
	}
	b.tell(false)
	if !b.open() {
		t.Fatal("closed after three failures in a row")
	}
	f(false, false)
	b.tell(true) // a call from before it opened: no proof that new ones work
	f(false, false)
	for _, pause := range []time.Duration{1, 2, 3, 3} {
		now.pass(pause*time.Second - time.Nanosecond)
		f(false, false)
		now.pass(time.Nanosecond)
		f(false, true)
		f(false, false) // one probe at a time
		b.probed(false)
	}
	now.pass(3 * time.Second)
	f(false, true)
	now.pass(3 * time.Second)
	f(false, true) // the probe before was never heard of again
	b.probed(true)
	if b.open() {
		t.Error("open after a good probe")
	}
	f(true, false)
	b.tell(false)
	b.tell(false)
	f(true, false) // counts from none again
}
