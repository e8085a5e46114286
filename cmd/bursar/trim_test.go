package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestTrim: what the policy's trims would do is told, edit by edit and in money, and nothing is said where nothing is done.
func TestTrim(t *testing.T) {
	policies := write(t, t.TempDir()+"/policies.yaml", policiesFor("http://127.0.0.1:1/v1")+`
trim: { max_prompt_tokens: 200, minify_tool_results: true, dedupe_tool_results: true }
`)
	result := `{\"rows\":  [` + strings.Repeat(`{ \"name\":  \"a row of the table\" },   `, 30) + `{}]}`
	turn := func(id string) string {
		return `{"role":"user","content":"list"},{"role":"assistant","tool_calls":[{"id":"` + id + `","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
			`{"role":"tool","tool_call_id":"` + id + `","content":"` + result + `"}`
	}
	f := func(body string, args ...string) trimmed {
		t.Helper()
		got := world{in: body}.run(append([]string{"trim", "-policies", policies, "-json", "-"}, args...)...)
		var told trimmed
		if err := json.Unmarshal([]byte(got.out), &told); got.code != 0 || err != nil {
			t.Fatalf("trim: exit status %d, %v\n%s%s", got.code, err, got.out, got.err)
		}
		return told
	}
	told := f(`{"model":"deep","messages":[` + turn("a") + `,` + turn("b") + `,{"role":"user","content":"and?"}]}`)
	if told.Dropped != 6 || told.Over || told.Removed <= 0 || told.ColdAfter >= told.ColdBefore || told.Limit != 200 {
		t.Errorf("two long turns: %+v", told)
	}
	told = f(`{"model":"deep","messages":[` + turn("a") + `]}`)
	if len(told.Edits) != 1 || told.Edits[0].Message != 2 || told.Edits[0].Repeats != -1 || told.Dropped != 0 || !told.Over {
		t.Errorf("one long turn, which must stay: %+v", told)
	}
	told = f(`{"model":"deep","messages":[{"role":"user","content":"hi"}]}`)
	if told.Removed != 0 || told.Dropped != 0 || len(told.Edits) != 0 || told.Over || told.BreakEven != 0 {
		t.Errorf("nothing to trim: %+v", told)
	}
	text := world{in: `{"model":"deep","messages":[` + turn("a") + `]}`}.run("trim", "-policies", policies, "-explain", "-")
	if text.code != 0 || !strings.Contains(text.out, "message 3: tool result, shortened") || !strings.Contains(text.out, "still over the limit") {
		t.Errorf("as text: %s%s", text.out, text.err)
	}
	if got := (world{in: `{"model":"nosuch","messages":[{"role":"user","content":"hi"}]}`}).run("trim", "-policies", policies, "-"); got.code != 1 || !strings.Contains(got.err, `"nosuch" is not in`) {
		t.Errorf("an unknown model: %d %s", got.code, got.err)
	}
	if got := (world{in: `{`}).run("trim", "-policies", policies, "-"); got.code != 1 {
		t.Errorf("no JSON: %d %s", got.code, got.err)
	}
}
