package prompt_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"bursar/exchange"
	"bursar/prompt"
	"bursar/tokens"

	"pgregory.net/rapid"
)

var counter = sync.OnceValue(func() *tokens.Counter {
	c, err := tokens.New()
	if err != nil {
		panic(err)
	}
	return c
})

var gpt4o = prompt.Target{Family: tokens.O200k, Model: "gpt-4o"}

// talk is a conversation of n turns of about a hundred tokens each, after a system message.
func talk(n int) string {
	var b strings.Builder
	b.WriteString(`{"model":"m","messages":[{"role":"system","content":"Be brief."}`)
	for i := range n {
		if i > 0 {
			fmt.Fprintf(&b, `,{"role":"assistant","content":"answer %d %s"}`, i-1, strings.Repeat("word ", 40))
		}
		fmt.Fprintf(&b, ` , {"role":"user","content":"question %d %s"}`, i, strings.Repeat("word ", 40))
	}
	return b.String() + "]}"
}

func TestTrimDropsOldestTurns(t *testing.T) {
	e := mustRead(t, talk(20))
	whole := e.Measure(counter(), gpt4o)
	plan := e.Trim(counter(), gpt4o, exchange.Trim{MaxPromptTokens: 1000})
	left := e.MeasureTrimmed(counter(), gpt4o, plan)
	if plan.Over || plan.Messages == 0 || left.Tokens > 1000 || left.Tokens < 500 || whole.Tokens-plan.Removed != left.Tokens {
		t.Fatalf("of %d tokens %+v left %d", whole.Tokens, plan, left.Tokens)
	}
	shaped := mustRead(t, string(e.Shape(prompt.Shape{Plan: plan}, nil)))
	if m := shaped.Measure(counter(), gpt4o); m != left {
		t.Errorf("shaped to %+v, planned %+v", m, left)
	}
	roles := rolesOf(t, e.Shape(prompt.Shape{Plan: plan}, nil))
	if !strings.HasPrefix(roles, "system user assistant user") || !strings.HasSuffix(roles, "user") || len(strings.Fields(roles)) != 40-plan.Messages {
		t.Errorf("left %s", roles)
	}
	if string(shaped.LastUser(nil)) != string(e.LastUser(nil)) {
		t.Error("the last user message was touched")
	}
}

func TestTrimKeepsWhatItMust(t *testing.T) {
	e := mustRead(t, talk(10))
	f := func(trim exchange.Trim, messages int, over bool) {
		t.Helper()
		plan := e.Trim(counter(), gpt4o, trim)
		if plan.Messages != messages || plan.Over != over {
			t.Errorf("%+v: got %+v, want %d messages, over %v", trim, plan, messages, over)
		}
	}
	f(exchange.Trim{}, 0, false)
	f(exchange.Trim{MaxPromptTokens: 1 << 40}, 0, false)
	f(exchange.Trim{MaxPromptTokens: 10}, 18, true)
	f(exchange.Trim{MaxPromptTokens: 10, KeepLastTurns: 4}, 12, true)
	f(exchange.Trim{MaxPromptTokens: 10, KeepLastTurns: 10}, 0, true)
	f(exchange.Trim{MaxPromptTokens: 10, KeepLastTurns: 99}, 0, true)

	e = mustRead(t, `{"model":"m","messages":[{"role":"assistant","content":"`+strings.Repeat("hello ", 50)+`"},{"role":"user","content":"hi"}]}`)
	f(exchange.Trim{MaxPromptTokens: 20}, 1, false)
	e = mustRead(t, `{"model":"m","messages":[{"role":"assistant","content":"no user at all"},{"role":"assistant","content":"b"}]}`)
	f(exchange.Trim{MaxPromptTokens: 1}, 0, true)
}

// TestTrimCutsStayWhereTheyAre is why cuts are made in steps: over a growing conversation the provider's cache must mostly hit.
func TestTrimCutsStayWhereTheyAre(t *testing.T) {
	cuts, last := 0, -1
	for turns := 20; turns < 60; turns++ {
		plan := mustRead(t, talk(turns)).Trim(counter(), gpt4o, exchange.Trim{MaxPromptTokens: 1600})
		if plan.Messages < last {
			t.Fatalf("at %d turns only %d messages are dropped, %d before", turns, plan.Messages, last)
		}
		if plan.Messages != last {
			cuts++
		}
		last = plan.Messages
	}
	if cuts > 40/4+1 { // a quarter of 1600 tokens is four turns
		t.Errorf("the cut moved %d times in 40 turns", cuts)
	}
}

func TestTrimKeepsCallsWithResults(t *testing.T) {
	long := strings.Repeat("word ", 100)
	body := `{"model":"m","messages":[{"role":"user","content":"` + long + `"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},
		{"role":"user","content":"are you there? ` + long + `"},
		{"role":"tool","tool_call_id":"\u0061","content":"late"},
		{"role":"user","content":"now"}]}`
	// The call and its result are in different turns: both go or both stay.
	plan := mustRead(t, body).Trim(counter(), gpt4o, exchange.Trim{MaxPromptTokens: 160})
	if plan.Messages != 4 || plan.Over {
		t.Errorf("got %+v, want all four messages dropped", plan)
	}
	plan = mustRead(t, body).Trim(counter(), gpt4o, exchange.Trim{MaxPromptTokens: 160, KeepLastTurns: 2})
	if plan.Messages != 0 || !plan.Over {
		t.Errorf("got %+v, want nothing dropped", plan)
	}
	old := strings.NewReplacer(`"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]`, `"function_call":{"name":"f","arguments":"{}"}`,
		`"role":"tool","tool_call_id":"\u0061"`, `"role":"function","name":"f"`).Replace(body)
	plan = mustRead(t, old).Trim(counter(), gpt4o, exchange.Trim{MaxPromptTokens: 160, KeepLastTurns: 2})
	if plan.Messages != 0 || !plan.Over {
		t.Errorf("old form: got %+v, want nothing dropped", plan)
	}
}

func TestMinify(t *testing.T) {
	f := func(content, want string) {
		t.Helper()
		body := func(content string) string {
			return `{"model":"m","messages":[{"role":"user","content":"{\"a\": 1}"},{"role":"tool","tool_call_id":"x","content":` + content + `}]}`
		}
		e := mustRead(t, body(content))
		plan := e.Trim(counter(), gpt4o, exchange.Trim{MinifyToolResults: true})
		got := string(e.Shape(prompt.Shape{Plan: plan}, nil))
		if got != body(want) {
			t.Errorf("got  %s\nwant %s", got, body(want))
		}
		before, after := e.Measure(counter(), gpt4o).Tokens, mustRead(t, got).Measure(counter(), gpt4o).Tokens
		if before-after != plan.Removed || (content != want) != (plan.Edited == 1) || e.MeasureTrimmed(counter(), gpt4o, plan).Tokens != after {
			t.Errorf("%s: %d to %d tokens, but the plan says %+v", content, before, after, plan)
		}
	}
	f(`"{\"b\": 12345678901234567890,\n \"a\":\t1E+2, \"t\": \"two  words\\n\" }"`, `"{\"b\":12345678901234567890,\"a\":1E+2,\"t\":\"two  words\\n\"}"`)
	f(`"  [ 1 , 2 , 3 ]  "`, `"[1,2,3]"`)
	f(`[{"type":"text","text":"{ \"x\" : [ 1 , 2 ] }"}]`, `[{"type":"text","text":"{\"x\":[1,2]}"}]`)
	f(`"{\"u\" : \"\u00e9\/\" , \"v\" : [ ] }"`, `"{\"u\":\"é/\",\"v\":[]}"`)
	f(`"{\"a\":1}"`, `"{\"a\":1}"`)
	f(`"{ \"half\" : \"\ud83d\" , \"v\" : [ 1 , 2 ] }"`, `"{ \"half\" : \"\ud83d\" , \"v\" : [ 1 , 2 ] }"`)
	f(`"{ not json }"`, `"{ not json }"`)
	f(`"  \"a string\"  "`, `"  \"a string\"  "`)
	f(`[{"type":"text","text":"{ \"x\" : [ 1 , 2 ] }","cache_control":{"type":"ephemeral"}}]`, `[{"type":"text","text":"{ \"x\" : [ 1 , 2 ] }","cache_control":{"type":"ephemeral"}}]`)
}

// TestTrimLeavesASoundConversation is the property that all bugs of trimming break: what is left is a subsequence, holds what must
// stay, has no result without its call, and is as long as the plan says.
func TestTrimLeavesASoundConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := drawRequest(t)
		e, err := prompt.Read(body)
		if err != nil {
			t.Fatal(err)
		}
		trim := exchange.Trim{
			MaxPromptTokens:   rapid.Int64Range(0, 600).Draw(t, "limit"),
			KeepLastTurns:     rapid.IntRange(0, 3).Draw(t, "keep"),
			MinifyToolResults: rapid.Bool().Draw(t, "minify"),
		}
		plan := e.Trim(counter(), gpt4o, trim)
		shaped := e.Shape(prompt.Shape{Plan: plan}, nil)
		again, err := prompt.Read(shaped)
		if err != nil {
			t.Fatalf("the trimmed body is refused: %v\n%s", err, shaped)
		}
		whole, left := e.Measure(counter(), gpt4o), again.Measure(counter(), gpt4o)
		if whole.Tokens-plan.Removed != left.Tokens || left != e.MeasureTrimmed(counter(), gpt4o, plan) {
			t.Fatalf("%d - %d tokens, but %d are left\n%s\n%s", whole.Tokens, plan.Removed, left.Tokens, body, shaped)
		}
		if over := trim.MaxPromptTokens > 0 && left.Tokens > trim.MaxPromptTokens; over != plan.Over {
			t.Fatalf("over %v, but the plan says %v", over, plan.Over)
		}
		checkSubsequence(t, messagesOf(t, body), messagesOf(t, shaped), plan.Messages)

		was, is := decode(t, body), decode(t, shaped)
		delete(was, "messages")
		delete(is, "messages")
		if !reflect.DeepEqual(was, is) {
			t.Fatalf("more than messages changed:\n%s\n%s", body, shaped)
		}
		if twice := e.Trim(counter(), gpt4o, trim); string(e.Shape(prompt.Shape{Plan: twice}, nil)) != string(shaped) {
			t.Fatal("the same trim gave another body")
		}
	})
}

func checkSubsequence(t *rapid.T, was, is []map[string]any, dropped int) {
	if len(was)-len(is) != dropped {
		t.Fatalf("%d messages of %d left, but %d dropped", len(is), len(was), dropped)
	}
	calls := map[string]bool{}
	at := 0
	for _, m := range was {
		if at < len(is) && same(m, is[at]) {
			at++
			continue
		}
		if m["role"] == "system" || m["role"] == "developer" {
			t.Fatalf("%v is dropped", m)
		}
	}
	if at != len(is) {
		t.Fatalf("%v is not among the messages before", is[at])
	}
	for _, m := range is {
		list, _ := m["tool_calls"].([]any)
		for _, c := range list {
			calls[c.(map[string]any)["id"].(string)] = true
		}
		if id, ok := m["tool_call_id"].(string); ok && !calls[id] {
			t.Fatalf("the result of %s is without its call", id)
		}
	}
}

// same tells whether two messages are equal but for minified content.
func same(a, b map[string]any) bool {
	if !reflect.DeepEqual(a["role"], b["role"]) || !reflect.DeepEqual(a["tool_calls"], b["tool_calls"]) || a["tool_call_id"] != b["tool_call_id"] {
		return false
	}
	return squeeze(a["content"]) == squeeze(b["content"])
}

func squeeze(v any) string {
	text, _ := json.Marshal(v)
	return strings.NewReplacer(" ", "", `\n`, "").Replace(string(text))
}

func messagesOf(t interface{ Fatal(...any) }, body []byte) []map[string]any {
	var list []map[string]any
	for _, m := range decode(t, body)["messages"].([]any) {
		list = append(list, m.(map[string]any))
	}
	return list
}

func rolesOf(t *testing.T, body []byte) string {
	var roles []string
	for _, m := range messagesOf(t, body) {
		roles = append(roles, m["role"].(string))
	}
	return strings.Join(roles, " ")
}
