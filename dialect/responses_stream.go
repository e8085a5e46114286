package dialect

import (
	"encoding/json"
	"fmt"
	"strconv"

	"bursar/exchange"
)

// responsesStream tells a stream of chunks as the events of the Responses API: each item of the output begins, grows and is done; a thought ends
// where a text or a call begins; calls that come in parallel are done at the end.
type responsesStream struct {
	out      *response
	items    responseItems
	sequence int
	begun    bool
	ended    bool
	finish   string
	length   int // characters of text so far
	usage    *hubUsage
	tier     string

	thought *openThought
	message *openMessage
	calls   []*openCall // in the order they began
}

type openThought struct {
	at   int // among the output
	item *reasoningItem
	text string
	keep sealed
}

type openMessage struct {
	at      int
	item    *messageItem
	text    string
	refusal string
	kind    string // of the part under way: output_text or refusal
	logs    []json.RawMessage
	notes   []any // annotations
}

type openCall struct {
	at    int
	index int // among the tool calls of the chat completion
	item  *callItem
}

func newResponsesStream(r Reply) *responsesStream {
	return &responsesStream{out: newResponse(r), items: responseItems{id: r.ID}}
}

// Event translates one event of the hub's.
func (s *responsesStream) Event(dst, data []byte) ([]byte, error) {
	if s.ended {
		return dst, nil
	}
	if string(data) == "[DONE]" {
		return s.end(s.begin(dst)), nil
	}
	var chunk hubAnswer
	if err := json.Unmarshal(data, &chunk); err != nil {
		return dst, fmt.Errorf("no chunk of a chat completion: %w", err)
	}
	if given(chunk.Error) != nil {
		return s.failed(dst, chunk.Error), nil
	}
	s.out.Model = chunk.modelOr(s.out.Model)
	dst = s.begin(dst)
	if chunk.Usage != nil {
		s.usage = chunk.Usage
	}
	if chunk.ServiceTier != "" {
		s.tier = chunk.ServiceTier
	}
	for i := range chunk.Choices {
		c := &chunk.Choices[i]
		if c.Index != 0 { // never asked for
			continue
		}
		dst = s.delta(dst, c)
		if c.FinishReason != "" {
			s.finish = c.FinishReason
		}
	}
	return dst, nil
}

// Ping is a comment: there is no event for it.
func (s *responsesStream) Ping(dst []byte) []byte { return append(dst, ": ping\n\n"...) }

// Fault ends the stream: an error, which the SDKs throw, and the response as it stands, failed.
func (s *responsesStream) Fault(dst []byte, f *exchange.Fault, _ string) []byte {
	text := f.Message
	if f.Hint != "" {
		text += " " + f.Hint
	}
	return s.fail(dst, f.Code, text, f.Param)
}

// failed passes on an error that a provider has sent amid its stream.
func (s *responsesStream) failed(dst []byte, raw json.RawMessage) []byte {
	var e struct {
		Message string          `json:"message"`
		Type    string          `json:"type"`
		Code    json.RawMessage `json:"code"`
		Param   string          `json:"param"`
	}
	_ = json.Unmarshal(raw, &e) // what it has no message for is said in our words
	var code string
	if json.Unmarshal(e.Code, &code) != nil || code == "" {
		code = e.Type
	}
	if e.Message == "" {
		e.Message = "The provider ended its answer with an error."
	}
	return s.fail(dst, code, e.Message, e.Param)
}

func (s *responsesStream) fail(dst []byte, code, text, param string) []byte {
	if s.ended {
		return dst
	}
	if code == "" {
		code = "server_error"
	}
	dst = s.begin(dst)
	s.ended = true
	e := streamError{code, text, orNull(param)}
	dst = s.send(dst, "error", &struct {
		event
		streamError
		Error streamError `json:"error"`
	}{streamError: e, Error: e})
	s.out.Status, s.out.Error = "failed", &responseError{code, text}
	return s.whole(dst, "response.failed")
}

// streamError is an error amid a stream. The API has its members in the event itself; the SDKs, and what is built on them, throw where there is an
// `error` in it, and else pass it over.
type streamError struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
}

// begin tells that the response exists, before the first of its items.
func (s *responsesStream) begin(dst []byte) []byte {
	if s.begun {
		return dst
	}
	s.begun = true
	return s.whole(s.whole(dst, "response.created"), "response.in_progress")
}

// delta adds what a chunk brings: thoughts, text, a refusal, parts of calls.
func (s *responsesStream) delta(dst []byte, c *hubChoice) []byte {
	d := c.said()
	if c.Native != nil && c.Native.Dialect == responsesName {
		for _, raw := range c.Native.Content {
			dst = s.asItCame(dst, raw)
		}
	}
	if thought := d.reasoning(); thought != "" || len(d.ThinkingBlocks) > 0 || given(d.Extra) != nil {
		dst = s.think(dst, d, thought)
	}
	if text := d.text(); text != "" {
		var logs []json.RawMessage
		if c.LogProbs != nil {
			logs = c.LogProbs.Content
		}
		dst = s.say(dst, "output_text", text, logs)
	}
	if all := d.annotations(); len(all) > 0 {
		dst = s.annotate(dst, all)
	}
	if d.Refusal != "" {
		dst = s.say(dst, "refusal", d.Refusal, nil)
	}
	for i := range d.ToolCalls {
		dst = s.call(dst, &d.ToolCalls[i])
	}
	return dst
}

// asItCame tells an item that only this API has, whole.
func (s *responsesStream) asItCame(dst []byte, raw json.RawMessage) []byte {
	dst, at := s.open(s.endMessage(s.endThought(dst), "completed"), raw)
	return s.item(dst, "response.output_item.done", at, raw)
}

// end completes what is open, then the response.
func (s *responsesStream) end(dst []byte) []byte {
	dst = s.endMessage(s.endThought(dst), statusOf(s.finish))
	for _, c := range s.calls {
		dst = s.endCall(dst, c)
	}
	s.ended = true
	s.out.end(s.finish, s.usage, s.tier)
	return s.whole(dst, "response."+s.out.Status)
}

// event is what all events have.
type event struct {
	Type     string `json:"type"`
	Sequence int    `json:"sequence_number"`
}

func (e *event) head() *event { return e }

// send appends an event, with the next number.
func (s *responsesStream) send(dst []byte, name string, e interface{ head() *event }) []byte {
	*e.head() = event{name, s.sequence}
	s.sequence++
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	return append(encode(dst, e), "\n\n"...)
}

// whole sends the response as it stands.
func (s *responsesStream) whole(dst []byte, name string) []byte {
	return s.send(dst, name, &struct {
		event
		Response *response `json:"response"`
	}{Response: s.out})
}

// item sends that an item begins, or is done.
func (s *responsesStream) item(dst []byte, name string, at int, item any) []byte {
	return s.send(dst, name, &struct {
		event
		At   int `json:"output_index"`
		Item any `json:"item"`
	}{At: at, Item: item})
}

// open begins an item. The output has its place from then on, and the item itself when it is done.
func (s *responsesStream) open(dst []byte, item any) ([]byte, int) {
	at := len(s.out.Output)
	s.out.Output = append(s.out.Output, item)
	return s.item(dst, "response.output_item.added", at, item), at
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func decimal(n int) string { return strconv.Itoa(n) }
