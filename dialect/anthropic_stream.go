package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
)

// anthropicStream translates the events of one streamed answer. Its blocks have indices of their own; among the tool calls of a chat
// completion only calls are counted.
type anthropicStream struct {
	created int64
	id      string
	model   string
	usage   anthropicUsage
	calls   int
	open    anthropicBlock // the block under way
	last    string         // the type of the block before it
	length  int            // characters of text so far
	ended   bool
}

// anthropicBlock is a content block that is being streamed.
type anthropicBlock struct {
	kind      string
	call      int    // index among the tool calls
	input     bool   // some of its arguments came
	thinking  string // its text so far
	signature string
	partial   string          // arguments of a call that the provider answers itself
	raw       json.RawMessage // the block as it began
	foreign   bool            // a chat completion has no words for it

	start     int // of its text, in characters
	citations []json.RawMessage
}

// anthropicEvent is the data of an event.
type anthropicEvent struct {
	Type    string                  `json:"type"`
	Message *anthropicMessageAnswer `json:"message"`
	Block   json.RawMessage         `json:"content_block"`
	Delta   struct {
		Type       string `json:"type"`
		Text       string `json:"text"`
		Thinking   string `json:"thinking"`
		Signature  string `json:"signature"`
		Partial    string `json:"partial_json"`
		StopReason string `json:"stop_reason"`

		Sequence *string         `json:"stop_sequence"`
		Citation json.RawMessage `json:"citation"`

		anthropicEnd
	} `json:"delta"`
	Usage json.RawMessage `json:"usage"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
}

var errNotBegun = errors.New("an event came before message_start")

// Event translates one event.
func (s *anthropicStream) Event(dst, data []byte) ([]byte, error) {
	var e anthropicEvent
	if err := json.Unmarshal(data, &e); err != nil {
		return dst, fmt.Errorf("no JSON object: %w", err)
	}
	if s.id == "" && e.Type != "message_start" && e.Type != "ping" && e.Type != "error" {
		return dst, errNotBegun
	}
	switch e.Type {
	case "message_start":
		if e.Message == nil {
			return dst, errNoMessage
		}
		s.id, s.model = e.Message.ID, e.Message.Model
		if e.Message.Usage != nil {
			s.usage = *e.Message.Usage
		}
		empty := ""
		return s.chunk(dst, &turn{Role: "assistant", Content: &empty}), nil
	case "content_block_start":
		return s.begin(dst, e.Block)
	case "content_block_delta":
		return s.delta(dst, &e), nil
	case "content_block_stop":
		return s.end(dst), nil
	case "message_delta":
		// Usage is what holds so far, not what comes on top: members that are told replace those that were.
		if len(e.Usage) > 0 {
			if err := json.Unmarshal(e.Usage, &s.usage); err != nil {
				return dst, fmt.Errorf("its usage is no usage: %w", err)
			}
		}
		if finish := anthropicFinish(e.Delta.StopReason); finish != "" {
			dst = s.choice(dst, choice{Delta: &turn{}, FinishReason: &finish, StopReason: e.Delta.Sequence, Native: e.Delta.native()})
		}
		return dst, nil
	case "message_stop":
		return s.stop(dst), nil
	case "error":
		var out chatError
		out.Error.Message, out.Error.Type = e.Error.Message, e.Error.Type
		return append(encode(append(dst, "data: "...), &out), "\n\n"...), nil
	case "ping":
		return append(dst, ": ping\n\n"...), nil
	}
	return dst, nil // events of kinds that are yet to be invented
}

// End adds nothing: message_stop is the end.
func (s *anthropicStream) End(dst []byte) []byte { return dst }

// Told returns the usage so far: the prompt's is known before the answer begins.
func (s *anthropicStream) Told() []byte {
	if s.id == "" {
		return nil
	}
	return encode(nil, s.usage.chat())
}

// begin begins a block.
func (s *anthropicStream) begin(dst []byte, raw json.RawMessage) ([]byte, error) {
	var b said
	if err := json.Unmarshal(raw, &b); err != nil {
		return dst, fmt.Errorf("a content block is no object: %w", err)
	}
	s.open = anthropicBlock{kind: b.Type, raw: append(json.RawMessage(nil), raw...), thinking: b.Thinking, foreign: b.foreign(), start: s.length}
	if b.Type == "text" && s.last == "text" { // which of the two is cited must be seen
		dst = s.beside(dst, blockStop, nil)
	}
	for _, citation := range citationsIn(b.Citations) {
		dst = s.cite(dst, citation)
	}
	switch {
	case b.Type == "tool_use":
		s.open.call = s.calls
		s.calls++
		index := s.open.call
		return s.chunk(dst, &turn{ToolCalls: []toolCall{{Index: &index, ID: b.ID, Type: "function", Function: toolFunction{Name: b.Name}}}}), nil
	case b.Type == "text" && b.Text != "":
		s.length += characters(b.Text)
		return s.chunk(dst, &turn{Content: &b.Text}), nil
	case b.Type == "thinking" && b.Thinking != "":
		return s.chunk(dst, &turn{Reasoning: b.Thinking}), nil
	}
	return dst, nil
}

// delta adds to the block under way.
func (s *anthropicStream) delta(dst []byte, e *anthropicEvent) []byte {
	switch e.Delta.Type {
	case "text_delta":
		s.length += characters(e.Delta.Text)
		return s.chunk(dst, &turn{Content: &e.Delta.Text})
	case "thinking_delta":
		s.open.thinking += e.Delta.Thinking
		return s.chunk(dst, &turn{Reasoning: e.Delta.Thinking})
	case "signature_delta":
		s.open.signature += e.Delta.Signature
	case "citations_delta":
		if s.open.kind == "text" {
			return s.cite(dst, e.Delta.Citation)
		}
	case "input_json_delta":
		if s.open.foreign { // a call that the provider answers itself is none of the client's
			s.open.partial += e.Delta.Partial
			return dst
		}
		if e.Delta.Partial == "" || s.open.kind != "tool_use" {
			return dst
		}
		s.open.input = true
		return s.arguments(dst, e.Delta.Partial)
	}
	return dst
}

// cite tells a citation of the text under way, for clients of Anthropic's API, and keeps it for the annotations of others.
func (s *anthropicStream) cite(dst []byte, citation json.RawMessage) []byte {
	if len(given(citation)) == 0 {
		return dst
	}
	s.open.citations = append(s.open.citations, append(json.RawMessage(nil), citation...))
	return s.beside(dst, encode(nil, messagesCited{"citations_delta", citation}), nil)
}

type messagesCited struct {
	Type     string          `json:"type"`
	Citation json.RawMessage `json:"citation"`
}

// blockStop tells that the block under way has ended where a chat completion goes on with its text.
var blockStop = json.RawMessage(`{"type":"content_block_stop"}`)

func (s *anthropicStream) beside(dst []byte, delta json.RawMessage, annotations []annotation) []byte {
	return s.choice(dst, choice{Delta: &turn{Annotations: annotations}, Native: &native{Dialect: anthropicName, Delta: delta}})
}

func (s *anthropicStream) arguments(dst []byte, partial string) []byte {
	index := s.open.call
	return s.chunk(dst, &turn{ToolCalls: []toolCall{{Index: &index, Function: toolFunction{Arguments: partial}}}})
}

// end ends the block under way. A call without arguments has an empty object of them, and thinking is told once more as the block that
// must come back with the next request, signature included.
func (s *anthropicStream) end(dst []byte) []byte {
	open := s.open
	switch {
	case len(open.citations) > 0:
		dst = s.beside(dst, blockStop, citationsOf(open.citations, open.start, s.length))
	case open.foreign && open.kind != "text":
		dst = s.choice(dst, choice{Delta: &turn{}, Native: &native{Dialect: anthropicName, Content: []json.RawMessage{open.whole()}}})
	case open.kind == "tool_use" && !open.input:
		var b said
		_ = json.Unmarshal(open.raw, &b) // it was read when it began
		dst = s.arguments(dst, compact(b.Input))
	case open.kind == "thinking":
		block := encode(nil, struct {
			Type      string `json:"type"`
			Thinking  string `json:"thinking"`
			Signature string `json:"signature"`
		}{"thinking", open.thinking, open.signature})
		dst = s.chunk(dst, &turn{ThinkingBlocks: []json.RawMessage{block}})
	case open.kind == "redacted_thinking":
		dst = s.chunk(dst, &turn{ThinkingBlocks: []json.RawMessage{open.raw}})
	}
	s.open, s.last = anthropicBlock{}, open.kind
	if len(open.citations) > 0 { // it is told that it has ended
		s.last = ""
	}
	return dst
}

// stop ends the stream: usage in a chunk of its own, then [DONE].
func (s *anthropicStream) stop(dst []byte) []byte {
	if s.ended {
		return dst
	}
	s.ended = true
	out := completion{
		ID: s.id, Object: "chat.completion.chunk", Created: s.created, Model: s.model, Choices: []choice{}, Usage: s.usage.chat(), ServiceTier: s.usage.tier(),
	}
	dst = append(encode(append(dst, "data: "...), &out), "\n\n"...)
	return append(dst, "data: [DONE]\n\n"...)
}

// whole is a block with the input that has come since it began.
func (b *anthropicBlock) whole() json.RawMessage {
	var members map[string]json.RawMessage
	if b.partial == "" || !json.Valid([]byte(b.partial)) || json.Unmarshal(b.raw, &members) != nil {
		return b.raw
	}
	members["input"] = json.RawMessage(b.partial)
	return encode(nil, members)
}

func (s *anthropicStream) chunk(dst []byte, delta *turn) []byte {
	return s.choice(dst, choice{Delta: delta})
}

func (s *anthropicStream) choice(dst []byte, c choice) []byte {
	out := completion{ID: s.id, Object: "chat.completion.chunk", Created: s.created, Model: s.model, Choices: []choice{c}}
	return append(encode(append(dst, "data: "...), &out), "\n\n"...)
}
