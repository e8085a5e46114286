package proxy

import (
	"encoding/json"
	"strings"
	"testing"
)

// fold makes of a stream the whole answer that it comes to, as a client's SDK does.
func fold(t *testing.T, client, stream string) string {
	t.Helper()
	events := datas(stream)
	if len(events) == 0 {
		t.Fatalf("no events in %q", stream)
	}
	var whole any
	switch client {
	case "chat":
		whole = foldChat(t, events)
	case "messages":
		whole = foldMessages(t, events)
	case "responses":
		last := object(t, events[len(events)-1])
		whole = last["response"]
	case "gemini":
		whole = foldGemini(t, events)
	}
	text, err := json.Marshal(whole)
	must(t, err)
	return string(text)
}

// datas are the data of a stream's events.
func datas(stream string) (all []string) {
	for line := range strings.Lines(stream) {
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			all = append(all, strings.TrimSpace(data))
		}
	}
	return all
}

// lastEvent is the data of a stream's last event; of no stream, all of it.
func lastEvent(body string) string {
	if all := datas(body); len(all) > 0 {
		return all[len(all)-1]
	}
	return body
}

func object(t *testing.T, text string) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

// sum adds the strings of a delta to what was said before, and puts all else in place.
func sum(into, delta map[string]any) {
	for name, value := range delta {
		if before, ok := into[name].(string); ok {
			if more, ok := value.(string); ok && name != "role" && name != "id" && name != "type" && name != "name" {
				into[name] = before + more
				continue
			}
		}
		if value != nil || into[name] == nil {
			into[name] = value
		}
	}
}

func foldChat(t *testing.T, events []string) any {
	t.Helper()
	if events[len(events)-1] != "[DONE]" {
		t.Errorf("a stream ends in %s", events[len(events)-1])
	}
	whole := map[string]any{"object": "chat.completion"}
	message := map[string]any{"content": nil, "refusal": nil}
	choice := map[string]any{"index": 0, "message": message, "logprobs": nil}
	var calls []any
	for _, event := range events[:len(events)-1] {
		e := object(t, event)
		if usage := e["usage"]; usage != nil {
			whole["usage"] = usage
		}
		for name, value := range e {
			if name != "choices" && name != "object" && name != "usage" {
				whole[name] = value
			}
		}
		for _, c := range e["choices"].([]any) {
			c := c.(map[string]any)
			delta := c["delta"].(map[string]any)
			for _, d := range list(delta["tool_calls"]) {
				d := d.(map[string]any)
				k := int(d["index"].(float64))
				delete(d, "index")
				for len(calls) <= k {
					calls = append(calls, map[string]any{"function": map[string]any{}})
				}
				into := calls[k].(map[string]any)
				if f, ok := d["function"].(map[string]any); ok {
					sum(into["function"].(map[string]any), f)
				}
				delete(d, "function")
				sum(into, d)
			}
			delete(delta, "tool_calls")
			sum(message, delta)
			if c["finish_reason"] != nil {
				choice["finish_reason"] = c["finish_reason"]
			}
		}
	}
	if calls != nil {
		message["tool_calls"] = calls
	}
	if message["content"] == "" {
		message["content"] = nil
	}
	whole["choices"] = []any{choice}
	return whole
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

func foldMessages(t *testing.T, events []string) any {
	t.Helper()
	var whole map[string]any
	var content []any
	var partial string
	for _, event := range events {
		e := object(t, event)
		switch e["type"] {
		case "message_start":
			whole = e["message"].(map[string]any)
		case "content_block_start":
			content, partial = append(content, e["content_block"]), ""
		case "content_block_delta":
			d := e["delta"].(map[string]any)
			if part, ok := d["partial_json"].(string); ok {
				partial += part
				continue
			}
			delete(d, "type")
			sum(content[len(content)-1].(map[string]any), d)
		case "content_block_stop":
			if partial != "" {
				content[len(content)-1].(map[string]any)["input"] = object(t, partial)
			}
		case "message_delta":
			sum(whole, e["delta"].(map[string]any))
			for name, value := range e["usage"].(map[string]any) {
				whole["usage"].(map[string]any)[name] = value
			}
		}
	}
	whole["content"] = content
	return whole
}

func foldGemini(t *testing.T, events []string) any {
	t.Helper()
	var whole map[string]any
	var parts []any
	for _, event := range events {
		whole = object(t, event)
		for _, c := range list(whole["candidates"]) {
			content, _ := c.(map[string]any)["content"].(map[string]any)
			for _, p := range list(content["parts"]) {
				p := p.(map[string]any)
				if n := len(parts); n > 0 {
					before := parts[n-1].(map[string]any)
					if text, ok := p["text"].(string); ok && before["text"] != nil && before["thought"] == p["thought"] {
						delete(p, "text")
						before["text"] = before["text"].(string) + text
						sum(before, p)
						continue
					}
				}
				parts = append(parts, p)
			}
		}
	}
	for _, c := range list(whole["candidates"]) {
		c.(map[string]any)["content"] = map[string]any{"role": "model", "parts": parts}
	}
	return whole
}
