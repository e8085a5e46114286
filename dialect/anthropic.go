package dialect

import (
	"encoding/json"
	"strings"
)

const anthropicName = "anthropic"

// anthropic is the Messages API of Anthropic, as its providers speak it.
var anthropic = Dialect{
	Name: anthropicName,
	Path: func(base, _ string, _ bool) string {
		if strings.HasSuffix(base, "/v1") {
			return "/messages"
		}
		return "/v1/messages"
	},
	Auth: func(key string) []Header {
		headers := []Header{{"anthropic-version", "2023-06-01"}}
		if key != "" {
			headers = append(headers, Header{"x-api-key", key})
		}
		return headers
	},
	Request:   anthropicRequest,
	Answer:    anthropicAnswer,
	Refusal:   anthropicRefusal,
	NewStream: func(m Made) Stream { return &anthropicStream{created: m.Created} },
}

// anthropicFinish translates why an answer ended. What is not final or not whole must not look complete.
func anthropicFinish(reason string) string {
	switch reason {
	case "end_turn", "stop_sequence":
		return "stop"
	case "tool_use":
		return "tool_calls"
	case "max_tokens", "model_context_window_exceeded", "pause_turn":
		return "length"
	case "refusal":
		return "content_filter"
	case "":
		return ""
	}
	return "content_filter"
}

// anthropicUsage is usage as Anthropic tells it: input_tokens leaves out what was read from the cache and written to it.
type anthropicUsage struct {
	Input    int64 `json:"input_tokens"`
	Read     int64 `json:"cache_read_input_tokens"`
	Written  int64 `json:"cache_creation_input_tokens"`
	Output   int64 `json:"output_tokens"`
	Creation *struct {
		FiveMinutes int64 `json:"ephemeral_5m_input_tokens"`
		Hour        int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Details *struct {
		Thinking int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	Tier       string      `json:"service_tier"`
	Speed      string      `json:"speed"`
	Geo        string      `json:"inference_geo"`
	Iterations []iteration `json:"iterations"`

	ServerTools json.RawMessage `json:"server_tool_use"` // how often its own tools ran
}

// iteration is one run of a model within a request. Usage leaves out what went into compacting the conversation and what an advisor said.
type iteration struct {
	Type    string `json:"type"`
	Input   int64  `json:"input_tokens"`
	Read    int64  `json:"cache_read_input_tokens"`
	Written int64  `json:"cache_creation_input_tokens"`
	Output  int64  `json:"output_tokens"`
}

// chat translates it. Prompt is everything that was in the prompt.
func (u *anthropicUsage) chat() *chatUsage {
	c := &chatUsage{
		Prompt: u.Input + u.Read + u.Written, Completion: u.Output,
		Details: promptDetails{Cached: u.Read, Written: u.Written}, ServerTools: given(u.ServerTools),
	}
	for _, i := range u.Iterations {
		if i.Type == "compaction" || i.Type == "advisor_message" {
			c.Prompt += i.Input + i.Read + i.Written
			c.Completion += i.Output
			c.Details.Cached += i.Read
			c.Details.Written += i.Written
		}
	}
	if u.Creation != nil {
		c.Details.Written1h = u.Creation.Hour
	}
	if u.Details != nil && u.Details.Thinking > 0 {
		c.Answer = &answerDetails{Reasoning: u.Details.Thinking}
	}
	if u.Speed == "fast" {
		c.Speed = u.Speed
	}
	if u.Geo != "global" && u.Geo != "not_available" {
		c.Geo = u.Geo
	}
	c.Total = c.Prompt + c.Completion
	return c
}

// tier translates the service tier that was served.
func (u *anthropicUsage) tier() string {
	if u.Tier == "standard" {
		return "default"
	}
	return u.Tier
}
