package prompt

import "bursar/internal/jsonspan"

// message is one message of the request.
type message struct {
	span      jsonspan.Span
	role      role
	sealed    bool // holds bytes that must not be edited
	name      jsonspan.Value
	callID    jsonspan.Value // of the call that a tool message answers
	pieces    jsonspan.Span  // its pieces, in Envelope.pieces
	calls     jsonspan.Span  // its tool calls, in Envelope.calls
	tokens    int64          // once counted
	estimated bool           // the count is an estimate, whatever the family
}

type role uint8

const (
	roleOther  role = iota
	roleSystem      // system or developer
	roleUser
	roleAssistant
	roleTool // tool or, in the old form, function
)

// piece is a part of a message that counts into the prompt.
type piece struct {
	kind    pieceKind
	escaped bool
	span    jsonspan.Span // text between its quotes; of other kinds, the JSON value
	detail  jsonspan.Span // of an image
}

type pieceKind uint8

const (
	pieceText   pieceKind = iota // content
	pieceSpoken                  // text beside the content
	pieceImage                   // its url
	pieceAudio                   // its data
	pieceFile                    // its data
	pieceRaw                     // anything else, as JSON
	pieceTokens                  // tokens, as many as the span is long
)

// call is a tool call of an assistant's message.
type call struct{ id, name, arguments jsonspan.Value }

// messages reads the value of messages.
func (r *reader) messages() jsonspan.Value {
	if r.w.Kind() != jsonspan.Array || r.e.fields[fieldMessages].Kind != jsonspan.None {
		return r.w.Value()
	}
	v := jsonspan.Value{Kind: jsonspan.Array}
	v.Start = r.w.Offset()
	r.w.Enter(jsonspan.Array)
	for r.fault == nil && r.w.Element() {
		if kind := r.w.Kind(); kind != jsonspan.Object {
			if kind != jsonspan.None {
				r.wrong(place{index: len(r.e.messages), at: r.w.Offset()}, "Every message must be an object, but one is "+kind.String()+".")
			}
			r.w.Value()
			continue
		}
		r.message()
	}
	v.End = r.w.Offset()
	return v
}

func (r *reader) message() {
	e := r.e
	in := place{index: len(e.messages)}
	m := message{pieces: jsonspan.Span{Start: len(e.pieces)}, calls: jsonspan.Span{Start: len(e.calls)}}
	m.span.Start = r.w.Offset()
	var seen uint32
	r.w.Enter(jsonspan.Object)
	for r.fault == nil && r.w.Member() {
		switch r.known(messageFields, &seen, in) {
		case inRole:
			v := r.w.Value()
			if v.Kind != jsonspan.String {
				in.at, in.member = v.Start, "role"
				r.wrongType(in, "a string", v.Kind)
			}
			m.role = e.roleOf(v)
		case inContent:
			r.content(&m, in)
		case inName:
			m.name = r.w.Value()
		case inToolCallID:
			m.callID = r.w.Value()
		case inToolCalls:
			r.toolCalls(&m, in)
		case inFunctionCall:
			r.functionCall(&m, in)
		case inRefusal, inReasoning:
			r.text(pieceSpoken, r.w.Value())
		default:
			r.unknown(&m)
		}
	}
	m.span.End = r.w.Offset()
	m.pieces.End, m.calls.End = len(e.pieces), len(e.calls)
	if seen>>inRole&1 == 0 && r.fault == nil && r.w.Err() == nil {
		in.at, in.member = m.span.Start, "role"
		r.refuse(in, "missing_required_parameter", "A message has no role.", "Set it to system, user, assistant or tool.")
	}
	e.messages = append(e.messages, m)
}

func (e *Envelope) roleOf(v jsonspan.Value) role {
	if v.Kind != jsonspan.String {
		return roleOther
	}
	switch string(e.textOf(v.Text(), v.Escaped)) {
	case "user":
		return roleUser
	case "assistant":
		return roleAssistant
	case "tool", "function":
		return roleTool
	case "system", "developer":
		return roleSystem
	}
	return roleOther
}

// text adds a string as a piece, and any other value but null as JSON.
func (r *reader) text(kind pieceKind, v jsonspan.Value) {
	switch v.Kind {
	case jsonspan.None, jsonspan.Null:
	case jsonspan.String:
		r.e.pieces = append(r.e.pieces, piece{kind: kind, escaped: v.Escaped, span: v.Text()})
	default:
		r.e.pieces = append(r.e.pieces, piece{kind: pieceRaw, span: v.Span})
	}
}

// unknown takes a member of a message or part that nobody here knows: its value may be text of the prompt, and may hold
// what seals the message.
func (r *reader) unknown(m *message) {
	r.seal(m)
	v := r.inside(m)
	if v.Kind == jsonspan.String || v.Kind == jsonspan.Array || v.Kind == jsonspan.Object {
		r.e.pieces = append(r.e.pieces, piece{kind: pieceRaw, span: v.Span})
	}
}

// inside takes a value and looks for what seals the message in it. It recurses no deeper than the walker lets it.
func (r *reader) inside(m *message) jsonspan.Value {
	v := jsonspan.Value{Kind: r.w.Kind()}
	v.Start = r.w.Offset()
	switch v.Kind {
	case jsonspan.Object:
		r.w.Enter(jsonspan.Object)
		for r.w.Member() {
			r.seal(m)
			r.inside(m)
		}
	case jsonspan.Array:
		r.w.Enter(jsonspan.Array)
		for r.w.Element() {
			r.inside(m)
		}
	default:
		return r.w.Value()
	}
	v.End = r.w.Offset()
	return v
}

// seal looks at the current member's name.
func (r *reader) seal(m *message) {
	switch f, _ := sealedFields.find(r.w.Key.Of(r.e.body)); f {
	case inSealed:
		m.sealed, r.e.marked = true, true
	case inOpaque:
		m.sealed, r.e.opaque = true, true
	}
	if r.w.KeyEscaped { // nobody spells names so; it may be any of them
		m.sealed = true
	}
}
