package proxy

import (
	"strings"
	"testing"
)

// TestToolsBilledByCall: what no budget can bound is refused, in every API that has it, unless the policy allows it.
func TestToolsBilledByCall(t *testing.T) {
	h := open(t, plan{})
	ask := func() []reply {
		return []reply{
			h.post(chat("small", "news?", `,"web_search_options":{}`)),
			h.call("POST", "/v1/messages", `{"model":"small","max_tokens":9,"messages":[{"role":"user","content":"news?"}],"tools":[{"type":"web_search_20250305","name":"web_search"}]}`, "x-api-key", h.secret),
			h.call("POST", "/v1beta/models/small:generateContent", `{"contents":[{"parts":[{"text":"news?"}]}],"tools":[{"googleSearch":{}}]}`, "x-goog-api-key", h.secret),
		}
	}
	for _, got := range ask() {
		if row := h.row(got.id()); got.status != 400 || !strings.Contains(got.body, "per_call_tools: allow") || row.Cost != 0 || row.Reason != "unknown_price" {
			t.Errorf("%d %s, row %+v", got.status, got.body, row)
		}
	}
	if h.up.Count("") != 0 {
		t.Errorf("%d calls upstream", h.up.Count(""))
	}
	if got := h.post(chat("small", "news?", `,"web_search_options":null`)); got.status != 200 {
		t.Errorf("null asks for nothing: %d %s", got.status, got.body)
	}
	must(t, h.Use(parse(t, h.up, "prices: { per_call_tools: allow, overrides: { fake/small: { input: 2, output: 4 }, fake/big: { input: 10, output: 50 } } }\n")))
	if got := ask()[0]; got.status != 200 {
		t.Errorf("allowed: %d %s", got.status, got.body)
	}
}
