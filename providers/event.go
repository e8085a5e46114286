package providers

import (
	"bytes"
	"fmt"

	"bursar/internal/jsonspan"
)

// Event is one event of a stream. Its bytes are valid until the next call of the stream's Next or Buffered.
type Event struct {
	Kind Kind
	Raw  []byte // all bytes of the event, the blank line at its end included; all events' together are the whole stream, up to [DONE]
	Data []byte // what its data lines say; nil for a comment

	at    int // where Data begins in Raw; -1 if it was joined from several lines
	usage usageMember
}

// usageMember is where the usage of a chunk stands in its Data.
type usageMember struct {
	key    int           // where the member's name begins, with its quote; 0 if there is no such member
	value  jsonspan.Span // its value
	object bool          // it is an object, not null
}

// Kind is what an event is to a chat completion.
type Kind uint8

// Kinds of event.
const (
	KindChunk   Kind = iota // a chunk with choices; it may hold usage too
	KindUsage               // the chunk after the answer: usage, and no choices
	KindDone                // data: [DONE]
	KindError               // data: {"error": ...}: the provider gave up
	KindComment             // no data: a comment that keeps the connection alive
)

// HasUsage tells whether the event's data has a usage object.
func (e *Event) HasUsage() bool { return e.usage.object }

// splitter cuts a stream of bytes into events. It does not mind how the bytes were split on the way: inside a line end, a
// character or a field name. Lines may end in LF, CR or CR LF.
type splitter struct {
	buf  []byte // what was fed and not yet cut off
	head int    // where the event under way begins
	line int    // where its line under way begins
	seen int    // how far the line was searched for its end
	last lineEnd
}

// lineEnd is how the previous line ended.
type lineEnd uint8

const (
	endLF lineEnd = iota
	endCR
	endCRLF
)

// next cuts off the next whole event, its blank line included; nil if there is none yet. A blank line without an event before it
// is an event of its own, so that no byte of a stream is lost.
func (s *splitter) next() []byte {
	for s.seen < len(s.buf) {
		end, size := s.lineEnd()
		if size == 0 {
			return nil
		}
		blank := end == s.line
		s.line, s.seen = end+size, end+size
		if blank {
			raw := s.buf[s.head:s.line]
			s.head = s.line
			return raw
		}
	}
	return nil
}

// lineEnd finds the end of the line under way and the size of its mark; a size of 0 means that it has not arrived.
func (s *splitter) lineEnd() (end, size int) {
	i := indexLineEnd(s.buf[s.seen:])
	if i < 0 {
		s.seen = len(s.buf)
		return 0, 0
	}
	end = s.seen + i
	if s.buf[end] == '\n' {
		s.last = endLF
		return end, 1
	}
	// A blank line in a stream of bare CRs ends its event at once: waiting for an LF that may belong to it could mean waiting for
	// the next event. (Should one come, it is a blank line of its own, and harmless.)
	if end == s.line && s.last == endCR {
		return end, 1
	}
	if end+1 == len(s.buf) {
		s.seen = end
		return 0, 0
	}
	if s.buf[end+1] == '\n' {
		s.last = endCRLF
		return end, 2
	}
	s.last = endCR
	return end, 1
}

// indexLineEnd finds the first CR or LF. It looks at a window at a time, so that many short lines of one kind do not make it
// search all the rest for the other kind again and again.
func indexLineEnd(b []byte) int {
	const window = 512
	for at := 0; at < len(b); at += window {
		w := b[at:min(at+window, len(b))]
		lf := bytes.IndexByte(w, '\n')
		if lf >= 0 {
			w = w[:lf]
		}
		if cr := bytes.IndexByte(w, '\r'); cr >= 0 {
			return at + cr
		}
		if lf >= 0 {
			return at + lf
		}
	}
	return -1
}

// closeEvent ends the last event of a stream that was closed without the blank line after it. Should the event be half a one, its
// data will be no JSON.
func (s *splitter) closeEvent() {
	rest := s.rest()
	switch {
	case len(bytes.Trim(rest, "\r\n")) == 0:
	case rest[len(rest)-1] == '\n':
		s.buf = append(s.buf, '\n')
	default:
		s.buf = append(s.buf, '\n', '\n')
	}
}

// room moves what is left to the front of the buffer and returns it for appending. Events cut off before lose their bytes.
func (s *splitter) room() []byte {
	if s.head > 0 {
		n := copy(s.buf, s.buf[s.head:])
		s.buf = s.buf[:n]
		s.line -= s.head
		s.seen -= s.head
		s.head = 0
	}
	return s.buf
}

// rest returns what was fed after the last whole event.
func (s *splitter) rest() []byte { return s.buf[s.head:] }

// reset makes the splitter as good as new, on the given buffer.
func (s *splitter) reset(buf []byte) { *s = splitter{buf: buf[:0]} }

var byteOrderMark = []byte("\xef\xbb\xbf")

// readEvent finds the data of an event's bytes from at on. Several data lines are joined by LF in scratch, which is returned for reuse.
func readEvent(raw []byte, at int, scratch []byte) (Event, []byte) {
	event := Event{Kind: KindComment, Raw: raw, at: -1}
	lines := 0
	for at < len(raw) {
		end := at + indexLineEnd(raw[at:])
		if end < at {
			end = len(raw)
		}
		if line := raw[at:end]; string(line) == "event: error" || string(line) == "event:error" {
			event.Kind = KindError
		} else if value, isData := dataOf(line); isData {
			switch lines++; lines {
			case 1:
				event.Data, event.at = value, end-len(value)
			case 2:
				scratch = append(append(scratch[:0], event.Data...), '\n')
				scratch = append(scratch, value...)
				event.Data, event.at = scratch, -1
			default:
				scratch = append(append(scratch, '\n'), value...)
				event.Data = scratch
			}
		}
		at = end + 1
	}
	if len(bytes.TrimSpace(event.Data)) == 0 {
		event.Data = nil
	}
	return event, scratch
}

// dataOf returns the value of a data line: what follows the colon, without one space after it.
func dataOf(line []byte) ([]byte, bool) {
	value, ok := bytes.CutPrefix(line, []byte("data"))
	if !ok {
		return nil, false
	}
	if len(value) == 0 {
		return value, true
	}
	if value[0] != ':' {
		return nil, false
	}
	return bytes.TrimPrefix(value[1:], []byte{' '}), true
}

// errEventTooLong tells of an event beyond the bound.
func errEventTooLong(bound int) error {
	return fmt.Errorf("an event of the stream is longer than %d bytes", bound)
}
