package dialect

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"bursar/exchange"
)

// GenerateContent is Google's generateContent, as its clients speak it.
var GenerateContent = Client{
	Name:      "gemini",
	Native:    "gemini",
	Request:   geminiClientRequest,
	Splice:    geminiSplice,
	Answer:    geminiClientAnswer,
	Fault:     geminiClientFault,
	NewStream: func(r Reply) ClientStream { return newGeminiClientStream(r) },
}

// googleAnswer is an answer, or one piece of a stream.
type googleAnswer struct {
	Candidates []googleCandidate `json:"candidates"`
	Usage      *googleUsage      `json:"usageMetadata,omitempty"`
	Model      string            `json:"modelVersion,omitempty"`
	ID         string            `json:"responseId,omitempty"`
}

type googleCandidate struct {
	Content      googleSaid      `json:"content"`
	FinishReason string          `json:"finishReason,omitempty"`
	Message      string          `json:"finishMessage,omitempty"`
	AvgLogProbs  *float64        `json:"avgLogprobs,omitempty"`
	LogProbs     *googleLogProbs `json:"logprobsResult,omitempty"`
	Index        int             `json:"index"`

	Citations any `json:"citationMetadata,omitempty"`

	extra members // that only Google's own answer has
}

// MarshalJSON writes a candidate, with what only Google's own answer has.
func (c googleCandidate) MarshalJSON() ([]byte, error) {
	type plain googleCandidate
	out, err := encoded(plain(c))
	return withMembers(out, c.extra), err
}

// googleSaid is the content of an answer.
type googleSaid struct {
	Parts []any  `json:"parts"` // googleWord, or as it came
	Role  string `json:"role"`
}

// googleWord is a part of an answer: a text, a thought, a call or an image.
type googleWord struct {
	Text      *string     `json:"text,omitempty"`
	Thought   bool        `json:"thought,omitempty"`
	Call      *googleCall `json:"functionCall,omitempty"`
	Inline    *googleBlob `json:"inlineData,omitempty"`
	Signature string      `json:"thoughtSignature,omitempty"`
}

type googleCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type googleBlob struct {
	MimeType string `json:"mimeType"`
	Data     string `json:"data"`
	Name     string `json:"displayName,omitempty"`
}

type googleLogProbs struct {
	Top    []googleTop     `json:"topCandidates"`
	Chosen []googleLogProb `json:"chosenCandidates"`
}

type googleTop struct {
	Candidates []googleLogProb `json:"candidates"`
}

type googleLogProb struct {
	Token   string      `json:"token"`
	LogProb json.Number `json:"logProbability"`
}

// googleUsage is usage in Google's sense: the prompt holds what came from a cache, the candidates leave the thoughts out.
type googleUsage struct {
	Prompt     int64 `json:"promptTokenCount"`
	Cached     int64 `json:"cachedContentTokenCount,omitempty"`
	Candidates int64 `json:"candidatesTokenCount"`
	Thoughts   int64 `json:"thoughtsTokenCount,omitempty"`
	Total      int64 `json:"totalTokenCount"`

	Tier string `json:"serviceTier,omitempty"` // that served, if it was none of the usual one
}

func googleUsageOf(u *hubUsage, tier string) *googleUsage {
	if u == nil {
		return nil
	}
	if tier == "default" || tier == "standard" {
		tier = ""
	}
	out := &googleUsage{Prompt: u.Prompt, Cached: u.Details.Cached, Candidates: u.Completion, Total: u.Prompt + u.Completion, Tier: tier}
	out.Thoughts = min(u.Answer.Reasoning, u.Completion)
	out.Candidates -= out.Thoughts
	return out
}

// googleFinish says why a candidate ended. Google says STOP of calls too.
func googleFinish(finish string) string {
	switch finish {
	case "stop", "tool_calls", "function_call":
		return "STOP"
	case "length":
		return "MAX_TOKENS"
	case "content_filter":
		return "SAFETY"
	case "":
		return ""
	}
	return "OTHER"
}

// googleStatus are Google's names of HTTP statuses.
var googleStatus = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 402: "PERMISSION_DENIED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED", 409: "ABORTED",
	413: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 502: "UNAVAILABLE",
	503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}

// geminiClientFault writes an error as Google does. Its clients try a 429 again, whatever its headers say: what must not be tried again is a 403.
func geminiClientFault(f *exchange.Fault, requestID string) (int, []byte) {
	status := f.Status
	switch {
	case status == http.StatusTooManyRequests && f.NoRetry:
		status = http.StatusForbidden
	case status == 529:
		status = http.StatusServiceUnavailable
	}
	return status, encode(nil, googleErrorOf(f, status, requestID))
}

type googleError struct {
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  string `json:"status"`
		Details []any  `json:"details,omitempty"`
	} `json:"error"`
}

// googleErrorOf makes the error, with its reason and what it is about, and how long to wait.
func googleErrorOf(f *exchange.Fault, status int, requestID string) *googleError {
	var e googleError
	e.Error.Code, e.Error.Status = status, googleStatus[status]
	if e.Error.Status == "" {
		e.Error.Status = "UNKNOWN"
	}
	e.Error.Message = f.Message
	if f.Hint != "" {
		e.Error.Message += " " + f.Hint
	}
	about := map[string]string{}
	for name, value := range map[string]string{"param": f.Param, "request_id": requestID} {
		if value != "" {
			about[name] = value
		}
	}
	e.Error.Details = append(e.Error.Details, map[string]any{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": strings.ToUpper(f.Code), "domain": "bursar", "metadata": about,
	})
	if f.RetryAfter > 0 && !f.NoRetry {
		e.Error.Details = append(e.Error.Details, map[string]any{
			"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": strconv.FormatFloat(f.RetryAfter.Seconds(), 'f', -1, 64) + "s",
		})
	}
	return &e
}
