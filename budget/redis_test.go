package budget

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

func TestRedisIsDown(t *testing.T) {
	f := func(name, addr string) {
		t.Helper()
		client := Connect(&redis.UniversalOptions{Addrs: []string{addr}})
		defer client.Close()
		s, err := NewRedis(client, "acme", Options{Timeout: 50 * time.Millisecond})
		must(t, err)
		ctx, team := context.Background(), []Charge{hard("team", 10)}
		for call, do := range map[string]func() error{
			"reserve": func() error {
				_, err := s.Reserve(ctx, &Hold{ID: "a", Want: 1, Charges: team, Lease: time.Minute})
				return err
			},
			"settle":  func() error { _, err := s.Settle(ctx, Settlement{ID: "a", Actual: 1}); return err },
			"batch":   func() error { return s.SettleBatch(ctx, []Settlement{{ID: "a", Actual: 1}}, make([]Settled, 1)) },
			"cancel":  func() error { return s.Cancel(ctx, "a") },
			"charge":  func() error { _, err := s.Charge(ctx, "a", team, 1); return err },
			"renew":   func() error { return s.Renew(ctx, "a", time.Minute) },
			"states":  func() error { return s.States(ctx, team, make([]State, 1)) },
			"expire":  func() error { return s.Expire(ctx) },
			"orphans": func() error { _, err := s.Orphans(ctx, 1); return err },
			"ack":     func() error { return s.AckOrphan(ctx, "a") },
			"open":    func() error { _, err := s.Open(ctx); return err },
			"known":   func() error { _, err := s.Known(ctx); return err },
			"rates":   func() error { return s.Rates(ctx, []Limit{{Key: "team"}}, make([]Rate, 1)) },
			"check":   func() error { _, err := s.Check(ctx); return err },
		} {
			start := time.Now()
			if err := do(); !errors.Is(err, ErrStoreDown) {
				t.Errorf("%s, %s: %v, want ErrStoreDown", name, call, err)
			}
			if unsent := errors.Is(do(), ErrUnsent); unsent && name != "refuses connections" || call == "reserve" && !unsent && name == "refuses connections" {
				t.Errorf("%s, %s: unsent %t", name, call, unsent)
			}
			if took := time.Since(start); took > 2*time.Second { // far more than the deadline, for slow machines
				t.Errorf("%s, %s: took %v", name, call, took)
			}
		}
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed.Close()
	f("refuses connections", closed.Addr().String())

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer silent.Close()
	f("accepts, but never answers", silent.Addr().String())
}

func TestRedisSaysAnError(t *testing.T) {
	server := miniredis.RunT(t)
	client := Connect(&redis.UniversalOptions{Addrs: []string{server.Addr()}})
	defer client.Close()
	s, err := NewRedis(client, "acme", patient)
	must(t, err)
	reserve(t, s, "a", 1, 1, hard("team", 10))
	server.SetError("LOADING Redis is loading the dataset in memory")
	if _, err := s.Settle(t.Context(), Settlement{ID: "a", Actual: 1}); !errors.Is(err, ErrStoreDown) || !strings.Contains(err.Error(), "LOADING") {
		t.Errorf("settle: %v", err)
	}
	server.SetError("")
	wantEqual(t, "settled afterwards", settle(t, s, "a", 1), Settled{Applied: true, Held: 1})
}

func TestRedisWithoutDeadlinesIsRefused(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	if _, err := NewRedis(client, "acme", Options{}); err == nil {
		t.Error("a client that ignores deadlines was accepted")
	}
	if _, err := NewRedis(Connect(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:1"}}), "a{b}c", Options{}); err == nil {
		t.Error("an org with braces was accepted")
	}
}

// TestRedisLosesItsMemory: counters that are gone must not become free money.
func TestRedisLosesItsMemory(t *testing.T) {
	server := miniredis.RunT(t)
	clients := connect(t, &redis.UniversalOptions{Addrs: []string{server.Addr()}})
	fleet := handles(t, clients, "acme", patient)
	team := hard("team/2026-11", 100)
	known := func(want bool) {
		t.Helper()
		got, err := fleet[0].Known(t.Context())
		must(t, err)
		wantEqual(t, "known", got, want)
	}
	known(false)
	reserve(t, fleet[0], "a", 60, 60, team)
	settle(t, fleet[0], "a", 60)
	reserve(t, fleet[1], "b", 20, 20, team)
	known(true)

	server.FlushAll() // a restart without its data
	known(false)
	for _, s := range fleet[:2] {
		_, err := s.Reserve(t.Context(), &Hold{ID: "c", Want: 1, Charges: []Charge{team}, Lease: time.Minute})
		if !errors.Is(err, ErrStoreLost) || !errors.Is(err, ErrStoreDown) {
			t.Fatalf("reserve after the loss: %v, want ErrStoreLost, which is an ErrStoreDown", err)
		}
	}
	wantEqual(t, "settle of a hold that was lost", settle(t, fleet[1], "b", 15), Settled{Unknown: true})
	for _, s := range fleet[:2] { // each gateway replays its own rows, some twice
		for id, amount := range map[string]pricing.Nano{"a": 60, "b": 15} {
			_, err := s.Charge(t.Context(), id, []Charge{team}, amount)
			must(t, err)
		}
		s.(*Redis).Resume()
	}
	wantStates(t, fleet[0], []Charge{team}, 75, 0)
	wantEqual(t, "grant after the loss", reserve(t, fleet[0], "c", 60, 10, team).Amount, 25)
	wantEqual(t, "grant of another gateway", reserve(t, fleet[1], "d", 0, 0, team).OK, true)
	wantEqual(t, "grant of a new gateway", reserve(t, fleet[2], "e", 0, 0, team).OK, true)
}

func TestRedisForgetsOldWindows(t *testing.T) {
	server, clock := miniredis.RunT(t), &testClock{}
	server.SetTime(clock.Now())
	s := handles(t, connect(t, &redis.UniversalOptions{Addrs: []string{server.Addr()}}), "acme", patient)[0].(*Redis)
	ends := clock.Now().Add(10 * 24 * time.Hour)
	monthly, total := Charge{Key: "org/2026-11", Limit: 100, Ends: ends}, Charge{Key: "org/total", Limit: 100}
	reserve(t, s, "a", 10, 10, monthly, total)
	settle(t, s, "a", 10)
	_, err := s.Charge(t.Context(), "b", []Charge{{Key: "charged", Limit: 100, Ends: ends}}, 1)
	must(t, err)
	for key, want := range map[string]time.Duration{
		s.keys.counter("org/2026-11"): 50 * 24 * time.Hour, s.keys.counter("org/total"): 0, s.keys.counter("charged"): 50 * 24 * time.Hour,
		s.keys.closed("a"): 10 * time.Minute, s.keys.closed("b"): 10 * time.Minute, s.keys.epoch: 0,
	} {
		wantEqual(t, "time to live of "+key, server.TTL(key), want)
	}
	for _, key := range server.Keys() {
		if !strings.HasPrefix(key, "bursar:{acme}:") {
			t.Errorf("key %q has not the hash tag of its org", key)
		}
	}
	server.FastForward(11 * time.Minute)
	wantEqual(t, "settle of a forgotten ID", settle(t, s, "a", 10), Settled{Unknown: true})
	wantStates(t, s, []Charge{monthly}, 10, 0)
}

func TestRedisRemembersOnlyOpenHolds(t *testing.T) {
	b := openMiniredis(t)
	s := b.handles[0].(*Redis)
	reserve(t, s, "settled", 1, 1, hard("team", 10))
	settle(t, s, "settled", 1)
	reserve(t, s, "elsewhere", 1, 1, hard("team", 10))
	settle(t, b.handles[1], "elsewhere", 1)
	_, err := s.Reserve(t.Context(), &Hold{ID: "short", Want: 1, Charges: []Charge{hard("team", 10)}, Lease: time.Millisecond})
	must(t, err)
	for deadline := time.Now().Add(10 * time.Second); len(s.charged) > 1 && time.Now().Before(deadline); {
		must(t, s.Expire(t.Context()))
	}
	if _, kept := s.charged["elsewhere"]; !kept || len(s.charged) != 1 {
		t.Errorf("counters remembered of %v, want only of the hold whose lease has not ended", s.charged)
	}
}

func TestServerProblems(t *testing.T) {
	f := func(policy, maxmemory, version, aof, want string) {
		t.Helper()
		got := strings.Join(serverProblems(map[string]map[string]string{
			"Memory": {"maxmemory_policy": policy, "maxmemory": maxmemory}, "Server": {"redis_version": version}, "Persistence": {"aof_enabled": aof},
		}), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("problems %q, want %q in it", got, want)
		}
	}
	f("noeviction", "100", "8.0.2", "1", "")
	f("allkeys-lru", "0", "7.0.0", "1", "")
	f("allkeys-lru", "100", "8.0.2", "1", "maxmemory-policy is allkeys-lru")
	f("volatile-ttl", "100", "8.0.2", "1", "maxmemory-policy is volatile-ttl")
	f("noeviction", "0", "6.2.14", "1", "too old")
	f("noeviction", "0", "8.0.2", "0", "appendonly is off")
}

func TestRedisComesBack(t *testing.T) {
	server := miniredis.RunT(t)
	s := handles(t, connect(t, &redis.UniversalOptions{Addrs: []string{server.Addr()}}), "acme", patient)[0]
	team := hard("team", 100)
	reserve(t, s, "a", 10, 10, team)
	server.Close()
	if _, err := s.Settle(t.Context(), Settlement{ID: "a", Actual: 4}); !errors.Is(err, ErrStoreDown) {
		t.Fatalf("settle while it is down: %v, want ErrStoreDown", err)
	}
	must(t, server.Restart())
	wantEqual(t, "settled when it is back", settle(t, s, "a", 4), Settled{Applied: true, Held: 10})
	wantStates(t, s, []Charge{team}, 4, 0)
}

// TestRenewBetweenListAndExpire: a hold that was due when it was listed, and is renewed or settled before its turn, is left alone.
func TestRenewBetweenListAndExpire(t *testing.T) {
	b := openMiniredis(t)
	s, team := b.handles[0].(*Redis), hard("team", 100)
	for _, id := range []string{"renewed", "settled", "dead"} {
		reserve(t, s, id, 10, 10, team)
	}
	b.forward(2 * time.Minute)
	due, err := s.run(t.Context(), dueScript, []string{s.keys.leases, s.keys.holds}, 100, 0)
	must(t, err)
	wantEqual(t, "ids and records that are due", len(due), 6)
	must(t, b.handles[1].Renew(t.Context(), "renewed", time.Minute))
	settle(t, b.handles[1], "settled", 1)
	must(t, s.expire(t.Context(), due))
	must(t, b.handles[2].(*Redis).expire(t.Context(), due))
	wantStates(t, s, []Charge{team}, 11, 10)
}
