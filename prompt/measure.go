package prompt

import (
	"bytes"
	"slices"

	"bursar/exchange"
	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// Measure is the size of a prompt.
type Measure struct {
	Tokens     int64           // of the whole prompt: messages, tools, schema, and the frame around them
	Method     exchange.Method // MethodEstimate if anything in it is
	Images     int             // image parts
	Turns      int             // user messages
	Prediction int64           // tokens of `prediction`: not of the prompt, but billed as output as far as they are rejected
}

// Measure counts the prompt. Nothing is fetched: an image known by its URL only counts as the most that an image can be, and
// so does a file that is not in the request; audio and other files count by their size.
func (e *Envelope) Measure(c *tokens.Counter, t Target) Measure {
	return e.MeasureTrimmed(c, t, TrimPlan{})
}

// MeasureTrimmed counts what is left of the prompt after a trim, for another target than the trim was planned for, if need be. The
// same trim removes a different number of tokens for each family, so a bound is counted, not subtracted.
func (e *Envelope) MeasureTrimmed(c *tokens.Counter, t Target, trimmed TrimPlan) Measure {
	e.count(c, t)
	f := t.Family
	m := Measure{Method: exchange.MethodExact}
	if c.Method(f) != tokens.Exact {
		m.Method = exchange.MethodEstimate
	}
	m.Tokens = e.outside(c, f, &m)
	for i := range e.messages {
		msg := &e.messages[i]
		if trimmed.drops(i, msg) {
			continue
		}
		m.Tokens += msg.tokens
		if msg.estimated {
			m.Method = exchange.MethodEstimate
		}
		if msg.role == roleUser {
			m.Turns++
		}
		for p := msg.pieces.Start; p < msg.pieces.End; p++ {
			if e.pieces[p].kind == pieceImage {
				m.Images++
			}
		}
	}
	for _, edit := range trimmed.edits {
		m.Tokens -= c.Text(f, e.textOf(edit.span, edit.escaped)) - c.Text(f, edit.plain.Of(e.plan.text))
	}
	m.Tokens = max(0, m.Tokens+summaryTokens(c, f, trimmed.summarized))
	return m
}

// outside counts what of the prompt is not in the messages.
func (e *Envelope) outside(c *tokens.Counter, f tokens.Family, m *Measure) int64 {
	frame := tokens.FrameOf(f)
	n := int64(0)
	if e.input == Messages {
		n = frame.Base + frame.Reply
	}
	if tools := c.Tools(f, e.fields[fieldTools].Of(e.body)) + c.Tools(f, e.fields[fieldFunctions].Of(e.body)); tools > 0 {
		n += tools
		if slices.ContainsFunc(e.messages, func(m message) bool { return m.role == roleSystem }) {
			n -= frame.Joined
		}
	}
	n += e.choice(c, f, fieldToolChoice) + e.choice(c, f, fieldFunctionCall)
	if v := e.fields[fieldResponseFormat]; v.Kind == jsonspan.Object {
		if format, ok := jsonspan.Get(v.Of(e.body), "json_schema"); ok { // providers write the schema into the prompt, each its own way
			n += c.Text(f, format.Of(v.Of(e.body)))
			m.Method = exchange.MethodEstimate
		}
	}
	if v := e.fields[fieldWebSearch]; v.Kind != jsonspan.None && v.Kind != jsonspan.Null {
		n += webSearch
		m.Method = exchange.MethodEstimate
	}
	if v := e.fields[fieldPrediction]; v.Kind == jsonspan.Object {
		m.Prediction = c.Text(f, v.Of(e.body)) // with its frame and its escapes: a little more than its text
	}
	for i := range e.members {
		v := e.members[i].value
		if e.unknown(e.members[i].field) && (v.Kind == jsonspan.String || v.Kind == jsonspan.Array || v.Kind == jsonspan.Object) {
			n += c.Text(f, v.Of(e.body)) // it may reach the prompt, as `documents` does on some servers
			m.Method = exchange.MethodEstimate
		}
	}
	return n
}

// unknown tells whether a member may be anything: of a chat, also one that another API has its texts in.
func (e *Envelope) unknown(f field) bool {
	return f == fieldUnknown || (f == fieldPrompt || f == fieldInput || f == fieldMessages) && f != e.input.field()
}

// choice counts tool_choice or function_call: a word, or an object that names a function.
func (e *Envelope) choice(c *tokens.Counter, f tokens.Family, of field) int64 {
	v := e.fields[of]
	text := v.Of(e.body)
	if v.Kind == jsonspan.Object {
		named, ok := jsonspan.Get(text, "function", "name")
		if !ok {
			named, ok = jsonspan.Get(text, "name")
		}
		if !ok {
			return c.Text(f, text)
		}
		v, text = named, text[named.Start:named.End]
	}
	if v.Kind != jsonspan.String {
		return 0
	}
	switch text = text[1 : len(text)-1]; string(text) {
	case "auto", "required":
		return 0
	case "none":
		return c.ToolChoice(f, "none")
	}
	return c.ToolChoice(f, string(text))
}

// count counts every message for a target, once.
func (e *Envelope) count(c *tokens.Counter, target Target) {
	if e.isCounted && e.counted == target {
		return
	}
	e.counted, e.isCounted = target, true
	frame := tokens.FrameOf(target.Family)
	for i := range e.messages {
		m := &e.messages[i]
		m.tokens, m.estimated = 0, false
		if e.input == Messages {
			m.tokens = frame.Message
		}
		if m.name.Kind == jsonspan.String {
			m.tokens += frame.Name + c.Text(target.Family, e.textOf(m.name.Text(), m.name.Escaped))
		}
		for p := m.pieces.Start; p < m.pieces.End; p++ {
			n, exact := e.countPiece(c, target, &e.pieces[p])
			m.tokens += n
			m.estimated = m.estimated || !exact
		}
		for k := m.calls.Start; k < m.calls.End; k++ {
			m.tokens += frame.Call + e.countValue(c, target.Family, e.calls[k].name) + e.countValue(c, target.Family, e.calls[k].arguments)
		}
	}
}

// countValue counts a string's text, or any other value but null as JSON.
func (e *Envelope) countValue(c *tokens.Counter, f tokens.Family, v jsonspan.Value) int64 {
	switch v.Kind {
	case jsonspan.None, jsonspan.Null:
		return 0
	case jsonspan.String:
		return c.Text(f, e.textOf(v.Text(), v.Escaped))
	}
	return c.Text(f, v.Of(e.body))
}

// Tokens of what only its provider can count, leaning high, as money is held by them: by bytes of base64 where the bytes are here,
// else by what no request can go beyond.
const (
	// Speech is at most 32 tokens a second (Gemini; OpenAI has 10), and no MP3 has less than 8 kbit/s, which is 1,333 bytes of base64
	// a second: 41 to a token. WAV has 64,000 a second at 16 bit and 24 kHz, so its bound is far above what is billed.
	audioBytesPerToken = 40
	// A page of dense text is some 10 KB of PDF, 13.6 KB of base64, and up to 3,000 tokens with its picture: 4.5 bytes to a token.
	fileBytesPerToken = 3
	// A file that is not here, known by an id or an address, may be anything that the model can read: no size is told. What is
	// beyond a model's input limit is refused, unbilled, and 272,000 tokens is that limit of the GPT-5 family. Models with a context
	// of a million (GPT-4.1, Gemini) can bill more: this is no bound for them.
	fileElsewhere = 272_000
	// What a search of the web brings goes into the prompt, and nobody knows it before. This is an allowance, not a bound: the
	// fixed block of input tokens that OpenAI bills for a search with its smaller models.
	webSearch = 8_000
)

// countPiece counts one piece; exact is false if an exact family cannot count it exactly.
func (e *Envelope) countPiece(c *tokens.Counter, target Target, p *piece) (n int64, exact bool) {
	switch p.kind {
	case pieceImage:
		return e.countImage(target, p)
	case pieceAudio:
		return int64(p.span.Len()/audioBytesPerToken) + 1, false
	case pieceFile:
		if !isInline(p.span.Of(e.body)) {
			return fileElsewhere, false
		}
		return int64(p.span.Len()/fileBytesPerToken) + 1, false
	case pieceTokens:
		return int64(p.span.Len()), true
	case pieceRaw:
		return c.Text(target.Family, p.span.Of(e.body)), false
	}
	return c.Text(target.Family, e.textOf(p.span, p.escaped)), true
}

// isInline tells whether file_data holds a file, as base64 or a data: URL, and not the address of one, as some servers take it.
func isInline(data []byte) bool {
	if bytes.HasPrefix(data, []byte("data:")) {
		return true
	}
	head := data[:min(len(data), 64)] // base64 has no colon, however it is escaped
	return len(data) > 0 && !bytes.Contains(head, []byte{':'}) && !bytes.Contains(head, []byte(`\u`))
}
