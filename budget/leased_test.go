package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

// counting counts the calls that a client makes.
type counting struct{ calls atomic.Int64 }

func (c *counting) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counting) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.calls.Add(1)
		return next(ctx, cmd)
	}
}

func (c *counting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.calls.Add(1)
		return next(ctx, cmds)
	}
}

// Renew renews one hold, as the suite's stores do.
func (l *Leased) Renew(ctx context.Context, id string, lease time.Duration) error {
	return l.RenewAll(ctx, []string{id}, lease)
}

// gateways makes Leased stores on the handles of a bench, and tends them until the test ends.
func gateways(t *testing.T, b *bench) []*Leased {
	var all []*Leased
	ctx, stop := context.WithCancel(context.Background())
	var kept sync.WaitGroup
	for i, h := range b.handles {
		l, err := NewLeased(h.(*Redis), LeasedOptions{Gateway: fmt.Sprint("g", i), Pulse: 20 * time.Millisecond})
		must(t, err)
		kept.Go(func() { l.Keep(ctx, forgetful{}) })
		all = append(all, l)
	}
	t.Cleanup(func() {
		stop()
		kept.Wait()
	})
	return all
}

// eachFleet runs a test against every store that can be leased from.
func eachFleet(t *testing.T, test func(*testing.T, *bench)) {
	for _, kind := range kinds[1:] {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.open(t)) })
	}
}

func TestSlicesSpareRoundTrips(t *testing.T) {
	eachFleet(t, func(t *testing.T, b *bench) {
		var counter counting
		b.handles[0].(*Redis).client.AddHook(&counter)
		l, charges := gateways(t, b)[0], []Charge{hard("org", 1000*pricing.Dollar), hard("team", 500*pricing.Dollar), soft("user", 1)}
		const holds = 2000
		for i := range holds {
			id := fmt.Sprint("hold ", i)
			reserve(t, l, id, 1000, 1000, charges...)
			settle(t, l, id, 600)
		}
		if calls := counter.calls.Load(); calls > holds/10 {
			t.Errorf("%d calls for %d holds", calls, holds)
		}
		l.Drain(t.Context())
		wantStates(t, l, charges, holds*600, 0, holds*600, 0, holds*600, 0)
	})
}

// TestIdleMoneyGoesToWhoNeedsIt: one gateway has a slice of most that a budget has, and lies idle. Another gets at all of it within a moment.
func TestIdleMoneyGoesToWhoNeedsIt(t *testing.T) {
	eachFleet(t, func(t *testing.T, b *bench) {
		fleet, team := gateways(t, b), hard("team", 8000)
		for i := range 3 { // each leaves a part idle
			for n := range 2 {
				id := fmt.Sprint(i, ".", n)
				reserve(t, fleet[i], id, 100, 100, team)
				settle(t, fleet[i], id, 100)
			}
		}
		began, spent := time.Now(), pricing.Nano(600)
		for n := 0; ; n++ {
			id := fmt.Sprint("hungry ", n)
			g, err := fleet[0].Reserve(t.Context(), &Hold{ID: id, Want: 100, Least: 1, Charges: []Charge{team}, Lease: time.Minute})
			must(t, err)
			if !g.OK {
				break
			}
			settle(t, fleet[0], id, g.Amount)
			spent += g.Amount
		}
		if spent != 8000 {
			t.Errorf("%d of 8000 could be spent", spent)
		}
		if took := time.Since(began); took > 5*time.Second { // a quarter of a second on a quiet machine
			t.Errorf("it took %v", took)
		}
		fleet[0].Drain(t.Context())
		wantStates(t, fleet[0], []Charge{team}, 8000, 0)
	})
}

// TestSoftMoneyIsNotForHardHolds: what was taken without asking the limit must not be granted to those it refuses.
func TestSoftMoneyIsNotForHardHolds(t *testing.T) {
	eachFleet(t, func(t *testing.T, b *bench) {
		l := gateways(t, b)[0]
		strict, lax := hard("team", 1000), Charge{Key: "team", Limit: 1000, Ends: time.Now().AddDate(1, 0, 0)}
		for n := range 20 {
			id := fmt.Sprint("cheap ", n)
			reserve(t, l, id, 100, 100, lax)
			settle(t, l, id, 100)
		}
		g, err := l.Reserve(t.Context(), &Hold{ID: "dear", Want: 1, Least: 1, Charges: []Charge{strict}, Lease: time.Minute})
		must(t, err)
		if g.OK || g.Short != 0 {
			t.Errorf("granted %+v from a budget that is spent", g)
		}
	})
}

// TestLoweredLimit: what was taken ahead under a limit is not granted any more once the limit is lower.
func TestLoweredLimit(t *testing.T) {
	eachFleet(t, func(t *testing.T, b *bench) {
		l := gateways(t, b)[0]
		reserve(t, l, "before", 100, 100, hard("team", 10_000))
		g, err := l.Reserve(t.Context(), &Hold{ID: "after", Want: 100, Least: 100, Charges: []Charge{hard("team", 150)}, Lease: time.Minute})
		must(t, err)
		if g.OK {
			t.Errorf("granted %+v", g)
		}
		settle(t, l, "before", 40)
		g, err = l.Reserve(t.Context(), &Hold{ID: "later", Want: 100, Least: 100, Charges: []Charge{hard("team", 150)}, Lease: time.Minute})
		must(t, err)
		if !g.OK {
			t.Errorf("refused %+v", g)
		}
	})
}

// TestLocalMoney: while the store is away a gateway goes on as far as all budgets allow, in bounded time, and the store hears of it once.
func TestLocalMoney(t *testing.T) {
	eachFleet(t, func(t *testing.T, b *bench) {
		var wire line
		b.handles[0].(*Redis).client.AddHook(&wire)
		l, err := NewLeased(b.handles[0].(*Redis), LeasedOptions{Gateway: "g"})
		must(t, err)
		org, team := hard("org", 1000), hard("team", 900)
		org.Local, team.Local = 250, 300
		take := func(id string, charges ...Charge) (Grant, error) {
			return l.Reserve(t.Context(), &Hold{ID: id, Want: 100, Least: 60, Charges: charges, Lease: time.Minute})
		}
		wire.cut = true
		if _, err := take("denied", org, hard("other", 1000)); !errors.Is(err, ErrStoreDown) {
			t.Fatalf("a budget that denies: %v", err)
		}
		for i, want := range []pricing.Nano{100, 100} {
			g, err := take(fmt.Sprint("local ", i), org, team)
			if err != nil || !g.OK || g.Amount != want {
				t.Fatalf("local hold %d: %+v, %v", i, g, err)
			}
		}
		if g, err := take("too much", org, team); !errors.Is(err, ErrStoreDown) {
			t.Fatalf("beyond what org allows: %+v, %v", g, err)
		}
		settle(t, l, "local 0", 70) // gives 30 back
		if g, err := take("the rest", org, team); err != nil || g.Amount != 80 {
			t.Fatalf("the rest: %+v, %v", g, err)
		}
		wire.cut = false
		l.pulse(t.Context())
		wantStates(t, l, []Charge{org, team}, 70, 180, 70, 180)
		settle(t, l, "local 1", 100)
		settle(t, l, "the rest", 80)
		l.Drain(t.Context())
		wantStates(t, l, []Charge{org, team}, 250, 0, 250, 0)
		if len(l.owed) > 0 {
			t.Errorf("still owes %v", l.owed)
		}
	})
}

// TestWhoLeavesIsNoOutage: calls whose caller has gone, as those of a gateway that ends, say nothing of the store.
func TestWhoLeavesIsNoOutage(t *testing.T) {
	eachFleet(t, func(t *testing.T, b *bench) {
		l, err := NewLeased(b.handles[0].(*Redis), LeasedOptions{Gateway: "g"})
		must(t, err)
		l.pulse(t.Context())
		gone, leave := context.WithCancel(t.Context())
		leave()
		for range mostSilent {
			l.pulse(gone)
		}
		reserve(t, l, "hold", 100, 100, hard("org", 1000))
	})
}

// TestNoGrantBeforeAllHaveTold: a Redis that was restarted grants nothing until each gateway that was alive has told it what it knows.
func TestNoGrantBeforeAllHaveTold(t *testing.T) {
	b := openMiniredis(t)
	var fleet []*Leased
	for i, h := range b.handles[:2] {
		h.(*Redis).pretend = "before"
		l, err := NewLeased(h.(*Redis), LeasedOptions{Gateway: fmt.Sprint("g", i), Calls: true, Grace: time.Hour})
		must(t, err)
		l.pulse(t.Context())
		fleet = append(fleet, l)
	}
	team := hard("team", 100)
	reserve(t, fleet[1], "a", 80, 80, team)
	must(t, b.handles[2].(*Redis).client.Del(t.Context(), fleet[0].redis.keys.holds, fleet[0].redis.keys.counter("team")).Err()) // its last moment
	for i, l := range fleet {
		b.handles[i].(*Redis).pretend = "after"
		l.look()
	}
	hungry := &Hold{ID: "b", Want: 80, Least: 80, Charges: []Charge{team}, Lease: time.Minute}
	if _, err := fleet[0].Reserve(t.Context(), hungry); !errors.Is(err, ErrStoreDown) {
		t.Fatalf("reserve before the other has told: %v", err)
	}
	fleet[1].pulse(t.Context())
	wantStates(t, fleet[0], []Charge{team}, 0, 80)
	time.Sleep(60 * time.Millisecond)
	if g, err := fleet[0].Reserve(t.Context(), hungry); err != nil || g.OK {
		t.Fatalf("reserve of more than is left: %+v, %v", g, err)
	}
	settle(t, fleet[1], "a", 80)
	wantStates(t, fleet[0], []Charge{team}, 80, 0)
}

// TestServersSeeARestart on a connection that is new, before its first command.
func TestServersSeeARestart(t *testing.T) {
	b := openRedis(t)
	like := b.handles[0].(*Redis).client.(*redis.Client).Options()
	var s Servers
	client := Connect(s.Watch(&redis.UniversalOptions{Addrs: []string{like.Addr}, DB: like.DB}))
	defer client.Close()
	must(t, client.Ping(t.Context()).Err())
	s.armed.Store(true)
	s.mu.Lock()
	clear(s.known) // as if it had been another
	s.mu.Unlock()
	must(t, client.Ping(t.Context()).Err()) // the connection is an old one
	fresh := Connect(s.Watch(&redis.UniversalOptions{Addrs: []string{like.Addr}, DB: like.DB}))
	defer fresh.Close()
	if err := fresh.Ping(t.Context()).Err(); err == nil || !s.moved.Load() {
		t.Errorf("a call reached a server that was not known: %v", err)
	}
	must(t, fresh.Ping(t.Context()).Err())
}

// TestOrphansStayWithWhoWasGivenThem: an orphan whose acknowledgement was lost must not be entered by a second gateway.
func TestOrphansStayWithWhoWasGivenThem(t *testing.T) {
	eachFleet(t, func(t *testing.T, b *bench) {
		for i, h := range b.handles {
			h.(*Redis).options.Gateway = fmt.Sprint("g", i)
		}
		reserve(t, b.handles[0], "dead", 10, 10, hard("team", 100))
		b.forward(2 * time.Minute)
		must(t, b.handles[1].Expire(t.Context()))
		count := func(who int) int {
			orphans, err := b.handles[who].Orphans(t.Context(), 10)
			must(t, err)
			return len(orphans)
		}
		wantEqual(t, "orphans of the first who asks", count(1), 1)
		b.forward(time.Hour)
		wantEqual(t, "orphans of another, later", count(2), 0)
		wantEqual(t, "orphans of the first, again", count(1), 1)
		must(t, b.handles[1].AckOrphan(t.Context(), "dead"))
		b.forward(time.Hour)
		wantEqual(t, "orphans once it is acknowledged", count(1)+count(2), 0)
	})
}
