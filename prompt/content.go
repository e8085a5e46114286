package prompt

import "bursar/internal/jsonspan"

// content reads the content of a message: a string, null, or an array of parts.
func (r *reader) content(m *message, in place) {
	switch kind := r.w.Kind(); kind {
	case jsonspan.String, jsonspan.Null, jsonspan.None:
		r.text(pieceText, r.w.Value())
	case jsonspan.Array:
		r.w.Enter(jsonspan.Array)
		for r.fault == nil && r.w.Element() {
			r.part(m, in)
		}
	default:
		in.at, in.member = r.w.Offset(), "content"
		r.wrongType(in, "a string, null or an array of parts", kind)
		r.w.Value()
	}
}

// part reads one part of a content. What it is shows in what it has, whatever its type says: a reader that is misled by the type
// counts too much, never too little.
func (r *reader) part(m *message, in place) {
	if !r.w.Enter(jsonspan.Object) {
		r.text(pieceText, r.w.Value())
		return
	}
	in.inside = "content"
	var seen uint32
	for r.fault == nil && r.w.Member() {
		switch r.known(partFields, &seen, in) {
		case inType:
			r.w.Value()
		case inText:
			r.text(pieceText, r.w.Value())
		case inRefusal:
			r.text(pieceSpoken, r.w.Value())
		case inImage:
			r.image(m, in)
		case inAudio:
			r.data(m, pieceAudio)
		case inFile:
			r.data(m, pieceFile)
		default:
			r.unknown(m)
		}
	}
}

// image reads the value of image_url: an object with a url and a detail, or, as some servers take it, the url.
func (r *reader) image(m *message, in place) {
	p := piece{kind: pieceImage}
	if !r.w.Enter(jsonspan.Object) {
		if v := r.w.Value(); v.Kind == jsonspan.String {
			p.span, p.escaped = v.Text(), v.Escaped
			r.e.pieces = append(r.e.pieces, p)
		}
		return
	}
	in.inside = "content.image_url"
	var seen uint32
	for r.fault == nil && r.w.Member() {
		switch r.known(imageFields, &seen, in) {
		case inURL:
			if v := r.w.Value(); v.Kind == jsonspan.String {
				p.span, p.escaped = v.Text(), v.Escaped
			}
		case inDetail:
			if v := r.w.Value(); v.Kind == jsonspan.String {
				p.detail = v.Text()
			}
		default:
			r.unknown(m)
		}
	}
	r.e.pieces = append(r.e.pieces, p)
}

// data reads the value of input_audio or file. A file may be named by an id only; its piece is then empty.
func (r *reader) data(m *message, kind pieceKind) {
	p := piece{kind: kind}
	if !r.w.Enter(jsonspan.Object) {
		r.text(pieceRaw, r.w.Value())
		return
	}
	for r.w.Member() {
		if key := string(r.w.Key.Of(r.e.body)); key != "data" && key != "file_data" {
			r.unknown(m)
			continue
		}
		if v := r.w.Value(); v.Kind == jsonspan.String && v.Len() > p.span.Len() {
			p.span = v.Text()
		}
	}
	r.e.pieces = append(r.e.pieces, p)
}

// toolCalls reads the tool_calls of an assistant's message.
func (r *reader) toolCalls(m *message, in place) {
	if kind := r.w.Kind(); kind != jsonspan.Array {
		if kind != jsonspan.Null {
			in.at, in.member = r.w.Offset(), "tool_calls"
			r.wrongType(in, "an array", kind)
		}
		r.w.Value()
		return
	}
	in.inside = "tool_calls"
	r.w.Enter(jsonspan.Array)
	for r.fault == nil && r.w.Element() {
		r.toolCall(m, in)
	}
}

func (r *reader) toolCall(m *message, in place) {
	if !r.w.Enter(jsonspan.Object) {
		r.text(pieceSpoken, r.w.Value())
		return
	}
	var c call
	var seen uint32
	for r.fault == nil && r.w.Member() {
		switch r.known(callFields, &seen, in) {
		case inID:
			c.id = r.w.Value()
		case inType:
			r.w.Value()
		case inFunction, inCustom:
			r.function(m, &c, in)
		default:
			r.unknown(m)
		}
	}
	r.e.calls = append(r.e.calls, c)
}

// functionCall reads the function_call of an assistant's message, the form before tool_calls.
func (r *reader) functionCall(m *message, in place) {
	if r.w.Kind() == jsonspan.Null {
		r.w.Value()
		return
	}
	in.inside = "function_call"
	var c call
	r.function(m, &c, in)
	r.e.calls = append(r.e.calls, c)
}

// function reads what is called: a name, and arguments as a string of JSON, or input as a string.
func (r *reader) function(m *message, c *call, in place) {
	if !r.w.Enter(jsonspan.Object) {
		r.text(pieceSpoken, r.w.Value())
		return
	}
	var seen uint32
	for r.fault == nil && r.w.Member() {
		switch r.known(functionFields, &seen, in) {
		case inName:
			c.name = r.w.Value()
		case inArguments:
			c.arguments = r.w.Value()
		case inInput:
			r.text(pieceSpoken, r.w.Value())
		default:
			r.unknown(m)
		}
	}
}
