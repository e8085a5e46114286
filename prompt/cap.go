package prompt

import (
	"slices"
	"strconv"

	"bursar/internal/jsonspan"
)

// capOutput makes the cap on the output go out in the one member that the provider reads, and in no other of the pair: a cap in a
// field that a provider does not know bounds nothing, and OpenAI refuses max_tokens for its reasoning models, and both together
// for all. The client's own cap, whatever it is called, is never raised. Most is 0 if only the client's counts.
func (e *Envelope) capOutput(most int64, name string) {
	if name == "" {
		if most > 0 {
			e.lowerCaps(most)
		}
		return
	}
	var target *member // is called name
	var others [len(chatCaps)]*member
	n, least := 0, most
	for i := range e.members {
		m := &e.members[i]
		switch {
		case e.isCalled(m, name):
			target = m
		case slices.Contains(chatCaps[:], m.field):
			others[n] = m
			n++
		default:
			continue
		}
		if asked, ok := m.value.Int(e.body); ok && asked > 0 && (least == 0 || asked < least) {
			least = asked
		}
	}
	if least == 0 {
		return // nobody caps it; a null says nothing in either name
	}
	if asked := e.MaxOutput(); most > 0 && asked > 0 {
		least = min(least, asked) // max_output_tokens is no cap for a chat server, but the client wants no more than it says
	}
	switch {
	case target != nil:
		e.setCap(target, least)
		e.cutMembers(others[:n])
	case n > 0:
		e.rename(others[0], name)
		e.setCap(others[0], least)
		e.cutMembers(others[1:n])
	default:
		p := &e.shaping
		from := len(p.text)
		p.text = append(append(append(p.text, `,"`...), name...), `":`...)
		p.text = strconv.AppendInt(p.text, least, 10)
		p.insert(e.last, from)
	}
}

// chatCaps are the two names that chat servers have for the cap on the output.
var chatCaps = [...]field{fieldMaxTokens, fieldMaxCompletionTokens}

// lowerCaps lowers every cap in its place: which one the provider reads is not known.
func (e *Envelope) lowerCaps(most int64) {
	for _, f := range capFields {
		v := e.fields[f]
		if n, ok := v.Int(e.body); ok && n > most {
			e.setNumber(v, most)
		}
	}
}

// setCap writes the cap as a member's value, unless that is what it says. A value that caps nothing, such as null or -1, is replaced.
func (e *Envelope) setCap(m *member, most int64) {
	if n, ok := m.value.Int(e.body); !ok || n != most {
		e.setNumber(m.value, most)
	}
}

func (e *Envelope) setNumber(v jsonspan.Value, n int64) {
	p := &e.shaping
	from := len(p.text)
	p.text = strconv.AppendInt(p.text, n, 10)
	p.replace(v.Span, from)
}

// rename gives a member another name.
func (e *Envelope) rename(m *member, name string) {
	p := &e.shaping
	from := len(p.text)
	p.text = append(p.text, name...)
	p.replace(m.key, from)
}

// isCalled tells whether a member has a name, however that is spelled.
func (e *Envelope) isCalled(m *member, name string) bool {
	if m.escaped {
		return jsonspan.Equal(m.key.Of(e.body), name)
	}
	return string(m.key.Of(e.body)) == name
}

// cutMembers cuts members out, each with one comma: the one behind it, or before it if it is the last. Others always stay, since
// a request has a model and messages.
func (e *Envelope) cutMembers(list []*member) {
	slices.SortFunc(list, func(a, b *member) int { return a.key.Start - b.key.Start })
	p := &e.shaping
	none, cuts := len(p.text), len(p.splices)
	for _, m := range list {
		out := jsonspan.Span{Start: m.key.Start - 1, End: m.value.End}
		if next := skipSpace(e.body, out.End, 1); e.body[next] == ',' {
			out.End = next + 1
			p.replace(out, none)
			continue
		}
		out.Start = skipSpace(e.body, out.Start-1, -1)
		if last := len(p.splices) - 1; last >= cuts && p.splices[last].out.End == out.Start+1 { // that comma is cut already: one more member goes with it
			out.Start = skipSpace(e.body, p.splices[last].out.Start-1, -1)
			p.splices = p.splices[:last]
		}
		p.replace(out, none)
	}
}

// skipSpace returns the place of the first byte, from at on in steps of one, that is no whitespace.
func skipSpace(body []byte, at, step int) int {
	for body[at] == ' ' || body[at] == '\n' || body[at] == '\r' || body[at] == '\t' {
		at += step
	}
	return at
}
