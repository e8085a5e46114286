package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"bursar/pricing"
)

// messages is a provider that speaks Anthropic's Messages API.
func messages(t *testing.T) (url string, last func() string) {
	t.Helper()
	var body atomic.Pointer[string]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		sent := string(text)
		body.Store(&sent)
		if !strings.Contains(sent, `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"Paris."}],"stop_reason":"end_turn",`+
				`"usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":50,"output_tokens":4}}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, data := range []string{
			`{"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":50,"output_tokens":1}}}`,
			`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Paris."}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}`,
			`{"type":"message_stop"}`,
		} {
			_, _ = io.WriteString(w, "data: "+data+"\n\n")
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() string { return *body.Load() }
}

// TestTargetOfAnotherDialect: a client of chat completions is served by a provider of Anthropic's API, plain, streamed and from the cache, and
// pays for exactly what that used; what it asks for and cannot have is refused by name, or dropped by name.
func TestTargetOfAnotherDialect(t *testing.T) {
	url, last := messages(t)
	sections := func(unsupported string) string {
		return cached + `providers: { claude: { dialect: anthropic, base_url: "` + url + `", unsupported: ` + unsupported + ` } }
models: { small: { use: claude/claude }, big: { use: claude/claude } }
prices: { overrides: { claude/claude: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 } } }
`
	}
	h := open(t, plan{sections: sections("reject")})
	const question = `{"model":"small","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Capital of France?"}]`
	want := pricing.Nano(10*3000 + 100*300 + 50*3750 + 4*15000)
	got := h.post(question + `}`)
	row := h.row(got.id())
	if got.status != 200 || !strings.Contains(got.body, `"content":"Paris."`) || row.Cost != want || row.UsageMethod != "reported" || row.Usage.CacheWrite != 50 {
		t.Errorf("plain: %d %s, row %+v, want cost %d", got.status, got.body, row, want)
	}
	if body := last(); !strings.Contains(body, `"system":[{"type":"text","text":"Be brief."}]`) || !strings.Contains(body, `"max_tokens":`) || !strings.Contains(body, `"model":"claude"`) {
		t.Errorf("sent %s", body)
	}
	if hit := h.row(h.post(question + `}`).id()); hit.Cache != "hit" || hit.Cost != 0 {
		t.Errorf("again: %+v", hit)
	}
	streamed := h.post(question + `,"stream":true,"stream_options":{"include_usage":true},"temperature":0.5}`)
	row = h.row(streamed.id())
	if !strings.Contains(streamed.body, `"content":"Paris."`) || !strings.Contains(streamed.body, `"cost":0.0003075`) || !strings.HasSuffix(streamed.body, "data: [DONE]\n\n") || row.Cost != want {
		t.Errorf("stream: %s, row %+v", streamed.body, row)
	}
	refused := h.post(question + `,"seed":7}`)
	if row := h.row(refused.id()); refused.status != 400 || !strings.Contains(refused.body, "`seed`") || row.Cost != 0 {
		t.Errorf("what it has nothing for: %d %s, row %+v", refused.status, refused.body, row)
	}
	must(t, h.Use(parse(t, h.up, sections("drop"))))
	dropped := h.post(question + `,"seed":7}`)
	if dropped.status != 200 || dropped.header.Get("x-bursar-dropped") != "seed" || strings.Contains(last(), "seed") {
		t.Errorf("dropped: %d %v", dropped.status, dropped.header)
	}
	for _, form := range []string{"", `,"stream":true`} {
		again := h.post(question + `,"seed":7` + form + `}`)
		h.outcome(again.id())
		if again.header.Get("x-bursar-cache") != "hit" || again.header.Get("x-bursar-dropped") != "seed" {
			t.Errorf("dropped, from the cache: %d %v", again.status, again.header)
		}
	}
	must(t, h.Use(parse(t, h.up, sections("reject"))))
	if refused := h.post(question + `,"seed":7}`); refused.status != 400 {
		t.Errorf("what may not be dropped any more: %d %v", refused.status, refused.header)
	}
}
