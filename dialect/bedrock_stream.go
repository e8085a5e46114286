package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// bedrockStream translates the events of ConverseStream: each an object of one member, which is named for its type. Blocks have indices of
// their own; among the tool calls of a chat completion only calls are counted.
type bedrockStream struct {
	Made
	begun  bool
	calls  int
	open   bedrockOpen
	usage  *bedrockUsage
	tier   string
	finish string
	ended  bool
	length int // characters of text so far
}

// bedrockOpen is the block under way.
type bedrockOpen struct {
	call      int // index among the tool calls, -1 for none
	input     bool
	thinking  bedrockReasoningText
	thought   bool
	redacted  string
	blockOpen bool
	start     int // of its text, in characters
	citations []bedrockCitation
}

// bedrockEvent is the body of an event of any type.
type bedrockEvent struct {
	Start struct {
		ToolUse *bedrockToolUse `json:"toolUse"`
	} `json:"start"`
	Delta struct {
		Text    *string `json:"text"`
		ToolUse *struct {
			Input string `json:"input"`
		} `json:"toolUse"`
		Reasoning *struct {
			Text      string `json:"text"`
			Signature string `json:"signature"`
			Redacted  string `json:"redactedContent"`
		} `json:"reasoningContent"`
		Citation *bedrockCitation `json:"citation"`
	} `json:"delta"`
	StopReason string        `json:"stopReason"`
	Usage      *bedrockUsage `json:"usage"`
	Tier       *bedrockTier  `json:"serviceTier"`
	Message    string        `json:"message"`
}

var errNoEvent = errors.New("no event: an object of one member was due")

// Event translates one event.
func (s *bedrockStream) Event(dst, data []byte) ([]byte, error) {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(data, &named); err != nil {
		return dst, fmt.Errorf("no JSON object: %w", err)
	}
	names := slices.Collect(maps.Keys(named))
	if len(names) != 1 {
		return dst, errNoEvent
	}
	var e bedrockEvent
	if err := json.Unmarshal(named[names[0]], &e); err != nil {
		return dst, fmt.Errorf("a %s that is no object of its kind: %w", names[0], err)
	}
	switch kind := names[0]; {
	case strings.HasSuffix(kind, "Exception") || kind == "error":
		var out chatError
		out.Error.Message, out.Error.Type, out.Error.Code = e.Message, "api_error", &kind
		return append(encode(append(dst, "data: "...), &out), "\n\n"...), nil
	case kind == "messageStart":
		s.begun = true
		return s.chunk(dst, &turn{Role: "assistant", Content: new(string)}, ""), nil
	case !s.begun:
		return dst, errNotBegun
	case kind == "contentBlockStart":
		return s.begin(dst, &e), nil
	case kind == "contentBlockDelta":
		return s.delta(dst, &e), nil
	case kind == "contentBlockStop":
		return s.close(dst), nil
	case kind == "messageStop":
		dst = s.close(dst)
		if s.finish = bedrockFinish(e.StopReason); s.finish != "" {
			dst = s.chunk(dst, &turn{}, s.finish)
		}
	case kind == "metadata":
		s.usage, s.tier = e.Usage, e.Tier.served()
		if s.finish != "" {
			dst = s.stop(dst)
		}
	}
	return dst, nil
}

// End ends a stream whose metadata did not come.
func (s *bedrockStream) End(dst []byte) []byte {
	if s.finish == "" {
		return dst
	}
	return s.stop(dst)
}

// Told returns the usage, which comes last.
func (s *bedrockStream) Told() []byte {
	if s.usage == nil {
		return nil
	}
	return encode(nil, s.usage.chat())
}

// begin begins a block. Only calls are announced; others begin with their first delta.
func (s *bedrockStream) begin(dst []byte, e *bedrockEvent) []byte {
	dst = s.close(dst)
	s.open = bedrockOpen{call: -1, blockOpen: true, start: s.length}
	if use := e.Start.ToolUse; use != nil {
		s.open.call = s.calls
		s.calls++
		index := s.open.call
		return s.chunk(dst, &turn{ToolCalls: []toolCall{{Index: &index, ID: use.ID, Type: "function", Function: toolFunction{Name: use.Name}}}}, "")
	}
	return dst
}

// delta adds to the block under way.
func (s *bedrockStream) delta(dst []byte, e *bedrockEvent) []byte {
	if !s.open.blockOpen {
		s.open = bedrockOpen{call: -1, blockOpen: true, start: s.length}
	}
	switch d := &e.Delta; {
	case d.Text != nil:
		s.length += characters(*d.Text)
		return s.chunk(dst, &turn{Content: d.Text}, "")
	case d.ToolUse != nil:
		if d.ToolUse.Input == "" || s.open.call < 0 {
			return dst
		}
		s.open.input = true
		return s.arguments(dst, d.ToolUse.Input)
	case d.Citation != nil:
		s.open.citations = append(s.open.citations, *d.Citation)
	case d.Reasoning != nil:
		s.open.thought = true
		s.open.thinking.Signature += d.Reasoning.Signature
		s.open.redacted += d.Reasoning.Redacted
		if text := d.Reasoning.Text; text != "" {
			s.open.thinking.Text += text
			return s.chunk(dst, &turn{Reasoning: text}, "")
		}
	}
	return dst
}

func (s *bedrockStream) arguments(dst []byte, partial string) []byte {
	index := s.open.call
	return s.chunk(dst, &turn{ToolCalls: []toolCall{{Index: &index, Function: toolFunction{Arguments: partial}}}}, "")
}

// close ends the block under way, if there is one. A call without arguments has an empty object of them, and thinking is told once more as the
// block that must come back with the next request.
func (s *bedrockStream) close(dst []byte) []byte {
	open := s.open
	s.open = bedrockOpen{}
	switch {
	case !open.blockOpen:
	case len(open.citations) > 0:
		if all := bedrockAnnotations(open.citations, open.start, s.length); len(all) > 0 {
			dst = s.chunk(dst, &turn{Annotations: all}, "")
		}
	case open.call >= 0 && !open.input:
		s.open.call = open.call
		dst = s.arguments(dst, "{}")
		s.open.call = 0
	case open.thought:
		r := bedrockReasoning{Text: &open.thinking, Redacted: open.redacted}
		if open.redacted != "" {
			r.Text = nil
		}
		dst = s.chunk(dst, &turn{ThinkingBlocks: []json.RawMessage{r.block()}}, "")
	}
	return dst
}

// stop ends the stream: usage in a chunk of its own, then [DONE].
func (s *bedrockStream) stop(dst []byte) []byte {
	if s.ended {
		return dst
	}
	s.ended = true
	if s.usage != nil {
		out := completion{
			ID: s.ID, Object: "chat.completion.chunk", Created: s.Created, Model: s.Model, Choices: []choice{}, Usage: s.usage.chat(), ServiceTier: s.tier,
		}
		dst = append(encode(append(dst, "data: "...), &out), "\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

func (s *bedrockStream) chunk(dst []byte, delta *turn, finish string) []byte {
	out := completion{ID: s.ID, Object: "chat.completion.chunk", Created: s.Created, Model: s.Model, Choices: []choice{{Delta: delta}}}
	if finish != "" {
		out.Choices[0].FinishReason = &finish
	}
	return append(encode(append(dst, "data: "...), &out), "\n\n"...)
}
