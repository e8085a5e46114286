package providers

import (
	"errors"
	"fmt"
)

var errChoices = errors.New("its choices are no array of objects")

// readChunk takes down what a chunk tells: usage, model, and of each choice its text and how it ended. Usage is what holds so
// far, not what came on top: vendors that tell it on every chunk tell it cumulatively, so the last one is the one that counts.
func (s *Stream) readChunk(event *Event) error {
	event.Kind = KindChunk
	choices, wrong := 0, false
	err := members(event.Data, func(key, value []byte) error {
		switch string(key) {
		case "choices":
			if isNull(value) {
				return nil
			}
			if !isArray(value) {
				return errChoices
			}
			return elements(value, func(choice []byte) error {
				choices++
				return s.readChoice(choice)
			})
		case "usage":
			event.usage = spanOf(event.Data, value)
			event.spent = isObject(value)
			if usage, ok := ReadUsage(value); event.spent && ok {
				s.usage, s.hasUsage = usage, true
			}
		case "service_tier":
			s.tier = servedTier(value)
		case "model":
			if len(s.model) == 0 && isString(value) {
				s.model = append(s.model, value[1:len(value)-1]...)
			}
		case "error":
			wrong = truthy(value)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case wrong:
		event.Kind = KindError
		s.failed = fmt.Errorf("it sent an error: %s", excerpt(event.Data))
	case choices == 0 && event.spent:
		event.Kind = KindUsage
	}
	s.usage.Tier = s.tier
	return nil
}

func (s *Stream) readChoice(choice []byte) error {
	if !isObject(choice) {
		return errChoices
	}
	index, reason := 0, []byte(nil)
	err := members(choice, func(key, value []byte) error {
		switch string(key) {
		case "index":
			if i, ok := readCount(value); ok {
				index = int(min(i, mostChoices))
			}
		case "finish_reason":
			reason = value
		case "delta":
			if isObject(value) {
				return s.readDelta(value)
			}
		}
		return nil
	})
	s.reasons.note(index, reason)
	return err
}

// readDelta keeps the text of a delta for counting.
func (s *Stream) readDelta(delta []byte) error {
	var reasoning []byte // vendors have two names for it, and some send both
	err := members(delta, func(key, value []byte) error {
		switch string(key) {
		case "content", "refusal":
			s.keepText(value)
		case "reasoning_content", "reasoning":
			if isString(value) {
				reasoning = value
			}
		case "tool_calls":
			if isArray(value) {
				return elements(value, s.readToolCall)
			}
		case "function_call":
			return s.readFunction(value)
		}
		return nil
	})
	s.keepText(reasoning)
	return err
}

func (s *Stream) readToolCall(call []byte) error {
	if !isObject(call) {
		return nil
	}
	return members(call, func(key, value []byte) error {
		switch string(key) {
		case "function", "custom":
			return s.readFunction(value)
		}
		return nil
	})
}

func (s *Stream) readFunction(function []byte) error {
	if !isObject(function) {
		return nil
	}
	return members(function, func(key, value []byte) error {
		switch string(key) {
		case "name", "arguments", "input":
			s.keepText(value)
		}
		return nil
	})
}

// keepText keeps what a JSON string says, up to the bound.
func (s *Stream) keepText(value []byte) {
	if !isString(value) {
		return
	}
	if len(s.text)+len(value) > s.config.MaxOutputText {
		s.beyond += int64(len(value) - 2)
		return
	}
	s.text = unescape(s.text, value)
}
