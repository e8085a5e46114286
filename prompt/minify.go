package prompt

import (
	"bytes"

	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// edit replaces the text of one piece of a tool message.
type edit struct {
	message int
	span    jsonspan.Span // the text in the body, between its quotes
	escaped bool
	plain   jsonspan.Span // the new text, in plan.text
	quoted  jsonspan.Span // the same as JSON with its quotes, in plan.text
	saved   int64         // tokens
}

// minify plans to take the insignificant whitespace out of tool results that are JSON objects or arrays, and returns how many tokens
// that saves. Number texts, the order of keys and strings stay as they are.
func (e *Envelope) minify(c *tokens.Counter, f tokens.Family, index int) int64 {
	m := &e.messages[index]
	if m.role != roleTool || m.sealed {
		return 0
	}
	var sum int64
	for i := m.pieces.Start; i < m.pieces.End; i++ {
		if p := &e.pieces[i]; p.kind == pieceText {
			sum += e.minifyText(c, f, edit{message: index, span: p.span, escaped: p.escaped})
		}
	}
	return sum
}

func (e *Envelope) minifyText(c *tokens.Counter, f tokens.Family, edit edit) int64 {
	text := e.textOf(edit.span, edit.escaped)
	if head := bytes.TrimLeft(text, " \t\r\n"); len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return 0
	}
	if !jsonspan.Valid(text) {
		return 0
	}
	if edit.escaped && bytes.Contains(text, []byte("\ufffd")) {
		return 0 // perhaps half a surrogate pair, which would not come back as it was
	}
	p := &e.plan
	from := len(p.text)
	p.text = jsonspan.Compact(p.text, text)
	edit.plain = jsonspan.Span{Start: from, End: len(p.text)}
	if edit.plain.Len() < len(text) {
		edit.saved = c.Text(f, text) - c.Text(f, edit.plain.Of(p.text))
	}
	if edit.saved <= 0 {
		p.text = p.text[:from]
		return 0
	}
	p.text = jsonspan.Quote(p.text, edit.plain.Of(p.text))
	edit.quoted = jsonspan.Span{Start: edit.plain.End, End: len(p.text)}
	p.edits = append(p.edits, edit)
	return edit.saved
}
