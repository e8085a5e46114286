package dialect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
)

// responsesUpstreamStream translates the events of one streamed answer. Items are told as they grow; what did not come piece by piece is told when its
// item is done.
type responsesUpstreamStream struct {
	created int64
	id      string
	model   string
	begun   bool // the message was told to begin
	ended   bool
	calls   int // tool calls so far
	length  int // characters of text so far
	thought bool
	items   map[string]*growingItem
	usage   *chatUsage
}

// growingItem is an item of the output that is being streamed.
type growingItem struct {
	call  int    // index among the tool calls
	told  bool   // some of it was
	kind  string // of what was told of a thought: summary or text
	begun int    // where its text begins, in characters of the answer
}

// upstreamEvent is the data of an event.
type upstreamEvent struct {
	Type     string            `json:"type"`
	Response *upstreamResponse `json:"response"`
	ItemID   string            `json:"item_id"`
	At       *int              `json:"output_index"`
	Summary  int               `json:"summary_index"`
	Item     json.RawMessage   `json:"item"`
	Delta    string            `json:"delta"`
	Args     string            `json:"arguments"`
	Note     json.RawMessage   `json:"annotation"`
	LogProbs []logprob         `json:"logprobs"`
	Error    *upstreamError    `json:"error"`

	Code    string `json:"code"`
	Message string `json:"message"`
	Param   string `json:"param"`
}

func newResponsesUpstreamStream(m Made) *responsesUpstreamStream {
	return &responsesUpstreamStream{created: m.Created, id: m.ID, model: m.Model, items: map[string]*growingItem{}}
}

// Event translates one event.
func (s *responsesUpstreamStream) Event(dst, data []byte) ([]byte, error) {
	var e upstreamEvent
	if err := loosely(data, &e); err != nil {
		return dst, fmt.Errorf("no JSON object: %w", err)
	}
	if s.ended {
		return dst, nil
	}
	switch e.Type {
	case "response.created", "response.queued", "response.in_progress":
		return s.accepted(dst, &e), nil
	case "response.output_item.added":
		return s.add(dst, &e)
	case "response.output_item.done":
		return s.done(dst, &e)
	case "response.completed", "response.incomplete":
		return s.end(dst, &e)
	case "response.failed":
		if e.Response != nil && e.Response.Error != nil {
			return s.fail(dst, e.Response.Error), nil
		}
		return s.fail(dst, &upstreamError{}), nil
	case "error":
		if e.Error == nil {
			e.Error = &upstreamError{Code: e.Code, Message: e.Message, Param: e.Param}
		}
		return s.fail(dst, e.Error), nil
	}
	return s.grow(dst, &e), nil
}

// End adds nothing: response.completed and its like are the end.
func (s *responsesUpstreamStream) End(dst []byte) []byte { return dst }

// Told returns the usage, which is told at the end alone.
func (s *responsesUpstreamStream) Told() []byte {
	if s.usage == nil {
		return nil
	}
	return encode(nil, s.usage)
}

// accepted takes down what the provider says of the answer before it says anything. That is no first byte: a provider that fails now has answered
// nothing, and another may. But who has it answered in the background waits for the response's id.
func (s *responsesUpstreamStream) accepted(dst []byte, e *upstreamEvent) []byte {
	if e.Response == nil {
		return dst
	}
	s.names(e.Response)
	if e.Response.Background {
		return s.begin(dst)
	}
	return dst
}

func (s *responsesUpstreamStream) names(r *upstreamResponse) {
	if r.ID != "" {
		s.id = r.ID
	}
	if r.Model != "" {
		s.model = r.Model
	}
}

func (s *responsesUpstreamStream) begin(dst []byte) []byte {
	if s.begun {
		return dst
	}
	s.begun = true
	return s.chunk(dst, &turn{Role: "assistant", Content: new(string)})
}

// of is the item that an event tells of. Some servers do not number them, and llama.cpp names a call by its call_id alone.
func (s *responsesUpstreamStream) of(e *upstreamEvent, id string) *growingItem {
	key := id
	if e.At != nil {
		key = "#" + strconv.Itoa(*e.At)
	}
	if s.items[key] == nil {
		s.items[key] = &growingItem{call: -1, begun: s.length}
	}
	return s.items[key]
}

// add begins an item.
func (s *responsesUpstreamStream) add(dst []byte, e *upstreamEvent) ([]byte, error) {
	item, err := readItem(e.Item)
	if err != nil {
		return dst, err
	}
	dst = s.begin(dst)
	g := s.of(e, cmp.Or(item.ID, item.CallID))
	if item.Type == "function_call" && !item.foreign() {
		dst = s.call(dst, g, item)
	}
	return dst, nil
}

func (s *responsesUpstreamStream) call(dst []byte, g *growingItem, item *upstreamItem) []byte {
	if g.call >= 0 {
		return dst
	}
	g.call = s.calls
	s.calls++
	return s.chunk(dst, &turn{ToolCalls: []toolCall{{Index: &g.call, ID: item.CallID, Type: "function", Function: toolFunction{Name: item.Name}}}})
}

// grow adds to an item.
func (s *responsesUpstreamStream) grow(dst []byte, e *upstreamEvent) []byte {
	switch e.Type {
	case "response.output_text.delta":
		return s.say(s.begin(dst), s.of(e, e.ItemID), e.Delta, e.LogProbs)
	case "response.refusal.delta":
		s.of(e, e.ItemID).told = true
		return s.chunk(s.begin(dst), &turn{Refusal: e.Delta})
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		return s.think(s.begin(dst), e)
	case "response.reasoning_summary_part.added":
		if g := s.of(e, e.ItemID); g.kind == "summary" && e.Summary > 0 {
			return s.chunk(dst, &turn{Reasoning: thoughtGap})
		}
	case "response.function_call_arguments.delta":
		return s.arguments(dst, s.of(e, e.ItemID), e.Delta)
	case "response.function_call_arguments.done":
		if g := s.of(e, e.ItemID); !g.told {
			return s.arguments(dst, g, e.Args)
		}
	case "response.output_text.annotation.added":
		notes, more := upstreamAnnotations([]json.RawMessage{e.Note}, s.of(e, e.ItemID).begun)
		if more {
			return s.choice(dst, choice{Delta: &turn{}, Native: &native{Dialect: responsesName}})
		}
		return s.chunk(dst, &turn{Annotations: notes})
	}
	return dst // progress of a provider's own tools, and events of kinds that are yet to be invented
}

func (s *responsesUpstreamStream) say(dst []byte, g *growingItem, text string, logs []logprob) []byte {
	g.told = true
	s.length += characters(text)
	c := choice{Delta: &turn{Content: &text}}
	if len(logs) > 0 {
		c.LogProbs = &logprobs{Content: logs}
	}
	return s.choice(dst, c)
}

// think adds to a thought: its summary, or all of it where a model shows that and sums up nothing.
func (s *responsesUpstreamStream) think(dst []byte, e *upstreamEvent) []byte {
	g := s.of(e, e.ItemID)
	kind := "text"
	if e.Type == "response.reasoning_summary_text.delta" {
		kind = "summary"
	}
	if g.kind != "" && g.kind != kind {
		return dst
	}
	text := e.Delta
	if g.kind == "" && s.thought {
		text = thoughtGap + text
	}
	g.kind, g.told, s.thought = kind, true, true
	return s.chunk(dst, &turn{Reasoning: text})
}

func (s *responsesUpstreamStream) arguments(dst []byte, g *growingItem, partial string) []byte {
	if g.call < 0 || partial == "" {
		return dst
	}
	g.told = true
	return s.chunk(dst, &turn{ToolCalls: []toolCall{{Index: &g.call, Function: toolFunction{Arguments: partial}}}})
}

// done ends an item: what was not told of it is told, a thought once more as the block that must come back with the next request, and what a chat
// completion has no words for as it came.
func (s *responsesUpstreamStream) done(dst []byte, e *upstreamEvent) ([]byte, error) {
	item, err := readItem(e.Item)
	if err != nil {
		return dst, err
	}
	dst = s.begin(dst)
	g := s.of(e, cmp.Or(item.ID, item.CallID))
	switch {
	case item.foreign():
		return s.choice(dst, choice{Delta: &turn{}, Native: &native{Dialect: responsesName, Content: []json.RawMessage{item.raw}}}), nil
	case item.Type == "function_call":
		dst = s.call(dst, g, item)
		if !g.told {
			dst = s.arguments(dst, g, item.Args)
		}
	case item.Type == "reasoning":
		if text := item.thought(); text != "" && !g.told {
			dst = s.think(dst, &upstreamEvent{Type: "response.reasoning_text.delta", ItemID: item.ID, At: e.At, Delta: text})
		}
		if block := item.block(); block != nil {
			dst = s.chunk(dst, &turn{ThinkingBlocks: []json.RawMessage{block}})
		}
	case !g.told:
		for _, p := range item.parts() {
			if p.Text != "" {
				dst = s.say(dst, g, p.Text, p.LogProbs)
			}
			if p.Refusal != "" {
				dst = s.chunk(dst, &turn{Refusal: p.Refusal})
			}
		}
	}
	return dst, nil
}

// end ends the stream: why, usage in a chunk of its own, then [DONE].
func (s *responsesUpstreamStream) end(dst []byte, e *upstreamEvent) ([]byte, error) {
	r := e.Response
	if r == nil {
		return dst, errNoResponse
	}
	s.names(r)
	if r.Status == "" { // the event says it, too
		r.Status = e.Type[len("response."):]
	}
	dst = s.begin(dst)
	if r.Error != nil {
		return s.fail(dst, r.Error), nil
	}
	finish := r.finish(s.calls > 0)
	if finish == nil {
		return dst, errNoResponse
	}
	s.ended = true
	dst = s.choice(dst, choice{Delta: &turn{}, FinishReason: finish})
	if r.Usage != nil {
		s.usage = r.Usage.chat()
		out := s.completion()
		out.Choices, out.Usage, out.ServiceTier = []choice{}, s.usage, r.Tier
		dst = append(encode(append(dst, "data: "...), out), "\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...), nil
}

// fail tells an error. Nothing follows it.
func (s *responsesUpstreamStream) fail(dst []byte, e *upstreamError) []byte {
	s.ended = true
	var out chatError
	out.Error.Message, out.Error.Type, out.Error.Code, out.Error.Param = e.Message, e.Type, orNull(e.Code), orNull(e.Param)
	if out.Error.Type == "" {
		out.Error.Type = "api_error"
	}
	return append(encode(append(dst, "data: "...), &out), "\n\n"...)
}

func (s *responsesUpstreamStream) completion() *completion {
	return &completion{ID: s.id, Object: "chat.completion.chunk", Created: s.created, Model: s.model}
}

func (s *responsesUpstreamStream) chunk(dst []byte, delta *turn) []byte {
	return s.choice(dst, choice{Delta: delta})
}

func (s *responsesUpstreamStream) choice(dst []byte, c choice) []byte {
	out := s.completion()
	out.Choices = []choice{c}
	return append(encode(append(dst, "data: "...), out), "\n\n"...)
}
