package verify

import (
	"encoding/json"
	"errors"
	"fmt"
)

// answer is what is looked at of a chat completion.
type answer struct {
	Choices []choice `json:"choices"`
}

type choice struct {
	Finish  string `json:"finish_reason"`
	Message struct {
		Content json.RawMessage `json:"content"` // a string, or parts
		Refusal string          `json:"refusal"`
		Calls   []call          `json:"tool_calls"`
		Call    *function       `json:"function_call"`
	} `json:"message"`

	said *string // Content as text
}

type call struct {
	Function function `json:"function"`
}

type function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// mostAnswer bounds the answers that are looked at, in bytes. A larger one is no answer that a cheap model should have given unseen.
const mostAnswer = 8 << 20

func read(body []byte) (*answer, error) {
	if len(body) > mostAnswer {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that are checked", len(body), mostAnswer)
	}
	a := new(answer)
	if err := json.Unmarshal(body, a); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("malformed JSON at byte %d", syntax.Offset)
		}
		return nil, errors.New("its members are not of the usual kinds")
	}
	return a, nil
}

// text is what a choice says.
func (c *choice) text() string {
	if c.said != nil {
		return *c.said
	}
	var text string
	if json.Unmarshal(c.Message.Content, &text) != nil { // null leaves it empty
		var parts []struct {
			Text string `json:"text"`
		}
		if json.Unmarshal(c.Message.Content, &parts) == nil {
			for _, p := range parts {
				text += p.Text
			}
		}
	}
	c.said = &text
	return text
}

// calls are the tools that a choice calls.
func (c *choice) calls() []call {
	if c.Message.Call != nil && len(c.Message.Calls) == 0 {
		return []call{{*c.Message.Call}}
	}
	return c.Message.Calls
}
