package main

import (
	"encoding/json"
	"fmt"
)

// message is what decides whether OpenAI's API takes a conversation.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	CallID  string          `json:"tool_call_id"`
	Calls   []struct {
		ID string `json:"id"`
	} `json:"tool_calls"`
}

// unpaired tells what OpenAI would refuse a conversation for: a tool's message that answers no call before it, or a call that no message after it
// answers. "" is nothing.
func unpaired(messages []message) string {
	open := map[string]bool{}
	for i, m := range messages {
		switch {
		case m.Role == "tool" && !open[m.CallID]:
			return fmt.Sprintf("messages.[%d].role: a message with role 'tool' must be a response to a preceding message with 'tool_calls' (%q)", i, m.CallID)
		case m.Role == "tool":
			delete(open, m.CallID)
			continue
		case len(open) > 0:
			return fmt.Sprintf("messages.[%d].role: %d calls before it have no message with role 'tool'", i, len(open))
		}
		for _, call := range m.Calls {
			open[call.ID] = true
		}
	}
	if len(open) > 0 {
		return fmt.Sprintf("messages: %d calls at the end have no message with role 'tool'", len(open))
	}
	return ""
}
