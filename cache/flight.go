package cache

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Flight lets one request compute an answer that others wait for: the first to ask for a key leads, those that come meanwhile follow. It
// knows no store and no provider: a Seat says who does what, and the same seats can be handed out by a lease in Redis once the whole
// fleet flies together. The zero value is ready; it is safe for concurrent use.
type Flight struct {
	mu    sync.Mutex
	aloft map[Key][]*Seat // per key that has a leader: its followers, first come first
}

// Seat is one request's place in a flight; one goroutine uses it. It ends with Land, Scatter or Leave; the first of them counts, so that
// Leave can be deferred by leaders and followers alike.
type Seat struct {
	flight *Flight
	key    Key
	leads  bool
	told   chan told // buffered: whoever tells never waits for who is told
}

type told struct {
	turn   Turn
	answer *Answer
}

// Turn is what a follower does after waiting.
type Turn uint8

// Turns.
const (
	Alone  Turn = iota // go on as if there were no flight
	Lead               // the leader failed: the seat leads now
	Shared             // here is the answer
)

// Join takes a seat for a key.
func (f *Flight) Join(key Key) *Seat {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &Seat{flight: f, key: key}
	followers, flying := f.aloft[key]
	if flying {
		s.told = make(chan told, 1)
		f.aloft[key] = append(followers, s)
		return s
	}
	s.leads = true
	if f.aloft == nil {
		f.aloft = map[Key][]*Seat{}
	}
	f.aloft[key] = nil
	return s
}

// Leads reports whether the seat computes the answer.
func (s *Seat) Leads() bool { return s.leads }

// Wait waits for the leader, at most for the time given and as long as ctx lives.
func (s *Seat) Wait(ctx context.Context, most time.Duration) (*Answer, Turn) {
	switch {
	case s.leads:
		return nil, Lead
	case s.told == nil: // it has waited already
		return nil, Alone
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	var t told
	select {
	case t = <-s.told:
	case <-timer.C:
		t = s.giveUp()
	case <-ctx.Done():
		t = s.giveUp()
	}
	s.told = nil
	s.leads = t.turn == Lead
	if s.leads && ctx.Err() != nil { // it was told to lead as its client left
		s.Leave()
		t.turn = Alone
	}
	return t.answer, t.turn
}

// giveUp leaves the queue. If the seat is no longer in it, it is being told something at this very moment, and that counts.
func (s *Seat) giveUp() told {
	f := s.flight
	f.mu.Lock()
	followers := f.aloft[s.key]
	i := slices.Index(followers, s)
	if i >= 0 {
		f.aloft[s.key] = slices.Delete(followers, i, i+1)
	}
	f.mu.Unlock()
	if i >= 0 {
		return told{turn: Alone}
	}
	return <-s.told
}

// Land gives every follower a copy of the answer. It says nothing of whether the answer is stored.
func (s *Seat) Land(a *Answer) {
	followers := s.end()
	if len(followers) == 0 {
		return
	}
	shared := a.clone(time.Now())
	for _, follower := range followers {
		follower.told <- told{Shared, shared}
	}
}

// Scatter sends every follower on its own way: there is an answer, but not one to share.
func (s *Seat) Scatter() {
	for _, follower := range s.end() {
		follower.told <- told{turn: Alone}
	}
}

// end ends the flight, and returns those who still wait for it.
func (s *Seat) end() []*Seat {
	f := s.flight
	f.mu.Lock()
	defer f.mu.Unlock()
	if !s.leads {
		return nil
	}
	s.leads = false
	followers := f.aloft[s.key]
	delete(f.aloft, s.key)
	return followers
}

// Leave gives up the seat. If it leads, because the call failed or its client left, the follower that waits longest takes over.
func (s *Seat) Leave() {
	if s.told != nil { // it never waited: it may have been told to lead
		s.leads = s.giveUp().turn == Lead
		s.told = nil
	}
	f := s.flight
	f.mu.Lock()
	defer f.mu.Unlock()
	if !s.leads {
		return
	}
	s.leads = false
	followers := f.aloft[s.key]
	if len(followers) == 0 {
		delete(f.aloft, s.key)
		return
	}
	f.aloft[s.key] = followers[1:]
	followers[0].told <- told{turn: Lead} // buffered
}
