package providers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"bursar/dialect"
	"bursar/pricing"
)

// Stream is a streamed answer, event by event. One goroutine reads it. What it tells of usage, finish and text grows as events
// are read, and holds for all that has arrived, also after the stream broke or the client left.
type Stream struct {
	target  string
	line    *line
	breaker *Breaker
	gate    *gate // that it leaves when it ends; nil when it has
	choices int   // asked for
	single  bool  // the provider closes the connection after it
	config  *Config

	body    framing
	split   splitter
	other   dialect.Stream // translates what comes; nil if it is chat completion chunks
	source  splitter       // what comes, if it is translated
	passing *passing       // the client gets what comes as it is; nil if it does not
	foreign bool           // it says what a chat completion has no words for
	frames  bool           // it comes in frames
	raw     bool           // its events are passed on, whatever they say
	scratch []byte
	begun   bool // the first event was read
	ahead   Event
	isAhead bool
	ended   error // why no more bytes come; nil while they do
	failed  error // the provider said, or showed, that the stream is no good
	closing error // what Next returns from now on

	done     bool
	usage    pricing.Usage
	hasUsage bool
	earlier  pricing.Usage // as of the last chunk of usage alone
	tier     string
	model    []byte
	reasons  reasons
	text     []byte
	beyond   int64
}

// Next returns the next event, io.EOF after the last one of a stream that ended well, or a *Failure: one that wraps
// ErrStreamBroken if the stream ended early, ErrClientGone if the client left.
func (s *Stream) Next() (Event, error) {
	if s.isAhead {
		s.isAhead = false
		return s.ahead, nil
	}
	for s.closing == nil {
		if raw := s.cut(); raw != nil {
			return s.read(raw)
		}
		s.more(true)
	}
	return Event{}, s.closing
}

// Buffered tells whether Next would return without waiting for the provider. While it does, a flush can be saved.
func (s *Stream) Buffered() bool {
	if s.isAhead || s.closing != nil {
		return true
	}
	for tried := false; ; tried = true {
		if raw := s.cut(); raw != nil {
			event, err := s.read(raw)
			s.ahead, s.isAhead = event, err == nil
			return true
		}
		if tried || !s.body.ready() {
			return false
		}
		if s.more(false); s.closing != nil {
			return true
		}
	}
}

// Usage returns what the stream said it used; false if it has not (yet), or says nothing: count OutputText then.
//
// Some dialects tell of the prompt before they answer: that counts for a stream that was cut.
func (s *Stream) Usage() (pricing.Usage, bool) {
	if !s.hasUsage && s.other != nil {
		return ReadUsage(s.other.Told())
	}
	return s.usage, s.hasUsage
}

// Finish returns the worst finish reason of all choices: "stop" only if each of them is complete, "" if one has not ended.
func (s *Stream) Finish() string { return s.reasons.worst(s.choices) }

// Choices returns how many choices were seen.
func (s *Stream) Choices() int { return s.reasons.seen() }

// Complete tells whether every choice asked for ended by itself.
func (s *Stream) Complete() bool {
	return s.failed == nil && !s.foreign && s.reasons.complete(s.choices)
}

// Passed returns the provider's own bytes that the events since the last call were made of, for the client of a native call. They are valid until
// the next call of Next or Buffered.
func (s *Stream) Passed() []byte {
	if s.passing == nil {
		return nil
	}
	return s.passing.upTo(s.split.head)
}

// Done tells whether [DONE] was seen. Some vendors leave it out; the SDKs do not mind, so a stream may be complete without.
func (s *Stream) Done() bool { return s.done }

// Model returns the model the stream names.
func (s *Stream) Model() []byte { return s.model }

// OutputText returns the text of all choices, in the order it arrived: content, reasoning, refusals, names and arguments of tool
// calls; and how many more bytes there were beyond Config.MaxOutputText. It is for counting tokens, not for reading.
func (s *Stream) OutputText() (text []byte, beyond int64) { return s.text, s.beyond }

// receiveStream begins a streamed answer. It waits for the first event: until then nothing was answered, and another target
// could still be tried.
func (u *Upstream) receiveStream(c *Call, l *line, answer *Answer) (*Answer, *Failure) {
	answer.readHead()
	s := &answer.stream
	answer.Stream = s
	s.target, s.line, s.config, s.choices = c.Target, l, &u.cfg, int(max(1, min(c.N, mostChoices)))
	s.raw = c.Raw
	if u.dialect != nil && !c.Raw {
		if c.Native {
			s.passing = new(passing)
		}
		s.other = u.dialect.NewStream(dialect.Made{Created: u.cfg.Now().Unix(), Model: c.Model, ID: string(answer.ProviderID)})
		s.frames = u.dialect.Frames
	}
	s.single = answer.resp.ConnectionClose()
	s.body.start(l.reader, answer.resp.Header.ContentLength())
	l.conn.idle = u.cfg.Idle
	event, err := s.Next()
	if err == nil && event.Kind == KindError {
		err = &Failure{Cause: CauseAnswer, Err: fmt.Errorf("its stream began with an error of %d bytes", len(event.Data))}
	} else if errors.Is(err, io.EOF) {
		err = &Failure{Cause: CauseAnswer, Err: errors.New("its stream is empty")}
	}
	if err != nil {
		var failure *Failure
		errors.As(err, &failure) // Next returns nothing else
		failure.Status, failure.Sent = answer.Status, true
		answer.Release()
		return nil, failure
	}
	s.ahead, s.isAhead = event, true
	return answer, nil
}

// cut cuts off the next event; none after [DONE], where clients stop reading.
func (s *Stream) cut() []byte {
	raw := s.split.next()
	for raw != nil && s.done {
		raw = s.split.next()
	}
	return raw
}

// more gets more bytes.
func (s *Stream) more(wait bool) {
	if s.ended != nil {
		s.finish()
		return
	}
	in := s.wire()
	if len(in.rest()) > s.config.MaxEvent {
		s.fail(errEventTooLong(s.config.MaxEvent))
		s.finish()
		return
	}
	in.buf, s.ended = s.body.fill(in.room(), wait)
	switch {
	case errors.Is(s.ended, io.EOF) && !s.frames:
		in.closeEvent()
	case s.ended != nil && s.line.gone():
		s.Rest()
		return
	}
	s.translate()
	if s.other != nil && s.failed == nil && errors.Is(s.ended, io.EOF) {
		s.split.buf = s.other.End(s.split.buf)
	}
}

// wire is what the provider's bytes are put into.
func (s *Stream) wire() *splitter {
	if s.other != nil {
		return &s.source
	}
	return &s.split
}

// Rest ends a stream whose client has left, and takes down what the provider has sent until then: it was generated, and is billed.
func (s *Stream) Rest() {
	if s.closing != nil {
		return
	}
	in := s.wire()
	if s.line.gone() && s.line.conn.lookOnce() {
		s.body.err = nil
		for err := error(nil); err == nil && len(in.rest()) <= s.config.MaxEvent; {
			in.buf, err = s.body.fill(in.room(), true)
		}
	}
	if s.ended == nil {
		s.ended = ErrClientGone
	}
	failed := s.failed
	s.translate()
	s.failed = failed
	for raw := s.cut(); raw != nil && s.closing == nil; raw = s.cut() {
		_, _ = s.read(raw)
		s.failed = failed // half an event is no fault of the provider's: it was told to stop
	}
	if s.closing == nil {
		s.finish()
	}
}

// translate turns the events that have come into those of a chat completion, if they are not.
func (s *Stream) translate() {
	if s.other == nil {
		return
	}
	moved := s.split.head
	s.split.room()
	if s.passing != nil {
		s.passing.move(moved)
	}
	for {
		raw, data, err := s.told()
		if raw == nil && err == nil {
			return
		}
		if err == nil && len(data) > 0 {
			s.split.buf, err = s.other.Event(s.split.buf, data)
		}
		if err != nil {
			s.fail(fmt.Errorf("an event of %d bytes cannot be translated: %w", len(data), err))
			s.ended = err
			return
		}
		if s.passing != nil {
			s.passing.add(raw, len(s.split.buf))
		}
	}
}

// told returns the next event that has come whole, and its data, empty for one without any; nil if there is none.
func (s *Stream) told() (raw, data []byte, err error) {
	if s.frames {
		data, s.scratch, err = s.source.nextFrame(s.config.MaxEvent, s.scratch)
		if data == nil && err == nil && errors.Is(s.ended, io.EOF) && len(s.source.rest()) > 0 {
			err = errFrameCut
		}
		return data, data, err
	}
	if raw = s.source.next(); raw == nil {
		return nil, nil, nil
	}
	var event Event
	event, s.scratch = readEvent(raw, 0, s.scratch)
	return raw, event.Data, nil
}

// finish decides how the stream ended, and gives the connection back.
func (s *Stream) finish() {
	clean := errors.Is(s.ended, io.EOF)
	good := s.failed == nil && (s.done || s.raw && clean || s.reasons.ended(s.choices))
	switch {
	case good:
		// An error after the end of the answer is none of ours: the connection is not used again, that is all.
		s.closing = io.EOF
	case s.failed == nil && s.line.gone():
		s.closing = &Failure{Target: s.target, Cause: CauseClientGone, Sent: true, Attempts: 1, Err: ErrClientGone}
	default:
		failure := &Failure{Cause: CauseLost}
		why := s.failed
		if why == nil && clean {
			why = errors.New("no [DONE], and not every choice has finished")
		} else if why == nil {
			failure, why = s.line.cause(s.ended), s.ended
		} else {
			failure.Cause = CauseAnswer
		}
		failure.Target, failure.Sent, failure.Attempts = s.target, true, 1
		failure.Err = fmt.Errorf("%w: %w", ErrStreamBroken, why)
		s.closing = failure
		if s.breaker != nil {
			s.breaker.done(failing)
		}
	}
	s.line.end(good && clean && !s.single && s.body.finished())
	s.leave()
}

// leave makes room for another call to the target.
func (s *Stream) leave() {
	if s.gate != nil {
		s.gate.leave()
		s.gate = nil
	}
}

// afterDone bounds the wait for the end of the body once [DONE] has come: it should be there already.
const afterDone = 500 * time.Millisecond

// read reads an event's data, and takes down what it tells.
func (s *Stream) read(raw []byte) (Event, error) {
	at := 0
	if !s.begun && bytes.HasPrefix(raw, byteOrderMark) {
		at = len(byteOrderMark)
	}
	s.begun = true
	var event Event
	event, s.scratch = readEvent(raw, at, s.scratch)
	switch {
	case s.raw:
	case len(event.Data) == 0:
		event.Kind = KindComment
	case event.Kind == KindError:
		s.fail(fmt.Errorf("it sent an error of %d bytes", len(event.Data)))
	case string(bytes.TrimSpace(event.Data)) == "[DONE]":
		event.Kind, s.done = KindDone, true
		s.line.conn.idle = min(s.line.conn.idle, afterDone)
	default:
		if err := s.readChunk(&event); err != nil {
			s.fail(fmt.Errorf("an event of %d bytes is no chunk: %w", len(event.Data), err))
			s.finish()
			return Event{}, s.closing
		}
	}
	return event, nil
}

// fail notes what is wrong with the stream. After [DONE] it is whole, whatever follows.
func (s *Stream) fail(why error) {
	if !s.done {
		s.failed = why
	}
}

// close ends the stream wherever it is.
func (s *Stream) close() {
	if s.closing == nil {
		s.closing = io.ErrClosedPipe
		s.line.end(false)
	}
	s.leave()
}

// mostKept bounds the buffers that are kept for the next stream.
const mostKept = 64 << 10

// reuse makes the stream as good as new, on the memory of old.
func (s *Stream) reuse(old *Stream) {
	*s = Stream{scratch: keep(old.scratch), model: old.model[:0], text: keep(old.text)}
	s.split.reset(keep(old.split.buf))
	s.source.reset(keep(old.source.buf))
	s.reasons.reset(old.reasons)
}

func keep(buf []byte) []byte {
	if cap(buf) > mostKept {
		return nil
	}
	return buf[:0]
}
