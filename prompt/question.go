package prompt

import (
	"hash"
	"strconv"

	"bursar/internal/jsonspan"
)

// Question divides the request in two for a cache that compares meanings: what is asked last, whose text it appends to dst, and all else that
// changes the answer, which it writes to h as CanonicalKey does, message by message. Requests with equal context ask their
// questions of the same model in the same conversation. It reports false, and h is of no use, if the last message is anything but a
// user's plain text, or if the request offers tools: what comes of those is more than text.
func (e *Envelope) Question(h hash.Hash, dst []byte) ([]byte, bool) {
	last := len(e.messages) - 1
	if last < 0 || e.HasTools() || !e.plainText(&e.messages[last]) {
		return dst, false
	}
	for i := range e.members {
		m := &e.members[i]
		switch m.field {
		case fieldModel, fieldStream, fieldStreamOptions, fieldUser, fieldLabel:
			continue
		}
		e.scratch = append(e.scratch[:0], make([]byte, sizeBytes)...)
		e.scratch, _ = jsonspan.Unescape(e.scratch, m.key.Of(e.body))
		e.writeSized(h)
		if m.field != fieldMessages {
			e.writeCompact(h, m.value.Span)
			continue
		}
		for k := range last {
			e.writeCompact(h, e.messages[k].span)
		}
	}
	return e.appendText(dst, &e.messages[last]), true
}

// hot is the temperature above which no two answers to one question are meant to be alike.
const hot = 0.7

// Hot tells whether the request asks for a temperature above 0.7. One that says nothing of it is not hot.
func (e *Envelope) Hot() bool {
	for i := range e.members {
		m := &e.members[i]
		if !m.escaped && string(m.key.Of(e.body)) == "temperature" {
			t, err := strconv.ParseFloat(string(m.value.Of(e.body)), 64)
			return m.value.Kind == jsonspan.Number && (err != nil || t > hot)
		}
	}
	return false
}

func (e *Envelope) writeCompact(h hash.Hash, span jsonspan.Span) {
	e.scratch = append(e.scratch[:0], make([]byte, sizeBytes)...)
	e.scratch = jsonspan.Compact(e.scratch, span.Of(e.body))
	e.writeSized(h)
}

// plainText tells whether a message is a user's, and nothing but one text: as a string, or as the only part of a list.
func (e *Envelope) plainText(m *message) bool {
	if m.role != roleUser || m.pieces.End-m.pieces.Start != 1 {
		return false
	}
	p := &e.pieces[m.pieces.Start]
	if p.kind != pieceText {
		return false
	}
	e.scratch = jsonspan.Compact(e.scratch[:0], m.span.Of(e.body))
	text := p.span.End - p.span.Start
	switch len(e.scratch) - text {
	case len(`{"role":"user","content":""}`), len(`{"role":"user","content":[{"type":"text","text":""}]}`):
		return true
	}
	return false
}
