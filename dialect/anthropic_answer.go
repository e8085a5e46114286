package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// anthropicMessageAnswer is an answer of the Messages API.
type anthropicMessageAnswer struct {
	Type       string            `json:"type"`
	ID         string            `json:"id"`
	Model      string            `json:"model"`
	Content    []json.RawMessage `json:"content"`
	StopReason string            `json:"stop_reason"`
	Sequence   *string           `json:"stop_sequence"`
	Usage      *anthropicUsage   `json:"usage"`

	anthropicEnd
}

// anthropicEnd is what an answer of Anthropic's tells when it ends that a chat completion has no words for.
type anthropicEnd struct {
	Container json.RawMessage `json:"container"`
	Managed   json.RawMessage `json:"context_management"`
	Details   json.RawMessage `json:"stop_details"` // of a refusal
}

// native wraps it; nil if there is nothing of it.
func (e *anthropicEnd) native() *native {
	return besideOf(members{"container": e.Container, "context_management": e.Managed, "stop_details": e.Details}, anthropicName)
}

// said is a content block of an answer.
type said struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	Thinking string          `json:"thinking"`
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Input    json.RawMessage `json:"input"`
	Caller   json.RawMessage `json:"caller"`
	Toolset  string          `json:"toolset_name"`

	Citations json.RawMessage `json:"citations"`
}

// foreign tells whether a chat completion has no words for a block.
func (b *said) foreign() bool {
	switch b.Type {
	case "text":
		return len(given(b.Citations)) > 0 && string(b.Citations) != "[]"
	case "thinking", "redacted_thinking", "tool_use":
		return false
	}
	return true
}

var errNoMessage = errors.New("it answered 200 with what is no message")

// anthropicAnswer carries an answer back.
func anthropicAnswer(body []byte, made Made) ([]byte, error) {
	var in anthropicMessageAnswer
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	if in.Type != "message" {
		return nil, errNoMessage
	}
	answer := message{Role: "assistant"}
	var text strings.Builder
	spoke, foreign, length := false, false, 0
	for _, raw := range in.Content {
		var b said
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fmt.Errorf("it answered 200 with a content block that is no object: %w", err)
		}
		foreign = foreign || b.foreign() || b.Toolset != "" || len(given(b.Caller)) > 0 && kindOf(b.Caller) != "direct"
		switch b.Type {
		case "text":
			spoke = true
			text.WriteString(b.Text)
			end := length + characters(b.Text)
			answer.Annotations = append(answer.Annotations, citationsOf(citationsIn(b.Citations), length, end)...)
			length = end
		case "thinking", "redacted_thinking":
			answer.Reasoning += b.Thinking
			answer.ThinkingBlocks = append(answer.ThinkingBlocks, raw)
		case "tool_use":
			answer.ToolCalls = append(answer.ToolCalls, toolCall{ID: b.ID, Type: "function", Function: toolFunction{b.Name, compact(b.Input)}})
		}
	}
	if spoke {
		content := text.String()
		answer.Content = &content
	}
	out := completion{ID: in.ID, Object: "chat.completion", Created: made.Created, Model: in.Model}
	finish := anthropicFinish(in.StopReason)
	out.Choices = []choice{{Message: &answer, FinishReason: &finish, StopReason: in.Sequence}}
	out.Choices[0].Native = in.native()
	if foreign {
		if out.Choices[0].Native == nil {
			out.Choices[0].Native = &native{Dialect: anthropicName}
		}
		out.Choices[0].Native.Content = in.Content
	}
	if in.Usage != nil {
		out.Usage, out.ServiceTier = in.Usage.chat(), in.Usage.tier()
	}
	return encode(nil, &out), nil
}

// compact is the arguments of a call as one line of JSON, its numbers as they were.
func compact(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil || out.Len() == 0 {
		return "{}"
	}
	return out.String()
}

// encode appends a value as JSON. What is given to it always can be.
func encode(dst []byte, v any) []byte {
	out, err := encoded(v)
	if err != nil {
		panic(fmt.Sprintf("dialect: %T is no JSON: %v", v, err))
	}
	return append(dst, out...)
}

// encoded is a value as JSON, its text as it is. It fails where a RawMessage is no JSON.
func encoded(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

// anthropicRefusal carries an error back.
func anthropicRefusal(status int, body []byte) []byte {
	var in struct {
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
	}
	var out chatError
	if json.Unmarshal(body, &in) != nil || in.Error.Message == "" {
		in.Error.Type, in.Error.Message = "invalid_request_error", fmt.Sprintf("The provider refused the request with status %d.", status)
	}
	out.Error.Message, out.Error.Type = in.Error.Message, in.Error.Type
	return encode(nil, &out)
}
