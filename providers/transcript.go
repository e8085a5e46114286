package providers

import (
	"bytes"
	"fmt"
)

// EditStream appends to dst a whole stream that was kept, event by event, each as edit appends it.
func EditStream(sse, dst []byte, edit func(dst []byte, e *Event) []byte) ([]byte, error) {
	sse = bytes.TrimPrefix(sse, byteOrderMark)
	dst, left, err := EditEvents(sse, dst, edit)
	if err != nil {
		return dst, fmt.Errorf("edit a kept stream: %w", err)
	}
	return append(dst, sse[len(sse)-left:]...), nil
}

// EditEvents appends to dst the whole events of a part of a stream, each as edit appends it, and tells how many bytes are left after the last
// one. A part that ends in a CR may have an LF to come that belongs to its last event.
func EditEvents(part, dst []byte, edit func(dst []byte, e *Event) []byte) (edited []byte, left int, err error) {
	s := Stream{config: &Config{}}
	s.split.buf = part
	for {
		raw := s.split.next()
		if raw == nil {
			return dst, len(s.split.rest()), nil
		}
		var event Event
		event, s.scratch = readEvent(raw, 0, s.scratch)
		switch data := bytes.TrimSpace(event.Data); {
		case len(data) == 0:
			event.Kind = KindComment
		case string(data) == "[DONE]":
			event.Kind = KindDone
		default:
			if err := s.readChunk(&event); err != nil {
				return dst, len(s.split.rest()), fmt.Errorf("an event is no chunk: %w", err)
			}
		}
		dst = edit(dst, &event)
	}
}

// Text returns the text of a plain answer, as Stream.OutputText does of a stream, for counting its tokens when the provider does
// not tell them.
func (a *Answer) Text() []byte {
	sse, err := StreamOf(a.Body, nil, false)
	if err != nil {
		return a.Body // it says something all the same
	}
	s := Stream{config: &Config{MaxOutputText: len(sse)}}
	s.split.buf = sse
	for raw := s.split.next(); raw != nil; raw = s.split.next() {
		event, _ := readEvent(raw, 0, nil)
		if len(event.Data) > 0 && string(event.Data) != "[DONE]" && s.readChunk(&event) != nil {
			return a.Body
		}
	}
	return s.text
}
