package budget

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pgregory.net/rapid"

	"bursar/pricing"
)

// store is what Memory and Redis have in common: one suite holds both to the same rules.
type store interface {
	Reserve(ctx context.Context, h *Hold) (Grant, error)
	Settle(ctx context.Context, s Settlement) (Settled, error)
	SettleBatch(ctx context.Context, batch []Settlement, results []Settled) error
	Cancel(ctx context.Context, id string) error
	Charge(ctx context.Context, id string, charges []Charge, amount pricing.Nano) (Settled, error)
	Renew(ctx context.Context, id string, lease time.Duration) error
	RenewAll(ctx context.Context, ids []string, lease time.Duration) error
	States(ctx context.Context, charges []Charge, out []State) error
	Expire(ctx context.Context) error
	Orphans(ctx context.Context, most int) ([]Orphan, error)
	AckOrphan(ctx context.Context, id string) error
	Open(ctx context.Context) (int, error)
	Known(ctx context.Context) (bool, error)
	Rates(ctx context.Context, limits []Limit, out []Rate) error
}

// bench is a store under test: several handles on one store, as a fleet has, and its clock.
type bench struct {
	handles []store
	forward func(time.Duration)  // moves the clock by which leases run
	forget  func(time.Duration)  // moves it and the one by which closed IDs are forgotten; nil if that cannot be moved
	fresh   func(Options) *bench // an empty store on the same server
	calls   int                  // how many calls each of a crowd may make in reasonable time
}

var patient = Options{Timeout: 5 * time.Second} // the tests' machines are slow at times, and a deadline is not what they test

// kinds are the stores that every test of the suite runs against.
var kinds = []struct {
	name string
	open func(testing.TB) *bench
}{
	{"memory", func(testing.TB) *bench { return openMemory(patient) }},
	{"miniredis", openMiniredis},
	{"redis", openRedis},
	{"cluster", openCluster},
}

// eachStore runs a test against every store.
func eachStore(t *testing.T, test func(*testing.T, *bench)) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.open(t)) })
	}
}

// testClock stands still until it is moved.
type testClock struct{ now atomic.Int64 }

func (c *testClock) Now() time.Time {
	return time.Unix(1_795_000_000, 0).Add(time.Duration(c.now.Load()))
}
func (c *testClock) forward(d time.Duration) { c.now.Add(int64(d)) }

func openMemory(o Options) *bench {
	clock := &testClock{}
	m := NewMemory(clock.Now, o)
	return &bench{handles: []store{m, m, m}, forward: clock.forward, forget: clock.forward, fresh: openMemory, calls: 100}
}

func openMiniredis(t testing.TB) *bench {
	server, clock := miniredis.RunT(t), &testClock{}
	forward := func(d time.Duration) {
		clock.forward(d)
		server.SetTime(clock.Now())
	}
	forward(0)
	forget := func(d time.Duration) {
		forward(d)
		server.FastForward(d)
	}
	clients := connect(t, &redis.UniversalOptions{Addrs: []string{server.Addr()}})
	var fresh func(o Options) *bench
	fresh = func(o Options) *bench {
		return &bench{handles: handles(t, clients, "acme-"+rand.Text(), o), forward: forward, forget: forget, fresh: fresh, calls: 5}
	}
	return fresh(patient)
}

func openRedis(t testing.TB) *bench {
	addr := os.Getenv("BURSAR_TEST_REDIS")
	if addr == "" {
		t.Skip("set BURSAR_TEST_REDIS to run against a real Redis")
	}
	return openServer(t, &redis.UniversalOptions{Addrs: []string{addr}, DB: 5})
}

func openCluster(t testing.TB) *bench {
	addrs := os.Getenv("BURSAR_TEST_REDIS_CLUSTER")
	if addrs == "" {
		t.Skip("set BURSAR_TEST_REDIS_CLUSTER to run against a real Redis Cluster (addresses separated by commas)")
	}
	return openServer(t, &redis.UniversalOptions{Addrs: strings.Split(addrs, ","), IsClusterMode: true})
}

func openServer(t testing.TB, o *redis.UniversalOptions) *bench {
	clients := connect(t, o)
	orgs := "test-" + rand.Text()
	t.Cleanup(func() { removeAll(clients[0], "bursar:{"+orgs+"*") })
	var fresh func(o Options) *bench
	fresh = func(o Options) *bench {
		b := &bench{handles: handles(t, clients, orgs+rand.Text(), o), fresh: fresh, calls: 50}
		b.forward = func(d time.Duration) { // its clock cannot be moved, but the scripts' view of it can
			for _, h := range b.handles {
				h.(*Redis).drift += d
			}
		}
		return b
	}
	return fresh(patient)
}

// connect makes the clients of a fleet, and closes them last.
func connect(t testing.TB, o *redis.UniversalOptions) []redis.UniversalClient {
	clients := make([]redis.UniversalClient, 3)
	for i := range clients {
		client := Connect(o)
		t.Cleanup(func() { client.Close() })
		clients[i] = client
	}
	return clients
}

func handles(t testing.TB, clients []redis.UniversalClient, org string, o Options) []store {
	all := make([]store, len(clients))
	for i, client := range clients {
		r, err := NewRedis(client, org, o)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = r
	}
	return all
}

func removeAll(client redis.UniversalClient, pattern string) {
	ctx := context.Background() // the test's own is over
	remove := func(ctx context.Context, node *redis.Client) error {
		keys := node.Scan(ctx, 0, pattern, 1000).Iterator()
		for keys.Next(ctx) {
			node.Del(ctx, keys.Val())
		}
		return keys.Err()
	}
	switch c := client.(type) {
	case *redis.Client:
		remove(ctx, c)
	case *redis.ClusterClient:
		c.ForEachMaster(ctx, remove)
	}
}

// hard and soft make charges that end far in the future.
func hard(key string, limit pricing.Nano) Charge {
	return Charge{Key: key, Limit: limit, Hard: true, Ends: time.Now().AddDate(1, 0, 0)}
}

func soft(key string, limit pricing.Nano) Charge { return Charge{Key: key, Limit: limit} }

func reserve(t testing.TB, s store, id string, want, least pricing.Nano, charges ...Charge) Grant {
	t.Helper()
	g, err := s.Reserve(t.Context(), &Hold{ID: id, Want: want, Least: least, Charges: charges, Lease: time.Minute, Seed: []byte("seed\n\x00\xff of " + id)})
	if err != nil {
		t.Fatalf("reserve %s: %v", id, err)
	}
	return g
}

func settle(t testing.TB, s store, id string, actual pricing.Nano) Settled {
	t.Helper()
	done, err := s.Settle(t.Context(), Settlement{ID: id, Actual: actual})
	if err != nil {
		t.Fatalf("settle %s: %v", id, err)
	}
	return done
}

// wantStates compares spent and held of each charge, in pairs.
func wantStates(t testing.TB, s store, charges []Charge, want ...pricing.Nano) {
	t.Helper()
	out := make([]State, len(charges))
	if err := s.States(t.Context(), charges, out); err != nil {
		t.Fatal(err)
	}
	var got []pricing.Nano
	for i, state := range out {
		if state.Limit != charges[i].Limit {
			t.Errorf("%s: limit %d, want %d", charges[i].Key, state.Limit, charges[i].Limit)
		}
		got = append(got, state.Spent, state.Held)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spent and held of each charge (-want +got):\n%s", diff)
	}
}

func wantEqual[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestReserveAndSettle(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s := b.handles[0]
		team, org, user := hard("team=search/monthly/2026-11", 100), hard("org/monthly/2026-11", 1000), soft("user=ann/daily/2026-11-23", 5)
		all := []Charge{team, org, user}
		g := reserve(t, s, "a", 60, 60, all...)
		wantEqual(t, "grant", g, Grant{OK: true, Amount: 60, Short: -1, Slow: -1, States: []State{{0, 60, 100}, {0, 60, 1000}, {0, 60, 5}}})
		wantStates(t, s, all, 0, 60, 0, 60, 0, 60)
		wantEqual(t, "settled", settle(t, s, "a", 25), Settled{Applied: true, Held: 60})
		wantStates(t, s, all, 25, 0, 25, 0, 25, 0)
		wantEqual(t, "settled again", settle(t, s, "a", 99), Settled{Held: 60})
		wantStates(t, s, all, 25, 0, 25, 0, 25, 0)

		g = reserve(t, s, "b", 80, 10, all...)
		wantEqual(t, "shrunk grant", g, Grant{OK: true, Amount: 75, Short: 0, Slow: -1, States: []State{{25, 75, 100}, {25, 75, 1000}, {25, 75, 5}}})
		g = reserve(t, s, "c", 80, 10, org, team)
		wantEqual(t, "refusal", g, Grant{Short: 1, Slow: -1, States: []State{{25, 75, 1000}, {25, 75, 100}}})
		g = reserve(t, s, "free", 0, 0, all...)
		wantEqual(t, "a free call on a full budget", g.OK, true)
		wantEqual(t, "free settle", settle(t, s, "free", 0), Settled{Applied: true})
		wantEqual(t, "overrun", settle(t, s, "b", 80), Settled{Applied: true, Held: 75, Overrun: 5})
		wantStates(t, s, all, 105, 0, 105, 0, 105, 0)
		wantEqual(t, "a free call on an overspent budget", reserve(t, s, "free2", 0, 0, all...).OK, true)
		wantEqual(t, "without charges", reserve(t, s, "none", 7, 7), Grant{OK: true, Amount: 7, Short: -1, Slow: -1})
		wantEqual(t, "settle without charges", settle(t, s, "none", 7), Settled{Applied: true, Held: 7})
	})
}

func TestReserveIsIdempotent(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		team := hard("team", 100)
		first := reserve(t, b.handles[0], "a", 60, 10, team)
		again := reserve(t, b.handles[1], "a", 60, 10, team)
		wantEqual(t, "grant of a repeated reserve", again, first)
		wantStates(t, b.handles[2], []Charge{team}, 0, 60)
		settle(t, b.handles[2], "a", 1)
		_, err := b.handles[0].Reserve(t.Context(), &Hold{ID: "a", Want: 1, Charges: []Charge{team}, Lease: time.Minute})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("reserve of a settled ID: %v, want ErrClosed", err)
		}
		wantStates(t, b.handles[2], []Charge{team}, 1, 0)
	})
}

func TestOneKeyChargedTwiceCountsOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s := b.handles[0]
		warn, wide, strict := soft("team", 10), hard("team", 100), hard("team", 50)
		g := reserve(t, s, "a", 80, 10, warn, wide, strict)
		wantEqual(t, "grant", g, Grant{OK: true, Amount: 50, Short: 2, Slow: -1, States: []State{{0, 50, 10}, {0, 50, 100}, {0, 50, 50}}})
		settle(t, s, "a", 20)
		wantStates(t, s, []Charge{warn}, 20, 0)
	})
}

func TestCancelBeforeReserve(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		team := hard("team", 100)
		must(t, b.handles[0].Cancel(t.Context(), "a"))
		_, err := b.handles[1].Reserve(t.Context(), &Hold{ID: "a", Want: 1, Charges: []Charge{team}, Lease: time.Minute})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("reserve after its cancel: %v, want ErrClosed", err)
		}
		reserve(t, b.handles[0], "b", 10, 10, team)
		must(t, b.handles[0].Cancel(t.Context(), "b"))
		must(t, b.handles[0].Cancel(t.Context(), "b"))
		wantStates(t, b.handles[0], []Charge{team}, 0, 0)
		wantEqual(t, "settle of an ID never seen", settle(t, b.handles[0], "c", 5), Settled{Unknown: true})
	})
}

func TestExpireAndLateSettle(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, other, ctx := b.handles[0], b.handles[1], t.Context()
		team := hard("team", 1000)
		for _, id := range []string{"renewed", "unclaimed", "claimed", "acked"} {
			reserve(t, s, id, 100, 100, team)
		}
		b.forward(40 * time.Second)
		must(t, s.RenewAll(ctx, []string{"renewed", "no such hold"}, time.Minute))
		b.forward(30 * time.Second)
		must(t, other.Expire(ctx))
		must(t, s.Expire(ctx))
		wantStates(t, s, []Charge{team}, 300, 100)
		open, err := s.Open(ctx)
		must(t, err)
		wantEqual(t, "open holds", open, 1)

		wantEqual(t, "late, nobody was given the orphan", settle(t, s, "unclaimed", 30), Settled{Applied: true, Held: 100, Late: true, Correction: -70})
		orphans, err := other.Orphans(ctx, 10)
		must(t, err)
		got := map[string]Orphan{}
		for _, o := range orphans {
			got[o.ID] = o
		}
		wantEqual(t, "orphans", got, map[string]Orphan{
			"claimed": {"claimed", 100, []byte("seed\n\x00\xff of claimed")},
			"acked":   {"acked", 100, []byte("seed\n\x00\xff of acked")},
		})
		orphans, err = s.Orphans(ctx, 10)
		must(t, err)
		wantEqual(t, "orphans while they are claimed", len(orphans), 0)
		must(t, other.AckOrphan(ctx, "acked"))
		wantEqual(t, "late, acked", settle(t, s, "acked", 130), Settled{Applied: true, Held: 100, Overrun: 30, Late: true, Correction: 30, Orphaned: true})
		wantEqual(t, "late again", settle(t, s, "acked", 7), Settled{Held: 100, Overrun: 30, Late: true, Correction: 30, Orphaned: true})
		wantEqual(t, "late, claimed", settle(t, s, "claimed", 0), Settled{Applied: true, Held: 100, Late: true, Correction: -100, Orphaned: true})
		wantStates(t, s, []Charge{team}, 160, 100)
		b.forward(61 * time.Second)
		orphans, err = s.Orphans(ctx, 10)
		must(t, err)
		if len(orphans) != 1 || orphans[0].ID != "claimed" {
			t.Errorf("orphans after the claim ran out: %v, want the one that was not acknowledged", orphans)
		}
		_, err = s.Reserve(ctx, &Hold{ID: "claimed", Want: 1, Lease: time.Minute})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("reserve of an expired ID: %v, want ErrClosed", err)
		}
	})
}

// TestLargeBudgets: beyond 2^53 nano-dollars a double cannot tell one nano-dollar from the next.
func TestLargeBudgets(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s := b.handles[0]
		const year = 100_000_000*pricing.Dollar + 1
		company := hard("org/yearly/2026", year)
		_, err := s.Charge(t.Context(), "restored", []Charge{company}, year-3)
		must(t, err)
		wantEqual(t, "too much by one", reserve(t, s, "a", 4, 4, company).OK, false)
		wantEqual(t, "what is left", reserve(t, s, "b", 4, 1, company).Amount, 3)
		wantEqual(t, "a full budget", reserve(t, s, "c", 1, 1, company).OK, false)
		settle(t, s, "b", 2)
		wantStates(t, s, []Charge{company}, year-1, 0)
		wantEqual(t, "the last one", reserve(t, s, "d", year, 1, company), Grant{OK: true, Amount: 1, Short: 0, Slow: -1, States: []State{{year - 1, 1, year}}})
		wide := hard("org/total", maxUsed)
		wantEqual(t, "a large hold", reserve(t, s, "e", MaxAmount, MaxAmount, wide).OK, true)
		wantEqual(t, "a large settle", settle(t, s, "e", MaxAmount-1), Settled{Applied: true, Held: MaxAmount})
		wantStates(t, s, []Charge{wide}, MaxAmount-1, 0)
	})
}

// TestNoCounterOverflows: a soft budget never refuses, but before int64 ends the store does.
func TestNoCounterOverflows(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, user, ctx := b.handles[0], []Charge{soft("user", 1)}, t.Context()
		for i := range 9 {
			_, err := s.Charge(ctx, fmt.Sprint(i), user, MaxAmount)
			must(t, err)
		}
		if _, err := s.Charge(ctx, "a", user, MaxAmount); err == nil {
			t.Error("charge: no error")
		}
		if _, err := s.Reserve(ctx, &Hold{ID: "b", Want: 1, Charges: user, Lease: time.Minute}); err == nil {
			t.Error("reserve: no error")
		}
		wantStates(t, s, user, 9*MaxAmount, 0)
	})
}

// TestChargeGivesBack: what was charged too high is given back once, and never more than was spent.
func TestChargeGivesBack(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, ctx, team := b.handles[0], t.Context(), []Charge{hard("team", 1000)}
		charge := func(id string, amount pricing.Nano) {
			t.Helper()
			_, err := s.Charge(ctx, id, team, amount)
			must(t, err)
		}
		charge("a", 700)
		charge("back", -300)
		charge("back", -300)
		wantStates(t, s, team, 400, 0)
		charge("more", -500)
		wantStates(t, s, team, 0, 0)
		charge("a window that nothing was spent in", -1)
		wantStates(t, s, team, 0, 0)
		if _, err := s.Settle(ctx, Settlement{ID: "a", Actual: -1}); err == nil {
			t.Error("a hold was settled with less than nothing")
		}
	})
}

func TestChargeTakesTheTruth(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		s, ctx, team := b.handles[0], t.Context(), []Charge{hard("team", 1000)}
		charge := func(id string, amount pricing.Nano, want Settled) {
			t.Helper()
			got, err := b.handles[1].Charge(ctx, id, team, amount)
			must(t, err)
			wantEqual(t, "charge "+id, got, want)
		}
		reserve(t, s, "open", 10, 10, team...)
		reserve(t, s, "settled", 10, 10, team...)
		settle(t, s, "settled", 5)
		charge("open", 7, Settled{Applied: true, Held: 10})
		charge("settled", 5, Settled{Held: 10})
		charge("no hold", 3, Settled{Applied: true})
		charge("no hold", 3, Settled{})
		reserve(t, s, "expired", 10, 10, team...)
		b.forward(time.Hour)
		must(t, s.Expire(ctx))
		charge("expired", 1, Settled{Applied: true, Held: 10, Late: true, Correction: -9})
		wantStates(t, s, team, 16, 0)
	})
}

func TestBadHoldsAreRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		f := func(h Hold, want string) {
			t.Helper()
			if _, err := b.handles[0].Reserve(t.Context(), &h); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want an error with %q", h, err, want)
			}
		}
		f(Hold{ID: "", Lease: 1e9}, "ID")
		f(Hold{ID: "a\nb", Lease: 1e9}, "line break")
		f(Hold{ID: "a", Want: 1}, "lease")
		f(Hold{ID: "a", Want: 1, Least: 2, Lease: 1e9}, "Least")
		f(Hold{ID: "a", Want: -1, Least: -1, Lease: 1e9}, "Least")
		f(Hold{ID: "a", Want: MaxAmount + 1, Lease: 1e9}, "Want")
		f(Hold{ID: "a", Lease: 1e9, Charges: []Charge{{}}}, "empty")
		f(Hold{ID: "a", Lease: 1e9, Charges: []Charge{{Key: "a\nb"}}}, "line break")
		f(Hold{ID: "a", Lease: 1e9, Charges: []Charge{{Key: "a", Limit: -1}}}, "limit")
		if _, err := b.handles[0].Settle(t.Context(), Settlement{ID: "a", Actual: -1}); err == nil {
			t.Error("settle of a negative cost: no error")
		}
	})
}

func TestClosedHoldsAreForgotten(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		if b.forget == nil {
			t.Skip("its clock cannot be moved")
		}
		s, team := b.handles[0], hard("team", 100)
		reserve(t, s, "expired", 10, 10, team)
		reserve(t, s, "settled", 10, 10, team)
		settle(t, s, "settled", 4)
		b.forget(2 * time.Minute)
		must(t, s.Expire(t.Context()))
		b.forget(20 * time.Minute)
		reserve(t, s, "settled", 1, 1, team) // as new: it has long been forgotten
		b.forget(6 * 24 * time.Hour)
		wantEqual(t, "late settle within a week", settle(t, s, "expired", 10).Late, true)
		b.forget(8 * 24 * time.Hour)
		reserve(t, s, "later", 0, 0, team)
		wantEqual(t, "settle of a forgotten ID", settle(t, s, "expired", 4), Settled{Unknown: true})
		reserve(t, s, "latest", 7, 7, team) // nothing forgotten may be in use twice
		wantEqual(t, "settled", settle(t, s, "later", 0), Settled{Applied: true})
		wantEqual(t, "settled", settle(t, s, "latest", 7), Settled{Applied: true, Held: 7})
		wantStates(t, s, []Charge{team}, 21, 1)
	})
}
