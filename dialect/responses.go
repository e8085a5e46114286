package dialect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Responses is OpenAI's Responses API, as its clients speak it. Its errors have the form of chat completions'.
var Responses = Client{
	Name:      responsesName,
	Native:    responsesName,
	Request:   responsesRequest,
	Splice:    responsesSplice,
	Answer:    responsesAnswer,
	NewStream: func(r Reply) ClientStream { return newResponsesStream(r) },
}

// response is the object that an answer is, and that the first and the last events of a stream hold.
type response struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"`
	CreatedAt         int64           `json:"created_at"`
	Status            string          `json:"status"`
	Background        bool            `json:"background"`
	Error             *responseError  `json:"error"`
	Incomplete        *incomplete     `json:"incomplete_details"`
	Instructions      json.RawMessage `json:"instructions"`
	MaxOutputTokens   json.RawMessage `json:"max_output_tokens"`
	Model             string          `json:"model"`
	Output            []any           `json:"output"`
	ParallelToolCalls json.RawMessage `json:"parallel_tool_calls"`
	Previous          *string         `json:"previous_response_id"`
	Reasoning         json.RawMessage `json:"reasoning"`
	ServiceTier       json.RawMessage `json:"service_tier"`
	Store             bool            `json:"store"`
	Temperature       json.RawMessage `json:"temperature"`
	Text              json.RawMessage `json:"text"`
	ToolChoice        json.RawMessage `json:"tool_choice"`
	Tools             json.RawMessage `json:"tools"`
	TopLogProbs       json.RawMessage `json:"top_logprobs"`
	TopP              json.RawMessage `json:"top_p"`
	Truncation        string          `json:"truncation"`
	Usage             *responseUsage  `json:"usage"`
	User              json.RawMessage `json:"user"`
	Metadata          json.RawMessage `json:"metadata"`
}

type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type incomplete struct {
	Reason string `json:"reason"`
}

type responseUsage struct {
	Input        int64 `json:"input_tokens"`
	InputDetails struct {
		Cached  int64 `json:"cached_tokens"`
		Written int64 `json:"cache_write_tokens"`
	} `json:"input_tokens_details"`
	Output        int64 `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int64           `json:"total_tokens"`
	Cost  json.RawMessage `json:"cost,omitempty"` // in dollars, of a stream; our own member
}

// newResponse is the response before anything was said: it repeats what was asked for, as the API does. Nothing is stored, whatever was asked for.
func newResponse(r Reply) *response {
	out := &response{
		ID: responsesID("resp", r.ID), Object: "response", CreatedAt: r.Created, Status: "in_progress", Model: r.Model, Output: []any{}, Truncation: "disabled",
		ParallelToolCalls: json.RawMessage("true"), Text: json.RawMessage(`{"format":{"type":"text"}}`), ToolChoice: json.RawMessage(`"auto"`), Tools: json.RawMessage("[]"),
		Reasoning: json.RawMessage(`{"effort":null,"summary":null}`), ServiceTier: json.RawMessage(`"default"`), Temperature: json.RawMessage("1"), TopP: json.RawMessage("1"),
		TopLogProbs: json.RawMessage("0"), Metadata: json.RawMessage("{}"),
	}
	var asked map[string]json.RawMessage
	if json.Unmarshal(r.Request, &asked) != nil {
		return out
	}
	for name, place := range map[string]*json.RawMessage{
		"instructions": &out.Instructions, "max_output_tokens": &out.MaxOutputTokens, "parallel_tool_calls": &out.ParallelToolCalls, "reasoning": &out.Reasoning,
		"service_tier": &out.ServiceTier, "temperature": &out.Temperature, "text": &out.Text, "tool_choice": &out.ToolChoice, "tools": &out.Tools,
		"top_logprobs": &out.TopLogProbs, "top_p": &out.TopP, "user": &out.User, "metadata": &out.Metadata,
	} {
		if value := given(asked[name]); value != nil {
			*place = value
		}
	}
	return out
}

// end completes the response: why it ended, and its usage.
func (r *response) end(finish string, usage *hubUsage, tier string) {
	r.Status = "completed"
	switch finish {
	case "length":
		r.Status, r.Incomplete = "incomplete", &incomplete{"max_output_tokens"}
	case "content_filter":
		r.Status, r.Incomplete = "incomplete", &incomplete{"content_filter"}
	}
	if tier != "" {
		r.ServiceTier = encode(nil, tier)
	}
	if usage != nil {
		u := &responseUsage{Input: usage.Prompt, Output: usage.Completion, Total: usage.Prompt + usage.Completion, Cost: given(usage.Cost)}
		u.InputDetails.Cached, u.InputDetails.Written = usage.Details.Cached, usage.Details.Written
		u.OutputDetails.Reasoning = usage.Answer.Reasoning
		r.Usage = u
	}
}

// The items of an output.
type (
	reasoningItem struct {
		ID      string        `json:"id"`
		Type    string        `json:"type"`
		Summary []summaryText `json:"summary"`
		Sealed  *string       `json:"encrypted_content,omitempty"`
		Status  string        `json:"status,omitempty"`
	}
	summaryText struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	messageItem struct {
		ID      string `json:"id"`
		Type    string `json:"type"`
		Status  string `json:"status"`
		Role    string `json:"role"`
		Content []any  `json:"content"` // outputText or outputRefusal
	}
	outputText struct {
		Type        string            `json:"type"`
		Text        string            `json:"text"`
		Annotations []any             `json:"annotations"` // urlAnnotation
		LogProbs    []json.RawMessage `json:"logprobs"`
	}
	outputRefusal struct {
		Type    string `json:"type"`
		Refusal string `json:"refusal"`
	}
	callItem struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Status    string `json:"status"`
		Arguments string `json:"arguments"`
		CallID    string `json:"call_id"`
		Name      string `json:"name"`
	}
)

// sealed is what a reasoning item's encrypted_content holds: what the model has thought, and the signatures of it, as they must come back to it
// byte for byte. We store nothing, so that it travels with the client, whether asked for or not.
type sealed struct {
	Reasoning      string                     `json:"reasoning_content,omitempty"` // where it came without blocks
	ThinkingBlocks []json.RawMessage          `json:"thinking_blocks,omitempty"`
	Extra          json.RawMessage            `json:"extra_content,omitempty"`
	Calls          map[string]json.RawMessage `json:"calls,omitempty"` // extra_content of tool calls, by their ids

	Item json.RawMessage `json:"item,omitempty"` // a reasoning item of the Responses API, within the block that carries it
}

// sealPrefix tells what we have sealed from what a provider has.
const sealPrefix = "bursar1."

func (s *sealed) seal() *string {
	text := sealPrefix + base64.RawStdEncoding.EncodeToString(encode(nil, s))
	return &text
}

// unseal opens what seal has sealed. False: it is another's.
func unseal(text string) (s sealed, ours bool) {
	data, ours := strings.CutPrefix(text, sealPrefix)
	if !ours {
		return s, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(data)
	return s, err == nil && json.Unmarshal(raw, &s) == nil
}

// sealedWithin tells whether a client's body holds what we have sealed, as itself or in base64: no provider can read it, so that such a body goes
// through the hub even to a target that speaks the client's own dialect.
func sealedWithin(body []byte) bool {
	return bytes.Contains(body, []byte(sealPrefix)) || bytes.Contains(body, []byte("YnVyc2FyMS")) // without its last letters, which depend on what follows
}

// responsesID makes an id of the request's.
func responsesID(kind, request string) string {
	_, id, ok := strings.Cut(request, "_")
	if !ok {
		id = request
	}
	return kind + "_" + id
}
