package dialect

import (
	"encoding/json"
	"fmt"
	"strings"

	"bursar/exchange"
)

// geminiClientStream tells a stream of chunks as pieces of an answer of Google's: texts as they come, calls whole, and at the end why it ended and
// the usage. The pieces are server-sent events, or the elements of one JSON array.
type geminiClientStream struct {
	reply  Reply
	shown  bool // thoughts are
	array  bool
	begun  bool
	ended  bool
	usage  *hubUsage
	tier   string
	states []*googleState // by the choices' indices
}

// googleState is one candidate under way.
type googleState struct {
	thought googleThought
	calls   []*hubCalled
	refused bool
	finish  string
	text    strings.Builder // so far: citations count in it
}

func newGeminiClientStream(r Reply) *geminiClientStream {
	return &geminiClientStream{reply: r, shown: showsThoughts(r.Request), array: r.Array}
}

// Event translates one event of the hub's.
func (s *geminiClientStream) Event(dst, data []byte) ([]byte, error) {
	if s.ended {
		return dst, nil
	}
	if string(data) == "[DONE]" {
		return s.end(dst), nil
	}
	var chunk hubAnswer
	if err := json.Unmarshal(data, &chunk); err != nil {
		return dst, fmt.Errorf("no chunk of a chat completion: %w", err)
	}
	if given(chunk.Error) != nil {
		return s.failed(dst, chunk.Error), nil
	}
	s.reply.Model = chunk.modelOr(s.reply.Model)
	if chunk.Usage != nil {
		s.usage = chunk.Usage
	}
	if chunk.ServiceTier != "" {
		s.tier = chunk.ServiceTier
	}
	for i := range chunk.Choices {
		c := &chunk.Choices[i]
		if c.Index < 0 || c.Index >= mostCandidates {
			return dst, fmt.Errorf("a choice has the index %d", c.Index)
		}
		for c.Index >= len(s.states) {
			s.states = append(s.states, &googleState{})
		}
		dst = s.delta(dst, c, s.states[c.Index])
	}
	return dst, nil
}

// Ping keeps the connection alive: a comment in a block of its own, or white space between elements.
func (s *geminiClientStream) Ping(dst []byte) []byte {
	if s.array {
		return append(dst, '\n')
	}
	return append(dst, ": ping\n\n"...)
}

// Fault ends the stream with an error, which the SDKs throw.
func (s *geminiClientStream) Fault(dst []byte, f *exchange.Fault, requestID string) []byte {
	if s.ended {
		return dst
	}
	status, _ := geminiClientFault(f, requestID)
	dst = s.send(dst, googleErrorOf(f, status, requestID))
	return s.close(dst)
}

// failed passes on an error that a provider has sent amid its stream.
func (s *geminiClientStream) failed(dst []byte, raw json.RawMessage) []byte {
	var e struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &e) != nil || e.Message == "" {
		e.Message = "The provider ended its answer with an error."
	}
	return s.Fault(dst, &exchange.Fault{Status: 502, Code: "stream_broken", Message: e.Message}, s.reply.ID)
}

// delta adds what a chunk brings to its candidate.
func (s *geminiClientStream) delta(dst []byte, c *hubChoice, state *googleState) []byte {
	d := c.said()
	if c.FinishReason != "" {
		state.finish = c.FinishReason
	}
	if cand := (googleCandidate{Index: c.Index, Content: googleSaid{Role: "model", Parts: []any{}}}); cand.native(c.Native) {
		return s.send(dst, s.piece(cand))
	}
	if thought := d.reasoning(); thought != "" {
		state.thought.keep.Reasoning += thought
		if s.shown {
			dst = s.say(dst, c, googleWord{Text: &thought, Thought: true})
		}
	}
	state.thought.keep.ThinkingBlocks = append(state.thought.keep.ThinkingBlocks, d.ThinkingBlocks...)
	if extra := given(d.Extra); extra != nil {
		state.thought.extra = extra
	}
	state.refused = state.refused || d.Refusal != ""
	if text := d.text() + d.Refusal; text != "" {
		state.text.WriteString(text)
		dst = s.say(dst, c, googleWord{Text: &text, Signature: state.thought.signature(nil)})
	}
	if all := googleCitationsOf(d.annotations(), state.text.String()); all != nil {
		dst = s.send(dst, s.piece(googleCandidate{Index: c.Index, Content: googleSaid{Role: "model", Parts: []any{}}, Citations: all}))
	}
	for i := range d.Images {
		dst = s.say(dst, c, d.Images[i].google())
	}
	for i := range d.ToolCalls {
		state.call(&d.ToolCalls[i])
	}
	return dst
}

// call adds to a call: Google's are told whole, so that they wait for the end.
func (g *googleState) call(c *hubCalled) {
	for _, open := range g.calls {
		if open.Index == c.Index {
			open.Function.Arguments += c.Function.Arguments
			if given(c.Extra) != nil {
				open.Extra = c.Extra
			}
			return
		}
	}
	g.calls = append(g.calls, c)
}

// say sends a part of a candidate.
func (s *geminiClientStream) say(dst []byte, c *hubChoice, word googleWord) []byte {
	cand := googleCandidate{Index: c.Index, Content: googleSaid{Role: "model", Parts: []any{word}}}
	if c.LogProbs != nil && !word.Thought {
		cand.logProbs(c.LogProbs.Content)
	}
	return s.send(dst, s.piece(cand))
}

func (s *geminiClientStream) piece(all ...googleCandidate) *googleAnswer {
	return &googleAnswer{Candidates: all, Model: s.reply.Model, ID: responsesID("resp", s.reply.ID)}
}

// end sends the calls, why each candidate ended, and the usage.
func (s *geminiClientStream) end(dst []byte) []byte {
	last := s.piece()
	for i, state := range s.states {
		cand := googleCandidate{Index: i, FinishReason: googleFinish(state.finish), Content: googleSaid{Role: "model"}}
		if cand.FinishReason == "" {
			cand.FinishReason = "OTHER"
		}
		if state.refused {
			cand.FinishReason = "SAFETY"
		}
		for _, call := range state.calls {
			cand.call(call, &state.thought)
		}
		cand.end(&state.thought)
		last.Candidates = append(last.Candidates, cand)
	}
	if last.Candidates == nil {
		last.Candidates = []googleCandidate{}
	}
	last.Usage = googleUsageOf(s.usage, s.tier)
	return s.close(s.send(dst, last))
}

// send appends a piece.
func (s *geminiClientStream) send(dst []byte, piece any) []byte {
	begun := s.begun
	s.begun = true
	switch {
	case !s.array:
		return append(encode(append(dst, "data: "...), piece), "\n\n"...)
	case begun:
		return encode(append(dst, ",\n"...), piece)
	}
	return encode(append(dst, '['), piece)
}

// close ends the stream.
func (s *geminiClientStream) close(dst []byte) []byte {
	s.ended = true
	if s.array {
		return append(dst, "]\n"...)
	}
	return dst
}
