package dialect

import (
	"strings"
	"testing"
	"time"

	"bursar/exchange"
)

// Google's clients try a 429 again whatever the headers say, so that a budget that is spent must be none.
func TestGenerateContentFault(t *testing.T) {
	f := func(fault exchange.Fault, wantStatus int, want string) {
		t.Helper()
		if status, body := GenerateContent.Fault(&fault, "req_7"); status != wantStatus || string(body) != want {
			t.Errorf("%+v:\ngot  %d %s\nwant %d %s", fault, status, body, wantStatus, want)
		}
	}
	f(exchange.Fault{Status: 429, Code: "rate_limited", Message: "Too many requests.", RetryAfter: 34400 * time.Millisecond}, 429,
		`{"error":{"code":429,"message":"Too many requests.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"bursar","metadata":{"request_id":"req_7"},"reason":"RATE_LIMITED"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}`)
	f(exchange.Fault{Status: 429, Code: "budget_exceeded", Message: "Spent.", Hint: "Wait.", RetryAfter: time.Hour, NoRetry: true}, 403,
		`{"error":{"code":403,"message":"Spent. Wait.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"bursar","metadata":{"request_id":"req_7"},"reason":"BUDGET_EXCEEDED"}]}}`)
	f(exchange.Fault{Status: 529, Code: "provider_overloaded", Message: "Busy."}, 503,
		`{"error":{"code":503,"message":"Busy.","status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"bursar","metadata":{"request_id":"req_7"},"reason":"PROVIDER_OVERLOADED"}]}}`)
	f(exchange.Fault{Status: 418, Code: "teapot", Param: "contents", Message: "No."}, 418,
		`{"error":{"code":418,"message":"No.","status":"UNKNOWN","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"bursar","metadata":{"param":"contents","request_id":"req_7"},"reason":"TEAPOT"}]}}`)
}

func TestSealedWithin(t *testing.T) {
	thought := googleThought{keep: sealed{Reasoning: "Hm."}}
	for _, body := range []string{`{"thoughtSignature":"` + thought.signature(nil) + `"}`, `{"encrypted_content":"` + *(&sealed{Reasoning: "Hm."}).seal() + `"}`} {
		if !sealedWithin([]byte(body)) {
			t.Errorf("it is not found in %s", body)
		}
	}
	if sealedWithin([]byte(`{"thoughtSignature":"QUJDREVG"}`)) {
		t.Error("another's is taken for ours")
	}
}

// TestSpellings: what Google would read under either name is read here under either, escaped or not: eight answers that were asked for are held for.
func TestSpellings(t *testing.T) {
	for _, name := range []string{"candidateCount", "candidate_count", `candidate\u005fcount`} {
		chat, fault := geminiClientRequest([]byte(`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"`+name+`":8}}`), Asked{Model: "m"})
		if fault != nil || !strings.Contains(string(chat), `"n":8`) {
			t.Errorf("%s: %v %s", name, fault, chat)
		}
	}
	if _, fault := geminiClientRequest([]byte(`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"candidateCount":1,"candidate_count":8}}`), Asked{Model: "m"}); fault == nil {
		t.Error("both spellings")
	}
}
