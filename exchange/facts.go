package exchange

import "time"

// Facts is what was measured of a request before anything was decided. It is the whole input of the router beside the policy:
// equal facts and policy give equal decisions, so it holds values only and nothing that reads a clock or a store.
type Facts struct {
	At      time.Time // the request's start
	Team    string
	Project string
	Key     string // key id
	User    string
	Tags    []Tag     // from x-bursar-tag-NAME headers and the key, sorted by name
	Scope   *KeyScope // what the key may use; nil is everything

	Model  string // what the client asked for: auto, a model of the policy, or provider/model
	Stream bool
	Tools  bool  // the request offers tools
	Images int   // image parts in the messages
	Turns  int   // user messages
	N      int64 // answers asked for, at least 1

	PromptTokens int64  // counted for the model family most candidates share
	PromptMethod Method // how they were counted
	MaxOutput    int64  // output cap the client asked for, 0 if none

	Signals    Signals    // what the prompt's text shows
	Complexity Complexity // what the router makes of the signals

	BudgetUsed   float64  // used share (0..1 and above) of the fullest budget that touches the request, spent and held
	Conversation uint64   // fingerprint of the conversation, equal for all its turns; 0 if it has none
	Sticky       Sticky   // what served the conversation's earlier turns
	Certified    []string // names of routes whose cheap answers are certified for the team, sorted
	Pinned       bool     // x-bursar-pin: the model asked for is the model used
	Stateful     string   // the member that asks for what a provider has stored, such as previous_response_id, or wants it to; "" if none does
	Origin       string   // where that is stored: provider/model, or provider/ if any model of it will do; "" if nothing is stored yet
	Fixed        bool     // the call is of a kind whose answer is of use from the model asked for alone, such as an embedding: no route sends it elsewhere
}

// Tag is one x-bursar-tag-NAME: VALUE header.
type Tag struct{ Name, Value string }

// Complexity is how hard the prompt looks, from 0 (trivial) to 1 (hard). Known is false when no signal spoke: absence of
// evidence is not simplicity, and no rule on complexity matches then.
type Complexity struct {
	Score float64
	Known bool
}

// Signals are counts of transparent marks in the text that the user wrote last, the input of complexity.
type Signals struct {
	Bytes       int `json:"bytes"` // of the last user message's text
	Words       int `json:"words"`
	CodeMarks   int `json:"code_marks"`  // fences, inline code, typical tokens of code
	MathMarks   int `json:"math_marks"`  // operators, LaTeX, digits in expressions
	Constraints int `json:"constraints"` // must, exactly, at most, without, ...
	Steps       int `json:"steps"`       // numbered or bulleted lines, first/then/finally
	Reasoning   int `json:"reasoning"`   // why, prove, derive, compare, trade-off, ...
	Questions   int `json:"questions"`   // question marks
	Lookups     int `json:"lookups"`     // short-answer openings: what is, who is, define, translate, ...
	NonLatin    int `json:"non_latin"`   // letters outside Latin script
}

// Method is how a token count came to be.
type Method uint8

// Methods, from least to most trusted.
const (
	MethodNone     Method = iota
	MethodEstimate        // another family's tokenizer times a factor, or a cut stream's text
	MethodExact           // the family's own tokenizer
	MethodReported        // the provider's usage
	MethodBeside          // it is that of a call beside the request, whose row says how it is known and has its cost
)

var methodNames = [...]string{"none", "estimate", "exact", "reported", "beside"}

// String returns estimate, exact, reported, beside or none.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return "unknown"
}
