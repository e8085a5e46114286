package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func conversation(t *testing.T, messages string) *Conversation {
	t.Helper()
	var c Conversation
	if err := json.Unmarshal([]byte(`{"id":"x","messages":[`+messages+`]}`), &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestTurns(t *testing.T) {
	f := func(roles string, per int, want ...int) {
		t.Helper()
		var messages []string
		for _, r := range roles {
			messages = append(messages, map[rune]string{'u': `{"role":"user"}`, 'a': `{"role":"assistant"}`, 't': `{"role":"tool"}`}[r])
		}
		c := conversation(t, strings.Join(messages, ","))
		if diff := cmp.Diff(want, turns(c.Messages, per)); diff != "" {
			t.Errorf("turns of %s, %d each (-want +got):\n%s", roles, per, diff)
		}
	}
	f("ua", 2, 1)
	f("u", 2, 1) // nobody has answered yet
	f("uauaua", 2, 3, 5)
	f("uatauaata", 4, 1, 3, 5, 8) // not after the assistant's own message: OpenAI would take that for a prefill
	f("auaua", 1, 4)
}

func TestToolsAreDerivedFromCalls(t *testing.T) {
	c := conversation(t, `{"role":"assistant","tool_calls":[
		{"function":{"name":"b","arguments":"{\"s\":\"x\",\"n\":1}"}},
		{"function":{"name":"a","arguments":"not JSON"}},
		{"function":{"name":"b","arguments":"{\"l\":[],\"y\":true,\"o\":{}}"}}]}`)
	got, err := json.Marshal(offeredTools(c.Messages))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"function":{"description":"Seen in the recording.","name":"a","parameters":{"properties":{},"type":"object"}},"type":"function"},` +
		`{"function":{"description":"Seen in the recording.","name":"b","parameters":{"properties":{"l":{"type":"array"},"n":{"type":"number"},` +
		`"o":{"type":"object"},"s":{"type":"string"},"y":{"type":"boolean"}},"type":"object"}},"type":"function"}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
}

func TestPrefixKeepsWhatTheAPIKnows(t *testing.T) {
	c := conversation(t, `{"role":"tool","content":"x","name":"f","tool_call_ids":["call_1"],"observation":"y"}`)
	got, err := json.Marshal(prefix(c.Messages))
	if want := `[{"content":"x","role":"tool","tool_call_id":"call_1"}]`; err != nil || string(got) != want {
		t.Errorf("prefix is %s, %v; want %s", got, err, want)
	}
}

func TestPlanAbortsAndAsksAgain(t *testing.T) {
	c := conversation(t, `{"role":"user","content":"x"},{"role":"assistant","content":"y"}`)
	p := planner{per: 1}
	var planned, aborted, again int
	for number := range 210 {
		for _, call := range p.plan(number, c) {
			planned++
			if call.Abort != "" {
				aborted++
				if stream := call.Body["stream"].(bool); stream != (call.Abort == "stream") {
					t.Errorf("call %s aborts as %q and stream is %v", call.ID, call.Abort, stream)
				}
			}
			if strings.HasSuffix(call.ID, "-again") {
				again++
			}
		}
	}
	if aborted*10 < planned || again == 0 {
		t.Errorf("of %d calls %d are aborted and %d asked again; want at least a tenth and some", planned, aborted, again)
	}
}
