package cache

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Flight lets one request get an answer that others wait for: the first to ask for a key leads, those that come meanwhile follow. Where
// another gateway of the fleet leads, all seats here follow, and a ferry brings them what it answers. The zero value is ready, and keeps
// nothing; it is safe for concurrent use.
type Flight struct {
	mu    sync.Mutex
	aloft map[Key]*course

	keep  func(c *course, a *Answer, ttl time.Duration) // stores what a flight has made
	ended func(c *course)                               // a flight made nothing to store

	led, followed, alone, tookOver atomic.Int64
}

// course is one flight: who leads it, who waits for it, and what has been answered so far. The flight's mutex guards it.
type course struct {
	flight   *Flight
	key      Key
	labels   []string
	mark     Mark
	waiting  []*Seat // first come first
	readers  int     // seats that read the answer as it comes
	failures int     // calls that failed
	led      bool    // by a seat of this process; else by another gateway
	behind   bool    // there is an older answer, which may still do for others
	live     bool    // the answer under way is a stream that has begun
	tail     *tail

	lease  string         // what says to the fleet that this gateway leads, "" if nothing does
	abroad map[string]int // gateways that follow, and how many bytes each has been sent
	caller bool           // a goroutine sends to them
	mail   chan letter    // from the gateway that leads
	left   chan struct{}  // the last seat here may have left
}

// Seat is one request's place in a flight; one goroutine uses it. It ends with Land, Scatter or Leave; the first of them counts, so that
// Leave can be deferred by leaders and followers alike.
type Seat struct {
	course *course
	leads  bool
	live   bool      // it wants the answer as it comes
	told   chan turn // buffered: whoever tells never waits for who is told
	tail   *tail     // what it reads; nil if it does not
}

type turn struct {
	Turn
	answer *Answer
}

// Turn is what a follower does after waiting.
type Turn uint8

// Turns.
const (
	Alone  Turn = iota // go on as if there were no flight
	Lead               // the leader failed: the seat leads now
	Shared             // here is the answer
	Live               // the answer comes as a stream: read it with Next
)

// join takes a seat for a key. A flight that began before a purge which reaches it has no seats any more: who comes then leads one that
// nobody else can join.
func (f *Flight) join(ask *Ask, mark Mark, hidden *purges) *Seat {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.aloft[ask.Key]
	if c != nil && !c.purged(mark, hidden) {
		s := &Seat{course: c, told: make(chan turn, 1)}
		c.waiting = append(c.waiting, s)
		return s
	}
	leading := &course{flight: f, key: ask.Key, mark: mark, behind: ask.Behind, led: true, tail: new(tail), left: make(chan struct{}, 1)}
	if ask.Labels != nil {
		leading.labels = ask.Labels()
	}
	if c == nil {
		if f.aloft == nil {
			f.aloft = map[Key]*course{}
		}
		f.aloft[ask.Key] = leading
	}
	f.led.Add(1)
	return &Seat{course: leading, leads: true}
}

func (c *course) purged(mark Mark, hidden *purges) bool {
	return mark.Epoch != c.mark.Epoch && mark.Epoch != 0 && c.mark.Epoch != 0 || hidden.current().hides(c.key, c.labels, c.mark)
}

// Leads reports whether the seat makes the answer.
func (s *Seat) Leads() bool { return s.leads }

// Key is what the answer is asked for under.
func (s *Seat) Key() Key { return s.course.key }

// Mark is what had been purged when the answer was asked for.
func (s *Seat) Mark() Mark { return s.course.mark }

// Wait waits for the leader, at most for the time given and until gone is closed or sends; nil never does. Live says that the seat wants a
// stream as it comes.
func (s *Seat) Wait(gone <-chan struct{}, most time.Duration, live bool) (*Answer, Turn) {
	switch {
	case s.leads:
		return nil, Lead
	case s.told == nil: // it has waited already
		return nil, Alone
	}
	t := s.await(gone, most, live)
	s.told = nil
	f := s.course.flight
	switch t.Turn {
	case Lead:
		s.leads = true
		f.tookOver.Add(1)
	case Alone:
		f.alone.Add(1)
	default:
		f.followed.Add(1)
	}
	return t.answer, t.Turn
}

func (s *Seat) await(gone <-chan struct{}, most time.Duration, live bool) turn {
	if live && s.board() {
		return turn{Turn: Live}
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	var t turn
	select {
	case t = <-s.told:
	case <-timer.C:
		t = s.giveUp()
	case <-gone:
		return s.desert(s.giveUp())
	}
	select {
	case <-gone:
		return s.desert(t)
	default:
		return t
	}
}

// desert passes the lead on that a seat was told to take as its client left.
func (s *Seat) desert(t turn) turn {
	if t.Turn == Lead {
		s.leads, s.told = true, nil
		s.Leave(false)
		t.Turn = Alone
	}
	return t
}

// board makes a waiting seat a reader, at once if the answer has begun to come.
func (s *Seat) board() bool {
	c := s.course
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	s.live = true
	i := slices.Index(c.waiting, s)
	if i < 0 || !c.live {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	c.readers++
	s.tail = c.tail
	return true
}

// giveUp leaves the queue. If the seat is no longer in it, it is being told something at this very moment, and that counts.
func (s *Seat) giveUp() turn {
	c := s.course
	c.flight.mu.Lock()
	i := slices.Index(c.waiting, s)
	if i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.noteLeft()
	}
	c.flight.mu.Unlock()
	if i >= 0 {
		return turn{Turn: Alone}
	}
	return <-s.told
}

// noteLeft tells the ferry that a seat has left.
func (c *course) noteLeft() {
	select {
	case c.left <- struct{}{}:
	default:
	}
}

// Begin says that the leader's answer comes as a stream from now on. Those who want it as it comes need not wait for its end.
func (s *Seat) Begin() {
	if s.leads {
		s.course.begin()
	}
}

func (c *course) begin() {
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	c.live = true
	c.waiting = slices.DeleteFunc(c.waiting, func(s *Seat) bool {
		if s.live {
			c.readers++
			s.tail = c.tail
			s.told <- turn{Turn: Live}
		}
		return s.live
	})
}

// Show says how far the leader's stream has come. Body is all of it so far, and grows by appending only: it is read, not copied.
func (s *Seat) Show(body []byte) {
	if s.leads {
		s.course.tail.show(body)
	}
}

// Next returns what has come of a live answer beyond its first n bytes, and waits for it, unless gone is closed or sends. At its end it returns
// nothing, and the answer if it is whole.
func (s *Seat) Next(gone <-chan struct{}, n int) (more []byte, whole *Answer) {
	return s.tail.next(gone, n)
}

// Followed reports whether anybody waits for what the leader answers. A leader whose client leaves goes on for them. Any goroutine may ask.
func (s *Seat) Followed() bool {
	c := s.course
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	return c.followed()
}

func (c *course) followed() bool { return len(c.waiting) > 0 || c.readers > 0 || len(c.abroad) > 0 }

// Land stores the answer for ttl, with the labels that were told when it was asked for, and gives every follower a copy.
func (s *Seat) Land(a *Answer, ttl time.Duration) {
	if !s.leads {
		return
	}
	c := s.course
	a.Labels, a.Mark = append(slices.Clip(c.labels), a.Labels...), c.mark
	if c.flight.keep != nil {
		c.flight.keep(c, a, ttl) // first: who comes from now on must find it
	}
	s.end()
	if s.Followed() {
		a = a.clone(time.Now())
	}
	c.share(a)
}

// share gives every follower the answer itself.
func (s *Seat) share(a *Answer) {
	if c := s.end(); c != nil {
		c.share(a)
	}
}

func (c *course) share(a *Answer) {
	c.tell(turn{Shared, a})
	c.tail.end(a, endedShared)
}

// Scatter sends every follower on its own way: there is an answer, but not one to share. Those who read it as it came get its end if a, what
// they have read, is an answer at all.
func (s *Seat) Scatter(a *Answer) {
	if c := s.end(); c != nil {
		c.scatter(a)
		c.flight.ends(c)
	}
}

func (c *course) scatter(a *Answer) {
	c.tell(turn{Turn: Alone})
	c.tail.end(a, endedScattered)
}

func (f *Flight) ends(c *course) {
	if f.ended != nil {
		f.ended(c)
	}
}

// end ends the flight; nil if the seat does not lead it.
func (s *Seat) end() *course {
	if !s.leads {
		return nil
	}
	s.leads = false
	s.course.remove()
	return s.course
}

// remove takes the course out of the air: who asks now begins another.
func (c *course) remove() {
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	if c.flight.aloft[c.key] == c {
		delete(c.flight.aloft, c.key)
	}
}

// tell tells all who wait.
func (c *course) tell(t turn) {
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	for _, s := range c.waiting {
		s.told <- t
	}
	c.waiting = nil
}

// Leave gives up the seat. If it leads, because the call failed or its client left, the follower that waits longest takes over. Where calls
// fail again and again, all are sent on their own ways.
func (s *Seat) Leave(failed bool) {
	if s.told != nil { // it never waited: it may have been told anything
		s.leads = s.giveUp().Turn == Lead
		s.told = nil
	}
	c := s.course
	if s.tail != nil {
		s.tail = nil
		c.flight.mu.Lock()
		c.readers--
		c.noteLeft()
		c.flight.mu.Unlock()
	}
	if !s.leads {
		return
	}
	s.leads = false
	if !c.passOn(failed) {
		c.flight.ends(c)
	}
}

// mostFailures are the calls that may fail before followers no longer wait for one another.
const mostFailures = 2

// passOn hands the lead to the follower that waits longest. False: there is none, and the flight is over.
func (c *course) passOn(failed bool) bool {
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	before := c.tail
	defer before.end(nil, endedBroken)
	if failed {
		c.failures++
	}
	if c.failures >= mostFailures {
		for _, s := range c.waiting {
			s.told <- turn{Turn: Alone}
		}
		c.waiting = nil
	}
	if len(c.waiting) == 0 {
		if c.flight.aloft[c.key] == c {
			delete(c.flight.aloft, c.key)
		}
		return false
	}
	c.tail, c.live = new(tail), false
	next := c.waiting[0]
	c.waiting = c.waiting[1:]
	next.told <- turn{Turn: Lead}
	return true
}

// read adds what the flight has seen.
func (f *Flight) read(s *Stats) {
	s.Led, s.Followed, s.Alone, s.TookOver = f.led.Load(), f.followed.Load(), f.alone.Load(), f.tookOver.Load()
}
