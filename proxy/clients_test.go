package proxy

import (
	"net/http"
	"strings"
	"testing"

	"bursar/internal/testkit"
)

// call sends a request with the key where a client has it: head is pairs of header names and values.
func (h *house) call(method, path, body string, head ...string) reply {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, "http://"+h.addr+path, strings.NewReader(body))
	must(h, err)
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return h.do(r)
}

// TestClientsOfEveryAPI: each is served by a provider of chat completions, plain, streamed and from the cache, is accounted for, and is told of errors
// in its own form.
func TestClientsOfEveryAPI(t *testing.T) {
	h := open(t, plan{sections: cached})
	h.up.On("small", testkit.Script{Text: "Paris.", PromptTokens: 100})
	google := `{"contents":[{"parts":[{"text":"Capital of France?"}]}],"generationConfig":{"maxOutputTokens":40}}`
	for _, api := range []struct {
		name, plain, stream, body, streamed string
		head                                []string
		says, begins, ends, fault           string
	}{
		{
			"responses", "/v1/responses", "/v1/responses", `{"model":"small","input":"Capital of France?"}`, `{"model":"small","input":"Capital of Italy?","stream":true}`,
			[]string{"Authorization", "Bearer " + h.secret},
			`"type":"output_text","text":"Paris."`, "event: response.created\n", "}\n\n", `"type":"authentication_error"`,
		},
		{
			"gemini", "/v1beta/models/small:generateContent", "/v1beta/models/small:streamGenerateContent?alt=sse", google, strings.Replace(google, "France", "Spain", 1),
			[]string{"x-goog-api-key", h.secret},
			`{"text":"Paris."}`, "data: {", "}\n\n", `"status":"UNAUTHENTICATED"`,
		},
		{
			"gemini, an array, the key in the URL", "/v1beta/models/fake%2Fsmall:generateContent?key=" + h.secret, "/v1beta/models/fake/small:streamGenerateContent?key=" + h.secret, google, google,
			nil, `{"text":"Paris."}`, "[", "]\n", "",
		},
	} {
		t.Run(api.name, func(t *testing.T) {
			plain := h.call("POST", api.plain, api.body, api.head...)
			row := h.row(plain.id())
			if plain.status != 200 || !strings.Contains(plain.body, api.says) || row.Usage.Prompt() != 100 || row.Cost == 0 && row.Cache != "hit" {
				t.Errorf("plain: %d %s, row %+v", plain.status, plain.body, row)
			}
			for range 2 {
				stream := h.call("POST", api.stream, api.streamed, api.head...)
				row := h.row(stream.id())
				if stream.status != 200 || !strings.HasPrefix(stream.body, api.begins) || !strings.HasSuffix(stream.body, api.ends) || !strings.Contains(stream.body, "Par") || row.Finish != "stop" {
					t.Errorf("stream: %d %v %s, row %+v", stream.status, stream.header, stream.body, row)
				}
			}
			if again := h.row(h.call("POST", api.plain, api.body, api.head...).id()); again.Cache != "hit" || again.Cost != 0 {
				t.Errorf("again: row %+v", again)
			}
			if api.fault == "" {
				return
			}
			if refused := h.call("POST", api.plain, api.body); refused.status != 401 || !strings.Contains(refused.body, api.fault) {
				t.Errorf("no key: %d %s", refused.status, refused.body)
			}
		})
	}
	if got := h.call("POST", "/v1beta/models/small:countTokens", google, "x-goog-api-key", h.secret); got.status != 200 || !strings.HasPrefix(got.body, `{"totalTokens":`) {
		t.Errorf("count: %d %s", got.status, got.body)
	}
	if got := h.call("GET", "/v1beta/models", "", "x-goog-api-key", h.secret); !strings.Contains(got.body, `"name":"models/small"`) {
		t.Errorf("models: %d %s", got.status, got.body)
	}
	if got := h.call("POST", "/v1beta/models/small:paint", "{}", "x-goog-api-key", h.secret); got.status != 404 || !strings.Contains(got.body, `"status":"NOT_FOUND"`) {
		t.Errorf("no such call: %d %s", got.status, got.body)
	}
}
