package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRoundTrip: a request of Anthropic's API, carried over into a chat completion and from there to a provider of Anthropic's API, asks for the same.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkRoundTrip(t, encode(nil, messagesRequests().Draw(t, "request"))) })
}

// TestRoundTripOfGoldens does so with the requests that people read.
func TestRoundTripOfGoldens(t *testing.T) {
	files, _ := filepath.Glob("testdata/clients/anthropic/*.txt")
	tried := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sections(string(text)) {
			if _, fault := messagesRequest([]byte(s.text), Asked{}); fault == nil && strings.HasPrefix(s.name, "request") && !strings.Contains(s.name, "another provider") {
				tried++
				t.Run(s.name, func(t *testing.T) { checkRoundTrip(t, []byte(s.text)) })
			}
		}
	}
	if tried < 3 {
		t.Errorf("only %d requests were tried", tried)
	}
}

type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func checkRoundTrip(t tester, body []byte) {
	t.Helper()
	chat, fault := messagesRequest(body, Asked{})
	if fault != nil {
		t.Fatalf("%s: %v", body, fault)
	}
	back, dropped, fault := anthropicRequest(chat, Options{})
	if fault != nil || len(dropped) > 0 {
		t.Fatalf("%s\nas a chat completion %s\n%v, dropped %v", body, chat, fault, dropped)
	}
	if want, got := meaning(t, body), meaning(t, back); !reflect.DeepEqual(want, got) {
		t.Errorf("asked %s\nas a chat completion %s\nsent %s", encode(nil, want), chat, encode(nil, got))
	}
}

// meaning is a request in a form in which requests that ask for the same are equal: texts are blocks, neighbours of one role are one message, what is
// usual is absent, and so is what the API refuses or passes over (an empty text, who called a tool that the model called itself).
func meaning(t tester, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&m); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	usual(m)
	if system := blocksOf(m["system"]); len(system) > 0 {
		m["system"] = system
	} else {
		delete(m, "system")
	}
	var turns []any
	for _, raw := range m["messages"].([]any) {
		turn := raw.(map[string]any)
		turn["content"] = blocksOf(turn["content"])
		if len(turn["content"].([]any)) == 0 {
			continue
		}
		if n := len(turns); n > 0 && turns[n-1].(map[string]any)["role"] == turn["role"] {
			last := turns[n-1].(map[string]any)
			last["content"] = append(last["content"].([]any), turn["content"].([]any)...)
			continue
		}
		turns = append(turns, turn)
	}
	m["messages"] = turns
	return m
}

func usual(m map[string]any) {
	for name, value := range m {
		all, isList := value.([]any)
		if value == nil || isList && len(all) == 0 || value == false {
			delete(m, name)
		}
	}
	if choice, ok := m["tool_choice"].(map[string]any); ok {
		if usual(choice); m["tools"] == nil || len(choice) == 1 && choice["type"] == "auto" {
			delete(m, "tool_choice") // a choice among none
		}
	}
	if tools, ok := m["tools"].([]any); ok {
		for _, tool := range tools {
			if tool := tool.(map[string]any); tool["type"] == "custom" {
				delete(tool, "type")
			}
		}
	}
}

func blocksOf(content any) []any {
	if text, ok := content.(string); ok {
		content = []any{map[string]any{"type": "text", "text": text}}
	}
	all, _ := content.([]any)
	kept := []any{}
	for _, raw := range all {
		b := raw.(map[string]any)
		usual(b)
		if caller, ok := b["caller"].(map[string]any); ok && caller["type"] == "direct" {
			delete(b, "caller")
		}
		if inner, has := b["content"]; has && b["type"] == "tool_result" {
			if b["content"] = blocksOf(inner); len(b["content"].([]any)) == 0 {
				delete(b, "content")
			}
		}
		if b["type"] != "text" || b["text"] != "" {
			kept = append(kept, b)
		}
	}
	return kept
}

// messagesRequests draws requests that the API takes: results of tools come first in a turn, calls last, and a call is answered.
func messagesRequests() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		m := map[string]any{"model": "smart", "max_tokens": rapid.IntRange(1, 64000).Draw(t, "max_tokens")}
		maybe := func(name string, value func() any) {
			if rapid.Bool().Draw(t, name+"?") {
				m[name] = value()
			}
		}
		texts := rapid.SampledFrom([]string{"", "a", "Grüße, 世界 \u2028", "\"quoted\" <b>&\\n", "[DONE]"})
		maybe("system", func() any {
			if rapid.Bool().Draw(t, "text") {
				return texts.Draw(t, "system")
			}
			return []any{textBlock("text", texts.Draw(t, "system")), map[string]any{"type": "text", "text": "x", "cache_control": map[string]any{"type": "ephemeral", "ttl": "1h"}}}
		})
		maybe("temperature", func() any { return json.Number(rapid.SampledFrom([]string{"0", "0.70", "1"}).Draw(t, "t")) })
		maybe("top_p", func() any { return json.Number("0.9") })
		maybe("top_k", func() any { return 5 })
		maybe("stop_sequences", func() any { return []any{"END", "\n\n"} })
		maybe("stream", func() any { return rapid.Bool().Draw(t, "stream") })
		maybe("metadata", func() any { return map[string]any{"user_id": "u"} })
		maybe("thinking", func() any {
			return rapid.SampledFrom([]any{
				map[string]any{"type": "adaptive", "display": "omitted"}, map[string]any{"type": "disabled"},
			}).Draw(t, "thinking")
		})
		maybe("output_config", func() any {
			return rapid.SampledFrom([]any{
				map[string]any{"effort": "low"},
				map[string]any{"format": map[string]any{"type": "json_schema", "schema": map[string]any{"type": "object"}}},
				map[string]any{"effort": "max", "task_budget": map[string]any{"type": "tokens", "total": 9}},
			}).Draw(t, "config")
		})
		for _, name := range []string{"service_tier", "mcp_servers", "container", "yet_unknown"} {
			maybe(name, func() any {
				return rapid.SampledFrom([]any{"x", map[string]any{"a": json.Number("1.0")}}).Draw(t, name)
			})
		}
		maybe("tools", func() any { return rapid.SliceOfN(rapid.SampledFrom(someTools), 1, 3).Draw(t, "tools") })
		maybe("tool_choice", func() any { return rapid.SampledFrom(someChoices).Draw(t, "choice") })
		m["messages"] = drawTurns(t, texts)
		return m
	})
}

func textBlock(kind, text string) any { return map[string]any{"type": kind, "text": text} }

var someTools = []any{
	map[string]any{"name": "f", "input_schema": map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"minimum": json.Number("1.50")}}}},
	map[string]any{"type": "custom", "name": "g", "description": "G", "input_schema": map[string]any{"type": "object"}, "strict": true, "cache_control": map[string]any{"type": "ephemeral"}},
	map[string]any{"name": "h", "input_schema": map[string]any{"type": "object"}, "defer_loading": true},
	map[string]any{"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
}

var someChoices = []any{
	map[string]any{"type": "auto"},
	map[string]any{"type": "auto", "disable_parallel_tool_use": true},
	map[string]any{"type": "any"},
	map[string]any{"type": "none"},
	map[string]any{"type": "tool", "name": "f", "disable_parallel_tool_use": true},
}

// someBlocks are those that stand anywhere in a content.
var someBlocks = []any{
	textBlock("text", "Hi"),
	map[string]any{"type": "text", "text": "x", "cache_control": map[string]any{"type": "ephemeral"}},
	map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": "image/png", "data": "aGk="}},
	map[string]any{"type": "image", "source": map[string]any{"type": "url", "url": "https://x.test/a.png"}, "cache_control": map[string]any{"type": "ephemeral"}},
	map[string]any{"type": "document", "title": "t", "source": map[string]any{"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
	map[string]any{"type": "document", "source": map[string]any{"type": "url", "url": "https://x.test/a.pdf"}},
	map[string]any{"type": "document", "source": map[string]any{"type": "text", "media_type": "text/plain", "data": "x"}, "citations": map[string]any{"enabled": true}},
	map[string]any{"type": "search_result", "source": "s", "title": "t", "content": []any{textBlock("text", "x")}},
}

var someThoughts = []any{
	map[string]any{"type": "thinking", "thinking": "Hm <&>", "signature": "c2ln+/="}, map[string]any{"type": "redacted_thinking", "data": "ZA=="},
}

func drawTurns(t *rapid.T, texts *rapid.Generator[string]) []any {
	var turns []any
	var calls []string
	for i := range rapid.IntRange(1, 4).Draw(t, "turns") {
		var content []any
		for _, id := range calls {
			result := map[string]any{"type": "tool_result", "tool_use_id": id}
			switch rapid.IntRange(0, 3).Draw(t, "result") {
			case 0:
				result["content"] = texts.Draw(t, "result")
			case 1:
				result["content"], result["is_error"] = rapid.SliceOfN(rapid.SampledFrom(someBlocks), 0, 2).Draw(t, "results"), true
			case 2:
				result["cache_control"] = map[string]any{"type": "ephemeral"}
			}
			content = append(content, result)
		}
		content = append(content, rapid.SliceOfN(rapid.SampledFrom(someBlocks), 1, 3).Draw(t, "said")...)
		turns = append(turns, map[string]any{"role": "user", "content": content})
		if rapid.Bool().Draw(t, "text alone") && len(calls) == 0 {
			turns[len(turns)-1] = map[string]any{"role": "user", "content": texts.Draw(t, "said")}
		}
		content, calls = nil, nil
		content = append(content, rapid.SliceOfN(rapid.SampledFrom(append(someThoughts, textBlock("text", "So."), map[string]any{"type": "server_tool_use", "id": "s", "name": "web_search", "input": map[string]any{}})), 1, 4).Draw(t, "answer")...)
		for k := range rapid.IntRange(0, 2).Draw(t, "calls") {
			calls = append(calls, fmt.Sprintf("toolu_%d_%d", i, k))
			content = append(content, map[string]any{"type": "tool_use", "id": calls[k], "name": "f", "input": map[string]any{"n": json.Number("1.50"), "s": texts.Draw(t, "input")}, "caller": map[string]any{"type": "direct"}})
		}
		turns = append(turns, map[string]any{"role": "assistant", "content": content})
	}
	return append(turns, map[string]any{"role": "user", "content": "And?"})
}
