package providers

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGateLetsInAsManyAsThePolicySays: others wait for their turn, in the order they came, or give up in time.
func TestGateLetsInAsManyAsThePolicySays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{most: 2}
		in := 0
		for g.enter(0, nil) {
			in++
		}
		if in != 2 {
			t.Fatalf("%d are in, the bound is 2", in)
		}
		var order []int
		var mu sync.Mutex
		for i := range 3 {
			go func() {
				if g.enter(time.Minute, nil) {
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
				}
			}()
			synctest.Wait()
		}
		if g.enter(time.Second, nil) {
			t.Error("it let in one more")
		}
		g.leave()
		synctest.Wait()
		g.leave()
		synctest.Wait()
		if len(order) != 2 || order[0] != 0 || order[1] != 1 || g.under != 2 {
			t.Errorf("came in %v, %d are in", order, g.under)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(order) != 2 || len(g.waiting) != 0 {
			t.Errorf("the third has not given up: %v", order)
		}
	})
}

// TestGateLearns from a refusal that says nothing: half of what was under way, then one more with each round of good answers.
func TestGateLearns(t *testing.T) {
	g := &gate{}
	for range 8 {
		g.enter(0, nil)
	}
	g.heard(&Failure{Cause: CauseLimited, Attempts: 1})
	for range 8 {
		g.leave()
	}
	in := 0
	for g.enter(0, nil) {
		in++
	}
	if in != 4 {
		t.Fatalf("%d were let in after a refusal among 8", in)
	}
	for range 4 {
		g.heard(nil)
	}
	if !g.enter(0, nil) || g.enter(0, nil) {
		t.Error("after a round of good answers it is not one more")
	}
	for range 5 + 6 + 7 + 8 {
		g.heard(nil)
	}
	if g.learnt != 0 || !g.enter(0, nil) {
		t.Errorf("it has not recovered: %d", g.learnt)
	}
	g.heard(&Failure{Cause: CauseLimited, Attempts: 1, RetryAfter: time.Second})
	g.heard(&Failure{Cause: CauseOverload, Attempts: 1})
	if g.learnt != 0 {
		t.Error("it learnt from a provider that said when to come again, or that failed")
	}
}

// TestTargetIsFull: with others to ask it is left at once, and its breaker hears nothing of it; a place is free again when its answer has ended.
func TestTargetIsFull(t *testing.T) {
	u, _ := google(t)
	u.cfg.MaxConcurrent = 1
	first, err := u.Call(to(t, u, "m", true))
	if err != nil {
		t.Fatal(err)
	}
	again := to(t, u, "m", false)
	again.Others = true
	var failure *Failure
	if _, err := u.Call(again); !errors.As(err, &failure) || failure.Cause != CausePool || failure.Sent || u.State(again.Target) != BreakerClosed {
		t.Errorf("%v", err)
	}
	first.Release()
	answer, err := u.Call(again)
	if err != nil {
		t.Fatalf("after its stream was closed: %v", err)
	}
	answer.Release()
	second, err := u.Call(to(t, u, "m", true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drain(t, second.Stream); err != nil {
		t.Fatal(err)
	}
	if !u.breaker(again.Target).gate.quiet() {
		t.Error("a stream that was read to its end keeps its place")
	}
	second.Release()
	if g := &u.breaker(again.Target).gate; g.under != 0 {
		t.Errorf("%d places are taken", g.under)
	}
}
