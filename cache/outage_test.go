package cache

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// gate stands between gateways and a Redis, and can be shut: connections stay open, and nothing passes.
type gate struct {
	ln     net.Listener
	target string

	mu   sync.Mutex
	cond *sync.Cond
	shut bool
}

func newGate(t testing.TB, target string) *gate {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{ln: ln, target: target}
	g.cond = sync.NewCond(&g.mu)
	var running sync.WaitGroup
	running.Go(func() { g.accept(&running) })
	t.Cleanup(func() {
		_ = ln.Close()
		g.set(false)
		running.Wait()
	})
	return g
}

func (g *gate) accept(running *sync.WaitGroup) {
	for {
		client, err := g.ln.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", g.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		running.Go(func() { g.pass(server, client) })
		running.Go(func() { g.pass(client, server) })
	}
}

func (g *gate) pass(dst, src net.Conn) {
	defer func() { _, _ = dst.Close(), src.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		g.mu.Lock()
		for g.shut {
			g.cond.Wait()
		}
		g.mu.Unlock()
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.cond.Broadcast()
}

// within fails the test if f takes longer than any deadline it could have hit. Speed is not what it tests: a hang is.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs")
	}
}

// until waits for what another goroutine will do.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// testDown takes Redis away from a gateway and gives it back.
func testDown(t *testing.T, addr string, down, up func()) {
	now := newFakeTime()
	r := newRedis(t, clientOf(t, addr, 0), "acme", RedisOptions{Lookup: 300 * time.Millisecond, Store: 30 * time.Second, Failures: 3, Pause: time.Minute, Now: now.Now})
	s := NewTiered(newMemory(t, MemoryOptions{Now: now.Now}), r, 0)
	key, other := keyOf("a", "b"), keyOf("a", "c")
	_, _ = s.Get(t.Context(), key)
	s.Put(t.Context(), key, answerOf("x"), time.Hour)
	s.Put(t.Context(), other, answerOf("y"), 1000*time.Hour) // a slow machine probes often, and each probe waits for a minute of this clock
	flush(t, s)
	hits := func(key Key) func() bool {
		return func() bool { // a busy machine may miss a deadline
			_, ok := s.Get(t.Context(), key)
			return ok
		}
	}
	until(t, "it hits while all is well", hits(key))
	before := s.Stats()
	down()
	now.pass(rereadEpoch)
	within(t, func() {
		for range 3 {
			if _, ok := s.Get(t.Context(), key); ok { // in the near memory, but Redis cannot say whether it was purged
				t.Error("a hit without Redis")
			}
		}
	})
	if st := s.Stats(); !st.Open || st.Failed != before.Failed+3 || st.Skipped != before.Skipped {
		t.Errorf("after three misses: %+v", st)
	}
	within(t, func() {
		for range 100 {
			if _, ok := r.Get(t.Context(), other); ok {
				t.Error("a hit without Redis")
			}
		}
		s.Put(t.Context(), keyOf("a", "d"), answerOf("z"), time.Hour)
		flush(t, s)
	})
	if st := s.Stats(); st.Failed != before.Failed+3 || st.Skipped != before.Skipped+100 || st.Dropped != before.Dropped+1 {
		t.Errorf("while it is open: %+v", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Purge(ctx); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("a purge that cannot be: %v", err)
	}

	up()
	if _, ok := s.Get(t.Context(), other); ok || !s.Stats().Open {
		t.Error("it asks before its pause is over")
	}
	until(t, "it hits after healing", func() bool {
		now.pass(time.Minute) // the next lookup sends a probe
		return hits(other)()
	})
	if s.Stats().Open {
		t.Error("open after healing")
	}
}

func TestDownRedisKilled(t *testing.T) {
	server := miniredis.RunT(t)
	testDown(t, server.Addr(), server.Close, func() {
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDownRedisStalls(t *testing.T) {
	server := miniredis.RunT(t)
	g := newGate(t, server.Addr())
	testDown(t, g.ln.Addr().String(), func() { g.set(true) }, func() { g.set(false) })
}

func TestDownRedisAnswersErrors(t *testing.T) {
	server := miniredis.RunT(t)
	testDown(t, server.Addr(), func() { server.SetError("LOADING Redis is loading the dataset in memory") }, func() { server.SetError("") })
}

// A Redis that accepts connections and says nothing, from the start.
func TestDownRedisNeverAnswers(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { _, _ = io.Copy(io.Discard, c) })
		}
	})
	r := newRedis(t, clientOf(t, ln.Addr().String(), 0), "acme", RedisOptions{Failures: 2})
	within(t, func() {
		for range 5 {
			if _, ok := r.Get(t.Context(), keyOf("a")); ok {
				t.Error("a hit")
			}
		}
	})
	if st := r.Stats(); !st.Open || st.Misses != 5 || st.Failed != 2 || st.Skipped != 3 {
		t.Errorf("%+v", st)
	}
	r.Close()
	_ = r.client.Close()
	_ = ln.Close()
	running.Wait()
}

// Clients that leave say nothing about Redis.
func TestLeavingClientsDoNotOpenTheBreaker(t *testing.T) {
	server := miniredis.RunT(t)
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", RedisOptions{Failures: 1})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := r.Get(gone, keyOf("a")); ok {
		t.Error("a hit")
	}
	if st := r.Stats(); st.Open || st.Failed != 0 || st.Misses != 1 {
		t.Errorf("%+v", st)
	}
}

func TestDamagedValuesAreMisses(t *testing.T) {
	server := miniredis.RunT(t)
	now := newFakeTime()
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(now.Now))
	key := keyOf("a", "b")
	r.Put(t.Context(), key, answerOf(strings.Repeat("body ", 500)), time.Hour)
	flush(t, r)
	epoch, _ := r.epochs.current(now.Now())
	name := r.name(epoch, key)
	whole, err := server.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	f := func(value string, stays bool, mismatched, damaged int64) {
		t.Helper()
		if err := server.Set(name, value); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Get(t.Context(), key); ok {
			t.Error("a hit")
		}
		flush(t, r)
		if server.Exists(name) != stays {
			t.Errorf("stays: %v, want %v", !stays, stays)
		}
		if st := r.Stats(); st.Mismatched != mismatched || st.Corrupt != damaged {
			t.Errorf("%+v", st)
		}
	}
	f("", false, 0, 1)
	f("rubbish", false, 0, 2)
	f(whole[:len(whole)-1], false, 0, 3)
	f(strings.Replace(whole, "openai", "Openai", 1), false, 0, 4)
	f(whole[:2]+"\x03"+whole[3:], true, 1, 4)                                                    // a newer version's
	f(string(frameOf(keyOf("a", "c"), answerOf("other"), now.Now().Add(time.Hour))), true, 2, 4) // another key's
	f(string(frameOf(key, answerOf(strings.Repeat("x", 2<<20)), now.Now().Add(1))), true, 3, 4)  // larger than this gateway serves
	f(string(frameOf(key, answerOf("old"), now.Now())), true, 3, 4)                              // expired, whatever Redis thinks
	if err := server.Set(name, whole); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Get(t.Context(), key); !ok {
		t.Error("a miss for the whole value")
	}
}

func TestNewRedisRefuses(t *testing.T) {
	deaf := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer func() { _ = deaf.Close() }()
	if _, err := NewRedis(deaf, "acme", RedisOptions{}); err == nil || !strings.Contains(err.Error(), "ContextTimeoutEnabled") {
		t.Errorf("got %v", err)
	}
	for _, org := range []string{"", "a{b", "a}b", "a\nb"} {
		if _, err := NewRedis(clientOf(t, "127.0.0.1:1", 0), org, RedisOptions{}); err == nil || !strings.Contains(err.Error(), "hash tag") {
			t.Errorf("org %q: got %v", org, err)
		}
	}
}
