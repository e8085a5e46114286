package cache

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// fleet joins the flights of all gateways on one Redis. Who leads has a lease there, which its lookup took in the same round trip. Who finds
// the lease taken tells its holder, over a channel that each gateway reads, that he is followed; only then does he send his answer,
// part by part, over the follower's channel. So a request that nobody follows pays nothing.
//
// Channels lose what is sent while a gateway is not connected, so nothing rests on them: every part says where it stands, a follower who
// misses one asks again from where he is, and looks all the while whether the answer is stored or the lease has ended.
type fleet struct {
	redis   *Redis
	gateway string
	serial  atomic.Uint64
	begin   sync.Once
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pending map[string]bool // leases of flights that have ended, about to be given back
}

const (
	leaseSuffix = ":l"
	pollEvery   = 250 * time.Millisecond // a follower looks for the answer and the lease this often
	mostPart    = 64 << 10               // bytes in one letter
)

func newFleet(r *Redis) *fleet {
	f := &fleet{redis: r, gateway: rand.Text(), pending: map[string]bool{}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

func (r *Redis) mailPrefix() string { return r.prefix + "mail:" }

// wanted is what a lookup needs to lead, or else to follow from a place on.
func (f *fleet) wanted(key Key, from int, dead string) *wanted {
	note := letter{kind: letterFollow, key: key, offset: uint64(from), from: f.gateway}
	return &wanted{lease: fmt.Sprintf("%s/%d", f.gateway, f.serial.Add(1)), dead: dead, note: note.append(nil)}
}

// Join returns the answer under a key or else a seat in the flight, of the whole fleet, that makes it.
func (r *Redis) Join(ctx context.Context, ask *Ask) (*Answer, *Seat) {
	f, seat := r.board(ctx, ask, false)
	return f.answer, seat
}

// board looks up, and takes a seat: one that leads, or one that follows a seat here or another gateway. A flight without Redis, lost says that
// it is known not to answer, is this gateway's alone.
func (r *Redis) board(ctx context.Context, ask *Ask, lost bool) (f found, seat *Seat) {
	seat = r.flight.join(ask, r.Mark(), &r.hidden)
	if !seat.leads {
		if seat.course.behind {
			if f, _ = r.lookup(ctx, ask, nil, r.options.Lookup); f.answer != nil {
				r.hits.Add(1)
				seat.Leave(false)
				return f, nil
			}
		}
		return f, seat
	}
	if lost || ask.Key.IsZero() {
		r.misses.Add(1)
		return f, seat
	}
	r.fleet.start()
	want := r.fleet.wanted(ask.Key, 0, "")
	r.fleet.expect(want.lease) // before it is ours: who finds it taken may tell us sooner than we hear of it ourselves
	f, err := r.lookup(ctx, ask, want, r.options.Lookup)
	if r.fleet.forgotten(f.holder) {
		want.dead = f.holder
		f, err = r.lookup(ctx, ask, want, r.options.Lookup)
	}
	switch {
	case f.answer != nil:
		r.hits.Add(1)
		r.fleet.over(want.lease)
		seat.share(f.answer)
		return f, nil
	case err == nil && f.holder != "":
		r.fleet.follow(seat, ask)
	default:
		r.misses.Add(1)
		if err != nil && err != errSkipped { // it may have taken the lease all the same
			r.giveUp(ask.Key, r.Mark(), want.lease)
		}
		mark := r.Mark()
		if f.lease != "" {
			mark.Epoch = f.epoch
		}
		r.flight.mu.Lock()
		seat.course.lease, seat.course.mark = f.lease, mark
		r.flight.mu.Unlock()
	}
	if err == nil || err == errSkipped {
		r.fleet.over(want.lease)
	}
	return f, seat
}

// start begins to read this gateway's channel and to keep its leases.
func (f *fleet) start() {
	f.begin.Do(func() {
		f.spawn(f.receive)
		f.spawn(f.keepLeases)
	})
}

// spawn runs what close ends and waits for. False: it is closed already.
func (f *fleet) spawn(run func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.running.Go(run)
	return true
}

func (f *fleet) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop()
	f.running.Wait()
}

// receive reads this gateway's channel.
func (f *fleet) receive() {
	channel := f.redis.client.Subscribe(f.ctx, f.redis.mailPrefix()+f.gateway)
	defer func() { _ = channel.Close() }()
	letters := channel.Channel(redis.WithChannelSize(1024))
	for {
		select {
		case message, ok := <-letters:
			if !ok {
				return
			}
			if l, ok := readLetter([]byte(message.Payload)); ok {
				f.deliver(&l)
			}
		case <-f.ctx.Done():
			return
		}
	}
}

// deliver hands a letter to the flight that it is of.
func (f *fleet) deliver(l *letter) {
	flight := &f.redis.flight
	flight.mu.Lock()
	c := flight.aloft[l.key]
	switch {
	case l.kind == letterFollow:
		follows := c != nil && c.led && c.lease == string(l.rest)
		if follows {
			c.follow(f, l)
		}
		flight.mu.Unlock()
		if !follows && !f.ending(string(l.rest)) {
			f.send(l.from, &letter{kind: letterNone, key: l.key, rest: l.rest})
		}
		return
	case c != nil && c.mail != nil:
		select {
		case c.mail <- *l:
		default: // the ferry asks again for what it misses
		}
	}
	flight.mu.Unlock()
}

// ending tells whether a lease is about to be given back, with an answer stored if there was one.
func (f *fleet) ending(lease string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending[lease]
}

// forgotten tells whether a lease is of a flight that has ended here, with nothing to come of it: a gateway has one flight for a key.
func (f *fleet) forgotten(lease string) bool {
	return strings.HasPrefix(lease, f.gateway+"/") && !f.ending(lease)
}

// over notes that a lease has been given back, or will end by itself.
func (f *fleet) over(lease string) {
	if lease != "" {
		f.mu.Lock()
		delete(f.pending, lease)
		f.mu.Unlock()
	}
}

// ended gives back the lease of a flight that made nothing to store.
func (f *fleet) ended(c *course) { f.redis.giveUp(c.key, c.mark, c.lease) }

// giveUp gives back a lease, soon.
func (r *Redis) giveUp(key Key, mark Mark, lease string) {
	if lease != "" {
		r.fleet.expect(lease)
		r.storing.add(job{key: key, epoch: mark.Epoch, lease: lease})
	}
}

func (f *fleet) expect(lease string) {
	f.mu.Lock()
	f.pending[lease] = true
	f.mu.Unlock()
}

// follow notes that a gateway follows, and sends it what there is. The flight's mutex is held.
func (c *course) follow(f *fleet, l *letter) {
	if c.abroad == nil {
		c.abroad = map[string]int{}
	}
	c.abroad[l.from] = int(l.offset)
	if c.caller {
		c.tail.mu.Lock()
		c.tail.wake()
		c.tail.mu.Unlock()
		return
	}
	tail := c.tail
	c.caller = f.spawn(func() { f.call(c, tail) })
}

// call sends an answer to the gateways that follow, part by part as it comes, and then its end.
func (f *fleet) call(c *course, t *tail) {
	for {
		t.mu.Lock()
		body, over := t.body, t.ended
		if t.news == nil {
			t.news = make(chan struct{})
		}
		news := t.news
		t.mu.Unlock()
		if over {
			kind := letterPart
			if t.answer != nil {
				body = t.answer.Body
				if t.answer.Form == Plain {
					kind = letterWhole
				}
			}
			f.sendParts(c, kind, body)
			f.sendEnd(c, t, len(body))
			return
		}
		f.sendParts(c, letterPart, body)
		select {
		case <-news:
		case <-f.ctx.Done():
			return
		}
	}
}

// sendParts sends each follower what it does not have.
func (f *fleet) sendParts(c *course, kind letterKind, body []byte) {
	for {
		to, from := c.lagging(len(body))
		if to == "" {
			return
		}
		part := body[from:min(len(body), from+mostPart)]
		f.send(to, &letter{kind: kind, key: c.key, offset: uint64(from), rest: part})
	}
}

// lagging returns a follower that has not been sent all, and notes that it will be sent the next part.
func (c *course) lagging(size int) (gateway string, from int) {
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	for gateway, sent := range c.abroad {
		if sent < size {
			c.abroad[gateway] = min(size, sent+mostPart)
			return gateway, sent
		}
	}
	return "", 0
}

func (f *fleet) sendEnd(c *course, t *tail, size int) {
	c.flight.mu.Lock()
	to := c.abroad
	c.abroad, c.caller = nil, false
	c.flight.mu.Unlock()
	end := ending{verdict: t.how, answer: t.answer}
	rest := end.append(nil)
	for gateway := range to {
		f.send(gateway, &letter{kind: letterEnd, key: c.key, offset: uint64(size), rest: rest})
	}
}

// send sends a letter. One that is lost costs time, and nothing else.
func (f *fleet) send(gateway string, l *letter) {
	ctx, cancel := context.WithTimeout(f.ctx, f.redis.options.Store)
	defer cancel()
	_ = f.redis.client.Publish(ctx, f.redis.mailPrefix()+gateway, l.append(nil)).Err()
}
