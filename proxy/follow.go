package proxy

import (
	"fmt"
	"io"
	"runtime/debug"

	"bursar/cache"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/providers"
)

// follow waits for the answer to an equal request that is under way, here or on another gateway. It holds no money: should the one who was
// asked first fail or leave, this request may have to take over, and goes on as a miss.
func (s *Server) follow(t *trip) (answered bool, fault *exchange.Fault) {
	gone := make(alarm, 1)
	if t.client != nil && !t.client.Attach(gone) {
		return false, clientGone("an equal request")
	}
	found, turn := t.seat.Wait(gone, t.using.policy.Cache.Wait, t.Facts.Stream)
	if t.client != nil {
		if turn != cache.Live {
			t.client.Detach()
		}
		if t.client.Gone() {
			return false, clientGone("an equal request")
		}
	}
	switch turn {
	case cache.Shared:
		body, ok := t.replay(found)
		s.leaveSeat(t, false)
		if ok {
			s.answerHit(t, exchange.ReasonSharedHit, found, body, 0)
		}
		return ok, nil
	case cache.Live:
		s.beginFollowing(t, gone)
		return true, nil
	case cache.Alone:
		s.leaveSeat(t, false)
	}
	return false, nil
}

// alarm is a thing to close that wakes who waits.
type alarm chan struct{}

// Close wakes the waiter.
func (a alarm) Close() error {
	select {
	case a <- struct{}{}:
	default:
	}
	return nil
}

func clientGone(awaited string) *exchange.Fault {
	return &exchange.Fault{Status: 499, Code: "client_gone", Reason: exchange.ReasonClientGone, Message: "The client left while it waited for " + awaited + "."}
}

// following passes on a stream that another request has asked for, as it comes. fasthttp drives it as it drives a relay.
type following struct {
	server *Server
	trip   *trip
	gone   alarm
	told   teller
	read   int // bytes of the stream passed on
	out    []byte
	whole  *cache.Answer
	end    exchange.Reason
	closed bool
}

func (s *Server) beginFollowing(t *trip, gone alarm) {
	t.hit, t.streaming = true, true
	t.Outcome.Status, t.Outcome.Reason = 200, exchange.ReasonSharedHit
	s.headers(t)
	t.ctx.SetStatusCode(200)
	h := &t.ctx.Response.Header
	h.SetContentType(t.streamType())
	h.Set("Cache-Control", "no-cache")
	h.Set("Age", "0")
	t.ctx.Response.ImmediateHeaderFlush = true
	t.ctx.SetBodyStream(&following{server: s, trip: t, gone: gone, told: t.teller()}, -1)
}

// survive keeps a bug of ours from ending the gateway. No money is held here.
func (f *following) survive() {
	if bug := recover(); bug != nil {
		f.server.leaveSeat(f.trip, true)
		f.server.Warn("BUG: a stream panicked", fmt.Errorf("step %s: %v\n%s", f.trip.Step, bug, debug.Stack()))
	}
}

// SupportsBodyWriteTo tells fasthttp to use WriteTo: it writes what it has when it has it, as reading would.
func (f *following) SupportsBodyWriteTo() bool { return true }

// Read is not used; fasthttp asks for a reader.
func (f *following) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// WriteTo passes events on until the stream ends.
func (f *following) WriteTo(w io.Writer) (written int64, err error) {
	defer func() {
		if bug := recover(); bug != nil {
			f.end, err = exchange.ReasonInternal, fmt.Errorf("panic: %v", bug)
			f.server.Warn("BUG: a stream panicked", fmt.Errorf("%v\n%s", bug, debug.Stack()))
		}
	}()
	for f.end == exchange.ReasonNone {
		f.out = f.out[:0]
		f.fill()
		if len(f.out) == 0 {
			continue
		}
		n, err := w.Write(f.out)
		written += int64(n)
		if err != nil {
			f.end = exchange.ReasonClientGone
			return written, err
		}
	}
	if f.end == exchange.ReasonClientGone {
		return written, providers.ErrClientGone
	}
	return written, nil
}

// fill takes the events that have come since.
func (f *following) fill() {
	t := f.trip
	more, whole := t.seat.Next(f.gone, f.read)
	switch {
	case whole != nil:
		f.end, f.whole = exchange.ReasonSharedHit, whole
		f.out, _ = f.told.end(f.out)
		return
	case more == nil && t.client != nil && t.client.Gone():
		f.end = exchange.ReasonClientGone
		return
	}
	out, left, err := f.told.all(f.out, more, 0)
	f.out = out
	f.read += len(more) - left
	switch {
	case more == nil || err != nil:
		f.end = exchange.ReasonStreamBroken
		f.out = f.told.fail(f.out, streamBroken("The provider"), t.ID)
	case left == len(more):
		f.half(more)
	}
}

// half waits for the rest of an event, of which there is a half. One that no rest follows passes as it is, if the answer is whole.
func (f *following) half(event []byte) {
	rest, whole := f.trip.seat.Next(f.gone, f.read+len(event))
	if rest != nil {
		return
	}
	f.read += len(event)
	switch {
	case whole != nil:
		f.out, _ = f.told.rest(f.out, event)
	case f.trip.client != nil && f.trip.client.Gone():
		f.end = exchange.ReasonClientGone // the alarm rings once
	}
}

// CloseWithError ends the request: it has cost nothing.
func (f *following) CloseWithError(err error) error {
	if f.closed {
		return nil
	}
	f.closed = true
	defer f.survive()
	t, s, out := f.trip, f.server, &f.trip.Outcome
	if t.client != nil {
		t.client.Detach()
	}
	t.enter(exchange.StepSettle)
	if f.end == exchange.ReasonNone || err != nil && f.end != exchange.ReasonInternal {
		f.end = exchange.ReasonClientGone
	}
	out.Reason = f.end
	usage := pricing.Usage{}
	if f.whole != nil {
		out.Served = t.using.candidate(f.whole.Target, t.Decision.Candidates)
		out.Finish, out.Method, usage = f.whole.Finish, exchange.MethodReported, pricing.Usage(f.whole.Usage)
	}
	s.price(t, usage)
	s.end(t)
	return nil
}
