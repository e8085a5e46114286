package cache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Every answer gets its time to live in the command that sets it: a gateway that dies between two commands leaves none for ever.
func TestNoAnswerWithoutTimeToLive(t *testing.T) {
	server := miniredis.RunT(t)
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(newFakeTime().Now))
	for i, ttl := range []time.Duration{time.Millisecond, time.Second, 1500 * time.Millisecond, time.Hour} {
		key := keyOf("a", fmt.Sprint(i))
		r.Put(t.Context(), key, answerOf("x"), ttl)
		flush(t, r)
		epoch, _ := r.epochs.current(r.options.Now())
		if got := server.TTL(r.name(epoch, key)); got < ttl || got >= ttl+time.Second {
			t.Errorf("put for %v: Redis keeps it for %v", ttl, got)
		}
	}
	for _, name := range server.Keys() {
		if !strings.HasPrefix(name, "bursar:{acme}:x:") || server.TTL(name) == 0 && name != r.epochName() {
			t.Errorf("key %s with time to live %v", name, server.TTL(name))
		}
	}
}

// An epoch that Redis lost does not come back, and neither does what was stored in it.
func TestLostEpoch(t *testing.T) {
	server := miniredis.RunT(t)
	now := newFakeTime()
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(now.Now))
	key := keyOf("a", "b")
	for _, lose := range []func(){
		func() { server.Del(r.epochName()) },
		func() { _ = server.Set(r.epochName(), "not a number") },
		func() { _ = server.Set(r.epochName(), "0") },
	} {
		r.Put(t.Context(), key, answerOf("x"), time.Hour)
		flush(t, r)
		if _, ok := r.Get(t.Context(), key); !ok {
			t.Fatal("a miss for what was put")
		}
		lose()
		now.pass(rereadEpoch)
		if _, ok := r.Get(t.Context(), key); ok {
			t.Error("a hit though nobody knows whether it was purged")
		}
	}
	if st := r.Stats(); st.Failed != 0 || st.Hits != 3 {
		t.Errorf("%+v", st)
	}
}

func TestEpochsLearnInOrder(t *testing.T) {
	var e epochs
	start := time.Now()
	f := func(text string, at time.Duration, want uint64) {
		t.Helper()
		if got := e.learn(text, 0, start.Add(at)); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	if v, due := e.current(start); v != 0 || !due {
		t.Error("an epoch is known before anybody told it")
	}
	f("1", 1, 1)
	f("3", 3, 3) // a purge
	f("1", 2, 3) // a question from before it
	f("zz zz", 4, 0)
	f("0", 4, 0)
	if v, due := e.current(start.Add(3 + rereadEpoch - 1)); v != 3 || due {
		t.Errorf("got %d, due %v", v, due)
	}
	if _, due := e.current(start.Add(3 + rereadEpoch)); !due {
		t.Error("not due after a second")
	}
}

// What was put before a purge, and written after it, is purged.
func TestPurgeReachesTheQueue(t *testing.T) {
	server := miniredis.RunT(t)
	g := newGate(t, server.Addr())
	now := newFakeTime()
	o := patient(now.Now)
	o.Workers = 1
	r := newRedis(t, clientOf(t, g.ln.Addr().String(), 0), "acme", o)
	other := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(now.Now))
	key := keyOf("a", "b")
	_, _ = r.Get(t.Context(), key)
	g.set(true)
	r.Put(t.Context(), key, answerOf("old"), time.Hour)
	if err := other.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.set(false)
	flush(t, r)
	now.pass(rereadEpoch)
	if _, ok := r.Get(t.Context(), key); ok {
		t.Error("a hit for what was put before the purge")
	}
	if r.Stats().Stored != 1 {
		t.Errorf("%+v", r.Stats())
	}
}

// A gateway that only stores learns of purges, too.
func TestStoreLearnsTheEpoch(t *testing.T) {
	server := miniredis.RunT(t)
	now := newFakeTime()
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(now.Now))
	other := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(now.Now))
	r.Put(t.Context(), keyOf("a", "1"), answerOf("x"), time.Hour)
	flush(t, r)
	if err := other.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	now.pass(rereadEpoch)
	r.Put(t.Context(), keyOf("a", "2"), answerOf("x"), time.Hour) // put in the old epoch, but asks for the new one
	flush(t, r)
	r.Put(t.Context(), keyOf("a", "3"), answerOf("x"), time.Hour)
	flush(t, r)
	if _, ok := other.Get(t.Context(), keyOf("a", "3")); !ok {
		t.Error("what was put after the purge is not found")
	}
}

func TestQueueIsBounded(t *testing.T) {
	server := miniredis.RunT(t)
	g := newGate(t, server.Addr())
	f := func(o RedisOptions, most int64) {
		t.Helper()
		o.Workers, o.Lookup, o.Store = 1, 30*time.Second, 30*time.Second
		r := newRedis(t, clientOf(t, g.ln.Addr().String(), 0), "acme", o)
		g.set(true)
		for i := range 20 {
			r.Put(t.Context(), keyOf("a", fmt.Sprint(i)), answerOf(strings.Repeat("x", 1000)), time.Hour)
		}
		dropped := r.Stats().Dropped
		g.set(false)
		flush(t, r)
		if st := r.Stats(); dropped < 20-most || st.Dropped != dropped || st.Stored+st.Dropped != 20 {
			t.Errorf("dropped %d of 20 with room for %d; in the end %+v", dropped, most, st)
		}
	}
	f(RedisOptions{Queue: 4}, 5) // and one under way
	f(RedisOptions{MaxQueued: 5000}, 3)
}

func TestCloseStoresWhatWasPut(t *testing.T) {
	server := miniredis.RunT(t)
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(time.Now))
	for i := range 50 {
		r.Put(t.Context(), keyOf("a", fmt.Sprint(i)), answerOf("x"), time.Hour)
	}
	r.Close()
	r.Close()
	if got := r.Stats().Stored; got != 50 {
		t.Errorf("stored %d of 50", got)
	}
	r.Put(t.Context(), keyOf("a", "late"), answerOf("x"), time.Hour)
	if st := r.Stats(); st.Dropped != 1 {
		t.Errorf("%+v", st)
	}
	if _, ok := r.Get(t.Context(), keyOf("a", "7")); !ok {
		t.Error("a closed store does not answer")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(t, MemoryOptions{MaxBytes: 1 << 20})
	for i := range 100 {
		m.Put(t.Context(), keyOf("a", fmt.Sprint(i)), answerOf(strings.Repeat("x", 100<<10)), time.Hour)
	}
	m.answers.CleanUp()
	if st := m.Stats(); st.Bytes > 1<<20 || st.Entries < 5 || st.Entries > 10 {
		t.Errorf("%+v", st)
	}
}

// The memory in front holds an answer no longer than Redis does, and no longer than its limit; what it holds needs no Redis for as long
// as the epoch is fresh.
func TestTieredHoldsNothingTooLong(t *testing.T) {
	server := miniredis.RunT(t)
	now := newFakeTime()
	far := func() *Redis { return newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(now.Now)) }
	first := far()
	brief, long := keyOf("a", "brief"), keyOf("a", "long")
	first.Put(t.Context(), brief, answerOf("x"), 10*time.Second)
	first.Put(t.Context(), long, answerOf("y"), time.Hour)
	flush(t, first)
	near := newMemory(t, MemoryOptions{Now: now.Now})
	s := NewTiered(near, far(), 20*time.Second)
	now.pass(9 * time.Second)
	for _, key := range []Key{brief, long, brief, long} {
		if _, ok := s.Get(t.Context(), key); !ok {
			t.Error("a miss")
		}
	}
	if st := s.Stats(); st.Hits != 4 || st.NearHits != 2 || st.Entries != 2 {
		t.Errorf("%+v", st)
	}
	epoch, _ := s.far.epochs.current(now.Now())
	f := func(key Key, want bool) {
		t.Helper()
		if _, ok := near.get(&Ask{Key: key}, epoch, new(purges)); ok != want {
			t.Errorf("in memory: %v, want %v", ok, want)
		}
	}
	f(brief, true)
	now.pass(time.Second)
	f(brief, false) // of its own time to live, one second was left
	f(long, true)
	now.pass(19 * time.Second)
	f(long, false)
	if _, ok := s.Get(t.Context(), long); !ok { // back in, from Redis
		t.Error("a miss")
	}
	server.Close()
	if _, ok := s.Get(t.Context(), long); !ok {
		t.Error("a miss while the epoch is fresh")
	}
	now.pass(rereadEpoch)
	if _, ok := s.Get(t.Context(), long); ok {
		t.Error("a hit though Redis cannot say whether it was purged")
	}
}
