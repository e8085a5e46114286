package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"bursar/internal/testkit"
	"bursar/pricing"
)

// anthropicAPI is a provider of Anthropic's API that answers what it is told to, and keeps what it was asked.
type anthropicAPI struct {
	*httptest.Server
	mu     sync.Mutex
	answer string
	status int
	asked  string
	head   http.Header
}

func newAnthropicAPI(t *testing.T) *anthropicAPI {
	a := &anthropicAPI{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.asked, a.head = string(body), r.Header
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(a.answer, "event:") {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		w.Header().Set("request-id", "req_theirs")
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.answer)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *anthropicAPI) says(status int, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.answer = status, answer
}

func (a *anthropicAPI) got() (body string, head http.Header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked, a.head
}

// TestPassThrough: where client and provider both speak Anthropic's API each gets the other's own bytes, but for the model and the cap; usage is read
// as it passes, and errors pass too.
func TestPassThrough(t *testing.T) {
	up := newAnthropicAPI(t)
	h := open(t, plan{sections: cached + `providers:
  claude: { dialect: anthropic, base_url: "` + up.URL + `", key_env: CLAUDE_KEY, retries: 0 }
  fake: { dialect: openai, base_url: "UP", retries: 0 }
models: { small: { use: [claude/claude, fake/small], max_output_tokens: 40 }, big: { use: claude/claude } }
prices: { overrides: { claude/claude: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }, fake/small: { input: 2, output: 4 } } }
`})
	const asked = `{ "max_tokens":1000, "model" : "small","later":{"x":1.0,"\u0079":[]},"messages":[{"role":"user","content":[{"type":"text","text":"Capital of France?","new":true}]}] }`
	const answer = `{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"Paris.","citations":[{"cited_text":"P"}]}],"stop_reason":"end_turn","stop_sequence":null,"new":1.0,` +
		`"usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":50,"output_tokens":4}}`
	up.says(200, answer)
	plain := h.say("/v1/messages", asked, "anthropic-beta", "files-2025", "anthropic-version", "2024-01-01", "Authorization", "Bearer nobody's")
	want := pricing.Nano(10*3000 + 100*300 + 50*3750 + 4*15000)
	row := h.row(plain.id())
	if plain.status != 200 || plain.body != answer || row.Cost != want || row.UsageMethod != "reported" || plain.header.Get("request-id") != "req_theirs" {
		t.Errorf("plain: %d %v %s, row %+v", plain.status, plain.header, plain.body, row)
	}
	body, head := up.got()
	if body != strings.NewReplacer(`1000`, `40`, `"small"`, `"claude"`).Replace(asked) {
		t.Errorf("sent %s", body)
	}
	if head.Get("anthropic-beta") != "files-2025" || head.Get("anthropic-version") != "2024-01-01" || head.Get("x-api-key") != "sk-of-the-provider" || head.Get("Authorization") != "" {
		t.Errorf("sent %v", head)
	}
	if again := h.say("/v1/messages", asked); again.header.Get("x-bursar-cache") == "hit" {
		t.Error("an answer with citations, which a chat completion has no words for, was kept")
	}

	const stream = "event: message_start\n" + `data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"usage":{"input_tokens":10,"output_tokens":1}}}` + "\n\n" +
		"event: content_block_start\n" + `data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n" +
		"event: ping\ndata: {\"type\": \"ping\"}\n\n" +
		"event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Rome."},"new":1.0}` + "\n\n" +
		"event: content_block_stop\n" + `data: {"type":"content_block_stop","index":0}` + "\n\n" +
		"event: brand_new\n" + `data: {"type":"brand_new"}` + "\n\n" +
		"event: message_delta\n" + `data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4}}` + "\n\n" +
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	up.says(200, stream)
	streamed := h.say("/v1/messages", claude("Capital of Italy?", streamed))
	row = h.row(streamed.id())
	if streamed.body != stream || row.Cost != 10*3000+4*15000 || row.Finish != "stop" {
		t.Errorf("stream: %s, row %+v", streamed.body, row)
	}
	if hit := h.say("/v1/messages", claude("Capital of Italy?")); hit.header.Get("x-bursar-cache") != "hit" || !strings.Contains(hit.body, `"text":"Rome."`) {
		t.Errorf("hit: %v %s", hit.header, hit.body)
	}

	half := stream[:strings.Index(stream, "event: content_block_stop")]
	up.says(200, half+"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Busy\"}}\n\n")
	cut := h.say("/v1/messages", claude("And then?", `,"stream":true`))
	if h.outcome(cut.id()); !strings.HasPrefix(cut.body, half) || strings.Count(cut.body, "event: error") != 1 || !strings.Contains(cut.body, "stream_broken") {
		t.Errorf("cut: %s", cut.body)
	}

	refusal := `{"type":"error","error":{"type":"invalid_request_error","message":"Too long."},"new":1,"request_id":"req_x"}`
	up.says(400, refusal)
	if got := h.say("/v1/messages", claude("Refuse this.")); got.status != 400 || got.body != refusal {
		t.Errorf("refused: %d %s", got.status, got.body)
	}

	up.says(529, `{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}`)
	h.up.On("small", testkit.Script{Text: "Oslo."})
	fallback := h.say("/v1/messages", claude("Capital of Norway?"))
	if row := h.row(fallback.id()); fallback.status != 200 || !strings.Contains(fallback.body, `"text":"Oslo."`) || row.Target != "fake/small" || row.Reason != "fallback" {
		t.Errorf("fallback: %d %s, row %+v", fallback.status, fallback.body, row)
	}
}
