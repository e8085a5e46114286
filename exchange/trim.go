package exchange

import (
	"crypto/sha256"
	"time"
)

// Trim is how far a prompt may be trimmed. The zero value trims nothing.
type Trim struct {
	MaxPromptTokens   int64     // drop oldest turns until the prompt fits; 0 is no limit
	KeepLastTurns     int       // never drop these; at least 1
	SummaryModel      string    // model of the policy that sums up what is dropped; "" for none
	SummaryTokens     int64     // most tokens of a summary
	EvenIfDearer      bool      // drop turns also where that costs more than it saves
	MinifyToolResults bool      // compact JSON in tool results
	TidyToolResults   bool      // take colours, white space at the ends of lines and runs of empty lines out of tool results that are no JSON
	DedupeToolResults bool      // a note in the place of a tool result that repeats an earlier one
	StripHTML         bool      // the text of tool results that are pages of HTML
	Squeezes          *Squeezes // shorter texts for system prompts; nil for none
	ElideBase64       int64     // a note in the place of runs of base64 in tool results, from so many bytes on; 0 is never
}

// Squeezes are reviewed texts that go out in the place of system prompts. They are made when a policy loads and never change.
type Squeezes struct {
	Digest string                       // tells texts apart, for cache keys
	Texts  map[[sha256.Size]byte]string // by the SHA-256 of the text that each stands for
}

// Edits tells whether it does anything to messages that stay.
func (t *Trim) Edits() bool {
	return t.Squeezes != nil || t.MinifyToolResults || t.TidyToolResults || t.DedupeToolResults || t.StripHTML || t.ElideBase64 > 0
}

// mostCalls is how many more calls of a conversation it may take until dropping turns has paid. In recorded conversations of agents it paid
// at 35 and did not at 357 (bench/trims): there is little between, because providers read their cache at a tenth of the input price, at
// half of it, or at a hundredth.
const mostCalls = 100

// At returns the trim as it pays at a candidate's prices. Dropping turns breaks the provider's prompt cache: where reading that costs next to
// nothing, a shorter prompt is a dearer one. Then turns are dropped only as far as the model's context window demands.
func (t Trim) At(c *Candidate, at time.Time) Trim {
	if t.MaxPromptTokens <= 0 || t.EvenIfDearer || c.Price == nil {
		return t
	}
	const quarter = 4 // cuts are made in steps of a quarter of the limit; see prompt.Envelope.Trim
	dropped := max(1, t.MaxPromptTokens/quarter)
	if c.Price.BreakEven(dropped, t.MaxPromptTokens-dropped, at) <= mostCalls {
		return t
	}
	t.MaxPromptTokens = max(t.MaxPromptTokens, c.Context-c.MaxOutput) // 0 is unknown: then the policy's limit stands for nothing
	if c.Context == 0 {
		t.MaxPromptTokens = 0
	}
	return t
}
