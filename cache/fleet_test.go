package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// eachFleet runs a test with gateways on one Redis: join makes one more. Lease is short, so that gateways can die in a test.
func eachFleet(t *testing.T, test func(t *testing.T, join func() *Redis)) {
	options := patient(nil)
	options.Lease = 600 * time.Millisecond
	t.Run("miniredis", func(t *testing.T) {
		server := miniredis.RunT(t)
		stop := make(chan struct{})
		var clock sync.WaitGroup
		clock.Go(func() { // its time to live stands still by itself
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					server.FastForward(20 * time.Millisecond)
				}
			}
		})
		t.Cleanup(func() { close(stop); clock.Wait() })
		test(t, func() *Redis { return newRedis(t, clientOf(t, server.Addr(), 0), "acme", options) })
	})
	t.Run("a real Redis", func(t *testing.T) {
		c, org := realRedis(t)
		test(t, func() *Redis { return newRedis(t, c, org, options) })
	})
}

// board takes a seat and fails the test if there is an answer already.
func board(t *testing.T, r *Redis, key Key) *Seat {
	t.Helper()
	a, seat := r.Join(t.Context(), &Ask{Key: key, Labels: ofSearch})
	if a != nil {
		t.Fatalf("a hit: %q", a.Body)
	}
	return seat
}

// Of all who ask at once on all gateways one leads, and all others get its answer.
func TestFleetAsksOnce(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		gateways := []*Redis{join(), join(), join()}
		key := keyOf("team=search", "question")
		var leaders, shared atomic.Int64
		var wg sync.WaitGroup
		ask := func(r *Redis, i int) {
			a, seat := r.Join(context.Background(), &Ask{Key: key})
			if seat == nil {
				shared.Add(1)
				return
			}
			defer seat.Leave(false)
			turn := Lead
			if !seat.Leads() {
				a, turn = seat.Wait(nil, time.Minute, false)
			}
			switch turn {
			case Lead:
				leaders.Add(1)
				time.Sleep(50 * time.Millisecond)
				seat.Land(answerOf(fmt.Sprint("answer of ", i)), time.Hour)
			case Shared:
				if strings.HasPrefix(string(a.Body), "answer of ") {
					shared.Add(1)
				}
			}
		}
		for i := range 300 {
			wg.Go(func() { ask(gateways[i%3], i) })
		}
		wg.Wait()
		if leaders.Load() != 1 || shared.Load() != 299 {
			t.Errorf("%d led, %d got the answer", leaders.Load(), shared.Load())
		}
	})
}

// A stream comes to the followers of another gateway as it comes to the leader: in order, whole, and before its end.
func TestFleetStreamsLive(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		here, there := join(), join()
		key := keyOf("a", "stream")
		leader := board(t, here, key)
		follower, late := board(t, there, key), board(t, there, key)
		turns := make(chan Turn)
		go func() {
			_, turn := follower.Wait(nil, time.Minute, true)
			turns <- turn
		}()
		var body []byte
		leader.Begin()
		show := func(text string) {
			body = append(body, text...)
			leader.Show(body)
		}
		show("data: 0\n\n")
		if turn := <-turns; turn != Live {
			t.Fatalf("turn %d", turn)
		}
		var got []byte
		read := func(s *Seat, until int) {
			for len(got) < until {
				more, _ := s.Next(nil, len(got))
				if more == nil {
					t.Fatalf("it ends after %d bytes of %d", len(got), until)
				}
				got = append(got, more...)
			}
		}
		read(follower, 9) // while the leader goes on
		for i := range 2000 {
			show(fmt.Sprintf("data: %d\n\n", i))
		}
		show(strings.Repeat("x", 3*mostPart))
		read(follower, len(body))
		leader.Land(&Answer{Form: Stream, Body: body, Finish: "stop"}, time.Hour)
		if more, whole := follower.Next(nil, len(got)); more != nil || whole == nil || string(whole.Body) != string(body) {
			t.Errorf("no end: %d bytes more, answer %v", len(more), whole != nil)
		}
		if string(got) != string(body) {
			t.Errorf("another stream of %d bytes, not %d", len(got), len(body))
		}
		if a, turn := late.Wait(nil, time.Minute, false); turn != Shared || string(a.Body) != string(body) {
			t.Errorf("turn %d for one who wants it whole", turn)
		}
		follower.Leave(false)
		late.Leave(false)
	})
}

// What a purge has reached is shared with nobody who asked after it, and is not kept.
func TestFleetPurgeInFlight(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		here, there := join(), join()
		key := keyOf("a", "purged")
		leader := board(t, here, key)
		if err := here.Purge(t.Context(), Label(LabelTeam, "search")); err != nil {
			t.Fatal(err)
		}
		if next := board(t, here, key); !next.Leads() {
			t.Error("it follows a flight from before the purge")
		} else {
			next.Leave(false)
		}
		follower := board(t, there, key) // it cannot know that the flight is older than the purge
		leader.Land(answerOf("old"), time.Hour)
		if a, turn := follower.Wait(nil, time.Minute, false); turn == Shared {
			t.Errorf("turn %d with %q", turn, a.Body)
		}
		follower.Leave(false)
		flush(t, here)
		if a, ok := there.Get(t.Context(), key); ok {
			t.Errorf("a hit: %q", a.Body)
		}
	})
}

// A leader that fails, leaves or has nothing to share is heard of on the other gateways.
func TestFleetTakesOver(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		here, there := join(), join()
		f := func(name string, end func(*Seat), want Turn) {
			t.Helper()
			key := keyOf("a", name)
			leader := board(t, here, key)
			follower := board(t, there, key)
			if follower.Leads() {
				t.Fatalf("%s: two lead", name)
			}
			go func() {
				time.Sleep(30 * time.Millisecond)
				end(leader)
			}()
			if _, turn := follower.Wait(nil, 20*time.Second, false); turn != want {
				t.Errorf("%s: turn %d, want %d", name, turn, want)
			}
			follower.Leave(false)
		}
		f("left", func(s *Seat) { s.Leave(false) }, Lead)
		f("failed", func(s *Seat) { s.Leave(true) }, Lead)
		f("scattered", func(s *Seat) { s.Scatter(nil) }, Alone)
	})
}

// A gateway that dies keeps its lease for a while, but no longer; one that lives keeps it for as long as it answers.
func TestFleetLeaderDies(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		dying, living, there := join(), join(), join()
		key, other := keyOf("a", "dies"), keyOf("a", "lives")
		board(t, dying, key)
		slow := board(t, living, other)
		dying.fleet.close() // as kill -9 does it: nothing is given back
		follower, waiting := board(t, there, key), board(t, there, other)
		begun := time.Now()
		_, turn := follower.Wait(nil, time.Minute, false)
		if took := time.Since(begun); turn != Lead || took > 10*time.Second {
			t.Errorf("turn %d after %s", turn, took)
		}
		follower.Leave(false)
		if _, turn := waiting.Wait(nil, 2*time.Second, false); turn != Alone {
			t.Errorf("turn %d for a leader that is only slow", turn)
		}
		slow.Leave(false)
	})
}

// A stream that breaks off in the middle ends for those who read it, and another follower leads.
func TestFleetStreamBreaks(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		here, there := join(), join()
		key := keyOf("a", "breaks")
		leader := board(t, here, key)
		reading, waiting := board(t, there, key), board(t, there, key)
		leader.Begin()
		leader.Show([]byte("data: 1\n\n"))
		if _, turn := reading.Wait(nil, time.Minute, true); turn != Live {
			t.Fatalf("turn %d", turn)
		}
		more, _ := reading.Next(nil, 0)
		leader.Leave(true)
		if rest, whole := reading.Next(nil, len(more)); len(rest) > 0 || whole != nil {
			t.Error("it goes on")
		}
		if _, turn := waiting.Wait(nil, time.Minute, false); turn != Lead {
			t.Errorf("turn %d", turn)
		}
		waiting.Land(answerOf("again"), time.Hour)
		reading.Leave(false)
		flush(t, there)
		if a, ok := here.Get(t.Context(), key); !ok || string(a.Body) != "again" {
			t.Error("the second answer is not stored")
		}
	})
}

// Nothing is remembered of leases that are over.
func TestFleetForgetsLeases(t *testing.T) {
	server := miniredis.RunT(t)
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", RedisOptions{Failures: 1, Lookup: time.Second})
	for i := range 3 {
		board(t, r, keyOf("a", fmt.Sprint(i))).Land(answerOf("x"), time.Hour)
	}
	flush(t, r)
	server.Close()
	for i := range 3 {
		board(t, r, keyOf("b", fmt.Sprint(i))).Leave(true)
	}
	flush(t, r)
	r.fleet.mu.Lock()
	defer r.fleet.mu.Unlock()
	if n := len(r.fleet.pending); n != 0 {
		t.Errorf("%d leases are remembered", n)
	}
}

// Letters may be lost: followers look for themselves.
func TestFleetWithoutChannels(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		here, there := join(), join()
		key := keyOf("a", "deaf")
		leader := board(t, here, key)
		flight := &here.flight
		flight.mu.Lock()
		flight.aloft[key].lease = "unknown" // so that it never hears that it is followed
		flight.mu.Unlock()
		here.fleet.expect(strings.Clone(here.fleet.gateway + "/1"))
		follower := board(t, there, key)
		flight.mu.Lock()
		flight.aloft[key].lease = here.fleet.gateway + "/1"
		flight.mu.Unlock()
		leader.Land(answerOf("stored"), time.Hour)
		if a, turn := follower.Wait(nil, time.Minute, false); turn != Shared || string(a.Body) != "stored" {
			t.Errorf("turn %d", turn)
		}
		follower.Leave(false)
	})
}

// Nothing is left behind: no flight, no lease, no ferry.
func TestFleetLeavesNothing(t *testing.T) {
	eachFleet(t, func(t *testing.T, join func() *Redis) {
		here, there := join(), join()
		key := keyOf("a", "tidy")
		leader := board(t, here, key)
		gone := make(chan struct{})
		close(gone)
		follower := board(t, there, key)
		if _, turn := follower.Wait(gone, time.Minute, true); turn != Alone {
			t.Errorf("turn %d", turn)
		}
		follower.Leave(false)
		until(t, "the ferry ends", func() bool { return there.flight.size() == 0 })
		leader.Leave(false)
		flush(t, here)
		if n := here.flight.size(); n != 0 {
			t.Errorf("%d flights are left", n)
		}
		until(t, "the lease is given back", func() bool {
			n, err := here.client.Exists(t.Context(), here.name(leader.Mark().Epoch, key)+leaseSuffix).Result()
			return err == nil && n == 0
		})
	})
}

func FuzzReadLetter(f *testing.F) {
	f.Add((&letter{kind: letterPart, key: keyOf("a"), offset: 300, from: "gateway", rest: []byte("bytes")}).append(nil))
	f.Add((&ending{verdict: endedShared, answer: answerOf("x")}).append(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		if l, ok := readLetter(src); ok {
			again, ok := readLetter(l.append(nil))
			if !ok || again.offset != l.offset || again.from != l.from || string(again.rest) != string(l.rest) || again.key != l.key {
				t.Errorf("%+v became %+v", l, again)
			}
		}
		if e, ok := readEnding(src); ok && e.answer != nil {
			if again, ok := readEnding(e.append(nil)); !ok || again.verdict != e.verdict || again.answer.Finish != e.answer.Finish {
				t.Errorf("%+v became %+v", e, again)
			}
		}
	})
}
