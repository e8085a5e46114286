package prompt

import (
	"fmt"

	"bursar/internal/jsonspan"
)

// Input is what a request has its texts in.
type Input uint8

// Inputs.
const (
	Messages Input = iota // of a chat
	Prompts               // `prompt` of a legacy completion: a text, texts, or tokens
	Inputs                // `input` of embeddings: the same
)

// field is the member that it stands in.
func (i Input) field() field {
	return [...]field{fieldMessages, fieldPrompt, fieldInput}[i]
}

// name is the member's name.
func (i Input) name() string {
	return [...]string{"messages", "prompt", "input"}[i]
}

// ReadInput reads a body as Read does, of an API that has its texts elsewhere. They count as the pieces of one message that the user wrote.
func (e *Envelope) ReadInput(body []byte, input Input) error { return e.read(body, input) }

// mostInputs bounds the texts of a request; OpenAI takes 2048.
const mostInputs = 2048

// texts reads the value that holds the texts.
func (r *reader) texts() jsonspan.Value {
	e := r.e
	v := jsonspan.Value{Kind: r.w.Kind()}
	v.Start = r.w.Offset()
	m := message{role: roleUser, pieces: jsonspan.Span{Start: len(e.pieces)}}
	switch v.Kind {
	case jsonspan.String:
		v = r.w.Value()
		r.text(pieceText, v)
	case jsonspan.Array:
		r.w.Enter(jsonspan.Array)
		if tokens := r.many(); tokens > 0 {
			e.pieces = append(e.pieces, piece{kind: pieceTokens, span: jsonspan.Span{End: tokens}})
		}
	default:
		v = r.w.Value()
	}
	v.End = r.w.Offset()
	m.span, m.pieces.End = v.Span, len(e.pieces)
	e.messages = append(e.messages, m)
	if m.pieces.Len() > mostInputs {
		r.wrong(place{index: -1, at: v.Start}, fmt.Sprintf("The request's %q has more than %d texts.", e.input.name(), mostInputs))
	}
	return v
}

// many reads the elements of an array: texts, lists of tokens, or the tokens of one text, whose number it returns.
func (r *reader) many() (tokens int) {
	for r.fault == nil && r.w.Element() {
		switch kind := r.w.Kind(); kind {
		case jsonspan.String:
			r.text(pieceText, r.w.Value())
		case jsonspan.Number:
			r.w.Value()
			tokens++
		case jsonspan.Array:
			n := 0
			for r.w.Enter(jsonspan.Array); r.w.Element(); n++ {
				r.w.Value()
			}
			r.e.pieces = append(r.e.pieces, piece{kind: pieceTokens, span: jsonspan.Span{End: n}})
		default:
			r.wrongType(place{index: -1, at: r.w.Offset(), member: r.e.input.name()}, "a text, texts, or tokens", kind)
			r.w.Value()
		}
	}
	return tokens
}

// answers is how many answers a legacy completion asks for: as many of each of its prompts, and as many are billed as the best is picked of.
func (e *Envelope) answers(n int64) int64 {
	if best, ok := e.fields[fieldBestOf].Int(e.body); ok {
		n = max(n, best)
	}
	return n * int64(max(1, e.messages[0].pieces.Len()))
}
