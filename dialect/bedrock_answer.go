package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// bedrockConversed is an answer of Converse.
type bedrockConversed struct {
	Output *struct {
		Message bedrockMessage `json:"message"`
	} `json:"output"`
	StopReason string        `json:"stopReason"`
	Usage      *bedrockUsage `json:"usage"`
	Tier       *bedrockTier  `json:"serviceTier"`
}

var errNoOutput = errors.New("it answered 200 with what is no answer of Converse")

// bedrockAnswer carries an answer back. It names neither its model nor itself.
func bedrockAnswer(body []byte, m Made) ([]byte, error) {
	var in bedrockConversed
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	if in.Output == nil || in.StopReason == "" {
		return nil, errNoOutput
	}
	answer := &message{Role: "assistant"}
	var text strings.Builder
	spoke := false
	for i := range in.Output.Message.Content {
		switch b := &in.Output.Message.Content[i]; {
		case b.Text != nil:
			spoke = true
			text.WriteString(*b.Text)
		case b.Cited != nil:
			spoke = true
			start := characters(text.String())
			text.WriteString(b.Cited.text())
			answer.Annotations = append(answer.Annotations, bedrockAnnotations(b.Cited.Citations, start, characters(text.String()))...)
		case b.Reasoning != nil:
			if b.Reasoning.Text != nil {
				answer.Reasoning += b.Reasoning.Text.Text
			}
			answer.ThinkingBlocks = append(answer.ThinkingBlocks, b.Reasoning.block())
		case b.ToolUse != nil:
			answer.ToolCalls = append(answer.ToolCalls, toolCall{ID: b.ToolUse.ID, Type: "function", Function: toolFunction{b.ToolUse.Name, compact(b.ToolUse.Input)}})
		case b.Image != nil:
			made := image{Type: "image_url"}
			made.URL.URL = "data:image/" + b.Image.Format + ";base64," + b.Image.Source.Bytes
			answer.Images = append(answer.Images, made)
		}
	}
	if spoke {
		content := text.String()
		answer.Content = &content
	}
	finish := bedrockFinish(in.StopReason)
	out := completion{ID: m.ID, Object: "chat.completion", Created: m.Created, Model: m.Model, Choices: []choice{{Message: answer, FinishReason: &finish}}}
	out.ServiceTier = in.Tier.served()
	if in.Usage != nil {
		out.Usage = in.Usage.chat()
	}
	return encode(nil, &out), nil
}

// block is the thinking as Anthropic has it, in which form it comes back with the next request.
func (r *bedrockReasoning) block() json.RawMessage {
	if r.Text == nil {
		return encode(nil, map[string]string{"type": "redacted_thinking", "data": r.Redacted})
	}
	return encode(nil, struct {
		Type      string `json:"type"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
	}{"thinking", r.Text.Text, r.Text.Signature})
}

// bedrockRefusal carries an error back.
func bedrockRefusal(status int, body []byte) []byte {
	var in struct {
		Message string `json:"message"`
		Upper   string `json:"Message"`
	}
	if json.Unmarshal(body, &in) != nil || in.Message+in.Upper == "" {
		in.Message = fmt.Sprintf("The provider refused the request with status %d.", status)
	}
	var out chatError
	out.Error.Message, out.Error.Type = in.Message, "invalid_request_error"
	if out.Error.Message == "" {
		out.Error.Message = in.Upper
	}
	return encode(nil, &out)
}
