package dialect

import (
	"encoding/json"
	"strings"

	"bursar/exchange"
)

// Messages is the Messages API of Anthropic, as its clients speak it.
var Messages = Client{
	Name:      anthropicName,
	Native:    anthropicName,
	IDHeader:  "request-id",
	Headers:   []string{"anthropic-version", "anthropic-beta"},
	Request:   messagesRequest,
	Splice:    messagesSplice,
	Answer:    messagesAnswer,
	Fault:     messagesFault,
	NewStream: func(r Reply) ClientStream { return &messagesStream{reply: r} },
}

// messagesFault writes an error as Anthropic does. Clients know an overloaded provider by its status 529.
func messagesFault(f *exchange.Fault, requestID string) (int, []byte) {
	status := f.Status
	if f.Code == "provider_overloaded" || f.Code == "provider_limited" {
		status = 529
	}
	dst := append([]byte(nil), `{"type":"error","error":{"type":`...)
	dst = appendText(dst, messagesFaultType(status, f))
	dst = append(dst, `,"message":"`...)
	dst = append(appendEscaped(dst, faultText(f, requestID)), '"')
	if f.Code != "" {
		dst = appendText(append(dst, `,"code":`...), f.Code)
	}
	if f.Param != "" {
		dst = appendText(append(dst, `,"param":`...), f.Param)
	}
	dst = append(appendShortage(dst, f), '}')
	if requestID != "" {
		dst = appendText(append(dst, `,"request_id":`...), requestID)
	}
	return status, append(dst, '}')
}

// messagesFaultType is Anthropic's word for an error. A spent budget is one of billing: it does not pass with time, as a rate limit does.
func messagesFaultType(status int, f *exchange.Fault) string {
	switch {
	case f.Budget != nil:
		return "billing_error"
	case status == 529:
		return "overloaded_error"
	}
	switch status {
	case 401:
		return "authentication_error"
	case 402:
		return "billing_error"
	case 403:
		return "permission_error"
	case 404:
		return "not_found_error"
	case 413:
		return "request_too_large"
	case 429:
		return "rate_limit_error"
	case 408, 504:
		return "timeout_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

// messagesStop says in Anthropic's words why an answer ended.
func messagesStop(finish string, sequence any) (reason string, matched *string) {
	if text, ok := sequence.(string); ok && finish == "stop" {
		return "stop_sequence", &text
	}
	switch finish {
	case "tool_calls", "function_call":
		return "tool_use", nil
	case "length":
		return "max_tokens", nil
	case "content_filter":
		return "refusal", nil
	}
	return "end_turn", nil
}

// messagesUsage is usage as Anthropic tells it: input_tokens leaves out what was read from the cache and written to it.
type messagesUsage struct {
	Input    int64            `json:"input_tokens"`
	Written  int64            `json:"cache_creation_input_tokens"`
	Read     int64            `json:"cache_read_input_tokens"`
	Creation *messagesWritten `json:"cache_creation,omitempty"`
	Output   int64            `json:"output_tokens"`
	Details  *messagesThought `json:"output_tokens_details,omitempty"`
	Tier     string           `json:"service_tier,omitempty"`
	Speed    string           `json:"speed,omitempty"`
	Geo      string           `json:"inference_geo,omitempty"`
	Tools    json.RawMessage  `json:"server_tool_use,omitempty"`
	Cost     any              `json:"cost,omitempty"` // in dollars: ours, of a stream
}

type messagesWritten struct {
	FiveMinutes int64 `json:"ephemeral_5m_input_tokens"`
	Hour        int64 `json:"ephemeral_1h_input_tokens"`
}

type messagesThought struct {
	Thinking int64 `json:"thinking_tokens"`
}

// messages translates it.
func (u *hubUsage) messages(tier string) messagesUsage {
	d := &u.Details
	m := messagesUsage{
		Input: max(0, u.Prompt-d.Cached-d.Written), Written: d.Written, Read: d.Cached, Output: u.Completion, Tier: tier, Speed: u.Speed, Geo: u.Geo, Tools: given(u.ServerTools),
	}
	if d.Written > 0 {
		m.Creation = &messagesWritten{d.Written - d.Written1h, d.Written1h}
	}
	if u.Answer.Reasoning > 0 {
		m.Details = &messagesThought{u.Answer.Reasoning}
	}
	if tier == "default" {
		m.Tier = "standard"
	}
	if len(u.Cost) > 0 {
		m.Cost = u.Cost
	}
	return m
}

// messageID is the id of an answer: the provider's if it is one, else one that is made of the request's.
func messageID(id string, r *Reply) string {
	if strings.HasPrefix(id, "msg_") {
		return id
	}
	return "msg_" + strings.TrimPrefix(r.ID, "req_")
}
