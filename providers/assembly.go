package providers

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/jsonspan"
)

// PlainOf appends to dst the chat.completion that a whole stream says, for a client that asked for no stream of an answer that is
// known as one. Texts are joined as they are escaped: a character that was split over two chunks is whole again.
func PlainOf(sse, dst []byte) ([]byte, error) {
	var a assembly
	if err := a.read(sse); err != nil {
		return dst, fmt.Errorf("make a plain answer of a stream: %w", err)
	}
	return a.append(dst), nil
}

// assembly is a plain answer being put together.
type assembly struct {
	head    node // members of the chunks but choices and usage
	usage   []byte
	alone   [][]byte // usages of chunks that hold nothing else, if the last one is of those
	choices []*partChoice
}

// partChoice is a choice being put together.
type partChoice struct {
	index   int64
	message node
	probs   node
	rest    node // finish_reason and what is not known
}

var (
	errNoChunks = errors.New("it has no chunk with choices")
	errTooMany  = errors.New("it has too many parts")
)

// mostParts bounds the members of an object and the numbered elements of an array, which are found by looking at each.
const mostParts = 2048

func (a *assembly) read(sse []byte) error {
	split := splitter{buf: bytes.TrimPrefix(sse, byteOrderMark)}
	for last := false; !last; {
		raw := split.next()
		if raw == nil {
			raw, last = split.rest(), true
		}
		event, _ := readEvent(raw, 0, nil) // no scratch: parts of the data are kept
		switch {
		case len(event.Data) == 0 || string(bytes.TrimSpace(event.Data)) == "[DONE]":
		case event.Kind == KindError:
			return errInOK
		default:
			if err := a.readChunk(event.Data); err != nil {
				return err
			}
		}
	}
	if len(a.choices) == 0 {
		return errNoChunks
	}
	return nil
}

func (a *assembly) readChunk(text []byte) error {
	w := jsonspan.Walk(text)
	if !w.Enter(jsonspan.Object) {
		return errNoChunk
	}
	var usage []byte
	choices := 0
	for w.Member() {
		var err error
		switch key := w.Key.Of(text); string(key) {
		case "choices":
			choices, err = a.readChoices(&w, text)
		case "usage":
			if v := w.Value(); v.Kind == jsonspan.Object {
				usage = v.Of(text)
			}
		case "object", "obfuscation":
		case "error":
			if truthy(w.Value().Of(text)) {
				err = errInOK
			}
		default:
			err = a.head.replace(key, w.Value(), text)
		}
		if err != nil {
			return err
		}
	}
	if usage != nil {
		a.takeUsage(usage, choices == 0)
	}
	return w.End()
}

// takeUsage takes the usage of a chunk. The last one that says something counts, and those of chunks of usage alone add up.
func (a *assembly) takeUsage(usage []byte, alone bool) {
	if _, says := ReadUsage(usage); !says {
		if a.usage == nil {
			a.usage = usage
		}
		return
	}
	a.usage = usage
	if alone {
		a.alone = append(a.alone, usage)
	} else {
		a.alone = a.alone[:0]
	}
}

func (a *assembly) readChoices(w *jsonspan.Walker, text []byte) (n int, err error) {
	if !w.Enter(jsonspan.Array) {
		return 0, nil
	}
	for w.Element() {
		if v := w.Value(); v.Kind == jsonspan.Object {
			n++
			if err := a.readChoice(v.Of(text)); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (a *assembly) readChoice(text []byte) error {
	index := int64(0)
	if v, ok := jsonspan.Get(text, "index"); ok {
		index, _ = v.Int(text)
	}
	c, err := a.choice(index)
	if err != nil {
		return err
	}
	w := jsonspan.Walk(text)
	w.Enter(jsonspan.Object)
	for w.Member() {
		switch key := w.Key.Of(text); string(key) {
		case "index", "message":
		case "delta":
			if w.Kind() == jsonspan.Object {
				err = c.message.merge(&w, text, nil)
			}
		case "logprobs":
			err = c.probs.merge(&w, text, nil)
		default:
			err = c.rest.replace(key, w.Value(), text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// choice returns the choice with the index, kept in order.
func (a *assembly) choice(index int64) (*partChoice, error) {
	at, ok := slices.BinarySearchFunc(a.choices, index, func(c *partChoice, index int64) int { return int(max(-1, min(1, c.index-index))) })
	if !ok {
		if len(a.choices) >= mostParts {
			return nil, errTooMany
		}
		a.choices = slices.Insert(a.choices, at, &partChoice{index: index})
	}
	return a.choices[at], nil
}

func (a *assembly) append(dst []byte) []byte {
	dst = append(dst, '{')
	for _, name := range []string{"id", "object", "created", "model"} {
		if name == "object" {
			dst = append(dst, `"object":"chat.completion",`...)
		} else if m := a.head.find([]byte(name)); m != nil {
			dst = append(m.append(dst, true), ',')
		}
	}
	dst = append(dst, `"choices":[`...)
	for i, c := range a.choices {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.append(dst)
	}
	dst = append(dst, ']')
	if a.usage != nil {
		dst = append(dst, `,"usage":`...)
		if len(a.choices) > 1 && len(a.alone) > 1 {
			dst = appendUsages(dst, a.alone)
		} else {
			dst = append(dst, a.usage...)
		}
	}
	for _, m := range a.head.kids {
		switch string(m.key) {
		case "id", "created", "model":
		default:
			dst = m.append(append(dst, ','), true)
		}
	}
	return append(dst, '}')
}

func (c *partChoice) append(dst []byte) []byte {
	dst = fmt.Appendf(dst, `{"index":%d,"message":{`, c.index)
	if c.message.find([]byte("role")) == nil {
		dst = append(dst, `"role":"assistant",`...)
	}
	if c.message.find([]byte("content")) == nil { // clients read it whether or not there is any
		dst = append(dst, `"content":null,`...)
	}
	for _, m := range c.message.kids {
		dst = append(m.append(dst, true), ',')
	}
	dst = append(bytes.TrimSuffix(dst, []byte{','}), '}')
	if c.probs.kind != jsonspan.None {
		dst = c.probs.append(append(dst, `,"logprobs":`...), false)
	}
	if c.rest.find([]byte("finish_reason")) == nil {
		dst = append(dst, `,"finish_reason":null`...)
	}
	for _, m := range c.rest.kids {
		dst = m.append(append(dst, ','), true)
	}
	return append(dst, '}')
}
