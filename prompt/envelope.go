// Package prompt is the envelope around a chat request: it reads a body once, refuses ambiguous ones, counts the prompt, trims it, and
// edits it by splicing. It is separate because the client's bytes must survive: nothing here decodes a body and encodes
// it again, so members that nobody here knows, number texts, escapes and opaque blocks reach the provider as they were sent.
package prompt

import (
	"bursar/internal/jsonspan"
	"bursar/tokens"
)

// Envelope is a chat request as it lies in its body: spans, no copies. The zero value is ready to Read. It may be pooled by value
// or by pointer, keeps a bounded amount of memory between requests, and belongs to one goroutine. The body must not change
// between Read and Reset.
type Envelope struct {
	body     []byte
	input    Input                      // what it has its texts in
	fields   [fieldCount]jsonspan.Value // known members of the request; Kind None if absent
	members  []member                   // all members of the request, sorted by name
	options  options
	messages []message
	pieces   []piece // of all messages, in order
	calls    []call  // of all messages, in order
	opaque   bool
	marked   bool // the client marks what of the messages its provider is to cache
	last     int  // end of the last member of the request, where another can be inserted

	model, user string // kept over Reset: most requests of a process name the same few

	counted   Target // what the messages' tokens were counted for
	isCounted bool   // they were counted

	scratch []byte // one unescaped text, or one compacted value
	plan    plan
	shaping shaping
}

// Target is what a prompt is counted for.
type Target struct {
	Family tokens.Family
	Model  string // the provider's name for the model, which decides what an image is; "" counts images as gpt-4o does
}

// member is one member of the request.
type member struct {
	key     jsonspan.Span // between its quotes
	escaped bool
	field   field
	value   jsonspan.Value
}

// options is the inside of stream_options.
type options struct {
	includeUsage jsonspan.Value
	last         int  // end of the last member, or of the brace before it
	empty        bool // no member
}

// Read reads a body into a new Envelope. See Envelope.Read.
func Read(body []byte) (*Envelope, error) {
	e := new(Envelope)
	if err := e.Read(body); err != nil {
		return nil, err
	}
	return e, nil
}

// Reset forgets the request, so that the envelope can wait in a pool. What it keeps is bounded: one huge request must not stay
// for ever.
func (e *Envelope) Reset() {
	const kept = 4096 // entries of each list
	const keptBytes = 256 << 10
	clean := Envelope{
		members: recycle(e.members, kept), messages: recycle(e.messages, kept), pieces: recycle(e.pieces, kept), calls: recycle(e.calls, kept),
		model: e.model, user: e.user, scratch: recycle(e.scratch, keptBytes),
	}
	clean.plan = plan{
		edits: recycle(e.plan.edits, kept), kept: recycle(e.plan.kept, kept), units: recycle(e.plan.units, kept), text: recycle(e.plan.text, keptBytes), callers: e.plan.callers, results: e.plan.results, answers: e.plan.answers,
	}
	if len(clean.plan.callers) > kept {
		clean.plan.callers = nil
	}
	if len(clean.plan.results) > kept {
		clean.plan.results = nil
	}
	if len(clean.plan.answers) > kept {
		clean.plan.answers = nil
	}
	clean.shaping = shaping{splices: recycle(e.shaping.splices, kept), text: recycle(e.shaping.text, keptBytes)}
	*e = clean
}

// recycle empties a slice for its next use, or drops one that grew beyond limit entries.
func recycle[T any](s []T, limit int) []T {
	if cap(s) > limit {
		return nil
	}
	return s[:0]
}

// Model returns the model that the client asked for; never empty.
func (e *Envelope) Model() string { return e.model }

// User returns the request's `user`, "" if it has none.
func (e *Envelope) User() string { return e.user }

// Stream tells whether the client asked for a stream.
func (e *Envelope) Stream() bool { return e.fields[fieldStream].Kind == jsonspan.True }

// IncludeUsage tells whether the client itself asked for the usage chunk of a stream.
func (e *Envelope) IncludeUsage() bool { return e.options.includeUsage.Kind == jsonspan.True }

// HasTools tells whether the request offers tools or, in the old form, functions.
func (e *Envelope) HasTools() bool {
	for _, f := range [...]field{fieldTools, fieldFunctions} {
		if _, ok := jsonspan.Get(e.fields[f].Of(e.body), "0"); ok {
			return true
		}
	}
	return false
}

// Tools returns the JSON of the tools that are offered, nil if there are none.
func (e *Envelope) Tools() []byte {
	if v := e.fields[fieldTools]; v.Kind == jsonspan.Array {
		return v.Of(e.body)
	}
	return nil
}

// WebSearch names the member that asks the provider to search the web, "" if there is none.
func (e *Envelope) WebSearch() string {
	if v := e.fields[fieldWebSearch]; v.Kind != jsonspan.None && v.Kind != jsonspan.Null {
		return "web_search_options"
	}
	return ""
}

// Opaque tells whether the messages hold what only the provider that made it can read: signatures, encrypted reasoning.
func (e *Envelope) Opaque() bool { return e.opaque }

// MaxOutput returns the output cap that the client asked for in tokens: the least of the max_tokens family, 0 if there is none.
func (e *Envelope) MaxOutput() int64 {
	var least int64
	for _, f := range capFields {
		if n, ok := e.fields[f].Int(e.body); ok && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// N returns how many answers the client asked for, at least 1.
func (e *Envelope) N() int64 {
	n, ok := e.fields[fieldN].Int(e.body)
	if !ok {
		n = 1
	}
	if e.input == Prompts {
		return e.answers(n)
	}
	return n
}

// textOf returns the text of a string of the body. It is valid until the scratch is used again.
func (e *Envelope) textOf(text jsonspan.Span, escaped bool) []byte {
	raw := text.Of(e.body)
	if !escaped {
		return raw
	}
	e.scratch, _ = jsonspan.Unescape(e.scratch[:0], raw) // Read has validated every escape
	return e.scratch
}

// kept returns the text of a string of the body as a string, for free if it is the same as before.
func (e *Envelope) kept(before string, v jsonspan.Value) string {
	if v.Kind != jsonspan.String {
		return ""
	}
	if text := e.textOf(v.Text(), v.Escaped); string(text) != before {
		return string(text)
	}
	return before
}
