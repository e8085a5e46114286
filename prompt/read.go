package prompt

import (
	"bytes"
	"slices"

	"bursar/exchange"
	"bursar/internal/jsonspan"
)

const (
	maxMembers = 512 // members of a request; OpenAI knows some forty
	maxName    = 256 // bytes of a member's name
	maxAnswers = 128 // OpenAI's bound of n
)

// Read reads a body in one pass. It refuses, with an *exchange.Fault of status 400, what is not one JSON object in UTF-8, what two
// readers could read differently (doubled members, other spellings of known members), and what a chat request must not be: no
// model, no messages, known members of a wrong type. Members that it does not know pass. A refused envelope is empty.
//
// What it accepts is valid for encoding/json too.
func (e *Envelope) Read(body []byte) error { return e.read(body, Messages) }

func (e *Envelope) read(body []byte, input Input) error {
	e.Reset()
	e.body, e.input = body, input
	r := reader{e: e, w: jsonspan.Walk(body)}
	r.request()
	if r.fault == nil {
		if err := r.w.End(); err != nil {
			r.syntax(err)
		}
	}
	if r.fault == nil {
		r.doubled()
	}
	if r.fault == nil {
		r.required()
	}
	if r.fault != nil {
		e.Reset()
		return r.fault
	}
	e.model, e.user = e.kept(e.model, e.fields[fieldModel]), e.kept(e.user, e.fields[fieldUser])
	return nil
}

// reader is one pass over a body. The first fault ends it; syntax errors wait in the walker until the pass is over.
type reader struct {
	e     *Envelope
	w     jsonspan.Walker
	fault *exchange.Fault
}

func (r *reader) request() {
	if kind := r.w.Kind(); kind != jsonspan.Object && kind != jsonspan.None {
		r.wrong(place{index: -1, at: r.w.Offset()}, "The request body must be a JSON object, but it is "+kind.String()+".")
		return
	}
	r.w.Enter(jsonspan.Object)
	for r.fault == nil && r.w.Member() {
		m := member{key: r.w.Key, escaped: r.w.KeyEscaped}
		m.field = r.known(requestFields, nil, place{index: -1})
		switch {
		case m.field == r.e.input.field() && m.field != fieldMessages:
			m.value = r.texts()
		case m.field == fieldMessages:
			m.value = r.messages()
		case m.field == fieldStreamOptions:
			m.value = r.streamOptions()
		default:
			m.value = r.w.Value()
		}
		r.e.members = append(r.e.members, m)
		r.e.fields[m.field] = m.value
		r.e.last = m.value.End
		if len(r.e.members) > maxMembers || m.key.Len() > maxName {
			r.wrong(place{index: -1, at: m.key.Start}, "The request has more than 512 members, or one with a name longer than 256 bytes.")
		}
	}
}

// known returns which of the known members the current one is, and refuses another spelling of one. Seen, if given, gathers the
// members of one object, and refuses those that come twice.
func (r *reader) known(members names, seen *uint32, in place) field {
	key := r.w.Key.Of(r.e.body)
	f, ok := members.find(key)
	if !ok {
		if r.w.KeyEscaped {
			key = r.e.textOf(r.w.Key, true)
		}
		if alias := aliasOf(key, r.w.KeyEscaped, members); alias != "" {
			in.at, in.member = r.w.Key.Start, alias
			r.alias(in)
		}
		return fieldUnknown
	}
	if seen != nil {
		if *seen>>f&1 == 1 {
			in.at, in.member = r.w.Key.Start, string(key)
			r.twice(in)
		}
		*seen |= 1 << f
	}
	return f
}

// streamOptions reads the value of stream_options, and where include_usage can be set in it.
func (r *reader) streamOptions() jsonspan.Value {
	if r.w.Kind() != jsonspan.Object {
		return r.w.Value()
	}
	v := jsonspan.Value{Kind: jsonspan.Object}
	v.Start = r.w.Offset()
	in := place{index: -1, inside: "stream_options"}
	o := options{last: v.Start + 1, empty: true}
	var seen uint32
	r.w.Enter(jsonspan.Object)
	for r.fault == nil && r.w.Member() {
		f := r.known(optionFields, &seen, in)
		option := r.w.Value()
		o.last, o.empty = option.End, false
		if f != inIncludeUsage {
			continue
		}
		o.includeUsage = option
		if !isBool(option.Kind) {
			in.at, in.member = option.Start, "include_usage"
			r.wrongType(in, "true or false", option.Kind)
		}
	}
	v.End = r.w.Offset()
	r.e.options = o
	return v
}

// doubled refuses members of the request that come twice, known or not: of two, each reader may take another.
func (r *reader) doubled() {
	e := r.e
	slices.SortFunc(e.members, func(a, b member) int { return e.compareKeys(&a, &b) })
	for i := 1; i < len(e.members); i++ {
		if m := &e.members[i]; e.compareKeys(&e.members[i-1], m) == 0 {
			r.twice(place{index: -1, at: max(m.key.Start, e.members[i-1].key.Start), member: string(m.key.Of(e.body))})
			return
		}
	}
}

// compareKeys orders members by name.
func (e *Envelope) compareKeys(a, b *member) int {
	keyA, keyB := a.key.Of(e.body), b.key.Of(e.body)
	if a.escaped {
		keyA, _ = jsonspan.Unescape(nil, keyA)
	}
	if b.escaped {
		keyB, _ = jsonspan.Unescape(nil, keyB)
	}
	return bytes.Compare(keyA, keyB)
}

// required refuses a request without what it must have, or with a known member of a wrong type.
func (r *reader) required() {
	e := r.e
	if v := e.fields[fieldModel]; v.Kind != jsonspan.String || v.Text().Len() == 0 {
		r.missing(v, "model", "the name of a model, in quotes")
		return
	}
	switch v := e.fields[e.input.field()]; {
	case e.input != Messages && (len(e.messages) != 1 || e.messages[0].pieces.Len() == 0):
		r.missing(v, e.input.name(), "a text, an array of at least one text, or of tokens")
		return
	case e.input == Messages && (v.Kind != jsonspan.Array || len(e.messages) == 0):
		r.missing(v, "messages", "an array of at least one message")
		return
	}
	for _, m := range e.members {
		if want := m.expected(e.body); want != "" {
			r.wrongType(place{index: -1, at: m.value.Start, member: string(m.key.Of(e.body))}, want, m.value.Kind)
			return
		}
	}
}

// expected returns what a member of the request should have been, "" if it is well. Null is as good as absent.
func (m member) expected(body []byte) string {
	kind := m.value.Kind
	if kind == jsonspan.Null {
		return ""
	}
	switch m.field {
	case fieldStream:
		if !isBool(kind) {
			return "true or false"
		}
	case fieldMaxTokens, fieldMaxCompletionTokens, fieldMaxOutputTokens:
		if n, ok := m.value.Int(body); !ok || n < 1 {
			return "a positive integer in plain digits"
		}
	case fieldN, fieldBestOf:
		if n, ok := m.value.Int(body); !ok || n < 1 || n > maxAnswers {
			return "an integer from 1 to 128"
		}
	case fieldTools, fieldFunctions:
		if kind != jsonspan.Array {
			return "an array"
		}
	case fieldStreamOptions, fieldPrediction, fieldResponseFormat:
		if kind != jsonspan.Object {
			return "an object"
		}
	case fieldUser:
		if kind != jsonspan.String {
			return "a string"
		}
	}
	return ""
}

func isBool(k jsonspan.Kind) bool {
	return k == jsonspan.True || k == jsonspan.False || k == jsonspan.Null
}
