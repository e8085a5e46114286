package prompt

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"bursar/exchange"
	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// edit replaces the text of one piece of a tool message.
type edit struct {
	message  int
	repeats  int           // the message whose text stands for this one's, -1 if it stands by itself
	span     jsonspan.Span // the text in the body, between its quotes
	escaped  bool
	squeezed bool          // a reviewed text stands for a system prompt
	plain    jsonspan.Span // the new text, in plan.text
	quoted   jsonspan.Span // the same as JSON with its quotes, in plan.text
	saved    int64         // tokens
}

// tidy plans the edits of tool results, and of system prompts that were reviewed. Each depends on the message itself and, if it repeats an earlier one, on that one: what is edited
// once is edited in the same way in every turn, so the provider's prompt cache keeps hitting.
func (e *Envelope) tidy(c *tokens.Counter, f tokens.Family, t *exchange.Trim) {
	p := &e.plan
	clear(p.results)
	clear(p.answers)
	if p.answers == nil {
		p.answers = make(map[uint64]int)
	}
	for i := range e.messages {
		m := &e.messages[i]
		if m.role == roleSystem && t.Squeezes != nil {
			e.squeeze(c, f, t.Squeezes, i)
		}
		if m.role != roleTool {
			continue
		}
		p.answers[e.callKey(m.callID)]++
		if m.sealed {
			continue
		}
		for k := m.pieces.Start; k < m.pieces.End; k++ {
			piece := &e.pieces[k]
			if piece.kind != pieceText {
				continue
			}
			edit := edit{message: i, repeats: -1, span: piece.span, escaped: piece.escaped}
			if t.DedupeToolResults && e.dedupe(c, f, edit) {
				continue
			}
			e.tidyText(c, f, t, edit)
		}
	}
}

// squeeze plans to put a reviewed text in the place of a system prompt, if it is byte for byte the one that was read.
func (e *Envelope) squeeze(c *tokens.Counter, f tokens.Family, s *exchange.Squeezes, index int) {
	m := &e.messages[index]
	if m.sealed || m.pieces.End-m.pieces.Start != 1 || e.pieces[m.pieces.Start].kind != pieceText {
		return
	}
	piece := &e.pieces[m.pieces.Start]
	text, ok := s.Texts[sha256.Sum256(e.textOf(piece.span, piece.escaped))]
	if !ok {
		return
	}
	from := len(e.plan.text)
	e.plan.text = append(e.plan.text, text...)
	e.accept(c, f, edit{message: index, repeats: -1, squeezed: true, span: piece.span, escaped: piece.escaped}, from)
}

// dedupeFloor is the shortest text, in bytes, that is worth a note in its place.
const dedupeFloor = 512

// dedupe plans to put a note in the place of a tool result that is byte for byte an earlier one. The later one goes, never the earlier:
// that is in the provider's cache.
func (e *Envelope) dedupe(c *tokens.Counter, f tokens.Family, edit edit) bool {
	raw := edit.span.Of(e.body)
	if len(raw) < dedupeFloor {
		return false
	}
	p := &e.plan
	if p.results == nil {
		p.results = make(map[[sha256.Size]byte]int)
	}
	sum := sha256.Sum256(raw)
	first, known := p.results[sum]
	if !known {
		p.results[sum] = edit.message
		return false
	}
	id := e.messages[first].callID
	if id.Kind != jsonspan.String || p.answers[e.callKey(id)] > 1 {
		return false // some providers count calls anew in every turn: a note that names one could mean either
	}
	from := len(p.text)
	p.text = append(p.text, "[identical to the result of the call "...)
	p.text = append(p.text, e.textOf(id.Text(), id.Escaped)...)
	p.text = append(p.text, " above]"...)
	edit.repeats = first
	return e.accept(c, f, edit, from)
}

// tidyText plans to shorten one tool result by what the policy allows.
func (e *Envelope) tidyText(c *tokens.Counter, f tokens.Family, t *exchange.Trim, edit edit) {
	text := e.textOf(edit.span, edit.escaped)
	if edit.escaped && bytes.Contains(text, []byte("\ufffd")) {
		return // perhaps half a surrogate pair, which would not come back as it was
	}
	p := &e.plan
	from := len(p.text)
	switch {
	case isJSON(text):
		if t.MinifyToolResults {
			p.text = jsonspan.Compact(p.text, text)
		} else {
			p.text = append(p.text, text...)
		}
	case t.StripHTML && isHTML(text):
		p.text = appendPage(p.text, text)
	case t.TidyToolResults:
		p.text = appendTidy(p.text, text)
	default:
		p.text = append(p.text, text...)
	}
	if t.ElideBase64 > 0 {
		p.text = elideBase64(p.text, from, int(t.ElideBase64))
	}
	e.accept(c, f, edit, from)
}

func isJSON(text []byte) bool {
	head := bytes.TrimLeft(text, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[') && jsonspan.Valid(text)
}

// accept takes an edit whose new text is plan.text[from:], if it saves tokens.
func (e *Envelope) accept(c *tokens.Counter, f tokens.Family, edit edit, from int) bool {
	p := &e.plan
	text := e.textOf(edit.span, edit.escaped)
	edit.plain = jsonspan.Span{Start: from, End: len(p.text)}
	if edit.plain.Len() < len(text) {
		edit.saved = c.Text(f, text) - c.Text(f, edit.plain.Of(p.text))
	}
	if edit.saved <= 0 {
		p.text = p.text[:from]
		return false
	}
	p.text = jsonspan.Quote(p.text, edit.plain.Of(p.text))
	edit.quoted = jsonspan.Span{Start: edit.plain.End, End: len(p.text)}
	p.edits = append(p.edits, edit)
	return true
}

// appendTidy appends a text of a terminal without what only its eyes see: colours and cursor moves, white space at the ends of lines, and
// more than one empty line in a row. In a diff white space at the end of a line means something, so there only the colours go.
func appendTidy(dst, text []byte) []byte {
	diff := isDiff(text)
	from, blank := len(dst), 0
	for len(text) > 0 {
		line, rest, more := bytes.Cut(text, []byte{'\n'})
		text = rest
		start := len(dst)
		dst = appendPlain(dst, line)
		if !diff {
			dst = append(dst[:start], bytes.TrimRight(dst[start:], " \t\r")...)
			if blank++; len(dst) > start {
				blank = 0
			}
			if blank > 1 && start > from {
				continue
			}
		}
		if more {
			dst = append(dst, '\n')
		}
	}
	return dst
}

// isDiff tells whether a text holds a hunk of a unified diff.
func isDiff(text []byte) bool {
	return bytes.HasPrefix(text, []byte("@@ -")) || bytes.Contains(text, []byte("\n@@ -"))
}

// appendPlain appends a line without ANSI escape sequences: ESC [ parameters letter.
func appendPlain(dst, line []byte) []byte {
	for {
		at := bytes.Index(line, []byte("\x1b["))
		if at < 0 {
			return append(dst, line...)
		}
		dst = append(dst, line[:at]...)
		line = line[at+2:]
		n := 0
		for n < len(line) && line[n] >= 0x20 && line[n] < 0x40 {
			n++
		}
		line = line[min(n+1, len(line)):]
	}
}

// elideBase64 replaces runs of base64 of least bytes and more in text[from:] by a note of their length and digest. What tells such a run from
// words is that it has small letters, capitals and digits without a space between.
func elideBase64(text []byte, from, least int) []byte {
	at := from // text[from:at] is done
	for i := from; i < len(text); {
		if text[i] == '\\' { // perhaps JSON: an escape stays whole
			size := 2
			if bytes.HasPrefix(text[i+1:], []byte("u")) {
				size = 6
			}
			end := min(i+size, len(text))
			at += copy(text[at:], text[i:end])
			i = end
			continue
		}
		end, kinds := i, uint8(0)
		for end < len(text) && base64Kind[text[end]] != 0 {
			kinds |= base64Kind[text[end]]
			end++
		}
		if end-i >= max(least, 256) && kinds&7 == 7 {
			sum := sha256.Sum256(text[i:end])
			note := fmt.Appendf(nil, "[%d bytes of base64 left out, sha256 %x]", end-i, sum[:6])
			at += copy(text[at:], note) // shorter than what it stands for: a policy's least is 256 bytes
			i = end
			continue
		}
		end = min(max(end, i+1), len(text))
		at += copy(text[at:], text[i:end])
		i = end
	}
	return text[:at]
}

// base64Kind is what kind of base64 a byte is, 0 for none: bit 0 small letters, 1 capitals, 2 digits, 3 the rest.
var base64Kind = func() (kinds [256]uint8) {
	for b := range kinds {
		switch {
		case b >= 'a' && b <= 'z':
			kinds[b] = 1
		case b >= 'A' && b <= 'Z':
			kinds[b] = 2
		case b >= '0' && b <= '9':
			kinds[b] = 4
		case b == '+' || b == '/' || b == '=' || b == '-' || b == '_':
			kinds[b] = 8
		}
	}
	return kinds
}()
