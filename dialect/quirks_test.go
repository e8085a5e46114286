package dialect

import "testing"

func TestQuirks(t *testing.T) {
	f := func(q Quirks, drop bool, body, want, lost string) {
		t.Helper()
		got, dropped, fault := q.Request([]byte(body), Options{Drop: drop})
		switch {
		case fault != nil:
			if fault.Param != lost || want != "" {
				t.Errorf("%s: %v, want %s", body, fault, want)
			}
		case string(got) != want || list(dropped) != lost:
			t.Errorf("%s: %s, %s\nwant %s, %s", body, got, list(dropped), want, lost)
		}
	}
	q := Quirks{Unsupported: []string{"seed", "n", "tools.function.strict"}, Rename: map[string]string{"max_completion_tokens": "max_tokens"}}
	f(q, true, `{"model":"m", "seed":7,"max_completion_tokens":5,"temperature":0.10}`, `{"model":"m","max_tokens":5,"temperature":0.10}`, "dropped: seed\n")
	f(q, false, `{"model":"m","seed":7}`, "", "seed")
	f(q, false, `{"model":"m","seed":null,"n":1}`, `{"model":"m"}`, "")
	f(q, true, `{"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"strict": 1}}}]}`,
		`{"tools":[{"type":"function","function":{"name":"f","parameters":{"strict": 1}}}]}`, "dropped: tools.function.strict\n")
	f(Quirks{Unsupported: []string{"seed"}}, false, `{"model": "m"}`, `{"model": "m"}`, "") // byte for byte
	f(Quirks{Reasoning: "reasoning"}, false, `{"messages":[{"role":"user"},{"role":"assistant","reasoning_content":"r","content":"c"}]}`,
		`{"messages":[{"role":"user"},{"role":"assistant","reasoning":"r","content":"c"}]}`, "")
	f(Quirks{Reasoning: "none"}, false, `{"messages":[{"role":"assistant","reasoning_content":"r","content":"c"}]}`, `{"messages":[{"role":"assistant","content":"c"}]}`, "")
}
