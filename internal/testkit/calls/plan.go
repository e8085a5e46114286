package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Conversation is one recorded conversation.
type Conversation struct {
	ID       string                       `json:"id"`
	Model    string                       `json:"model"` // "" takes turns between the policy's
	Messages []map[string]json.RawMessage `json:"messages"`
}

// Call is one call of an SDK.
type Call struct {
	ID    string         `json:"id"`
	Lane  int            `json:"lane"`  // its conversation: calls of one are made in their order
	Team  string         `json:"team"`  // whose key
	Abort string         `json:"abort"` // "", "stream": after a few chunks, "plain": while the answer is waited for
	Body  map[string]any `json:"body"`
}

// planner makes the calls of one client; what a call is like goes by its number, so that every run is the same.
type planner struct {
	per int // calls of a conversation
	n   int // calls so far, without those asked again and those of the team whose money runs out
}

const (
	usualCap = 32   // tokens of a usual answer
	askedCap = 400  // of one that is asked again: only an answer that ended by itself is cached
	abortCap = 3000 // of one that is aborted, so that there is a midway
)

func (p *planner) plan(number int, c *Conversation) []Call {
	tools := offeredTools(c.Messages)
	var calls []Call
	for i, end := range turns(c.Messages, p.per) {
		call := Call{ID: fmt.Sprintf("c%03d-%d", number, i), Lane: number, Team: team(number)}
		stream := (number+i)%2 == 0
		body := map[string]any{
			"model": model(number, c.Model), "messages": prefix(c.Messages[:end]), "max_tokens": usualCap,
			"user": fmt.Sprintf("user-%d", number%7),
		}
		if len(tools) > 0 {
			body["tools"] = tools
		}
		call.Body = body
		again := false
		switch {
		case call.Team == "capped": // its caps shrink as its money does, so there is no midway
		case p.n%6 == 5: // more than one in ten of all
			body["max_tokens"] = abortCap
			call.Abort, stream = "stream", true
			if p.n%18 == 11 {
				call.Abort, stream = "plain", false
			}
		case p.n%5 == 1:
			again = true
			body["max_tokens"], body["stop"] = askedCap, []string{"e", "a", "t", " "}
		}
		calls = append(calls, formed(call, stream, (p.n+i)%3 > 0))
		if again { // every second time in the other form: a stream from a plain answer, and the other way round
			call.ID += "-again"
			calls = append(calls, formed(call, stream != (p.n%10 == 1), true))
		}
		if call.Team != "capped" {
			p.n++
		}
	}
	return calls
}

// formed returns the call as a stream, with or without usage, or plain.
func formed(c Call, stream, usage bool) Call {
	c.Body = maps.Clone(c.Body)
	c.Body["stream"] = stream
	if stream && usage {
		c.Body["stream_options"] = map[string]any{"include_usage": true}
	}
	return c
}

func team(number int) string {
	if number%8 == 5 || number%8 == 2 { // one of each client
		return "capped"
	}
	return []string{"agents", "chats"}[number/2%2]
}

func model(number int, named string) string {
	if named != "" {
		return named
	}
	return []string{"cheap", "premium", "auto"}[number%3]
}

// turns picks at most per of the assistant's turns, evenly over the conversation: what comes before each is a request.
func turns(messages []map[string]json.RawMessage, per int) []int {
	var all []int
	for i, m := range messages {
		if text(m["role"]) == "assistant" && i > 0 && text(messages[i-1]["role"]) != "assistant" {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return []int{len(messages)}
	}
	var picked []int
	for k := range per {
		picked = append(picked, all[(k+1)*len(all)/(per+1)])
	}
	return slices.Compact(picked)
}

// prefix keeps what OpenAI's API knows of each message; recordings have more.
func prefix(messages []map[string]json.RawMessage) []map[string]json.RawMessage {
	kept := make([]map[string]json.RawMessage, 0, len(messages))
	for _, m := range messages {
		k := map[string]json.RawMessage{}
		for _, name := range []string{"role", "content", "name", "tool_calls", "tool_call_id"} {
			if v, ok := m[name]; ok {
				k[name] = v
			}
		}
		var ids []json.RawMessage
		if json.Unmarshal(m["tool_call_ids"], &ids) == nil && len(ids) > 0 && k["tool_call_id"] == nil {
			k["tool_call_id"] = ids[0]
		}
		if text(k["role"]) == "tool" {
			delete(k, "name") // the old form of function results; typed SDKs do not send it
		}
		kept = append(kept, k)
	}
	return kept
}

// offeredTools makes the definitions of the tools that a conversation calls, from the names and arguments seen.
func offeredTools(messages []map[string]json.RawMessage) []any {
	seen := map[string]map[string]any{} // tool to parameter to schema
	for _, m := range messages {
		var calls []struct {
			Function struct{ Name, Arguments string }
		}
		if json.Unmarshal(m["tool_calls"], &calls) != nil {
			continue
		}
		for _, c := range calls {
			parameters := seen[c.Function.Name]
			if parameters == nil {
				parameters = map[string]any{}
				seen[c.Function.Name] = parameters
			}
			var arguments map[string]any
			if json.Unmarshal([]byte(c.Function.Arguments), &arguments) != nil {
				continue // the model wrote what is not JSON; a name is enough
			}
			for name, value := range arguments {
				parameters[name] = map[string]any{"type": kind(value)}
			}
		}
	}
	var tools []any
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		tools = append(tools, map[string]any{"type": "function", "function": map[string]any{
			"name": name, "description": "Seen in the recording.",
			"parameters": map[string]any{"type": "object", "properties": seen[name]},
		}})
	}
	return tools
}

func kind(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // not a string: no role is
	return s
}
