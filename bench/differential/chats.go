package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
)

// message is a message of a conversation, as it was recorded.
type message struct {
	Role       string   `json:"role"`
	Content    *string  `json:"content"`
	ToolCalls  []call   `json:"tool_calls,omitempty"`
	ToolCallID string   `json:"tool_call_id,omitempty"`
	CallIDs    []string `json:"tool_call_ids,omitempty"` // how one recorder says it
}

type call struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// tool is a tool that a conversation calls: what it takes is what it was given.
type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Parameters  map[string]any `json:"parameters"`
	} `json:"function"`
}

// readChats makes two chat completions of each conversation.
func readChats(file string) (all [][]byte, err error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var recorded struct {
			ID       string    `json:"id"`
			Messages []message `json:"messages"`
		}
		if err := json.Unmarshal(lines.Bytes(), &recorded); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", file, len(all)/2+1, err)
		}
		var answers []int
		for i, m := range recorded.Messages {
			if m.Role == "assistant" {
				answers = append(answers, i)
			}
		}
		if len(answers) == 0 {
			return nil, fmt.Errorf("%s: conversation %s has no answer", file, recorded.ID)
		}
		for _, until := range []int{answers[len(answers)/2], answers[len(answers)-1]} {
			chat, err := chatOf(recorded.Messages[:until])
			if err != nil {
				return nil, fmt.Errorf("conversation %s: %w", recorded.ID, err)
			}
			all = append(all, chat)
		}
	}
	return all, lines.Err()
}

// chatOf is the chat completion of a prompt. Its tools are those that it calls.
func chatOf(messages []message) ([]byte, error) {
	messages = slices.Clone(messages)
	tools := map[string]*tool{}
	for i := range messages {
		m := &messages[i]
		if m.ToolCallID == "" && len(m.CallIDs) > 0 {
			m.ToolCallID = m.CallIDs[0]
		}
		m.CallIDs = nil
		for _, c := range m.ToolCalls {
			var given map[string]any
			if err := json.Unmarshal([]byte(c.Function.Arguments), &given); err != nil {
				return nil, fmt.Errorf("arguments of %s: %w", c.ID, err)
			}
			t := tools[c.Function.Name]
			if t == nil {
				t = &tool{Type: "function"}
				t.Function.Name, t.Function.Description = c.Function.Name, "Does "+c.Function.Name+"."
				t.Function.Parameters = map[string]any{"type": "object", "properties": map[string]any{}}
				tools[c.Function.Name] = t
			}
			for name := range given {
				t.Function.Parameters["properties"].(map[string]any)[name] = map[string]any{"type": "string", "description": "The " + name + "."}
			}
		}
	}
	chat := map[string]any{"model": "MODEL", "messages": messages, "max_completion_tokens": 500, "temperature": 0.5, "stop": []string{"###"}}
	if len(tools) > 0 {
		var list []*tool
		for _, name := range slices.Sorted(maps.Keys(tools)) {
			list = append(list, tools[name])
		}
		chat["tools"], chat["tool_choice"] = list, "auto"
	}
	return json.Marshal(chat)
}
