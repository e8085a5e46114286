package cache

import (
	"bytes"
	"context"
	"hash/crc32"
	"time"
)

// ferry brings the answer of another gateway to the seats that follow it here. One goroutine does so for as long as a seat waits or reads.
type ferry struct {
	fleet *fleet
	ask   Ask
	c     *course
	body  []byte    // of the answer so far, if it is a stream
	heard time.Time // when Redis, or the leader through it, was last heard of
}

// follow makes the seat, which led, the first of the followers of another gateway.
func (f *fleet) follow(seat *Seat, ask *Ask) {
	c := seat.course
	c.flight.mu.Lock()
	c.led, c.mail = false, make(chan letter, 256)
	seat.leads, seat.told = false, make(chan turn, 1)
	c.waiting = append([]*Seat{seat}, c.waiting...)
	c.flight.led.Add(-1)
	c.flight.mu.Unlock()
	ferry := &ferry{fleet: f, ask: *ask, c: c, heard: time.Now()}
	if !f.spawn(ferry.run) {
		c.remove()
		c.scatter(nil)
	}
}

// run ends when the answer has landed, when nobody waits for it any more, or when a seat here takes over.
func (y *ferry) run() {
	poll := time.NewTimer(pollEvery / 10) // the first time soon: the answer may be about to be stored
	defer poll.Stop()
	dead := ""
	for {
		over := false
		select {
		case l := <-y.c.mail:
			y.heard = time.Now()
			switch l.kind {
			case letterPart, letterWhole:
				y.part(&l)
			case letterEnd:
				over = y.end(&l)
			case letterNone:
				dead = string(l.rest)
				poll.Reset(10 * time.Millisecond)
			}
		case <-y.c.left:
			over = y.deserted()
		case <-poll.C:
			over = y.poll(dead)
			poll.Reset(pollEvery)
		case <-y.fleet.ctx.Done():
			y.c.remove()
			y.c.scatter(nil)
			over = true
		}
		if over {
			return
		}
	}
}

// part takes bytes that follow what there is; what is there already is not taken twice.
func (y *ferry) part(l *letter) {
	have := uint64(len(y.body))
	if l.offset > have || l.offset+uint64(len(l.rest)) <= have {
		return
	}
	y.body = append(y.body, l.rest[have-l.offset:]...)
	y.c.tail.show(y.body)
	if l.kind == letterPart {
		y.c.begin()
	}
}

// end takes the end of an answer. False: it goes on all the same, since another must lead, or parts are missing.
func (y *ferry) end(l *letter) bool {
	end, ok := readEnding(l.rest)
	r := y.fleet.redis
	switch {
	case !ok:
		return false
	case end.verdict == endedBroken:
		y.again()
		return y.poll("")
	case end.answer != nil && (uint64(len(y.body)) != l.offset || crc32.Checksum(y.body, castagnoli) != end.sum):
		return y.poll("") // it is stored by now, most likely
	case end.answer == nil:
		y.c.remove()
		y.c.scatter(nil)
		return true
	}
	a := end.answer
	a.Body = y.body
	y.c.remove()
	if end.verdict == endedScattered || r.hidden.current().hides(y.c.key, a.Labels, a.Mark) {
		y.c.scatter(a)
		return true
	}
	y.c.share(a)
	return true
}

// again begins anew: those who have read a part of an answer that broke off have nothing to wait for.
func (y *ferry) again() {
	c := y.c
	c.flight.mu.Lock()
	before := c.tail
	c.tail, c.live = new(tail), false
	c.flight.mu.Unlock()
	before.end(nil, endedBroken)
	y.body = nil
}

// deserted ends the flight if no seat here waits or reads any more.
func (y *ferry) deserted() bool {
	c := y.c
	c.flight.mu.Lock()
	defer c.flight.mu.Unlock()
	if c.followed() {
		return false
	}
	if c.flight.aloft[c.key] == c {
		delete(c.flight.aloft, c.key)
	}
	return true
}

// poll looks for the answer, and for the lease: if that has ended, a seat here leads. It asks the leader for what was missed, too.
func (y *ferry) poll(dead string) bool {
	r := y.fleet.redis
	want := y.fleet.wanted(y.c.key, len(y.body), dead)
	y.fleet.expect(want.lease)
	f, err := r.lookup(context.Background(), &y.ask, want, r.options.Store) // nobody waits for this very question
	switch {
	case f.answer != nil:
		y.fleet.over(want.lease)
		r.hits.Add(1)
		y.landed(f.answer)
		return true
	case err == nil && f.holder != "":
		y.fleet.over(want.lease)
		y.heard = time.Now()
		return false
	case err == nil:
		defer y.fleet.over(want.lease)
		return y.takeOver(f.lease)
	}
	if err == errSkipped {
		y.fleet.over(want.lease)
	} else {
		r.giveUp(y.c.key, r.Mark(), want.lease) // it may have been taken all the same
	}
	if time.Since(y.heard) < r.options.Lease {
		return false
	}
	return y.takeOver("") // no word of the leader comes through: better ask twice than wait in vain
}

// landed gives the seats here the answer that is stored. Who has read a part of it reads on, if it is that answer.
func (y *ferry) landed(a *Answer) {
	if !bytes.HasPrefix(a.Body, y.body) {
		y.again()
	}
	y.c.remove()
	y.c.share(a)
}

// takeOver makes the seat that waits longest lead, by a lease if there is one. Without such a seat the lease is given back.
func (y *ferry) takeOver(lease string) bool {
	c, r := y.c, y.fleet.redis
	mark := r.Mark()
	c.flight.mu.Lock()
	c.led, c.lease, c.mark, c.mail = true, lease, mark, nil
	c.flight.mu.Unlock()
	if !c.passOn(false) {
		r.giveUp(c.key, c.mark, lease)
	}
	return true
}
