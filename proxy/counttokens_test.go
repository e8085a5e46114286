package proxy

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestCountsAgree: one prompt counts the same whichever API asks, and as the ledger has it once it is sent.
func TestCountsAgree(t *testing.T) {
	h := open(t, plan{})
	text := strings.Repeat("word ", 100)
	sent := h.row(h.post(chat("small", text)).id()).PromptTokens
	for path, body := range map[string]string{
		"/v1/messages/count_tokens":        `{"model":"small","messages":[{"role":"user","content":"` + text + `"}]}`,
		"/v1/responses/input_tokens":       `{"model":"small","input":"` + text + `"}`,
		"/v1beta/models/small:countTokens": `{"contents":[{"role":"user","parts":[{"text":"` + text + `"}]}]}`,
	} {
		got := h.say(path, body)
		var counted struct {
			Object string
			Input  int64 `json:"input_tokens"`
			Total  int64 `json:"totalTokens"`
		}
		if err := json.Unmarshal([]byte(got.body), &counted); err != nil || counted.Input+counted.Total != sent || got.header.Get("x-bursar-count") != "estimate" {
			t.Errorf("%s: %d %s, sent %d", path, got.status, got.body, sent)
		}
		if wants := strings.Contains(path, "responses"); wants != (counted.Object == "response.input_tokens") {
			t.Errorf("%s is a %q", path, counted.Object)
		}
	}
}
