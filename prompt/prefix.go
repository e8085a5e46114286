package prompt

import (
	"bytes"
	"slices"

	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// Prefixes are the beginnings of a prompt, as it is sent after a trim, that a provider may keep in its cache. They are in the order in which
// Anthropic reads a prompt: tools, the system's messages wherever they stand, then all others.
type Prefixes struct {
	Static  Prefix // tools and system: what many conversations have in common
	Earlier Prefix // what the request before this one of the conversation sent, as far as that can be told; none if nothing was answered yet
	Whole   Prefix // all of it
}

// Prefix is one of them. The zero value is none, or one whose end must not be marked.
type Prefix struct {
	Sum    uint64 // a fingerprint
	Tokens int64  // of Static and Whole; of Earlier it is not counted

	end int // the byte of the body that a mark is put before
}

// Prefixes finds the prefixes of what a plan leaves of the prompt. It is false if the client marks prefixes itself: it knows better. Sent is what the
// plan leaves in tokens.
func (e *Envelope) Prefixes(c *tokens.Counter, f tokens.Family, plan TrimPlan, sent int64) (p Prefixes, ok bool) {
	tools := e.fields[fieldTools].Of(e.body)
	if e.marked || bytes.Contains(tools, []byte("cache_control")) || e.has("cache_control") {
		return p, false
	}
	h := newFingerprint()
	h.add(tools)
	p.Static = Prefix{Tokens: c.Tools(f, tools), end: e.lastTool()}
	for i := range e.messages {
		if m := &e.messages[i]; m.role == roleSystem {
			h.add(m.span.Of(e.body))
			p.Static.Tokens += m.tokens
			if end := e.markAt(m); end > 0 {
				p.Static.end = end
			}
		}
	}
	p.Static.Sum = h.sum()
	for _, changes := range [...]field{fieldToolChoice, fieldResponseFormat} {
		h.add(e.fields[changes].Of(e.body))
	}
	h.add(plan.summary)
	h.mix(uint64(plan.before)) // what is edited depends on what was dropped, and on what stands before it
	var last Prefix            // ends before the message under way
	for i := range e.messages {
		m := &e.messages[i]
		if m.role == roleSystem || plan.drops(i, m) {
			continue
		}
		if m.role == roleAssistant && last.end > 0 {
			p.Earlier = last
		}
		h.add(m.span.Of(e.body))
		last = Prefix{Sum: h.sum(), end: e.markAt(m)}
	}
	p.Whole = last
	p.Whole.Tokens = sent
	for _, p := range [...]*Prefix{&p.Static, &p.Earlier, &p.Whole} {
		if p.end == 0 {
			*p = Prefix{}
		}
	}
	return p, true
}

// mark is put at the end of a message, of its last part or of a tool.
const mark = `,"cache_control":{"type":"ephemeral"}`

// markAt returns where a mark at a message's end goes: into its last part, or beside its text. 0 if it must not be edited or would carry none: an
// answer ends with its tool calls, which have no place for one.
func (e *Envelope) markAt(m *message) int {
	if m.sealed {
		return 0
	}
	switch m.role {
	case roleTool:
		return m.span.End - 1 // its result is one block, whatever it is made of
	case roleSystem, roleUser:
	default:
		return 0
	}
	content, _ := jsonspan.Get(m.span.Of(e.body), "content")
	switch content.Kind {
	case jsonspan.String:
		if content.Text().Len() > 0 {
			return m.span.End - 1
		}
	case jsonspan.Array:
		if part := e.lastElement(jsonspan.Span{Start: m.span.Start + content.Start, End: m.span.Start + content.End}); part.Kind == jsonspan.Object {
			text, _ := jsonspan.Get(part.Of(e.body), "text")
			image, _ := jsonspan.Get(part.Of(e.body), "image_url")
			if text.Kind == jsonspan.String && text.Text().Len() > 0 || image.Kind != jsonspan.None {
				return part.End - 1
			}
		}
	}
	return 0
}

// lastTool returns where a mark at the end of the tools goes, 0 if there are none.
func (e *Envelope) lastTool() int {
	if v := e.fields[fieldTools]; v.Kind == jsonspan.Array {
		if tool := e.lastElement(v.Span); tool.Kind == jsonspan.Object && tool.Len() > len("{}") {
			return tool.End - 1
		}
	}
	return 0
}

// lastElement returns the last element of an array of the body.
func (e *Envelope) lastElement(array jsonspan.Span) (last jsonspan.Value) {
	w := jsonspan.Walk(array.Of(e.body))
	w.Enter(jsonspan.Array)
	for w.Element() {
		last = w.Value()
	}
	last.Start += array.Start
	last.End += array.Start
	return last
}

// has tells whether the request has a member that means nothing to the gateway.
func (e *Envelope) has(name string) bool {
	return slices.ContainsFunc(e.members, func(m member) bool { return m.field == fieldUnknown && e.isCalled(&m, name) })
}

// markEnds marks the ends of prefixes, each once.
func (e *Envelope) markEnds(prefixes []Prefix) {
	p := &e.shaping
	for i, prefix := range prefixes {
		if prefix.end == 0 || slices.ContainsFunc(prefixes[:i], func(other Prefix) bool { return other.end == prefix.end }) {
			continue
		}
		from := len(p.text)
		p.text = append(p.text, mark...)
		p.insert(prefix.end, from)
	}
}
