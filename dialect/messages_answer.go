package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
)

// messagesReply is an answer of the Messages API as we write it.
type messagesReply struct {
	ID           string         `json:"id"`
	Type         string         `json:"type"`
	Role         string         `json:"role"`
	Model        string         `json:"model"`
	Content      []any          `json:"content"` // messagesOut, or as it came
	StopReason   *string        `json:"stop_reason"`
	StopSequence *string        `json:"stop_sequence"`
	Usage        *messagesUsage `json:"usage,omitempty"`
}

// messagesOut is a content block that we write.
type messagesOut struct {
	Type      string          `json:"type"`
	Text      *string         `json:"text,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"`
	Signature *string         `json:"signature,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
}

var errNoChoice = errors.New("a chat completion without a choice")

// messagesAnswer carries a whole answer back.
func messagesAnswer(chat []byte, r Reply) ([]byte, error) {
	in, err := readAnswer(chat)
	if err != nil {
		return nil, err
	}
	first := in.first()
	if first == nil || first.Message == nil {
		return nil, errNoChoice
	}
	out := messagesReply{ID: messageID(in.ID, &r), Type: "message", Role: "assistant", Model: in.Model, Content: first.messages(&r)}
	reason, matched := messagesStop(first.finish(len(first.Message.ToolCalls) > 0), first.StopReason)
	out.StopReason, out.StopSequence = &reason, matched
	usage := in.usage().messages(in.ServiceTier)
	out.Usage = &usage
	return withMembers(encode(nil, &out), first.ending()), nil
}

// ending is what only Anthropic's answer tells when it ends.
func (c *hubChoice) ending() members {
	if c.Native == nil || c.Native.Dialect != anthropicName {
		return nil
	}
	return c.Native.Members
}

// usage is what the answer told of it, nothing if it told nothing.
func (a *hubAnswer) usage() *hubUsage {
	if a.Usage == nil {
		return &hubUsage{}
	}
	return a.Usage
}

// messages are the content blocks of a choice: thinking, text, calls. What only Anthropic's answer could say stands in it as it came.
func (c *hubChoice) messages(r *Reply) []any {
	blocks := []any{}
	if c.Native != nil && c.Native.Dialect == anthropicName && len(c.Native.Content) > 0 {
		for _, raw := range c.Native.Content {
			blocks = append(blocks, raw)
		}
		return blocks
	}
	m := c.Message
	for _, thought := range m.ThinkingBlocks {
		blocks = append(blocks, thought)
	}
	if thought := m.reasoning(); thought != "" && len(m.ThinkingBlocks) == 0 {
		unsigned := ""
		blocks = append(blocks, messagesOut{Type: "thinking", Thinking: &thought, Signature: &unsigned})
	}
	for _, text := range []string{m.text(), m.Refusal} {
		if text != "" {
			blocks = append(blocks, messagesOut{Type: "text", Text: &text})
		}
	}
	for i, call := range m.ToolCalls {
		blocks = append(blocks, messagesOut{Type: "tool_use", ID: callID(call.ID, i, r), Name: call.Function.Name, Input: inputOf(call.Function.Arguments)})
	}
	return blocks
}

// callID is the id of a tool call, made up where a provider gives none.
func callID(id string, index int, r *Reply) string {
	if id != "" {
		return id
	}
	return fmt.Sprintf("toolu_%s_%d", messageID("", r)[len("msg_"):], index)
}

// inputOf is what a tool is called with. Arguments that are no object, since the model wrote no JSON or was cut off, are wrapped as Anthropic
// advises to tell a model of them.
func inputOf(arguments string) json.RawMessage {
	var object map[string]json.RawMessage
	switch {
	case arguments == "" || arguments == "null":
		return json.RawMessage("{}")
	case json.Unmarshal([]byte(arguments), &object) == nil:
		return compacted(json.RawMessage(arguments))
	}
	return encode(nil, map[string]string{"INVALID_JSON": arguments})
}
