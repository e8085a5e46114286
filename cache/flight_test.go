package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// take takes a seat for a key.
func (f *Flight) take(key Key) *Seat {
	return f.join(&Ask{Key: key}, Mark{}, new(purges))
}

func (f *Flight) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.aloft)
}

func TestFlightShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flight
		var shared atomic.Int64
		leader := f.take(keyOf("a"))
		other := f.take(keyOf("b"))
		if !leader.Leads() || !other.Leads() {
			t.Fatal("the first of a key does not lead")
		}
		for range 10 {
			go func() {
				s := f.take(keyOf("a"))
				defer s.Leave(false)
				if a, turn := s.Wait(nil, time.Minute, false); turn == Shared && string(a.Body) == "x" {
					shared.Add(1)
				}
			}()
		}
		synctest.Wait()
		body := []byte("x")
		leader.Land(&Answer{Body: body}, time.Hour)
		body[0] = 'y'
		leader.Leave(false) // too late: it has landed
		synctest.Wait()
		if shared.Load() != 10 {
			t.Errorf("%d of 10 got the answer", shared.Load())
		}
		other.Scatter(nil)
		if f.size() != 0 {
			t.Errorf("%d flights are left", f.size())
		}
		if s := f.take(keyOf("a")); !s.Leads() {
			t.Error("the flight after it has no leader")
		}
	})
}

func TestFlightFollowersDoNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flight
		leader := f.take(keyOf("a"))
		start := time.Now()
		if _, turn := f.take(keyOf("a")).Wait(nil, 3*time.Second, false); turn != Alone || time.Since(start) != 3*time.Second {
			t.Errorf("turn %d after %v", turn, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		s := f.take(keyOf("a"))
		if _, turn := s.Wait(ctx.Done(), time.Minute, false); turn != Alone || time.Since(start) != time.Second {
			t.Errorf("turn %d after %v", turn, time.Since(start))
		}
		if _, turn := s.Wait(nil, time.Minute, false); turn != Alone {
			t.Errorf("turn %d for a second wait", turn)
		}
		leader.Leave(false) // nobody is left to take over
		if f.size() != 0 {
			t.Errorf("%d flights are left", f.size())
		}
	})
}

// A leader that fails hands the lead to one follower, the longest waiting one; the others go on waiting for that one.
func TestFlightFollowerTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flight
		first := f.take(keyOf("a"))
		var turns []Turn
		var mu sync.Mutex
		for i := range 3 {
			go func() {
				s := f.take(keyOf("a"))
				defer s.Leave(false)
				_, turn := s.Wait(nil, time.Minute, false)
				mu.Lock()
				turns = append(turns, turn)
				mu.Unlock()
				if turn == Lead && i == 1 {
					s.Land(&Answer{Body: []byte("x")}, time.Hour)
				}
			}()
			synctest.Wait()
		}
		first.Leave(false) // the first follower fails, too; the second one lands
		first.Leave(false)
		synctest.Wait()
		if len(turns) != 3 || turns[0] != Lead || turns[1] != Lead || turns[2] != Shared {
			t.Errorf("got %v", turns)
		}
		if f.size() != 0 {
			t.Errorf("%d flights are left", f.size())
		}
	})
}

func TestFlightFollowerThatNeverWaits(t *testing.T) {
	var f Flight
	leader, idle, next := f.take(keyOf("a")), f.take(keyOf("a")), f.take(keyOf("a"))
	leader.Leave(false) // tells idle to lead
	idle.Leave(false)   // which passes it on
	if _, turn := next.Wait(nil, time.Minute, false); turn != Lead || !next.Leads() {
		t.Errorf("turn %d", turn)
	}
	next.Scatter(nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	leader, left, last := f.take(keyOf("a")), f.take(keyOf("a")), f.take(keyOf("a"))
	leader.Leave(false)
	if _, turn := left.Wait(gone.Done(), time.Minute, false); turn != Alone { // told to lead as its client left
		t.Errorf("turn %d", turn)
	}
	if _, turn := last.Wait(nil, time.Minute, false); turn != Lead {
		t.Errorf("turn %d", turn)
	}
	last.Leave(false)
	if f.size() != 0 {
		t.Errorf("%d flights are left", f.size())
	}
}

// Whatever leaders and followers do, nobody hangs and nothing is left behind; and at no time do two lead one key.
func TestFlightUnderStorm(t *testing.T) {
	var f Flight
	var wg sync.WaitGroup
	leading := make([]atomic.Int64, 3)
	for g := range 16 {
		wg.Go(func() {
			for i := range 300 {
				k := (g + i) % len(leading)
				s := f.take(keyOf(string(rune('a' + k))))
				ctx, cancel := context.WithCancel(t.Context())
				if i%7 == 0 {
					cancel()
				}
				turn := Lead
				if !s.Leads() {
					_, turn = s.Wait(ctx.Done(), time.Duration(i%3)*100*time.Microsecond, false)
				}
				if turn == Lead {
					if leading[k].Add(1) > 1 {
						t.Error("two lead one key")
					}
					leading[k].Add(-1)
					switch i % 3 {
					case 0:
						s.Land(&Answer{Body: []byte("x")}, time.Hour)
					case 1:
						s.Scatter(nil)
					}
				}
				s.Leave(false)
				cancel()
			}
		})
	}
	wg.Wait()
	if f.size() != 0 {
		t.Errorf("%d flights are left", f.size())
	}
}
