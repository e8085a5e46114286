package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// told is a chat completion that came back, or a chunk of one.
type told struct {
	ID      string          `json:"id"`
	Model   string          `json:"model"`
	Choices []toldChoice    `json:"choices"`
	Usage   *chatUsage      `json:"usage"`
	Tier    string          `json:"service_tier"`
	Error   json.RawMessage `json:"error"`
}

// modelOr is the model that answered, as far as it says so, else the one that was asked for.
func (t *told) modelOr(asked string) string {
	if t.Model != "" {
		return t.Model
	}
	return asked
}

type toldChoice struct {
	Index    int         `json:"index"`
	Message  toldMessage `json:"message"`
	Delta    toldMessage `json:"delta"`
	Finish   string      `json:"finish_reason"`
	LogProbs *struct {
		Content []json.RawMessage `json:"content"`
		Refusal []json.RawMessage `json:"refusal"`
	} `json:"logprobs"`
}

// toldMessage is the message of an answer, or what a chunk adds to it.
type toldMessage struct {
	Content        toldText          `json:"content"`
	Refusal        string            `json:"refusal"`
	Reasoning      string            `json:"reasoning_content"`
	ReasoningToo   string            `json:"reasoning"` // the same, as some vendors call it
	ThinkingBlocks []json.RawMessage `json:"thinking_blocks"`
	ToolCalls      []toldCall        `json:"tool_calls"`
	Extra          json.RawMessage   `json:"extra_content"`
}

// thought is the reasoning, whatever its vendor calls it.
func (m *toldMessage) thought() string {
	if m.Reasoning != "" {
		return m.Reasoning
	}
	return m.ReasoningToo
}

type toldCall struct {
	Index    int             `json:"index"`
	ID       string          `json:"id"`
	Function toolFunction    `json:"function"`
	Extra    json.RawMessage `json:"extra_content"`
}

// toldText is a content: a string, null, or parts whose texts are taken together.
type toldText string

// UnmarshalJSON reads it.
func (t *toldText) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil { // null too
		*t = toldText(text)
		return nil
	}
	var parts []chatPart
	if err := json.Unmarshal(raw, &parts); err != nil {
		return errors.New("content is neither a string nor parts")
	}
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(p.Text)
	}
	*t = toldText(all.String())
	return nil
}

var errNoCompletion = errors.New("it answered 200 with what is no chat completion")

// hear reads a whole answer.
func hear(chat []byte) (*told, error) {
	var in told
	if err := json.Unmarshal(chat, &in); err != nil {
		return nil, fmt.Errorf("it answered 200 with malformed JSON: %w", err)
	}
	if len(in.Choices) == 0 {
		return nil, errNoCompletion
	}
	return &in, nil
}
