package proxy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestRealMessages: a client of Anthropic's API before a real llama.cpp server, by way of a chat completion and of its own bytes: what is streamed adds
// up to a message, and is billed as the server counts it.
func TestRealMessages(t *testing.T) {
	url := os.Getenv("BURSAR_TEST_LLM")
	if url == "" {
		t.Skip("set BURSAR_TEST_LLM=http://host:port/v1 to run against a real server")
	}
	h := open(t, plan{sections: `providers:
  chat: { dialect: openai, base_url: "` + url + `", retries: 0 }
  native: { dialect: anthropic, base_url: "` + url + `", retries: 0 }
models: { small: { use: chat/tiny }, big: { use: native/tiny } }
prices: { overrides: { chat/tiny: { input: 2, output: 4 }, native/tiny: { input: 2, output: 4 } } }
`})
	for _, model := range []string{"small", "big"} {
		body := `{"model":"` + model + `","max_tokens":12,"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":"Yes?"},{"role":"user","content":"Go on."}]`
		// The model is random: it may say nothing at all, and the server leaves message_start out where its first token is no whole character.
		until := func(more, needle string) (got reply) {
			for range 50 {
				if got = h.say("/v1/messages", body+more); strings.Contains(got.body, needle) && (strings.Contains(got.body, "message_start") || more == "}") {
					break
				}
			}
			return got
		}
		plain := until(`}`, `"text":`)
		var message struct {
			Type    string
			Content []struct{ Type, Text string }
			Stop    string `json:"stop_reason"`
			Usage   struct {
				Input  int64 `json:"input_tokens"`
				Read   int64 `json:"cache_read_input_tokens"`
				Output int64 `json:"output_tokens"`
			}
		}
		must(t, json.Unmarshal([]byte(plain.body), &message))
		row := h.row(plain.id())
		if message.Type != "message" || len(message.Content) == 0 || message.Stop == "" || message.Usage.Output < 1 || message.Usage.Input+message.Usage.Read != row.Usage.Prompt() || message.Usage.Output != row.Usage.Completion() || row.UsageMethod != "reported" {
			t.Errorf("%s, plain: %d %s, row %+v", model, plain.status, plain.body, row)
		}
		stream := until(`,"stream":true}`, "content_block_delta")
		row = h.row(stream.id())
		for _, event := range []string{"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"} {
			if !strings.Contains(stream.body, "event: "+event+"\n") {
				t.Errorf("%s: no %s in %s", model, event, stream.body)
			}
		}
		if row.UsageMethod != "reported" || row.Usage.Completion() < 1 || row.Cost == 0 {
			t.Errorf("%s, stream: %s, row %+v", model, stream.body, row)
		}
		if refused := h.say("/v1/messages", strings.Replace(body, `"system":"Be brief."`, `"temperature":"warm"`, 1)+`}`); refused.status != 400 {
			t.Errorf("%s, refused: %d %s", model, refused.status, refused.body)
		}
	}
}

// TestRealResponses: a real llama.cpp server that is spoken to by the Responses API, before clients of three APIs: each gets an answer of its own form, and it
// is billed as the server counts it.
func TestRealResponses(t *testing.T) {
	url := os.Getenv("BURSAR_TEST_LLM")
	if url == "" {
		t.Skip("set BURSAR_TEST_LLM=http://host:port/v1 to run against a real server")
	}
	h := open(t, plan{sections: `providers: { real: { dialect: responses, base_url: "` + url + `", retries: 0 } }
models: { small: { use: real/tiny }, big: { use: real/tiny } }
prices: { overrides: { real/tiny: { input: 2, output: 4 } } }
`})
	for path, c := range map[string]struct{ body, plain, stream, end string }{
		"/v1/responses":        {`{"model":"small","max_output_tokens":16,"instructions":"Be brief.","input":"Hi"`, `"type":"output_text"`, "event: response.output_text.delta\n", "event: response.completed\n"},
		"/v1/chat/completions": {`{"model":"small","max_tokens":16,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]`, `"role":"assistant"`, `"delta":{"content":`, "data: [DONE]\n"},
		"/v1/messages":         {`{"model":"small","max_tokens":16,"system":"Be brief.","messages":[{"role":"user","content":"Hi"}]`, `"type":"text"`, "event: content_block_delta\n", "event: message_stop\n"},
	} {
		for _, form := range []string{`}`, `,"stream":true}`} {
			var got reply
			for range 50 { // the model is random: it may say nothing at all
				if got = h.say(path, c.body+form); got.status != 200 || strings.Contains(got.body, c.plain) && form == "}" || strings.Contains(got.body, c.stream) {
					break
				}
			}
			row := h.row(got.id())
			if form == "}" && !strings.Contains(got.body, c.plain) || form != "}" && (!strings.Contains(got.body, c.stream) || !strings.Contains(got.body, c.end)) {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
			if row.UsageMethod != "reported" || row.Usage.Prompt() < 2 || row.Usage.Completion() < 1 || row.Cost == 0 {
				t.Errorf("%s: %s, row %+v", path, got.body, row)
			}
		}
		if refused := h.say(path, strings.Replace(c.body, `16`, `16,"temperature":"warm"`, 1)+`}`); refused.status != 400 {
			t.Errorf("%s, refused: %d %s", path, refused.status, refused.body)
		}
	}
}
