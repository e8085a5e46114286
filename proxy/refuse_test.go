package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"bursar/ledger"
)

// TestErrorsSpeakTheClientsDialect: whatever is wrong, the answer is JSON with all that SDKs read.
func TestErrorsSpeakTheClientsDialect(t *testing.T) {
	h := open(t, plan{options: Options{MaxBody: 10_000}})
	good := chat("small", "hi")
	bearer := func(key string) []string { return []string{"Authorization", key} }
	for _, test := range []struct {
		name, body string
		head       []string
		status     int
		code, part string
	}{
		{"no key", good, bearer(""), 401, "missing_api_key", "Authorization: Bearer"},
		{"no key of ours", good, bearer("Bearer sk-proj-123"), 401, "invalid_api_key", ""},
		{"an unknown key", good, bearer("Bearer " + h.secret[:len(h.secret)-3] + "xyz"), 401, "invalid_api_key", ""},
		{"unknown model", chat("gpt-9", "hi"), nil, 404, "model_not_found", "small"},
		{"no JSON", `{"model":`, nil, 400, "", ""},
		{"no object", `[1]`, nil, 400, "", ""},
		{"nothing", ``, nil, 400, "", ""},
		{"duplicate keys", `{"model":"small","model":"big","messages":[]}`, nil, 400, "", "model"},
		{"another spelling", `{"model":"small","Model":"big","messages":[]}`, nil, 400, "", ""},
		{"no messages", `{"model":"small"}`, nil, 400, "", "messages"},
		{"no model", `{"messages":[]}`, nil, 400, "", "model"},
		{"no number", chat("small", "hi", `,"max_tokens":"9"`), nil, 400, "", "max_tokens"},
		{"too large", chat("small", strings.Repeat("x", 10_000)), nil, 413, "request_too_large", "10000 bytes"},
		{"head too large", good, []string{"x-long", strings.Repeat("x", 100_000)}, 431, "headers_too_large", ""},
	} {
		got := h.post(test.body, test.head...)
		f := got.fault(t)
		if got.status != test.status || test.code != "" && f.Code != test.code || !strings.Contains(f.Message, test.part) || f.Message == "" {
			t.Errorf("%s: status %d, %+v", test.name, got.status, f)
		}
		if !strings.HasPrefix(got.id(), "req_") || got.header.Get("Content-Type") != "application/json" || got.header.Get("x-should-retry") != "false" && test.status >= 404 {
			t.Errorf("%s: head %v", test.name, got.header)
		}
		if strings.Contains(got.body, h.secret[len(h.secret)-20:]) {
			t.Errorf("%s: the key is told: %s", test.name, got.body)
		}
	}
	if h.up.Count("") != 0 {
		t.Errorf("%d calls upstream", h.up.Count(""))
	}
}

// TestUnknownURLs are told apart from unknown models.
func TestUnknownURLs(t *testing.T) {
	h := open(t, plan{})
	for _, url := range []string{"GET /", "GET /v1/chat/completions", "POST /v1/completion", "POST /chat/completions", "DELETE /v1/models", "GET /v1/modelsx\"<\\"} {
		method, path, _ := strings.Cut(url, " ")
		r, err := http.NewRequest(method, "http://"+h.addr, nil)
		must(t, err)
		r.URL.Path = path
		got := h.do(r)
		if f := got.fault(t); got.status != 404 || f.Code != "unknown_url" || f.Type != "invalid_request_error" {
			t.Errorf("%s: status %d, %+v", url, got.status, f)
		}
	}
}

// TestRefusalsAreBooked without cost, so that statements show who knocks in vain.
func TestRefusalsAreBooked(t *testing.T) {
	h := open(t, plan{})
	got := h.post(chat("gpt-9", "hi"))
	row := h.row(got.id())
	if row.Kind != ledger.KindRefused || row.Status != 404 || row.Reason != "unknown_model" || row.Asked != "gpt-9" || row.Team != "search" || row.Cost != 0 {
		t.Errorf("row %+v", row)
	}
}

// TestModelsAreListed for a known key only.
func TestModelsAreListed(t *testing.T) {
	h := open(t, plan{})
	r := h.request(t.Context(), "")
	r.Method, r.URL.Path = http.MethodGet, "/v1/models"
	got := h.do(r)
	for _, id := range []string{"auto", "small", "big", "fake/small", "fake/big"} {
		if !strings.Contains(got.body, `"id":"`+id+`"`) {
			t.Errorf("no %s in %s", id, got.body)
		}
	}
	r = h.request(t.Context(), "", "Authorization", "Bearer x")
	r.Method, r.URL.Path = http.MethodGet, "/v1/models"
	if got = h.do(r); got.status != 401 {
		t.Errorf("status %d without a key", got.status)
	}
}

// TestKeyInAnyHeader that an SDK uses.
func TestKeyInAnyHeader(t *testing.T) {
	h := open(t, plan{})
	for _, name := range []string{"Authorization", "x-api-key", "api-key", "x-goog-api-key"} {
		value := h.secret
		if name == "Authorization" {
			value = "bearer  " + value
		}
		r := h.request(t.Context(), chat("small", "hi"))
		r.Header.Del("Authorization")
		r.Header.Set(name, value)
		if got := h.do(r); got.status != 200 {
			t.Errorf("%s: status %d: %s", name, got.status, got.body)
		}
	}
}

// TestGarbageNeverBreaksTheGateway: whatever the body is, the answer is the client's fault and says so.
func TestGarbageNeverBreaksTheGateway(t *testing.T) {
	h := open(t, plan{sections: cached + pot + "trim: { max_prompt_tokens: 20, keep_last_turns: 1, minify_tool_results: true }\n"})
	bodies := []string{
		"\x00", "\xff\xfe", "null", "{}", `""`, "{", strings.Repeat("[", 5000), strings.Repeat(`{"a":`, 5000), `{"model":null,"messages":null}`,
		`{"model":"small","messages":[{}]}`, `{"model":"small","messages":[[]]}`, `{"model":"small","messages":[{"role":1,"content":2}]}`,
		`{"model":"","messages":[]}`, `{"model":"small","messages":[]} x`, `{"model":"` + strings.Repeat("m", 50_000) + `","messages":[{"role":"user"}]}`,
		`{"model":"fake/","messages":[{"role":"user","content":"x"}]}`, `{"model":"/","messages":[{"role":"user","content":"x"}]}`,
		chat("small", "hi", `,"n":0`), chat("small", "hi", `,"n":-1`), chat("small", "hi", `,"n":1e9`), chat("small", "hi", `,"n":9223372036854775807`),
		chat("small", "hi", `,"max_tokens":0`), chat("small", "hi", `,"max_tokens":-5`), chat("small", "hi", `,"max_tokens":9223372036854775807`),
		chat("small", "hi", `,"max_tokens":1e400`), chat("small", "hi", `,"max_tokens":1.5`), chat("small", "hi", `,"stream":"yes"`),
		chat("small", "hi", `,"stream_options":[]`), chat("small", "hi", `,"stream":true,"stream_options":{}`), chat("small", "hi", `,"tools":{}`),
		chat("small", "hi", `,"user":{}`), chat("small", "hi", `,"prediction":{"type":"content","content":[1]}`), chat("small", "hi\u0000\u2028"),
		`{"model":"small","messages":[{"role":"tool","content":"{","tool_call_id":"x"},{"role":"user","content":null}]}`,
		`{"model":"small","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":7},null]}]}`,
		`{"model":"small","messages":[{"role":"user","content":"\ud800"}]}`,
	}
	whole := chat("small", "hi", streamed, `,"tools":[{"type":"function","function":{"name":"f"}}]`)
	for i := range len(whole) {
		bodies = append(bodies, whole[:i], whole[:i]+"\x00"+whole[i+1:])
	}
	for _, body := range bodies {
		got := h.post(body)
		if got.status >= 500 || got.status < 200 {
			t.Errorf("status %d for %.200q: %s", got.status, body, got.body)
		}
		if got.status != 200 {
			got.fault(t)
		}
	}
	h.settled()
}

// TestGarbageOnTheWire gets an error or a closed connection, and the gateway goes on.
func TestGarbageOnTheWire(t *testing.T) {
	h := open(t, plan{})
	for _, raw := range []string{
		"\r\n\r\n", "GET\r\n\r\n", "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "\x16\x03\x01\x02\x00",
	} {
		conn, r := h.dial(raw)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			must(t, c.CloseWrite())
		}
		answer, _ := io.ReadAll(r)
		if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 4") {
			t.Errorf("%q got %q", raw, answer)
		}
	}
	if got := h.post(chat("small", "hi")); got.status != 200 {
		t.Errorf("status %d after it all", got.status)
	}
	if n := fmt.Sprint(h.up.Count("")); n != "1" {
		t.Errorf("%s calls upstream", n)
	}
}
