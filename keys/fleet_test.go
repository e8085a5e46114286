package keys

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// fleet opens the keys of an org of its own, on a real Redis if there is one.
func fleet(t *testing.T, addr string) *Shared {
	t.Helper()
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{addr}, DB: 9, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	s, err := NewShared(client, rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Del(t.Context(), s.key)
		_ = client.Close()
	})
	return s
}

// eachRedis runs a test on the double and on a real one.
func eachRedis(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("miniredis", func(t *testing.T) { test(t, miniredis.RunT(t).Addr()) })
	t.Run("redis", func(t *testing.T) {
		addr := os.Getenv("BURSAR_TEST_REDIS")
		if addr == "" {
			t.Skip("set BURSAR_TEST_REDIS to run against a real Redis")
		}
		test(t, addr)
	})
}

// within waits until a ring says of a secret what it should, and returns how long that took.
func within(t *testing.T, r *Ring, s Secret, want error) time.Duration {
	t.Helper()
	begun := time.Now()
	for time.Since(begun) < 10*time.Second {
		if _, err := r.Find([]byte(s.Reveal())); errors.Is(err, want) {
			return time.Since(begun)
		}
		time.Sleep(time.Millisecond)
	}
	_, err := r.Find([]byte(s.Reveal()))
	t.Fatalf("%v, and not %v, after 10 s", err, want)
	return 0
}

// TestFleetFollows: what is done to a key holds on every gateway, and how soon is logged.
func TestFleetFollows(t *testing.T) {
	eachRedis(t, func(t *testing.T, addr string) {
		shared := fleet(t, addr)
		var rings []*Ring
		for range 3 {
			rings = append(rings, open(t, t.TempDir(), RingOptions{Fleet: shared}))
		}
		var slowest time.Duration
		everywhere := func(s Secret, want error) {
			t.Helper()
			for _, r := range rings {
				slowest = max(slowest, within(t, r, s, want))
			}
		}
		store := shared.Store()
		first, key, err := store.Add(t.Context(), Terms{Team: "search"})
		if err != nil {
			t.Fatal(err)
		}
		everywhere(first, nil)
		second, _, err := store.Rotate(t.Context(), key.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		everywhere(second, nil)
		everywhere(first, ErrReplaced)
		if err := store.Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		everywhere(second, ErrRevoked)
		t.Logf("the slowest of 3 gateways took %s", slowest)
		if all, err := store.List(t.Context()); err != nil || len(all) != 1 || len(all[0].Changes) != 3 {
			t.Errorf("listed %+v, %v", all, err)
		}
		if behind, known := rings[0].Behind(); !known || behind > 5*time.Second {
			t.Errorf("behind by %s, %v", behind, known)
		}
	})
}

// TestFleetWithoutRedis: a gateway goes on with its copy, also after a restart, and catches up when Redis is back.
func TestFleetWithoutRedis(t *testing.T) {
	eachRedis(t, func(t *testing.T, addr string) {
		line := newLine(t, addr)
		direct, through := fleet(t, addr), fleet(t, line.addr)
		through.org, through.key = direct.org, direct.key
		store, dir := direct.Store(), t.TempDir()
		secret, key, err := store.Add(t.Context(), Terms{Team: "search"})
		if err != nil {
			t.Fatal(err)
		}
		r := open(t, dir, RingOptions{Fleet: through, Poll: 10 * time.Millisecond})
		within(t, r, secret, nil)
		line.cut()
		if err := store.Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		late, _, err := store.Add(t.Context(), Terms{Team: "search"})
		if err != nil {
			t.Fatal(err)
		}
		waitProblem(t, r, true)
		within(t, r, secret, nil) // it cannot know better
		r.Close()
		again := open(t, dir, RingOptions{Fleet: through, Poll: 10 * time.Millisecond})
		within(t, again, secret, nil)
		line.mend()
		within(t, again, secret, ErrRevoked)
		within(t, again, late, nil)
		waitProblem(t, again, false)
	})
}

func waitProblem(t *testing.T, r *Ring, want bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); (r.Problem() != nil) != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the ring's problem is %v", r.Problem())
		}
	}
}

// TestFleetNeverRead: without Redis and without a copy, nothing is known, and that is told.
func TestFleetNeverRead(t *testing.T) {
	line := newLine(t, "127.0.0.1:1")
	line.cut()
	r := open(t, t.TempDir(), RingOptions{Fleet: fleet(t, line.addr)})
	if _, known := r.Behind(); known || r.Problem() == nil {
		t.Errorf("known %v, problem %v", known, r.Problem())
	}
}

// TestRedisForgets: when Redis comes back without its records, or with an older state of them, the gateways give it what they know. A
// revocation is not undone, and nobody's key ends.
func TestRedisForgets(t *testing.T) {
	eachRedis(t, func(t *testing.T, addr string) {
		shared := fleet(t, addr)
		store := shared.Store()
		good, _, err := store.Add(t.Context(), Terms{Team: "search"})
		if err != nil {
			t.Fatal(err)
		}
		bad, key, err := store.Add(t.Context(), Terms{Team: "search"})
		if err != nil {
			t.Fatal(err)
		}
		var rings []*Ring
		for range 3 {
			rings = append(rings, open(t, t.TempDir(), RingOptions{Fleet: shared, Poll: 5 * time.Millisecond}))
		}
		f := func(what string, forget func()) {
			t.Helper()
			forget()
			newest, _, err := store.Add(t.Context(), Terms{Team: "support"}) // before any gateway has noticed, perhaps
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rings {
				within(t, r, newest, nil)
				within(t, r, good, nil)
				within(t, r, bad, ErrRevoked)
			}
			deadline := time.Now().Add(10 * time.Second)
			for {
				fresh := open(t, t.TempDir(), RingOptions{Fleet: shared})
				if _, err := fresh.Find([]byte(bad.Reveal())); errors.Is(err, ErrRevoked) {
					if _, err := fresh.Find([]byte(good.Reveal())); err == nil {
						break
					}
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: Redis was not given back what it had forgotten", what)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		if err := store.Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		for _, r := range rings {
			within(t, r, bad, ErrRevoked)
		}
		f("the revocation", func() { shared.client.RPop(t.Context(), shared.key) })
		f("everything", func() { shared.client.Del(t.Context(), shared.key) })
		if all, err := store.List(t.Context()); err != nil || len(all) != 4 {
			t.Errorf("%d keys, %v; want 4", len(all), err)
		}
	})
}

// TestFleetRace: operators who change keys at once lose nothing.
func TestFleetRace(t *testing.T) {
	eachRedis(t, func(t *testing.T, addr string) {
		shared := fleet(t, addr)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					_, k, err := shared.Store().Add(t.Context(), Terms{Team: "a"})
					if err == nil {
						err = shared.Store().Revoke(t.Context(), k.ID)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		all, err := shared.Store().List(t.Context())
		if err != nil || len(all) != 40 {
			t.Fatalf("%d keys, %v", len(all), err)
		}
		for _, k := range all {
			if k.Revoked.IsZero() {
				t.Errorf("%s is not revoked", k.ID)
			}
		}
	})
}

// TestTake copies the keys of one gateway to the fleet, once.
func TestTake(t *testing.T) {
	shared, dir := fleet(t, miniredis.RunT(t).Addr()), t.TempDir()
	if _, err := shared.Take(t.Context(), dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	secret, key := add(t, dir, Terms{Team: "a"})
	add(t, dir, Terms{Team: "b"})
	if err := File(dir).Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{3, 0} {
		if n, err := shared.Take(t.Context(), dir); err != nil || n != want {
			t.Errorf("took %d, %v; want %d", n, err, want)
		}
	}
	within(t, open(t, t.TempDir(), RingOptions{Fleet: shared}), secret, ErrRevoked)
}

// TestDamagedRecordsChangeNothing: neither those in Redis nor a copy on disk.
func TestDamagedRecordsChangeNothing(t *testing.T) {
	shared, dir := fleet(t, miniredis.RunT(t).Addr()), t.TempDir()
	secret, _, err := shared.Store().Add(t.Context(), Terms{Team: "a"})
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, dir, RingOptions{Fleet: shared, Poll: 5 * time.Millisecond})
	shared.client.RPush(t.Context(), shared.key, `{"op":"banned"}`)
	waitProblem(t, r, true)
	within(t, r, secret, nil)
	if _, _, err := shared.Store().Add(t.Context(), Terms{Team: "a"}); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("added to damaged records: %v", err)
	}
	shared.client.RPop(t.Context(), shared.key)
	waitProblem(t, r, false)
	r.Close()
	copies, err := filepath.Glob(filepath.Join(dir, "keys.*.jsonl"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %v, %v", copies, err)
	}
	if err := os.WriteFile(copies[0], []byte("rubbish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, RingOptions{Fleet: shared}); err == nil || !strings.Contains(err.Error(), copies[0]) {
		t.Errorf("a damaged copy: %v", err)
	}
}

// line is a TCP connection to a Redis that can be cut.
type line struct {
	addr string
	mu   sync.Mutex
	down bool
	open map[net.Conn]bool
}

func newLine(t *testing.T, to string) *line {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{addr: ln.Addr().String(), open: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if !l.take(client, server, err) {
				continue
			}
			wg.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
			wg.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		l.cut()
		wg.Wait()
	})
	return l
}

func (l *line) take(client, server net.Conn, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && !l.down {
		l.open[client], l.open[server] = true, true
		return true
	}
	_ = client.Close()
	if err == nil {
		_ = server.Close()
	}
	return false
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.open {
		_ = c.Close()
	}
	clear(l.open)
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
