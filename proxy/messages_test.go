package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"bursar/internal/testkit"
)

// say sends a request of Anthropic's API as its SDKs do.
func (h *house) say(path, body string, head ...string) reply {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, "http://"+h.addr+path, strings.NewReader(body))
	must(h, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("x-api-key", h.secret)
	r.Header.Set("anthropic-version", "2023-06-01")
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return h.do(r)
}

// claude is the body of a question in Anthropic's API.
func claude(text string, more ...string) string {
	quoted, _ := json.Marshal(text)
	return `{"model":"small","max_tokens":50,"messages":[{"role":"user","content":` + string(quoted) + `}]` + strings.Join(more, "") + `}`
}

// mistake reads the reply as an error of Anthropic's API.
func (r reply) mistake(t testing.TB) (kind, message string) {
	t.Helper()
	var found struct {
		Type      string
		Error     struct{ Type, Message string }
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(r.body), &found); err != nil || found.Type != "error" || found.Error.Message == "" {
		t.Errorf("status %d: no error of Anthropic's: %v in %q", r.status, err, r.body)
	}
	return found.Error.Type, found.Error.Message
}

// TestMessagesClient: a client of Anthropic's API is served by a provider of OpenAI's, plain, streamed, cut off and from the cache, and is
// accounted for as any other.
func TestMessagesClient(t *testing.T) {
	h := open(t, plan{sections: cached})
	h.up.On("small", testkit.Script{Text: "Paris.", PromptTokens: 100, Cached: 40, Header: map[string]string{"X-Request-Id": "req_theirs"}})
	plain := h.say("/v1/messages", claude("Capital of France?", `,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}]`))
	row := h.row(plain.id())
	if plain.status != 200 || !strings.Contains(plain.body, `"content":[{"type":"text","text":"Paris."}],"stop_reason":"end_turn"`) ||
		!strings.Contains(plain.body, `"input_tokens":60,"cache_creation_input_tokens":0,"cache_read_input_tokens":40`) || row.Usage.Prompt() != 100 || row.Cost == 0 {
		t.Errorf("plain: %d %s, row %+v", plain.status, plain.body, row)
	}
	if id := plain.header.Get("request-id"); id != "req_theirs" {
		t.Errorf("request-id is %q", id)
	}
	if sent := string(h.up.Last("small").Body); strings.Contains(sent, "cache_control") || !strings.Contains(sent, `"role":"system"`) || !strings.Contains(sent, `"max_tokens":50`) {
		t.Errorf("sent %s", sent)
	}

	h.up.On("small", testkit.Script{Text: "Rome.", PromptTokens: 100})
	for _, cache := range []string{"miss", "hit"} {
		stream := h.say("/v1/messages", claude("Capital of Italy?", streamed))
		row := h.row(stream.id())
		if stream.header.Get("x-bursar-cache") != cache || !strings.HasPrefix(stream.body, "event: message_start\n") || !strings.HasSuffix(stream.body, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n") ||
			!strings.Contains(stream.body, `"cost":`) || row.Finish != "stop" || (row.Cost == 0) != (cache == "hit") {
			t.Errorf("stream, %s: %v %s, row %+v", cache, stream.header, stream.body, row)
		}
	}
	hit := h.say("/v1/messages", claude("Capital of Italy?"))
	if h.outcome(hit.id()); hit.header.Get("x-bursar-cache") != "hit" || !strings.Contains(hit.body, `"text":"Rome."`) || hit.header.Get("request-id") != hit.id() {
		t.Errorf("plain of a stream: %v %s", hit.header, hit.body)
	}
	asChat := h.post(`{"model":"small","max_completion_tokens":50,"messages":[{"role":"user","content":"Capital of Italy?"}]}`)
	if h.outcome(asChat.id()); asChat.header.Get("x-bursar-cache") != "hit" || !strings.Contains(asChat.body, `"content":"Rome."`) {
		t.Errorf("the same as a chat completion: %v %s", asChat.header, asChat.body)
	}

	h.up.On("small", testkit.Script{Text: "A long answer.", CutAfter: 2})
	cut := h.say("/v1/messages", claude("And?", streamed))
	if h.outcome(cut.id()); !strings.Contains(cut.body, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"") || strings.Contains(cut.body, "message_stop") {
		t.Errorf("cut: %s", cut.body)
	}
}

// TestMessagesClientErrors: whatever is wrong, at whichever step, a client of Anthropic's API is told in its own words.
func TestMessagesClientErrors(t *testing.T) {
	h := open(t, plan{sections: "budgets: [ { name: search, team: search, monthly_usd: 0.000001 } ]\n", options: Options{MaxBody: 100 << 10}})
	f := func(name string, got reply, status int, kind, says string) {
		t.Helper()
		found, message := got.mistake(t)
		if got.status != status || found != kind || !strings.Contains(message, says) {
			t.Errorf("%s: %d %s %q, want %d %s with %q", name, got.status, found, message, status, kind, says)
		}
		if got.header.Get("request-id") == "" {
			t.Errorf("%s: no request-id", name)
		}
	}
	f("no key", h.say("/v1/messages", claude("Hi"), "x-api-key", ""), 401, "authentication_error", "No API key")
	f("no such URL", h.say("/v1/messages/batches", `{}`), 404, "not_found_error", "/v1/messages/batches")
	f("too large", h.say("/v1/messages", claude(strings.Repeat("x", 200<<10))), 413, "request_too_large", "larger than")
	f("no JSON", h.say("/v1/messages", `{"model"`), 400, "invalid_request_error", "JSON")
	f("doubled", h.say("/v1/messages", claude("Hi", `,"max_tokens":9000`)), 400, "invalid_request_error", "twice")
	f("no messages", h.say("/v1/messages", `{"model":"small","max_tokens":5}`), 400, "invalid_request_error", "messages")
	f("no such model", h.say("/v1/messages", `{"model":"nix","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`), 404, "not_found_error", "nix")
	spent := h.say("/v1/messages", claude("Hi"))
	f("spent", spent, 429, "billing_error", "has no room")
	if spent.header.Get("x-should-retry") != "false" {
		t.Errorf("a spent budget may be retried: %v", spent.header)
	}
	must(t, h.Use(parse(t, h.up, "limits: [ { team: search, requests_per_minute: 100 } ]\n")))
	if limited := h.say("/v1/messages", claude("Hi")); limited.header.Get("anthropic-ratelimit-requests-limit") != "100" || limited.header.Get("anthropic-ratelimit-requests-remaining") != "99" || limited.header.Get("x-ratelimit-limit-requests") != "" {
		t.Errorf("limits: %v", limited.header)
	}
	must(t, h.Use(parse(t, h.up, "")))
	f("only Anthropic has it", h.say("/v1/messages", claude("Hi", `,"mcp_servers":[{"type":"url"}]`)), 400, "invalid_request_error", "`mcp_servers`")
	h.up.On("small", testkit.Script{Status: 400, ErrorBody: `{"error":{"message":"Too warm.","type":"invalid_request_error","param":"temperature","code":null}}`})
	f("refused by the provider", h.say("/v1/messages", claude("Hi")), 400, "invalid_request_error", "Too warm.")
	h.up.On("small", testkit.Script{Status: 503})
	f("overloaded", h.say("/v1/messages", claude("Hi")), 529, "overloaded_error", "overloaded")
}

// TestMessagesLooks: models and token counts, in the shapes of Anthropic's API.
func TestMessagesLooks(t *testing.T) {
	h := open(t, plan{})
	get := func(path string, head ...string) reply {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.addr+path, nil)
		must(t, err)
		r.Header.Set("x-api-key", h.secret)
		for i := 0; i < len(head); i += 2 {
			r.Header.Set(head[i], head[i+1])
		}
		return h.do(r)
	}
	version := []string{"anthropic-version", "2023-06-01"}
	if got := get("/v1/models", version...); !strings.Contains(got.body, `{"type":"model","id":"small"`) || !strings.Contains(got.body, `"has_more":false`) {
		t.Errorf("models: %s", got.body)
	}
	if got := get("/v1/models"); !strings.Contains(got.body, `"object":"list"`) {
		t.Errorf("models of OpenAI: %s", got.body)
	}
	if got := get("/v1/models/fake%2Fsmall", version...); got.status != 200 || !strings.Contains(got.body, `"id":"fake/small"`) {
		t.Errorf("a model: %d %s", got.status, got.body)
	}
	if got := get("/v1/models/nix", version...); got.status != 404 {
		t.Errorf("no model: %d %s", got.status, got.body)
	}
	count := h.say("/v1/messages/count_tokens", `{"model":"small","messages":[{"role":"user","content":"`+strings.Repeat("word ", 100)+`"}]}`)
	var counted struct {
		Tokens int `json:"input_tokens"`
	}
	if err := json.Unmarshal([]byte(count.body), &counted); err != nil || counted.Tokens < 100 || counted.Tokens > 300 || count.header.Get("x-bursar-count") == "" {
		t.Errorf("count: %d %v %s", count.status, count.header, count.body)
	}
	if got := h.say("/v1/messages/count_tokens", `{"model":"small"}`); got.status != 400 {
		t.Errorf("count of nothing: %d %s", got.status, got.body)
	}
	if h.up.Count("small") != 0 {
		t.Error("a provider was called")
	}
}
