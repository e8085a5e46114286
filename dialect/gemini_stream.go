package dialect

import (
	"encoding/json"
	"fmt"
)

// geminiStream translates the events of one streamed answer. Each event is an answer of its own that goes on where the last one ended; usage is
// what holds so far. Nothing marks the end but the end itself.
type geminiStream struct {
	created    int64
	id, model  string
	usage      *geminiUsage
	candidates []*geminiCalls // by index; those seen so far
	ended      []bool
	failed     bool
}

// mostCandidates bounds the index of a candidate; Gemini makes 8 at most.
const mostCandidates = 128

// Event translates one event.
func (s *geminiStream) Event(dst, data []byte) ([]byte, error) {
	var e geminiAnswer
	if err := json.Unmarshal(data, &e); err != nil {
		return dst, fmt.Errorf("no JSON object: %w", err)
	}
	if e.Error != nil {
		s.failed = true
		return append(encode(append(dst, "data: "...), e.Error.chat()), "\n\n"...), nil
	}
	if e.ID != "" {
		s.id = e.ID
	}
	if e.Model != "" {
		s.model = e.Model
	}
	if e.Usage != nil {
		s.usage = e.Usage
	}
	if why := e.blocked(); why != "" && len(s.candidates) == 0 {
		dst = s.begin(dst, 0)
		s.ended[0] = true
		return s.chunk(dst, choice{Delta: &turn{Refusal: why}, FinishReason: &filtered}), nil
	}
	for i := range e.Candidates {
		c := &e.Candidates[i]
		if c.Index < 0 || c.Index >= mostCandidates {
			return dst, fmt.Errorf("its candidate %d is beyond all bounds", c.Index)
		}
		dst = s.begin(dst, c.Index)
		dst = s.candidate(dst, c, c.foreign(data, i))
	}
	return dst, nil
}

// begin begins the candidates up to an index, each with its role.
func (s *geminiStream) begin(dst []byte, index int) []byte {
	for len(s.candidates) <= index {
		at := len(s.candidates)
		s.candidates = append(s.candidates, &geminiCalls{answer: s.id, created: s.created, candidate: at})
		s.ended = append(s.ended, false)
		dst = s.chunk(dst, choice{Index: at, Delta: &turn{Role: "assistant", Content: new(string)}})
	}
	return dst
}

// candidate tells what an event adds to a candidate.
func (s *geminiStream) candidate(dst []byte, c *geminiCandidate, foreign *native) []byte {
	calls := s.candidates[c.Index]
	said := calls.read(c.Content.Parts)
	delta := turn{Reasoning: said.reasoning, Images: said.images, ToolCalls: said.calls, Extra: signed(said.signature)}
	if said.text != "" {
		delta.Content = &said.text
		calls.said.WriteString(said.text)
	}
	if foreign != nil {
		delta.Annotations = c.annotations(calls.said.String())
	}
	out := choice{Index: c.Index, Delta: &delta, LogProbs: c.Logprobs.chat(), Native: foreign}
	if finish := geminiFinish(c.FinishReason, calls.made > 0); finish != "" && !s.ended[c.Index] {
		s.ended[c.Index] = true
		out.FinishReason = &finish
	}
	if said.text == "" && said.reasoning == "" && len(said.images)+len(said.calls) == 0 && said.signature == "" && out.FinishReason == nil && out.Native == nil {
		return dst
	}
	return s.chunk(dst, out)
}

// End tells the usage and ends the stream, if every candidate has ended: else the provider broke off.
func (s *geminiStream) End(dst []byte) []byte {
	for _, ended := range s.ended {
		if !ended {
			return dst
		}
	}
	if len(s.ended) == 0 || s.failed {
		return dst
	}
	out := completion{ID: s.id, Object: "chat.completion.chunk", Created: s.created, Model: s.model, Choices: []choice{}}
	if s.usage != nil {
		out.Usage, out.ServiceTier = s.usage.chat(), s.usage.tier()
		dst = append(encode(append(dst, "data: "...), &out), "\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

// Told returns the usage so far.
func (s *geminiStream) Told() []byte {
	if s.usage == nil {
		return nil
	}
	return encode(nil, s.usage.chat())
}

func (s *geminiStream) chunk(dst []byte, c choice) []byte {
	out := completion{ID: s.id, Object: "chat.completion.chunk", Created: s.created, Model: s.model, Choices: []choice{c}}
	return append(encode(append(dst, "data: "...), &out), "\n\n"...)
}
