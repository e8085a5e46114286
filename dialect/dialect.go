// Package dialect carries chat completions over into the APIs of providers that speak another one, and their answers back. It is separate
// because it is pure: bytes in, bytes out, no clock, no connection, so every mapping can be read and tested by itself.
//
// What a dialect cannot carry is never lost silently: it is a fault that names the member or, where the policy says drop, listed among
// what was dropped.
package dialect

import (
	"fmt"
	"slices"
	"strings"

	"bursar/exchange"
)

// Dialect is how one API of providers is spoken. All its functions are pure and safe for concurrent use.
type Dialect struct {
	Name string

	// Path is what follows the base URL of a provider, with a query if it needs one, for a request to a model.
	Path func(base, model string, stream bool) string

	// Auth returns the headers that carry a key, and what else every request must have. Nil: a key is sent as for chat completions.
	Auth func(key string) []Header

	// Request carries a chat completion over. The body is one that package prompt has read, with its model and its cap.
	Request func(body []byte, o Options) (out []byte, dropped []string, fault *exchange.Fault)

	// Answer carries a whole answer back, as the JSON of a chat completion.
	Answer func(body []byte, m Made) ([]byte, error)

	// Refusal carries an error that is the client's own back, as the JSON of an OpenAI error.
	Refusal func(status int, body []byte) []byte

	// NewStream makes the translator of one stream.
	NewStream func(m Made) Stream

	// Vectors is how it is asked for embeddings; nil if it is not.
	Vectors *Vectors

	// Frames: its streams come in Amazon's binary frames, not as server-sent events. The data of an event is then an object with one member,
	// named for the frame's type.
	Frames bool
}

// Made is what is known of an answer beside its body.
type Made struct {
	Created int64  // Unix seconds
	Model   string // that was asked for: what to name if the answer names none
	ID      string // that the provider's head gives the request, "" if it gives none

	Base64 bool  // of embeddings: the client wants them in base64
	Told   int64 // tokens of the prompt that the provider's head tells of, 0 for none
	Prompt int64 // our own count of them
}

// Stream translates a stream, event by event.
type Stream interface {
	// Event takes the data of one event of the provider's and appends what it comes to: events of a stream of chat completion chunks, none or
	// many. After the answer's end it appends [DONE].
	Event(dst, data []byte) ([]byte, error)

	// End appends what is to be told after the last event, once the provider has ended its stream by itself: of a dialect that marks no end.
	End(dst []byte) []byte

	// Told returns usage as the stream has told it so far, as the JSON object of a chat completion; nil if it has told nothing.
	Told() []byte
}

// Header is one header of a request.
type Header struct{ Name, Value string }

// Options say how to carry a request over.
type Options struct {
	Drop    bool // drop what cannot be carried, and say so; else it is a fault
	Foreign bool // the client speaks another API than chat completions

	Vectors bool // it is for embeddings

	Reasoning bool // a vendor of chat completions takes back what its model has thought, as text
}

// Find returns a dialect by its name in the policy. Nil, true is openai, or azure, which need no translation.
func Find(name string) (*Dialect, bool) {
	switch name {
	case "", "openai", "azure":
		return nil, true
	case anthropicName:
		return &anthropic, true
	case "gemini":
		return &gemini, true
	case "bedrock":
		return &bedrock, true
	case responsesName:
		return &responsesUpstream, true
	}
	return nil, false
}

// Names lists the dialects that can be spoken.
func Names() []string {
	return []string{"openai", "azure", responsesName, anthropicName, "gemini", "bedrock"}
}

// losses collects the members that a dialect cannot carry.
type losses struct {
	dialect string
	drop    bool
	members []string
	noted   []string // lost, but no reason to refuse
	unnamed int      // how many more were lost than are named
	unnoted int      // how many more were noted
}

// Of what is lost so many are named, each by so many bytes: who sends a hundred thousand parts of no known type is told of the first.
const mostLosses, longestLoss = 32, 200

// note notes what is left out whatever the policy says: the request means the same without it.
func (l *losses) note(member string) {
	switch member = shortened(member); {
	case slices.Contains(l.noted, member):
	case len(l.noted) == mostLosses:
		l.unnoted++
	default:
		l.noted = append(l.noted, member)
	}
}

// dropped is all that was left out.
func (l *losses) dropped() []string {
	all := append(l.lost(), l.noted...)
	if l.unnoted > 0 {
		all = append(all, fmt.Sprintf("%d more", l.unnoted))
	}
	return all
}

// lost is what cannot be carried.
func (l *losses) lost() []string {
	if l.unnamed == 0 {
		return l.members
	}
	return append(l.members[:len(l.members):len(l.members)], fmt.Sprintf("%d more", l.unnamed))
}

// lose notes a member that cannot be carried.
func (l *losses) lose(member string) {
	switch member = shortened(member); {
	case slices.Contains(l.members, member):
	case len(l.members) == mostLosses:
		l.unnamed++
	default:
		l.members = append(l.members, member)
	}
}

func shortened(member string) string {
	if len(member) > longestLoss {
		member = strings.ToValidUTF8(member[:longestLoss], "") + "..."
	}
	return member
}

// fault returns nil if nothing is lost, or may be.
func (l *losses) fault() *exchange.Fault {
	if len(l.members) == 0 || l.drop {
		return nil
	}
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: l.members[0], Reason: exchange.ReasonBadRequest, NoRetry: true,
		Message: fmt.Sprintf("The target speaks the %s dialect, which has nothing for %s.", l.dialect, listed(l.lost())),
		Hint:    "Leave it out, name another model, or have the gateway drop it: `unsupported: drop` at the provider in its policy.",
	}
}

func listed(members []string) string {
	text := ""
	for i, m := range members {
		switch {
		case i > 0 && i == len(members)-1:
			text += " and "
		case i > 0:
			text += ", "
		}
		text += "`" + m + "`"
	}
	return text
}

// malformed is the fault of a member that has another form than the API asks for.
func malformed(member, want string) *exchange.Fault {
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "invalid_value", Param: member, Reason: exchange.ReasonBadRequest, NoRetry: true,
		Message: fmt.Sprintf("`%s` must be %s.", member, want), Hint: "Correct it and send the request again.",
	}
}
