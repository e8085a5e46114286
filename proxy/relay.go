package proxy

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"bursar/budget"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/providers"
)

// relay passes a stream on, event by event, as it arrives. fasthttp drives it in the connection's own goroutine after the handler
// has returned, so a slow client holds back the provider, and closes it at the end or when a write fails: that is where the
// request is settled. Events that have arrived together leave in one write.
type relay struct {
	server *Server
	trip   *trip
	answer *providers.Answer
	told   teller
	out    []byte // what goes to the client next
	kept   []byte // the provider's bytes so far, for the cache; nil when not caching
	guard  *guard // ends it if it only repeats itself; nil if its route wants none
	hidden bool   // it is read ahead, to be checked before anybody sees it
	deaf   bool   // its client has left, and others wait for the rest
	closed bool
	end    exchange.Reason // why the stream ended; ReasonNone while it goes on
}

// mostKept bounds the answer that is kept for the cache, mostShared the one that is kept because others read it as it comes.
const (
	mostKept   = 1 << 20
	mostShared = 8 << 20
)

// beginRelay hands a stream, whose first event has arrived, to fasthttp.
func (s *Server) beginRelay(t *trip, answer *providers.Answer) { s.newRelay(t, answer).start() }

func (s *Server) newRelay(t *trip, answer *providers.Answer) *relay {
	r := &relay{server: s, trip: t, answer: answer, told: t.teller(), guard: guardOf(t)}
	if t.keepsAnswers() || t.hears() {
		r.kept = make([]byte, 0, 4<<10)
	}
	t.Outcome.Status, t.Outcome.Reason = 200, t.answeredReason()
	return r
}

// gather reads ahead until the stream has ended or so many bytes have come, or one event that is too large to be kept. Nobody sees them yet.
func (r *relay) gather(bytes int) {
	r.hidden = true
	if r.kept == nil {
		r.kept = make([]byte, 0, 4<<10)
	}
	for r.end == exchange.ReasonNone && r.kept != nil && len(r.kept) < bytes {
		r.fill()
	}
	r.hidden = false
}

// start lets the stream flow.
func (r *relay) start() {
	s, t, answer := r.server, r.trip, r.answer
	if !t.keepsAnswers() && !t.hears() {
		r.kept = nil
	}
	if t.seat != nil {
		t.seat.Begin()
		r.show()
	}
	if t.escalated {
		t.draft = nil
	}
	t.streaming = true
	s.headers(t)
	t.providerID(answer)
	t.ctx.SetStatusCode(200)
	t.ctx.Response.Header.SetContentType(t.streamType())
	t.ctx.Response.Header.Set("Cache-Control", "no-cache")
	t.ctx.Response.ImmediateHeaderFlush = true
	t.ctx.SetBodyStream(r, -1)
}

// survive keeps a bug of ours from ending the gateway: fasthttp guards the writing of a stream, but not its second close. The hold
// is not renewed, so it expires into spend.
func (r *relay) survive() {
	if bug := recover(); bug != nil {
		r.server.leases.remove(r.trip.hold.ID)
		r.server.leaveAlone(r.trip, budget.AsHeld)
		r.server.leaveSeat(r.trip, true)
		r.server.abandon(r.trip)
		r.server.Warn("BUG: a stream panicked", fmt.Errorf("step %s: %v\n%s", r.trip.Step, bug, debug.Stack()))
	}
}

// SupportsBodyWriteTo tells fasthttp to use WriteTo: it writes what it has when it has it, as reading would.
func (r *relay) SupportsBodyWriteTo() bool { return true }

// Read is not used; fasthttp asks for a reader.
func (r *relay) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// WriteTo passes events on until the stream ends.
func (r *relay) WriteTo(w io.Writer) (written int64, err error) {
	defer func() {
		if bug := recover(); bug != nil {
			r.end, err = exchange.ReasonInternal, fmt.Errorf("panic: %v", bug)
			r.server.Warn("BUG: a stream panicked", fmt.Errorf("%v\n%s", bug, debug.Stack()))
		}
	}()
	for ahead := len(r.out) > 0; ahead || r.end == exchange.ReasonNone; ahead = false {
		if !ahead {
			r.out = r.out[:0]
			r.fill()
		}
		if r.deaf && r.end == exchange.ReasonNone && !r.trip.seat.Followed() {
			r.end = exchange.ReasonClientGone // they have left too
		}
		if len(r.out) == 0 || r.deaf {
			continue
		}
		n, err := w.Write(r.out)
		written += int64(n)
		if err == nil {
			continue
		}
		if r.deaf = r.end == exchange.ReasonNone && r.trip.seat != nil && r.trip.seat.Followed(); !r.deaf {
			r.end = exchange.ReasonClientGone
			return written, err
		}
	}
	if r.end == exchange.ReasonClientGone || r.deaf {
		return written, providers.ErrClientGone
	}
	return written, nil
}

// mostAtOnce is how many bytes of events are gathered before they are written.
const mostAtOnce = 32 << 10

// fill gathers the next event, and those behind it that have arrived already.
func (r *relay) fill() {
	defer r.show()
	for {
		event, err := r.answer.Stream.Next()
		switch {
		case err == nil:
			r.take(&event)
		case errors.Is(err, io.EOF):
			r.end = r.trip.Outcome.Reason
			if r.out = r.trip.appendRenamed(r.out, r.answer.Stream.Passed()); !r.trip.native {
				r.out, _ = r.told.end(r.out)
			}
		case errors.Is(err, providers.ErrClientGone):
			r.end = exchange.ReasonClientGone
		default:
			r.fail(err)
		}
		if r.end != exchange.ReasonNone || len(r.out) >= mostAtOnce || !r.answer.Stream.Buffered() {
			return
		}
	}
}

// show lets those who follow read what has come.
func (r *relay) show() {
	if r.kept != nil && r.trip.seat != nil && !r.hidden {
		r.trip.seat.Show(r.kept)
	}
}

// take passes one event on. What is there only because we asked for usage is left out again; where the client asked for it, it
// learns the cost as well.
func (r *relay) take(event *providers.Event) {
	r.keep(event.Raw)
	if event.HasUsage() {
		usage, _ := r.answer.Stream.Usage()
		r.server.price(r.trip, usage)
	}
	switch {
	case event.Kind == providers.KindError:
		r.fail(providers.ErrStreamBroken)
	case r.trip.native:
		r.out = r.trip.appendRenamed(r.out, r.answer.Stream.Passed())
	default:
		var err error
		if r.out, err = r.told.tell(r.out, event, r.trip.total()); err != nil {
			r.fail(err)
		}
	}
	if r.guard != nil && r.end == exchange.ReasonNone && event.Kind == providers.KindChunk && r.answer.Stream.Finish() == "" {
		if text, _ := r.answer.Stream.OutputText(); r.guard.sees(text) {
			r.stopRepetition()
		}
	}
}

// keep keeps an event's bytes. An answer too large for that is nobody else's, unless others read it already.
func (r *relay) keep(raw []byte) {
	if r.kept == nil {
		return
	}
	size, seat := len(r.kept)+len(raw), r.trip.seat
	if size <= mostKept || size <= mostShared && seat != nil && seat.Followed() {
		r.kept = append(r.kept, raw...)
		return
	}
	r.kept = nil
	r.trip.scatter(nil)
}

// fail ends the stream with an error event: the status is gone, and a stream that just stops would look complete to some SDKs.
func (r *relay) fail(err error) {
	r.end = exchange.ReasonStreamBroken
	r.kept = nil
	r.out = r.told.fail(r.out, streamBroken(r.trip.Outcome.Served.Target), r.trip.ID)
	r.server.Warn("relay a stream", err)
}

func streamBroken(target string) *exchange.Fault {
	return &exchange.Fault{
		Status: 502, Type: "api_error", Code: "stream_broken", Reason: exchange.ReasonStreamBroken,
		Message: target + " broke off in the middle of its answer.", Hint: "What came before is all there is; try again.",
	}
}

// CloseWithError settles the request. fasthttp calls it once, at the end of the stream or after a failed write. (There is no Close:
// fasthttp would call both, that one first and without the error.)
func (r *relay) CloseWithError(err error) error {
	if r.closed {
		return nil
	}
	r.closed = true
	defer r.survive()
	t, out, stream := r.trip, &r.trip.Outcome, r.answer.Stream
	t.enter(exchange.StepSettle)
	whole := r.end == t.answeredReason() && (err == nil || r.deaf)
	if r.end == exchange.ReasonNone || err != nil && r.end != exchange.ReasonInternal {
		r.end = exchange.ReasonClientGone
	}
	out.Finish = stream.Finish()
	switch r.end {
	case exchange.ReasonClientGone:
		stream.Rest()
		out.Finish = stream.Finish()
	case exchange.ReasonRepetition:
		r.hangUp()
		out.Finish = "repetition"
	}
	out.Reason = r.end
	usage, method := r.used(whole)
	out.Method = method
	r.server.price(t, usage)
	r.server.calibrate(t)
	if whole && t.hears() && r.kept != nil {
		if plain, err := providers.PlainOf(r.kept, nil); err == nil {
			t.heard(plain)
		}
	}
	switch {
	case whole && r.kept != nil && r.answer.Complete():
		r.server.keep(t, r.kept, true)
		if text, beyond := stream.OutputText(); beyond == 0 {
			r.server.learn(t, text)
		}
	case (whole || r.end == exchange.ReasonRepetition) && r.kept != nil:
		t.scatter(t.answerOf(r.kept, true))
	}
	if r.guard != nil {
		r.guard.release()
	}
	r.answer.Release()
	if t.stored.goesOn() {
		r.server.watch(t)
		return nil
	}
	r.server.end(t)
	return nil
}

// used is what the stream has used, as far as it has told, else by our own count; and how that is known.
func (r *relay) used(whole bool) (pricing.Usage, exchange.Method) {
	usage, told := r.answer.Stream.Usage()
	if usage.Region == "" {
		usage.Region = r.trip.Outcome.Served.Region
	}
	if !told {
		return pricing.Usage{Input: r.trip.promptTokens(), Output: r.counted(), Region: usage.Region}, exchange.MethodEstimate
	}
	if whole {
		return usage, exchange.MethodReported
	}
	if short := r.counted() - usage.Completion(); short > 0 {
		usage.Output += short // told before the stream was cut, and more came after
		return usage, exchange.MethodEstimate
	}
	return usage, exchange.MethodReported
}

// counted is how many tokens of the answer have arrived, by our own count.
func (r *relay) counted() int64 {
	text, beyond := r.answer.Stream.OutputText()
	n := r.server.counter.Text(r.trip.using.family(r.trip.Outcome.Served), text)
	switch {
	case beyond == 0:
	case len(text) == 0: // all of it came in one piece
		n = beyond / 4
	default: // too long to keep: what was not kept counts as what was
		n += n * beyond / int64(len(text))
	}
	return n
}
