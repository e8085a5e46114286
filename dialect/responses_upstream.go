package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

const responsesName = "responses"

// responsesUpstream is OpenAI's Responses API, as its providers speak it. Its paths and keys are those of chat completions.
var responsesUpstream = Dialect{
	Name:      responsesName,
	Path:      func(_, _ string, _ bool) string { return "/responses" },
	Request:   responsesUpstreamRequest,
	Answer:    responsesUpstreamAnswer,
	Refusal:   responsesUpstreamRefusal,
	NewStream: func(m Made) Stream { return newResponsesUpstreamStream(m) },
	Vectors:   &plainVectors,
}

// upstreamResponse is an answer, or what the events that begin and end a stream tell of it.
type upstreamResponse struct {
	ID         string            `json:"id"`
	Object     string            `json:"object"`
	Status     string            `json:"status"`
	Background bool              `json:"background"`
	Error      *upstreamError    `json:"error"`
	Incomplete *incomplete       `json:"incomplete_details"`
	Model      string            `json:"model"`
	Output     []json.RawMessage `json:"output"`
	Tier       string            `json:"service_tier"`
	Usage      *upstreamUsage    `json:"usage"`
}

type upstreamError struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Param   string `json:"param"`
}

// upstreamUsage is usage as the Responses API tells it: input_tokens hold what was read from the cache and written to it, output_tokens the thoughts.
type upstreamUsage struct {
	Input   int64 `json:"input_tokens"`
	Details struct {
		Cached  int64 `json:"cached_tokens"`
		Written int64 `json:"cache_write_tokens"`
	} `json:"input_tokens_details"`
	Output        int64 `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
}

// chat translates it.
func (u *upstreamUsage) chat() *chatUsage {
	c := &chatUsage{
		Prompt: u.Input, Completion: u.Output, Total: u.Input + u.Output,
		Details: promptDetails{Cached: u.Details.Cached, Written: u.Details.Written},
	}
	if u.OutputDetails.Reasoning > 0 {
		c.Answer = &answerDetails{Reasoning: u.OutputDetails.Reasoning}
	}
	return c
}

// finish says in a chat completion's words why an answer ended: nil if it has not, since a provider works on it in the background.
func (r *upstreamResponse) finish(calls bool) *string {
	reason := "content_filter" // what is not whole must not look complete
	switch {
	case r.Status == "queued" || r.Status == "in_progress":
		return nil
	case r.Status == "completed" && calls:
		reason = "tool_calls"
	case r.Status == "completed":
		reason = "stop"
	case r.Incomplete != nil && r.Incomplete.Reason == "max_output_tokens":
		reason = "length"
	}
	return &reason
}

var errNoResponse = errors.New("it answered 200 with what is no response")

// failure is the error of a response that came to none. Its code is told and not its message, which may quote what was asked.
func (r *upstreamResponse) failure() error {
	switch {
	case r.Status == "" && r.Output == nil:
		return errNoResponse
	case r.Error != nil:
		return fmt.Errorf("it answered 200 with a response that failed: %.100q", r.Error.Code)
	case r.Status == "failed" || r.Status == "cancelled":
		return fmt.Errorf("it answered 200 with a response that has %s", map[string]string{"failed": "failed", "cancelled": "been cancelled"}[r.Status])
	}
	return nil
}

// loosely reads JSON. Members of another type than they should be count as absent: vendors differ.
func loosely(data []byte, into any) error {
	var odd *json.UnmarshalTypeError
	if err := json.Unmarshal(data, into); err != nil && !errors.As(err, &odd) {
		return err
	}
	return nil
}

// responsesUpstreamRefusal carries an error back: it has the form of chat completions'.
func responsesUpstreamRefusal(status int, body []byte) []byte {
	var in struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &in) == nil && len(in.Error) > 0 && in.Error[0] == '{' {
		return bytes.Clone(body)
	}
	var out chatError
	out.Error.Message, out.Error.Type = fmt.Sprintf("The provider refused the request with status %d.", status), "invalid_request_error"
	return encode(nil, &out)
}
