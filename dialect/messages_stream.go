package dialect

import (
	"encoding/json"

	"bursar/exchange"
)

// messagesStream writes the events of one streamed answer. Its content blocks come one after the other, each whole before the next begins; the
// fragments of parallel tool calls, which a chat completion may mix, wait for their turn.
type messagesStream struct {
	reply  Reply
	begun  bool
	ended  bool
	index  int    // of the block under way, or of the next one
	open   string // its type, "" if none is under way
	calls  []*streamedCall
	turn   int             // the call under way, or the next one
	waits  []messagesWords // that came amid a call, and are told behind it
	tier   string
	usage  *hubUsage
	finish string
	stop   any // the stop sequence
	ending members
}

// streamedCall is a tool call of which fragments have come.
type streamedCall struct {
	id, name  string
	arguments []byte // all so far
	told      int    // bytes of them that the client has
}

// messagesStreamEvent is one event.
type messagesStreamEvent struct {
	Type    string         `json:"type"`
	Message *messagesReply `json:"message,omitempty"`
	Index   *int           `json:"index,omitempty"`
	Block   any            `json:"content_block,omitempty"`
	Delta   any            `json:"delta,omitempty"`
	Usage   *messagesUsage `json:"usage,omitempty"`
}

type messagesDelta struct {
	Type      string  `json:"type"`
	Text      *string `json:"text,omitempty"`
	Thinking  *string `json:"thinking,omitempty"`
	Signature *string `json:"signature,omitempty"`
	Partial   *string `json:"partial_json,omitempty"`
}

type messagesStopped struct {
	StopReason   string  `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

// Event translates one event.
func (s *messagesStream) Event(dst, data []byte) ([]byte, error) {
	if string(data) == "[DONE]" {
		return s.end(dst), nil
	}
	chunk, err := readAnswer(data)
	if err != nil || s.ended {
		return dst, err
	}
	if chunk.Usage != nil {
		s.usage = chunk.Usage
	}
	if chunk.ServiceTier != "" {
		s.tier = chunk.ServiceTier
	}
	choice := chunk.first()
	if choice == nil {
		return dst, nil
	}
	dst = s.begin(dst, chunk)
	if choice.Native != nil && choice.Native.Dialect == anthropicName {
		s.waits = append(s.waits, messagesWords{native: choice.Native})
	}
	if choice.Delta != nil && choice.Delta.says() {
		s.waits = append(s.waits, messagesWords{say: choice.Delta})
	}
	dst = s.speak(dst)
	if choice.Delta != nil {
		for _, call := range choice.Delta.ToolCalls {
			dst = s.call(dst, call.Index, call.ID, call.Function)
		}
	}
	dst = s.speak(dst)
	if choice.FinishReason != "" {
		s.finish, s.stop, s.ending = choice.finish(len(s.calls) > 0), choice.StopReason, choice.ending()
	}
	return dst, nil
}

// Ping keeps the connection alive.
func (s *messagesStream) Ping(dst []byte) []byte {
	return append(dst, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
}

// Fault ends the stream with an error.
func (s *messagesStream) Fault(dst []byte, f *exchange.Fault, requestID string) []byte {
	_, body := messagesFault(f, requestID)
	s.ended = true
	return append(append(append(dst, "event: error\ndata: "...), body...), "\n\n"...)
}

func (s *messagesStream) event(dst []byte, e *messagesStreamEvent) []byte {
	dst = append(append(append(dst, "event: "...), e.Type...), "\ndata: "...)
	return append(encode(dst, e), "\n\n"...)
}

// begin tells of the message. What its prompt used is our own count until the end tells.
func (s *messagesStream) begin(dst []byte, chunk *hubAnswer) []byte {
	if s.begun {
		return dst
	}
	s.begun = true
	return s.event(dst, &messagesStreamEvent{Type: "message_start", Message: &messagesReply{
		ID: messageID(chunk.ID, &s.reply), Type: "message", Role: "assistant", Model: chunk.Model, Content: []any{},
		Usage: &messagesUsage{Input: s.reply.PromptTokens},
	}})
}

// messagesWords is what a chunk brings beside parts of calls.
type messagesWords struct {
	say    *hubSay
	native *native
}

// speak tells what waits, unless a call is under way whose arguments are not whole: its block would be ended, and the rest of them lost.
func (s *messagesStream) speak(dst []byte) []byte {
	amid := s.open == "tool_use" && !json.Valid(s.calls[s.turn].arguments)
	for !amid && len(s.waits) > 0 {
		words := s.waits[0]
		s.waits = s.waits[1:]
		if words.native != nil {
			dst = s.beside(dst, words.native)
		}
		if words.say != nil {
			dst = s.say(dst, words.say)
		}
	}
	return dst
}

// beside tells what only Anthropic's API has words for: blocks as they came, citations of the text under way, and that it has ended.
func (s *messagesStream) beside(dst []byte, n *native) []byte {
	for _, raw := range n.Content {
		dst = s.whole(dst, raw)
	}
	switch {
	case len(n.Delta) == 0:
	case kindOf(n.Delta) == "citations_delta":
		dst = s.start(dst, "text")
		index := s.index
		dst = s.event(dst, &messagesStreamEvent{Type: "content_block_delta", Index: &index, Delta: n.Delta})
	case s.open == "text":
		dst = s.close(dst)
	}
	return dst
}

// say adds what a delta says, but for its calls.
func (s *messagesStream) say(dst []byte, d *hubSay) []byte {
	switch thought := d.reasoning(); {
	case thought != "" && len(d.ThinkingBlocks) > 0: // of an answer that was whole: the blocks say it again
		for _, raw := range d.ThinkingBlocks {
			dst = s.thought(dst, raw)
		}
	case thought != "":
		dst = s.start(dst, "thinking")
		dst = s.delta(dst, messagesDelta{Type: "thinking_delta", Thinking: &thought})
	default:
		for _, raw := range d.ThinkingBlocks {
			dst = s.sign(dst, raw)
		}
	}
	for _, text := range []string{d.text(), d.Refusal} {
		if text != "" {
			dst = s.start(dst, "text")
			dst = s.delta(dst, messagesDelta{Type: "text_delta", Text: &text})
		}
	}
	return dst
}

// sign ends thinking that was streamed with the signature of its block, which comes behind it.
func (s *messagesStream) sign(dst []byte, raw json.RawMessage) []byte {
	var b messagesBlock
	if s.open != "thinking" || json.Unmarshal(raw, &b) != nil || b.Type != "thinking" {
		return s.thought(dst, raw)
	}
	dst = s.delta(dst, messagesDelta{Type: "signature_delta", Signature: &b.Signature})
	return s.close(dst)
}

// thought tells a whole block of thinking.
func (s *messagesStream) thought(dst []byte, raw json.RawMessage) []byte {
	var b messagesBlock
	if json.Unmarshal(raw, &b) != nil || b.Type != "thinking" {
		return s.whole(dst, raw)
	}
	dst = s.close(dst)
	dst = s.start(dst, "thinking")
	dst = s.delta(dst, messagesDelta{Type: "thinking_delta", Thinking: &b.Thinking})
	dst = s.delta(dst, messagesDelta{Type: "signature_delta", Signature: &b.Signature})
	return s.close(dst)
}

// whole tells a block as it came.
func (s *messagesStream) whole(dst []byte, raw json.RawMessage) []byte {
	dst = s.close(dst)
	index := s.index
	dst = s.event(dst, &messagesStreamEvent{Type: "content_block_start", Index: &index, Block: raw})
	s.open = nativeType
	return s.close(dst)
}

// start begins a block of text or thinking, unless one is under way.
func (s *messagesStream) start(dst []byte, kind string) []byte {
	if s.open == kind {
		return dst
	}
	dst = s.close(dst)
	empty := ""
	block := messagesOut{Type: kind, Text: &empty}
	if kind == "thinking" {
		block = messagesOut{Type: kind, Thinking: &empty, Signature: &empty}
	}
	return s.startBlock(dst, block)
}

func (s *messagesStream) startBlock(dst []byte, block messagesOut) []byte {
	s.open = block.Type
	index := s.index
	return s.event(dst, &messagesStreamEvent{Type: "content_block_start", Index: &index, Block: block})
}

func (s *messagesStream) delta(dst []byte, d messagesDelta) []byte {
	index := s.index
	return s.event(dst, &messagesStreamEvent{Type: "content_block_delta", Index: &index, Delta: d})
}

// close ends the block under way, if one is.
func (s *messagesStream) close(dst []byte) []byte {
	if s.open == "" {
		return dst
	}
	if s.open == "tool_use" {
		s.turn++
	}
	s.open = ""
	index := s.index
	s.index++
	return s.event(dst, &messagesStreamEvent{Type: "content_block_stop", Index: &index})
}

// mostCalls bounds the tool calls of one answer, by their index.
const mostCalls = 1024

// call adds a fragment of a tool call, and tells what is due.
func (s *messagesStream) call(dst []byte, index int, id string, f toolFunction) []byte {
	if index < 0 || index >= mostCalls {
		return dst
	}
	for len(s.calls) <= index {
		s.calls = append(s.calls, &streamedCall{})
	}
	c := s.calls[index]
	if c.id == "" {
		c.id = id
	}
	if c.name == "" {
		c.name = f.Name
	}
	c.arguments = append(c.arguments, f.Arguments...)
	return s.tell(dst, false)
}

// tell tells the call under way, and those behind it once its arguments are whole; at the end, all.
func (s *messagesStream) tell(dst []byte, all bool) []byte {
	for s.turn < len(s.calls) {
		c := s.calls[s.turn]
		if c.name == "" && !all {
			return dst
		}
		if s.open != "tool_use" {
			dst = s.close(dst)
			dst = s.startBlock(dst, messagesOut{Type: "tool_use", ID: callID(c.id, s.turn, &s.reply), Name: c.name, Input: json.RawMessage("{}")})
		}
		if fresh := string(c.arguments[c.told:]); fresh != "" {
			dst = s.delta(dst, messagesDelta{Type: "input_json_delta", Partial: &fresh})
			c.told = len(c.arguments)
		}
		if !all && (s.turn == len(s.calls)-1 || !json.Valid(c.arguments)) {
			return dst
		}
		dst = s.close(dst)
	}
	return dst
}

// end ends the message: why it ended, what it used, and that it is over.
func (s *messagesStream) end(dst []byte) []byte {
	if s.ended {
		return dst
	}
	s.ended = true
	dst = s.begin(dst, &hubAnswer{Model: s.reply.Model})
	dst = s.close(s.speak(s.close(s.tell(dst, true))))
	reason, matched := messagesStop(s.finish, s.stop)
	usage := messagesUsage{}
	if s.usage != nil {
		usage = s.usage.messages(s.tier)
	}
	dst = s.event(dst, &messagesStreamEvent{Type: "message_delta", Delta: json.RawMessage(withMembers(encode(nil, messagesStopped{reason, matched}), s.ending)), Usage: &usage})
	return s.event(dst, &messagesStreamEvent{Type: "message_stop"})
}
