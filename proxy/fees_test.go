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

// TestNamesOfAnotherCase: a provider of the client's own API reads a member by its exact name alone. What a decoder that ignores case takes for another
// does not reach it.
func TestNamesOfAnotherCase(t *testing.T) {
	up := newAnthropicAPI(t)
	h := open(t, plan{sections: `providers: { claude: { dialect: anthropic, base_url: "` + up.URL + `", key_env: CLAUDE_KEY, retries: 0 } }
models: { small: { use: claude/claude }, big: { use: claude/claude } }
prices: { overrides: { claude/claude: { input: 3, output: 15 } } }
`})
	up.says(200, `{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"No."}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":4}}`)
	for _, hidden := range []string{
		`{"type":"web_search_20250305","TYPE":"custom","name":"web_search","input_schema":{"type":"object"}}`,
		`{"type":"web_search_20250305","name":"web_search","input_schema":{"type":"object"},"Type":"custom"}`,
		`{"type":"web_search_20250305","name":"web_search","TYPE":"tomorrows_tool"}`,
	} {
		got := h.say("/v1/messages", `{"model":"small","max_tokens":9,"messages":[{"role":"user","content":"news?"}],"tools":[`+hidden+`]}`)
		if body, _ := up.got(); strings.Contains(body, "web_search_20250305") {
			t.Errorf("%d %s: the provider was asked %s", got.status, got.body, body)
		}
	}
}
