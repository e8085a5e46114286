package prompt

import (
	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// Dropped appends what a plan drops as a transcript that a model can read, and returns how many tokens it has in the prompt. What is no text, such as an image,
// is named and not shown.
func (e *Envelope) Dropped(dst []byte, plan TrimPlan) (transcript []byte, tokens int64) {
	for i := range plan.before {
		m := &e.messages[i]
		if !plan.drops(i, m) {
			continue
		}
		tokens += m.tokens
		dst = append(append(dst, roleNames[m.role]...), ": "...)
		for k := m.pieces.Start; k < m.pieces.End; k++ {
			switch p := &e.pieces[k]; p.kind {
			case pieceText, pieceSpoken:
				dst = append(append(dst, e.textOf(p.span, p.escaped)...), '\n')
			case pieceRaw:
			default:
				dst = append(dst, "[not text]\n"...)
			}
		}
		for k := m.calls.Start; k < m.calls.End; k++ {
			dst = append(dst, "[calls "...)
			for _, v := range [...]jsonspan.Value{e.calls[k].name, e.calls[k].arguments} {
				if v.Kind == jsonspan.String {
					dst = append(append(dst, e.textOf(v.Text(), v.Escaped)...), ' ')
				}
			}
			dst = append(dst, "]\n"...)
		}
	}
	return dst, tokens
}

var roleNames = [...]string{roleOther: "other", roleSystem: "system", roleUser: "user", roleAssistant: "assistant", roleTool: "tool"}

// Summarized returns a plan that leaves a user's message with a summary where messages are dropped. Each turn that drops the same must be given the same
// summary, else the provider's prompt cache never hits.
func (e *Envelope) Summarized(c *tokens.Counter, target Target, plan TrimPlan, summary string) TrimPlan {
	if plan.Messages == 0 || summary == "" {
		return plan
	}
	text := []byte("[The conversation so far, in short]\n" + summary)
	plan.summary = append(jsonspan.Quote([]byte(`{"role":"user","content":`), text), '}')
	plan.summarized = text
	plan.Removed -= summaryTokens(c, target.Family, text)
	return plan
}

func summaryTokens(c *tokens.Counter, f tokens.Family, text []byte) int64 {
	if len(text) == 0 {
		return 0
	}
	return tokens.FrameOf(f).Message + c.Text(f, text)
}
