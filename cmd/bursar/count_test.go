package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestCount counts texts and chat requests. The numbers of o200k are OpenAI's own.
func TestCount(t *testing.T) {
	dir := t.TempDir()
	text := write(t, dir+"/text", "Hello, world!")
	chat := write(t, dir+"/chat.json", `{"model":"gpt-5","messages":[{"role":"user","content":"Hello, world!"}]}`)
	empty := write(t, dir+"/empty", "")
	other := write(t, dir+"/other.json", `{"messages":"none"}`)
	f := func(model, file, in string, want int64, method string) {
		t.Helper()
		got := world{in: in}.run("count", "-model", model, file)
		var count struct {
			Tokens int64
			Method string
		}
		if err := json.Unmarshal([]byte(got.out), &count); got.code != 0 || err != nil || strings.Count(got.out, "\n") != 1 {
			t.Fatalf("count -model %s %s: exit status %d, %v\n%s%s", model, file, got.code, err, got.out, got.err)
		}
		if count.Tokens != want || count.Method != method {
			t.Errorf("count -model %s %s: %s, want %d %s", model, file, strings.TrimSpace(got.out), want, method)
		}
	}
	f("gpt-5", text, "", 4, "exact")
	f("openai/gpt-4o", text, "", 4, "exact")
	f("gpt-4o", chat, "", 4+3+1+3, "exact") // and 3 for the message, 1 for its role, 3 for the reply's head
	f("gpt-4o", "-", "Hello, world!", 4, "exact")
	f("gpt-4o", "-", `{"model":"m","messages":[{"role":"user","content":"Hello, world!"}]}`, 11, "exact")
	f("gpt-5", empty, "", 0, "exact")
	f("gpt-4o", other, "", 5, "exact") // not a chat request: text
	got := world{}.run("count", "-model", "anthropic/claude-sonnet-4-5", text)
	if got.code != 0 || !strings.Contains(got.out, `"method":"estimate"`) {
		t.Errorf("a model whose tokenizer is secret: %+v", got)
	}
	bad := write(t, dir+"/bad.json", `{"model":"m","messages":[3]}`)
	if got := (world{}).run("count", "-model", "gpt-5", bad); got.code != 1 || !strings.Contains(got.err, fmt.Sprintf("%s looks like a chat request", bad)) {
		t.Errorf("a chat request that cannot be read: %+v", got)
	}
}
