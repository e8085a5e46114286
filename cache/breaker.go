package cache

import (
	"sync"
	"time"
)

// breaker keeps requests from waiting for a store that is down. It opens after failures in a row; while it is open nothing is asked. From
// time to time it lets one probe through, and closes when that succeeds. Each probe that fails doubles the time to the next.
type breaker struct {
	now      func() time.Time
	failures int           // in a row, to open
	shortest time.Duration // between opening and the first probe
	longest  time.Duration // between probes

	mu     sync.Mutex
	row    int           // failures in a row so far
	pause  time.Duration // zero: closed
	opened time.Time
}

// ask reports whether a call may be made, and whether the caller must see to a probe instead.
func (b *breaker) ask() (call, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause == 0 {
		return true, false
	}
	now := b.now()
	if now.Sub(b.opened) < b.pause {
		return false, false
	}
	b.opened = now // nobody else probes for another pause, even if this probe is never heard of again
	return false, true
}

// tell notes how a call that ask allowed came out. Calls from before it opened do not close it again: only probes do.
func (b *breaker) tell(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.row = 0
		return
	}
	if b.row++; b.row >= b.failures && b.pause == 0 {
		b.pause, b.opened = b.shortest, b.now()
	}
}

// probed notes how a probe came out.
func (b *breaker) probed(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.row, b.pause = 0, 0
		return
	}
	b.pause, b.opened = min(2*b.pause, b.longest), b.now()
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pause != 0
}
