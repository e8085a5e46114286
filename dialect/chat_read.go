package dialect

import (
	"encoding/json"
	"fmt"
	"strings"

	"bursar/exchange"
)

// What targets of other APIs read of a chat completion in the same way.

// message loses the members of a message that other APIs have nothing for. The old form of a call is refused: it has no id for its result to name.
func (l *losses) message(m *chatMessage, at string) *exchange.Fault {
	if m.Name != "" && m.Role != "tool" { // a tool's is that of its call
		l.lose(at + ".name")
	}
	if len(given(m.Audio)) > 0 {
		l.lose(at + ".audio")
	}
	if len(given(m.FunctionCall)) > 0 {
		return malformed(at+".function_call", "sent as tool_calls: the old form has no ids, which this target needs")
	}
	return nil
}

// functions are the calls of an earlier answer, each with its arguments as an object. Those of tools that are no functions are lost.
func (l *losses) functions(m *chatMessage, at string) (calls []functionCall, fault *exchange.Fault) {
	for k := range m.ToolCalls {
		call, in := &m.ToolCalls[k], fmt.Sprintf("%s.tool_calls[%d]", at, k)
		if call.Type != "" && call.Type != "function" {
			l.lose(in + ".type")
			continue
		}
		object := json.RawMessage(strings.TrimSpace(call.Function.Arguments))
		if len(object) == 0 {
			object = json.RawMessage("{}")
		}
		if object[0] != '{' || !json.Valid(object) {
			return nil, malformed(in+".function.arguments", "a JSON object in a string for this target")
		}
		calls = append(calls, functionCall{call, object, in})
	}
	return calls, nil
}

type functionCall struct {
	*chatCall
	object json.RawMessage // its arguments
	at     string
}

// data is a file's data, which is a PDF's unless it says otherwise.
func (f *chatFile) data() *source {
	if from, ok := dataSource(f.Data); ok {
		return from
	}
	return &source{Type: "base64", MediaType: "application/pdf", Data: f.Data}
}

// something refuses a request that nothing is left of but a system prompt, as other APIs would.
func something(messages int) *exchange.Fault {
	if messages == 0 {
		return malformed("messages", "more than the system's for this target, with a user's message that says something")
	}
	return nil
}
