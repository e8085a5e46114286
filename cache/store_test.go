package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/pricing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// quiet drops go-redis's log lines: the tests take Redis away on purpose.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.startGlobalTimeCache.func1"))
}

// Usage and pricing.Usage convert to each other: this room may not import that one, and their members must not drift apart.
var _ = pricing.Usage(Usage{})

type store interface {
	Get(context.Context, Key) (*Answer, bool)
	Join(context.Context, *Ask) (*Answer, *Seat)
	Put(context.Context, Key, *Answer, time.Duration)
	Purge(context.Context, ...string) error
	Flush(context.Context) error
	Stats() Stats
	Close()
}

var (
	_ store = (*Memory)(nil)
	_ store = (*Redis)(nil)
	_ store = (*Tiered)(nil)
)

// fakeTime is a clock that moves when it is told to.
type fakeTime struct {
	mu  sync.Mutex
	now time.Time
}

func newFakeTime() *fakeTime { return &fakeTime{now: time.Now()} }

func (f *fakeTime) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fakeTime) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// patient are options for servers that share a busy machine: what is tested with them is not their speed.
func patient(now func() time.Time) RedisOptions {
	return RedisOptions{Lookup: 30 * time.Second, Store: 30 * time.Second, Now: now}
}

func clientOf(t testing.TB, addr string, db int) redis.UniversalClient {
	t.Helper()
	c := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: []string{addr}, DB: db, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1, DialTimeout: 30 * time.Second,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newRedis(t testing.TB, c redis.UniversalClient, org string, o RedisOptions) *Redis {
	t.Helper()
	r, err := NewRedis(c, org, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func newMemory(t testing.TB, o MemoryOptions) *Memory {
	t.Helper()
	m, err := NewMemory(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func randomOrg() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "test-" + hex.EncodeToString(b[:])
}

// realRedis returns a client of the server that BURSAR_TEST_REDIS names, and an org whose keys go with the test.
func realRedis(t testing.TB) (redis.UniversalClient, string) {
	t.Helper()
	addr := os.Getenv("BURSAR_TEST_REDIS")
	if addr == "" {
		t.Skip("set BURSAR_TEST_REDIS to run against a real Redis")
	}
	c, org := clientOf(t, addr, 6), randomOrg()
	t.Cleanup(func() {
		ctx := context.Background()
		for names := c.Scan(ctx, 0, "bursar:{"+org+"}:*", 1000).Iterator(); names.Next(ctx); {
			_ = c.Del(ctx, names.Val())
		}
	})
	return c, org
}

// each runs a test against every store. A second gateway on the same store is made by again; it is nil where there is no such thing.
func each(t *testing.T, test func(t *testing.T, s store, again func() store, pass func(time.Duration))) {
	fleet := func(t *testing.T, c redis.UniversalClient, org string, now *fakeTime, tiered bool) store {
		far := newRedis(t, c, org, patient(now.Now))
		if !tiered {
			return far
		}
		return NewTiered(newMemory(t, MemoryOptions{Now: now.Now}), far, 0)
	}
	t.Run("memory", func(t *testing.T) {
		now := newFakeTime()
		test(t, newMemory(t, MemoryOptions{Now: now.Now}), nil, now.pass)
	})
	for _, tiered := range []bool{false, true} {
		name := map[bool]string{false: "redis", true: "tiered"}[tiered]
		t.Run(name+" on miniredis", func(t *testing.T) {
			server := miniredis.RunT(t)
			now := newFakeTime()
			again := func() store { return fleet(t, clientOf(t, server.Addr(), 0), "acme", now, tiered) }
			test(t, again(), again, func(d time.Duration) {
				now.pass(d)
				server.FastForward(d)
			})
		})
		t.Run(name+" on a real Redis", func(t *testing.T) {
			c, org := realRedis(t)
			now := newFakeTime()
			again := func() store { return fleet(t, c, org, now, tiered) }
			test(t, again(), again, now.pass)
		})
	}
}

func keyOf(scope string, parts ...string) Key {
	b := NewKey(scope)
	for _, p := range parts {
		b.Part(p)
	}
	return b.Key()
}

func answerOf(body string) *Answer {
	return &Answer{
		Form: Stream, Body: []byte(body), Finish: "stop", Target: "openai/gpt-5",
		Usage: Usage{Input: 12, CacheRead: 3, Output: 45, Reasoning: 6, ImageOut: 1 << 40, Tier: "flex", Region: "eu"},
	}
}

func flush(t testing.TB, s store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

func TestPutThenGet(t *testing.T) {
	each(t, func(t *testing.T, s store, again func() store, _ func(time.Duration)) {
		for _, body := range []string{"x", `{"a":1}`, strings.Repeat("data: {}\n\n", 3000), randomText(5000)} {
			key := keyOf("team=search", "gpt-5", body)
			if _, ok := s.Get(t.Context(), key); ok {
				t.Fatal("a hit before anything was put")
			}
			want := answerOf(body)
			s.Put(t.Context(), key, want, time.Minute)
			flush(t, s)
			check := func(s store) {
				t.Helper()
				got, ok := s.Get(t.Context(), key)
				if !ok {
					t.Fatal("a miss for what was put")
				}
				want := *want
				want.Stored, want.Mark = got.Stored, got.Mark
				if d := cmp.Diff(&want, got); d != "" || got.Stored.IsZero() {
					t.Error(d, got.Stored)
				}
			}
			check(s)
			if again != nil {
				check(again())
			}
		}
		if st := s.Stats(); st.Hits != 4 || st.Misses != 4 || st.Stored != 4 || st.Failed != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// What the caller does to its answer after Put does not reach the store.
func TestPutCopies(t *testing.T) {
	each(t, func(t *testing.T, s store, _ func() store, _ func(time.Duration)) {
		key := keyOf("everyone", "a")
		a := answerOf("original")
		s.Put(t.Context(), key, a, time.Minute)
		copy(a.Body, "changed!")
		flush(t, s)
		if got, ok := s.Get(t.Context(), key); !ok || string(got.Body) != "original" {
			t.Errorf("got %+v, %v", got, ok)
		}
	})
}

func TestIsolationOfStores(t *testing.T) {
	each(t, func(t *testing.T, s store, _ func() store, _ func(time.Duration)) {
		s.Put(t.Context(), keyOf("team=search", "m", "question"), answerOf("secret"), time.Minute)
		flush(t, s)
		for _, key := range []Key{
			keyOf("team=sales", "m", "question"), keyOf("key=search", "m", "question"), keyOf("everyone", "m", "question"),
			keyOf("team=search", "n", "question"), keyOf("team=search", "mquestion"), keyOf("team=search", "m", "question", ""),
			{},
		} {
			if a, ok := s.Get(t.Context(), key); ok {
				t.Errorf("%v got %q", key, a.Body)
			}
		}
	})
}

// A key whose digest meets that of another scope, whatever made it so, gets nothing.
func TestIsolationWhenDigestsMeet(t *testing.T) {
	each(t, func(t *testing.T, s store, _ func() store, _ func(time.Duration)) {
		key := keyOf("team=search", "m")
		s.Put(t.Context(), key, answerOf("secret"), time.Minute)
		flush(t, s)
		forged := key
		forged.scope = keyOf("team=sales").scope
		if _, ok := s.Get(t.Context(), forged); ok {
			t.Error("another scope got the answer")
		}
		if st := s.Stats(); st.Mismatched == 0 || st.Corrupt != 0 {
			t.Errorf("%+v", st)
		}
		if _, ok := s.Get(t.Context(), key); !ok {
			t.Error("its owner lost it")
		}
	})
}

func TestTimeToLive(t *testing.T) {
	each(t, func(t *testing.T, s store, again func() store, pass func(time.Duration)) {
		short, long := keyOf("a", "short"), keyOf("a", "long")
		s.Put(t.Context(), short, answerOf("x"), 10*time.Second)
		s.Put(t.Context(), long, answerOf("y"), time.Hour)
		flush(t, s)
		f := func(key Key, want bool) {
			t.Helper()
			if _, ok := s.Get(t.Context(), key); ok != want {
				t.Errorf("got %v, want %v", ok, want)
			}
			if again != nil {
				if _, ok := again().Get(t.Context(), key); ok != want {
					t.Errorf("another gateway got %v, want %v", ok, want)
				}
			}
		}
		pass(9 * time.Second)
		f(short, true)
		pass(time.Second)
		f(short, false)
		f(long, true)
		pass(time.Hour)
		f(long, false)
	})
}

func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, s store, again func() store, pass func(time.Duration)) {
		key := keyOf("a", "b")
		put := func() {
			s.Put(t.Context(), key, answerOf("x"), time.Hour)
			flush(t, s)
		}
		has := func(s store) bool {
			_, ok := s.Get(t.Context(), key)
			return ok
		}
		put()
		var other store
		if again != nil {
			other = again()
			if !has(other) {
				t.Fatal("another gateway misses what was put")
			}
		}
		if err := s.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has(s) {
			t.Error("a hit after the purge")
		}
		if other != nil {
			pass(rereadEpoch)
			if has(other) {
				t.Error("another gateway hits a second after the purge")
			}
			if has(again()) {
				t.Error("a gateway that starts after the purge hits")
			}
		}
		put()
		if !has(s) || other != nil && !has(other) {
			t.Error("what was put after the purge is not found")
		}
		if s.Stats().Purges != 1 {
			t.Errorf("%+v", s.Stats())
		}
	})
}

func TestPutRefuses(t *testing.T) {
	each(t, func(t *testing.T, s store, _ func() store, _ func(time.Duration)) {
		refused := int64(0)
		f := func(why string, change func(*Answer), ttl time.Duration) {
			t.Helper()
			a := answerOf("body")
			change(a)
			s.Put(t.Context(), keyOf("a", why), a, ttl)
			flush(t, s)
			if _, ok := s.Get(t.Context(), keyOf("a", why)); ok {
				t.Errorf("%s: stored", why)
			}
			if refused++; s.Stats().Refused != refused {
				t.Errorf("%s: %+v", why, s.Stats())
			}
		}
		for _, finish := range []string{"", "length", "content_filter", "function_call", "error", "STOP"} {
			f("finish "+finish, func(a *Answer) { a.Finish = finish }, time.Minute)
		}
		f("no body", func(a *Answer) { a.Body = nil }, time.Minute)
		f("too large", func(a *Answer) { a.Body = make([]byte, 1<<20+1) }, time.Minute)
		f("no such form", func(a *Answer) { a.Form = 7 }, time.Minute)
		f("no time to live", func(*Answer) {}, 0)
		f("negative time to live", func(*Answer) {}, -time.Minute)
		s.Put(t.Context(), Key{}, answerOf("x"), time.Minute)
		if s.Stats().Refused != refused+1 {
			t.Errorf("an answer without a key: %+v", s.Stats())
		}
		a := answerOf("x")
		a.Body = make([]byte, 1<<20)
		a.Finish = "tool_calls"
		s.Put(t.Context(), keyOf("a", "just fits"), a, time.Minute)
		flush(t, s)
		if got, ok := s.Get(t.Context(), keyOf("a", "just fits")); !ok || !bytes.Equal(got.Body, a.Body) {
			t.Error("an answer of the largest size is not found")
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	each(t, func(t *testing.T, s store, _ func() store, _ func(time.Duration)) {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 50 {
					body := strings.Repeat(string(rune('a'+i%10)), 10+i%10*300)
					key := keyOf("a", body)
					if a, ok := s.Get(t.Context(), key); ok && string(a.Body) != body {
						t.Error("another answer")
					}
					s.Put(t.Context(), key, answerOf(body), time.Minute)
					if g == 0 && i%20 == 0 {
						if err := s.Purge(t.Context()); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		flush(t, s)
		if st := s.Stats(); st.Failed != 0 || st.Corrupt != 0 || st.Mismatched != 0 || st.Hits+st.Misses != 200 {
			t.Errorf("%+v", st)
		}
	})
}

func TestComplete(t *testing.T) {
	for finish, want := range map[string]bool{
		"stop": true, "tool_calls": true, "": false, "length": false, "content_filter": false, "function_call": false, "end_turn": false,
	} {
		if Complete(finish) != want {
			t.Errorf("%q: want %v", finish, want)
		}
	}
}

// randomText is text that does not compress.
func randomText(size int) string {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return string(b)
}
