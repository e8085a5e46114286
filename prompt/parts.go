package prompt

import "bursar/internal/jsonspan"

// Parts visits what CanonicalKey is made of, by names that a person knows: of messages the system prompt, the history and the last message
// apart, of all else each member. A name may be visited more than once: its values belong together. Nothing may be kept of the value.
func (e *Envelope) Parts(visit func(name string, value []byte)) {
	for i := range e.members {
		m := &e.members[i]
		switch m.field {
		case fieldModel, fieldStream, fieldStreamOptions, fieldUser, fieldLabel:
			continue
		case fieldMessages:
			e.messageParts(visit)
			continue
		}
		name := m.key.Of(e.body)
		if m.escaped {
			name, _ = jsonspan.Unescape(nil, name)
		}
		e.scratch = jsonspan.Compact(e.scratch[:0], m.value.Of(e.body))
		visit(string(name), e.scratch)
	}
}

func (e *Envelope) messageParts(visit func(name string, value []byte)) {
	for i := range e.messages {
		m := &e.messages[i]
		name := "history"
		switch {
		case i == len(e.messages)-1:
			name = "last message"
		case m.role == roleSystem:
			name = "system prompt"
		}
		e.scratch = jsonspan.Compact(e.scratch[:0], m.span.Of(e.body))
		visit(name, e.scratch)
	}
}
