package providers

import (
	"maps"
	"math/bits"
	"sync"
	"time"
)

// Breaker keeps calls away from a target that fails. Closed, it lets all calls through and watches them; open, it lets none
// through for a while that grows each time it opens anew; half-open, it lets one probe through and does what the probe says.
// What the client caused (a refused request, a client that left) is neither good nor bad news of the target, and not counted.
type Breaker struct {
	now   func() time.Time
	gate  gate  // how many calls it lets through at once
	pulse pulse // how fast the target is

	mu      sync.Mutex
	state   BreakerState
	row     int       // failures in a row
	window  uint32    // the last outcomes, newest in the lowest bit, 1 is a failure
	seen    int       // outcomes in the window
	opened  int       // times it opened since it was last closed for good
	until   time.Time // when open: let a probe through from then on
	probing bool      // a probe is under way
	probeBy time.Time // a probe that is not back by then is given up
}

// BreakerState is what a breaker does with calls.
type BreakerState uint8

// States of a breaker.
const (
	BreakerClosed BreakerState = iota
	BreakerHalfOpen
	BreakerOpen
)

var breakerStateNames = [...]string{"closed", "half_open", "open"}

// String returns closed, half_open or open.
func (s BreakerState) String() string {
	if int(s) < len(breakerStateNames) {
		return breakerStateNames[s]
	}
	return "unknown"
}

const (
	openAfterRow   = 5                // failures in a row that open a breaker
	windowSize     = 20               // outcomes looked back on
	openAfterShare = windowSize / 2   // failures among them that open it
	firstOpen      = time.Second      // how long it first stays open
	longestOpen    = 60 * time.Second // and how long at most; it doubles in between
	probePatience  = 2 * time.Minute
)

func newBreaker(now func() time.Time) *Breaker { return &Breaker{now: now} }

// State returns the state a call would meet now.
func (b *Breaker) State() BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerOpen && !b.now().Before(b.until) {
		return BreakerHalfOpen
	}
	return b.state
}

// allow tells whether a call may pass, and if not, how long until one may. Who was allowed reports with done.
func (b *Breaker) allow() (ok bool, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerClosed {
		return true, 0
	}
	now := b.now()
	if wait := b.until.Sub(now); wait > 0 {
		return false, wait
	}
	if b.probing && now.Before(b.probeBy) {
		return false, firstOpen
	}
	b.state, b.probing, b.probeBy = BreakerHalfOpen, true, now.Add(probePatience)
	return true, 0
}

// verdict is what a call tells of its target.
type verdict uint8

const (
	neutral verdict = iota // nothing: the client caused what happened
	healthy
	failing
)

// done reports what a call that was allowed came to.
func (b *Breaker) done(v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != BreakerClosed {
		b.afterProbe(v)
		return
	}
	if v == neutral {
		return
	}
	b.window = b.window<<1&(1<<windowSize-1) | uint32(v-healthy)
	b.seen = min(b.seen+1, windowSize)
	if v == healthy {
		b.row = 0
		if b.seen == windowSize && bits.OnesCount32(b.window) <= 1 {
			b.opened = 0 // it has been well for long enough to begin anew with short openings
		}
	} else {
		b.row++
	}
	if b.row >= openAfterRow || b.seen == windowSize && bits.OnesCount32(b.window) >= openAfterShare {
		b.open()
	}
}

// afterProbe decides by the probe. Calls that began before the breaker opened report here too; a failure among them says nothing
// new, and a success is as good as a probe's.
func (b *Breaker) afterProbe(v verdict) {
	switch {
	case v == healthy:
		b.state, b.row, b.window, b.seen, b.probing = BreakerClosed, 0, 0, 0, false
	case b.state == BreakerHalfOpen && v == failing:
		b.open()
	case b.state == BreakerHalfOpen:
		b.probing = false // it told nothing: the next call probes
	}
}

func (b *Breaker) open() {
	b.state, b.probing, b.row, b.window, b.seen = BreakerOpen, false, 0, 0, 0
	b.until = b.now().Add(min(firstOpen<<min(b.opened, 10), longestOpen))
	b.opened++
}

// quiet tells whether the breaker knows nothing that a new one would not.
func (b *Breaker) quiet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == BreakerClosed && b.window == 0 && b.opened == 0 && b.gate.quiet()
}

// maxBreakers bounds the targets watched one by one: a client can name any model of a provider, and must not fill memory so.
const maxBreakers = 1024

// sweepEvery is how often those that know nothing may be looked for: it takes a look at each.
const sweepEvery = time.Second

// breaker returns the breaker of a target.
func (u *Upstream) breaker(target string) *Breaker {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b := u.breakers[target]; b != nil {
		return b
	}
	if len(u.breakers) >= maxBreakers {
		if now := u.cfg.Now(); now.Sub(u.swept) >= sweepEvery {
			u.swept = now
			maps.DeleteFunc(u.breakers, func(_ string, b *Breaker) bool { return b.quiet() })
		}
		if len(u.breakers) >= maxBreakers {
			return u.crowd
		}
	}
	b := newBreaker(u.cfg.Now)
	b.gate.most = u.cfg.MaxConcurrent
	u.breakers[target] = b
	return b
}

// State returns the state of a target's breaker; closed for one that was never called.
func (u *Upstream) State(target string) BreakerState {
	u.mu.Lock()
	b := u.breakers[target]
	u.mu.Unlock()
	if b == nil {
		return BreakerClosed
	}
	return b.State()
}
