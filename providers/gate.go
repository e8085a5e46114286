package providers

import (
	"slices"
	"sync"
	"time"
)

// gate bounds how many calls to a target are under way at once: as many as the policy says, and fewer for a while after the target has refused one
// without a word on when to come again. That bound grows by one with every round of good answers, until it bounds nothing any more.
type gate struct {
	most int // by the policy; 0 is no bound

	mu      sync.Mutex
	under   int // calls under way
	learnt  int // 0: no bound
	from    int // calls that were under way when it was learnt
	good    int // good answers since it last changed
	waiting []chan struct{}
}

func (g *gate) full() bool {
	return g.most > 0 && g.under >= g.most || g.learnt > 0 && g.under >= g.learnt
}

// enter takes a place, and waits for one at most so long. Who has one leaves.
func (g *gate) enter(patience time.Duration, caller Caller) bool {
	g.mu.Lock()
	if !g.full() && len(g.waiting) == 0 {
		g.under++
		g.mu.Unlock()
		return true
	}
	if patience <= 0 {
		g.mu.Unlock()
		return false
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()
	left := make(alarm, 1)
	if caller != nil && caller.Attach(left) {
		defer caller.Detach()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-timer.C:
	case <-left:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting, turn)
	if at < 0 {
		return true // its turn came just now
	}
	g.waiting = slices.Delete(g.waiting, at, at+1)
	return false
}

// leave gives a place back, to who has waited longest.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.under--
	g.admit()
}

func (g *gate) admit() {
	for len(g.waiting) > 0 && !g.full() {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.under++
	}
}

// heard learns from what a call came to, which has not left yet.
func (g *gate) heard(failure *Failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case failure == nil && g.learnt > 0:
		if g.good++; g.good >= g.learnt {
			g.learnt, g.good = g.learnt+1, 0
		}
		if g.learnt > g.from {
			g.learnt = 0
		}
		g.admit()
	case failure != nil && failure.Cause == CauseLimited && failure.Attempts > 0 && failure.RetryAfter == 0 && !failure.several && g.under > 1:
		g.from = max(g.from, g.under)
		g.learnt, g.good = max(1, g.under/2), 0
	}
}

// quiet tells whether the gate knows nothing that a new one would not.
func (g *gate) quiet() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.under == 0 && g.learnt == 0 && len(g.waiting) == 0
}
