package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Every kind of request has a recording, and it arrives as it was recorded.
func TestAnswer(t *testing.T) {
	server := httptest.NewServer(routes())
	defer server.Close()
	f := func(request string, status int, want string) {
		t.Helper()
		response, err := http.Post(server.URL+"/v1/chat/completions", "application/json", strings.NewReader(request))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != status || !bytes.Contains(body, []byte(want)) {
			t.Errorf("%s: status %d, %v, body without %s:\n%s", request, response.StatusCode, err, want, body)
		}
	}
	f(`{"model":"tiny"}`, 200, `"finish_reason":"length"`)
	f(`{"model":"tiny","stream":true}`, 200, "data: [DONE]")
	f(`{"model":"tiny","stop":["e"]}`, 200, `"finish_reason":"stop"`)
	f(`{"model":"tiny","stop":["e"],"stream":true}`, 200, `"finish_reason":"stop"`)
	f(`{"model":"tiny","tools":[{}]}`, 200, `"finish_reason":"tool_calls"`)
	f(`{"model":"tiny","tools":[{}],"stream":true}`, 200, `"finish_reason":"tool_calls"`)
	f(`{"model":"tiny","max_tokens":3000}`, 200, `"finish_reason":"length"`)
	f(`{"model":"tiny","max_tokens":3000,"stream":true}`, 200, "data: [DONE]")
	f(`{"model":"tiny","messages":[{"role":"user"},{"role":"assistant","tool_calls":[{"id":"a"},{"id":"b"}]},{"role":"tool","tool_call_id":"b"},{"role":"tool","tool_call_id":"a"}]}`, 200, `"finish_reason"`)
	f(`{"model":"tiny","messages":[{"role":"tool","tool_call_id":"a"}]}`, 400, "must be a response to a preceding message")
	f(`{"model":"tiny","messages":[{"role":"assistant","tool_calls":[{"id":"a"}]},{"role":"user"}]}`, 400, "have no message with role")
	f(`{"model":"tiny","messages":[{"role":"assistant","tool_calls":[{"id":"a"}]}]}`, 400, "at the end")
	f(`{"model":"short"}`, 400, "exceeds the available context size")
	f(`{"model":"tiny","response_format":{"type":"json_schema"}}`, 200, `{\"city\":\"Paris\", \"sure\": false}`)
	f(`{"model":"tiny","response_format":{"type":"json_schema"},"stream":true}`, 200, "data: [DONE]")
	f(`{"model":"tiny","tools":[{}],"messages":[{"role":"assistant","tool_calls":[{"id":"c"}]},{"role":"tool","tool_call_id":"c","content":"x"}]}`, 200, `"finish_reason":"stop"`)
	f(`{"model":"seeing","messages":[{"role":"user","content":"x"}]}`, 500, "image input is not supported")
	f(`{"model":"seeing","messages":[{"role":"user","content":[{"image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}`, 200, `"finish_reason":"length"`)
	f(`{"model":"blind"}`, 500, "image input is not supported")
	f(`{"model":"flaky-1","messages":[{"role":"user","content":"x"}]}`, 500, "image input is not supported")
	f(`{"model":"flaky-1","messages":[{"role":"user","content":"x"}]}`, 200, `"finish_reason":"length"`)
	f(`no JSON`, 400, "invalid character")
}

// The thinker wants its thought back, byte for byte.
func TestThinker(t *testing.T) {
	server := httptest.NewServer(routes())
	defer server.Close()
	f := func(content, want string) {
		t.Helper()
		body := `{"messages":[{"role":"user","content":[]},{"role":"assistant","content":[` + content + `]},{"role":"user","content":[]}]}`
		response, err := http.Post(server.URL+"/v1/messages", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		got, err := io.ReadAll(response.Body)
		if err != nil || !bytes.Contains(got, []byte(want)) {
			t.Errorf("%s: %v, body without %s:\n%s", content, err, want, got)
		}
	}
	f(thought+`,{"type":"tool_use"}`, "Nine days of rain.")
	f(`{"type":"tool_use"}`, "Rain, I think.")
	f(strings.Replace(thought, "c2ln", "c2lN", 1)+`,{"type":"tool_use"}`, "must come back as it was")
}
