package providers

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestRealServer talks to a real server of the OpenAI dialect (scripts/llama starts one).
func TestRealServer(t *testing.T) {
	base := os.Getenv("BURSAR_TEST_LLM")
	if base == "" {
		t.Skip("set BURSAR_TEST_LLM=http://host:port/v1 (and BURSAR_TEST_LLM_MODEL, if it is not tiny) to run against a real server")
	}
	model := os.Getenv("BURSAR_TEST_LLM_MODEL")
	if model == "" {
		model = "tiny"
	}
	u, err := New(Config{Name: "real", BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for range 3 {
		call := chat(model, false)
		call.Body = []byte(strings.Replace(string(call.Body), "{", `{"max_tokens":6,`, 1))
		answer, err := u.Call(call)
		if err != nil {
			t.Fatal(err)
		}
		if !answer.HasUsage || answer.Usage.Completion() == 0 || answer.Usage.Completion() > 6 || answer.Finish == "" {
			t.Errorf("plain: %+v: %s", answer.Usage, answer.Body)
		}
		answer.Release()

		call = chat(model, true)
		call.Body = []byte(strings.Replace(string(call.Body), "{", `{"max_tokens":6,`, 1))
		if answer, err = u.Call(call); err != nil {
			t.Fatal(err)
		}
		sse, err := drain(t, answer.Stream)
		usage, ok := answer.Stream.Usage()
		if err != nil || !ok || usage.Completion() == 0 || usage.Completion() > 6 || answer.Stream.Finish() == "" {
			t.Errorf("stream: %v, %+v: %s", err, usage, sse)
		}
		if plain, err := PlainOf([]byte(sse), nil); err != nil || !json.Valid(plain) {
			t.Errorf("assembled: %v: %s", err, plain)
		}
		answer.Release()
	}
	call := chat(model, false)
	call.Body = []byte(`{"model":"` + model + `","messages":"none"}`)
	answer, err := u.Call(call)
	if err != nil || !answer.Refused || answer.Status != 400 {
		t.Fatalf("a bad request: %+v, %v", answer, err)
	}
	answer.Release()
}
