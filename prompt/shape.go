package prompt

import (
	"cmp"
	"slices"

	"bursar/internal/jsonspan"
)

// Shape says how to edit a request before it goes to a candidate. The zero value changes nothing.
type Shape struct {
	Model        string // the provider's name for the model, "" to leave the client's
	Cap          int64  // most output tokens per answer, 0 to leave the client's
	CapField     string // the member that the provider reads the cap from: max_tokens or max_completion_tokens; "" if that is not known
	IncludeUsage bool   // ask for the usage chunk, if the request is a stream
	Plan         TrimPlan
	Marks        []Prefix // whose ends to mark for the provider's prompt cache
}

// Shape appends the edited body to dst and returns it. All edits are splices in one copy; every byte they do not touch is the
// client's own. A cap is only ever lowered, and goes out under the name of CapField alone, whatever the client called it. A Shape may
// be made many times, for one candidate after another.
func (e *Envelope) Shape(s Shape, dst []byte) []byte {
	p := &e.shaping
	p.splices, p.text = p.splices[:0], p.text[:0]
	if s.Model != "" && s.Model != e.model {
		from := len(p.text)
		p.text = jsonspan.Quote(p.text, []byte(s.Model))
		p.replace(e.fields[fieldModel].Span, from)
	}
	e.capOutput(s.Cap, s.CapField)
	if s.IncludeUsage && e.Stream() {
		e.askUsage()
	}
	e.dropMessages(&s.Plan)
	for _, edit := range s.Plan.edits {
		from := len(p.text)
		p.text = append(p.text, edit.quoted.Of(e.plan.text)...)
		p.replace(jsonspan.Span{Start: edit.span.Start - 1, End: edit.span.End + 1}, from)
	}
	e.markEnds(s.Marks)
	return p.apply(dst, e.body)
}

// askUsage sets stream_options.include_usage.
func (e *Envelope) askUsage() {
	p := &e.shaping
	from := len(p.text)
	switch options := e.fields[fieldStreamOptions]; {
	case options.Kind == jsonspan.None:
		p.text = append(p.text, `,"stream_options":{"include_usage":true}`...)
		p.insert(e.last, from)
	case options.Kind == jsonspan.Null:
		p.text = append(p.text, `{"include_usage":true}`...)
		p.replace(options.Span, from)
	case e.options.includeUsage.Kind == jsonspan.True:
	case e.options.includeUsage.Kind != jsonspan.None:
		p.text = append(p.text, "true"...)
		p.replace(e.options.includeUsage.Span, from)
	default:
		if !e.options.empty {
			p.text = append(p.text, ',')
		}
		p.text = append(p.text, `"include_usage":true`...)
		p.insert(e.options.last, from)
	}
}

// dropMessages cuts out what a trim drops, each run with the comma behind it: the last message always stays.
func (e *Envelope) dropMessages(t *TrimPlan) {
	told := false
	for i := 0; i < t.before; i++ {
		if !t.drops(i, &e.messages[i]) {
			continue
		}
		first := i
		for t.drops(i+1, &e.messages[i+1]) {
			i++
		}
		p := &e.shaping
		from := len(p.text)
		if t.summary != nil && !told {
			p.text = append(append(p.text, t.summary...), ',')
			told = true
		}
		p.replace(jsonspan.Span{Start: e.messages[first].span.Start, End: e.messages[i+1].span.Start}, from)
	}
}

// shaping is the list of splices of one Shape. Its memory is used again.
type shaping struct {
	splices []splice
	text    []byte // what splices put in
}

// splice replaces a part of the body by a part of shaping.text.
type splice struct{ out, in jsonspan.Span }

// replace puts the text from from on in the place of a span.
func (p *shaping) replace(out jsonspan.Span, from int) {
	p.splices = append(p.splices, splice{out: out, in: jsonspan.Span{Start: from, End: len(p.text)}})
}

// insert puts the text from from on before a byte.
func (p *shaping) insert(at, from int) { p.replace(jsonspan.Span{Start: at, End: at}, from) }

// apply copies the body with all splices. Two at the same byte keep the order in which they were made.
func (p *shaping) apply(dst, body []byte) []byte {
	slices.SortStableFunc(p.splices, func(a, b splice) int { return cmp.Compare(a.out.Start, b.out.Start) })
	dst = slices.Grow(dst, len(body)+len(p.text))
	at := 0
	for _, s := range p.splices {
		dst = append(append(dst, body[at:s.out.Start]...), s.in.Of(p.text)...)
		at = s.out.End
	}
	return append(dst, body[at:]...)
}
