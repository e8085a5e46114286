package providers

import (
	"errors"
	"fmt"
	"strconv"

	"bursar/internal/jsonspan"
)

// StreamOf appends to dst the stream that says what a plain chat.completion says, for a client that asked for a stream of an
// answer that is known whole: of each choice first the role and all that is no text, then its text, then its end; at last, if
// told to, the usage. Texts are copied as they are escaped, so numbers and characters survive byte for byte.
func StreamOf(plain, dst []byte, includeUsage bool) ([]byte, error) {
	r := replay{text: plain, dst: dst, usage: includeUsage}
	if err := r.read(); err != nil {
		return dst, fmt.Errorf("make a stream of a plain answer: %w", err)
	}
	for i := range r.choices {
		if err := r.writeChoice(&r.choices[i], i == len(r.choices)-1); err != nil {
			return dst, fmt.Errorf("make a stream of a plain answer: choice %d: %w", i, err)
		}
	}
	if includeUsage && r.spent.Kind == jsonspan.Object {
		r.open()
		r.dst = append(r.dst, `],"usage":`...)
		r.copy(r.spent)
		r.close()
	}
	return append(r.dst, "data: [DONE]\n\n"...), nil
}

// replay is a plain answer on its way to become a stream.
type replay struct {
	text  []byte
	dst   []byte
	usage bool // other chunks then say usage:null, as OpenAI's do

	head    []member // what every chunk repeats: id, created, model, ...
	rest    []member // what only the last chunk says
	choices []wholeChoice
	spent   jsonspan.Value
}

// member is a name and a value as they stand in the text.
type member struct {
	key   jsonspan.Span // between its quotes
	value jsonspan.Value
}

// wholeChoice is one choice of a plain answer.
type wholeChoice struct {
	place    int
	index    jsonspan.Value // None if it has none: its place counts then
	message  jsonspan.Value
	logprobs jsonspan.Value
	finish   jsonspan.Value
	rest     []member
}

var (
	errNoCompletion = errors.New("it is no chat.completion: no object with choices")
	errNoMessage    = errors.New("it has no message")
)

func (r *replay) read() error {
	w := jsonspan.Walk(r.text)
	if !w.Enter(jsonspan.Object) {
		return errNoCompletion
	}
	failed := false
	for w.Member() {
		switch key := w.Key; string(key.Of(r.text)) {
		case "choices":
			r.readChoices(&w)
		case "usage":
			r.spent = w.Value()
		case "id", "created", "model", "system_fingerprint", "service_tier":
			r.head = append(r.head, member{key, w.Value()})
		case "object":
		case "error":
			failed = truthy(w.Value().Of(r.text))
		default:
			r.rest = append(r.rest, member{key, w.Value()})
		}
	}
	switch {
	case w.End() != nil:
		return w.Err()
	case failed:
		return errInOK
	case len(r.choices) == 0:
		return errNoCompletion
	}
	return nil
}

func (r *replay) readChoices(w *jsonspan.Walker) {
	r.choices = r.choices[:0]
	if !w.Enter(jsonspan.Array) {
		return
	}
	for w.Element() {
		c := wholeChoice{place: len(r.choices)}
		if !w.Enter(jsonspan.Object) {
			r.choices = append(r.choices, c)
			continue
		}
		for w.Member() {
			switch key := w.Key; string(key.Of(r.text)) {
			case "index":
				c.index = w.Value()
			case "message":
				c.message = w.Value()
			case "logprobs":
				c.logprobs = w.Value()
			case "finish_reason":
				c.finish = w.Value()
			case "delta": // no member of a message; a chunk must not have two
			default:
				c.rest = append(c.rest, member{key, w.Value()})
			}
		}
		r.choices = append(r.choices, c)
	}
}

// writeChoice writes the chunks of a choice.
func (r *replay) writeChoice(c *wholeChoice, last bool) error {
	if c.message.Kind != jsonspan.Object {
		return errNoMessage
	}
	m := r.readMessage(c.message)
	r.openDelta(c)
	r.writeRole(m)
	r.closeDelta(nil)
	probs := &c.logprobs
	for _, text := range m.texts {
		r.openDelta(c)
		r.member(text)
		if string(text.key.Of(r.text)) == "content" {
			r.closeDelta(probs)
			probs = nil
		} else {
			r.closeDelta(nil)
		}
	}
	for i, call := range m.calls {
		r.writeToolCall(c, i, call)
	}
	if m.function.Kind == jsonspan.Object {
		r.writeFunction(c, m.function)
	}
	r.openDelta(c)
	r.writeEnd(c, probs, last)
	return nil
}

// wholeMessage is the message of a choice, sorted by how its members stream.
type wholeMessage struct {
	role     jsonspan.Value
	texts    []member // strings that are not empty
	first    []member // all that is said in the first delta
	calls    []jsonspan.Value
	function jsonspan.Value
}

func (r *replay) readMessage(message jsonspan.Value) *wholeMessage {
	m := new(wholeMessage)
	text := message.Of(r.text)
	w := jsonspan.Walk(text)
	w.Enter(jsonspan.Object)
	for w.Member() {
		key := jsonspan.Span{Start: message.Start + w.Key.Start, End: message.Start + w.Key.End}
		name := string(w.Key.Of(text))
		if name == "tool_calls" && w.Enter(jsonspan.Array) {
			m.calls = m.calls[:0]
			for w.Element() {
				m.calls = append(m.calls, shift(w.Value(), message.Start))
			}
			continue
		}
		v := shift(w.Value(), message.Start)
		switch {
		case name == "role":
			m.role = v
		case name == "function_call" && v.Kind == jsonspan.Object:
			m.function = v
		case v.Kind == jsonspan.String && v.Len() > 2:
			m.texts = append(m.texts, member{key, v})
		default:
			m.first = append(m.first, member{key, v})
		}
	}
	return m
}

// shift moves a value found in a part of the text that begins at by.
func shift(v jsonspan.Value, by int) jsonspan.Value {
	v.Start += by
	v.End += by
	return v
}

// writeRole writes the members of the first delta. Texts that follow begin as empty ones, as OpenAI's content does.
func (r *replay) writeRole(m *wholeMessage) {
	r.dst = append(r.dst, `"role":`...)
	if m.role.Kind == jsonspan.String {
		r.copy(m.role)
	} else {
		r.dst = append(r.dst, `"assistant"`...)
	}
	for _, first := range m.first {
		r.dst = append(r.dst, ',')
		r.member(first)
	}
	for _, text := range m.texts {
		if string(text.key.Of(r.text)) == "content" {
			r.dst = append(r.dst, `,"content":""`...)
		}
	}
}

// writeToolCall writes the chunks of one call: what it is, with empty arguments, then its arguments. A call of a kind that is not
// known is said at once.
func (r *replay) writeToolCall(c *wholeChoice, place int, call jsonspan.Value) {
	text := call.Of(r.text)
	arguments, split := jsonspan.Get(text, "function", "arguments")
	split = split && arguments.Kind == jsonspan.String && arguments.Len() > 2
	index := strconv.AppendInt(nil, int64(place), 10)
	given, numbered := jsonspan.Get(text, "index")
	if numbered {
		index = jsonspan.Compact(index[:0], given.Of(text))
	}
	r.openDelta(c)
	r.dst = append(r.dst, `"tool_calls":[`...)
	if call.Kind == jsonspan.Object && !numbered {
		r.dst = append(append(r.dst, `{"index":`...), index...)
		if w := jsonspan.Walk(text); w.Enter(jsonspan.Object) && w.Member() {
			r.dst = append(r.dst, ',')
		}
		text, arguments.Start, arguments.End = text[1:], arguments.Start-1, arguments.End-1
	}
	if split {
		r.dst = jsonspan.Compact(r.dst, text[:arguments.Start])
		r.dst = append(r.dst, `""`...)
		r.dst = jsonspan.Compact(r.dst, text[arguments.End:])
	} else {
		r.dst = jsonspan.Compact(r.dst, text)
	}
	r.dst = append(r.dst, ']')
	r.closeDelta(nil)
	if !split {
		return
	}
	r.openDelta(c)
	r.dst = append(append(r.dst, `"tool_calls":[{"index":`...), index...)
	r.dst = append(r.dst, `,"function":{"arguments":`...)
	r.dst = append(r.dst, arguments.Of(text)...)
	r.dst = append(r.dst, "}}]"...)
	r.closeDelta(nil)
}

// writeFunction writes a call in the manner before tools.
func (r *replay) writeFunction(c *wholeChoice, function jsonspan.Value) {
	r.openDelta(c)
	r.dst = append(r.dst, `"function_call":`...)
	r.copy(function)
	r.closeDelta(nil)
}

// writeEnd writes the last chunk of a choice, after its delta was opened.
func (r *replay) writeEnd(c *wholeChoice, probs *jsonspan.Value, last bool) {
	r.dst = append(r.dst, '}')
	r.probs(probs)
	for _, m := range c.rest {
		r.dst = append(r.dst, ',')
		r.member(m)
	}
	r.dst = append(r.dst, `,"finish_reason":`...)
	r.orNull(c.finish)
	r.dst = append(r.dst, "}]"...)
	if last {
		for _, m := range r.rest {
			r.dst = append(r.dst, ',')
			r.member(m)
		}
	}
	r.nullUsage()
	r.close()
}

// open begins a chunk, up to the inside of its choices.
func (r *replay) open() {
	r.dst = append(r.dst, "data: {"...)
	for _, m := range r.head {
		r.member(m)
		r.dst = append(r.dst, ',')
	}
	r.dst = append(r.dst, `"object":"chat.completion.chunk","choices":[`...)
}

func (r *replay) close() { r.dst = append(r.dst, "}\n\n"...) }

// openDelta begins a chunk of a choice, up to the inside of its delta.
func (r *replay) openDelta(c *wholeChoice) {
	r.open()
	r.dst = append(r.dst, `{"index":`...)
	if c.index.Kind == jsonspan.Number {
		r.copy(c.index)
	} else {
		r.dst = strconv.AppendInt(r.dst, int64(c.place), 10)
	}
	r.dst = append(r.dst, `,"delta":{`...)
}

func (r *replay) closeDelta(probs *jsonspan.Value) {
	r.dst = append(r.dst, '}')
	r.probs(probs)
	r.dst = append(r.dst, `,"finish_reason":null}]`...)
	r.nullUsage()
	r.close()
}

func (r *replay) probs(probs *jsonspan.Value) {
	if probs != nil && probs.Kind != jsonspan.None {
		r.dst = append(r.dst, `,"logprobs":`...)
		r.copy(*probs)
	}
}

func (r *replay) nullUsage() {
	if r.usage {
		r.dst = append(r.dst, `,"usage":null`...)
	}
}

func (r *replay) member(m member) {
	r.dst = append(append(append(r.dst, '"'), m.key.Of(r.text)...), '"', ':')
	r.copy(m.value)
}

func (r *replay) orNull(v jsonspan.Value) {
	if v.Kind == jsonspan.None {
		r.dst = append(r.dst, "null"...)
		return
	}
	r.copy(v)
}

// copy appends a value as it stands, but on one line: a line end would end the event's data.
func (r *replay) copy(v jsonspan.Value) {
	raw := v.Of(r.text)
	if v.Kind == jsonspan.Object || v.Kind == jsonspan.Array {
		r.dst = jsonspan.Compact(r.dst, raw)
		return
	}
	r.dst = append(r.dst, raw...)
}
