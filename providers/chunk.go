package providers

import (
	"cmp"
	"errors"
	"fmt"

	"bursar/internal/jsonspan"
)

var errNoChunk = errors.New("no JSON object")

// readChunk takes down what a chunk tells: usage, model, and of each choice its text and how it ended. Usage is what holds so
// far, not what came on top: vendors that tell it on every chunk tell it cumulatively, so the last one is the one that counts.
func (s *Stream) readChunk(event *Event) error {
	text := event.Data
	w := jsonspan.Walk(text)
	if !w.Enter(jsonspan.Object) {
		return errNoChunk
	}
	event.Kind = KindChunk
	choices, failed, counted := 0, false, false
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "choices":
			choices = s.readChoices(&w, text)
		case "usage":
			counted = s.readUsage(&w, event)
		case "service_tier":
			s.tier = servedTier(w.Value().Of(text))
		case "model":
			if v := w.Value(); len(s.model) == 0 && v.Kind == jsonspan.String {
				s.model = append(s.model, v.Text().Of(text)...)
			}
		case "error":
			failed = truthy(w.Value().Of(text))
		}
	}
	switch {
	case w.End() != nil:
		return w.Err()
	case failed:
		event.Kind = KindError
		s.fail(fmt.Errorf("it sent an error of %d bytes", len(text)))
	case choices == 0 && event.usage.object:
		event.Kind = KindUsage
		if counted {
			s.addUsage()
		}
	}
	s.usage.Tier = cmp.Or(s.usage.Tier, s.tier)
	return nil
}

// addUsage takes down one more chunk of usage alone. llama.cpp ends each of several choices with one of its own, which tells of
// that choice only: their answers add up, over the one prompt.
func (s *Stream) addUsage() {
	if s.choices > 1 {
		s.usage.Output += s.earlier.Output
		s.usage.Reasoning += s.earlier.Reasoning
		s.usage.AudioOut += s.earlier.AudioOut
		s.usage.ImageOut += s.earlier.ImageOut
	}
	s.earlier = s.usage
}

// readUsage takes a usage, and where it stands; false if it says nothing.
func (s *Stream) readUsage(w *jsonspan.Walker, event *Event) bool {
	m := usageMember{key: w.Key.Start - 1, object: w.Kind() == jsonspan.Object}
	m.value.Start = w.Offset()
	usage, ok := readUsage(w, event.Data)
	if ok {
		s.usage, s.hasUsage = usage, true
	} else if !m.object {
		w.Value()
	}
	m.value.End = w.Offset()
	event.usage = m
	return ok
}

func (s *Stream) readChoices(w *jsonspan.Walker, text []byte) int {
	n := 0
	if !w.Enter(jsonspan.Array) {
		return n
	}
	for w.Element() {
		if !w.Enter(jsonspan.Object) {
			continue
		}
		n++
		index, reason := int64(0), []byte(nil)
		for w.Member() {
			switch string(w.Key.Of(text)) {
			case "index":
				takeCount(w, text, &index)
			case "finish_reason":
				reason = w.Value().Of(text)
			case "delta":
				s.readDelta(w, text)
			case "text": // of a legacy completion
				s.keepText(w.Value(), text)
			case "native":
				s.foreign = true
			}
		}
		s.reasons.note(index, reason)
	}
	return n
}

// readDelta keeps the text of a delta for counting.
func (s *Stream) readDelta(w *jsonspan.Walker, text []byte) {
	if !w.Enter(jsonspan.Object) {
		return
	}
	var reasoning jsonspan.Value // vendors have two names for it, and some send both
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "content", "refusal":
			s.keepText(w.Value(), text)
		case "reasoning_content", "reasoning":
			if v := w.Value(); v.Kind == jsonspan.String {
				reasoning = v
			}
		case "tool_calls":
			if !w.Enter(jsonspan.Array) {
				continue
			}
			for w.Element() {
				s.readToolCall(w, text)
			}
		case "function_call":
			s.readFunction(w, text)
		}
	}
	s.keepText(reasoning, text)
}

func (s *Stream) readToolCall(w *jsonspan.Walker, text []byte) {
	if !w.Enter(jsonspan.Object) {
		return
	}
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "function", "custom":
			s.readFunction(w, text)
		}
	}
}

func (s *Stream) readFunction(w *jsonspan.Walker, text []byte) {
	if !w.Enter(jsonspan.Object) {
		return
	}
	for w.Member() {
		switch string(w.Key.Of(text)) {
		case "name", "arguments", "input":
			s.keepText(w.Value(), text)
		}
	}
}

// keepText keeps what a string says, up to the bound.
func (s *Stream) keepText(v jsonspan.Value, text []byte) {
	if v.Kind != jsonspan.String {
		return
	}
	raw := v.Text().Of(text)
	if len(s.text)+len(raw) > s.config.MaxOutputText {
		s.beyond += int64(len(raw))
		return
	}
	if v.Escaped {
		s.text, _ = jsonspan.Unescape(s.text, raw) // a walked string has no malformed escape
	} else {
		s.text = append(s.text, raw...)
	}
}
