package prompt_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/prompt"
)

// agent is a conversation with tool results, each answering a call of its own, and a last question.
func agent(results ...string) string {
	messages := []any{map[string]any{"role": "user", "content": "go"}}
	for i, text := range results {
		id := "call_" + string(rune('a'+i))
		messages = append(messages,
			map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"id": id, "type": "function", "function": map[string]any{"name": "run", "arguments": "{}"}}}},
			map[string]any{"role": "tool", "tool_call_id": id, "content": text},
		)
	}
	body, _ := json.Marshal(map[string]any{"model": "m", "messages": append(messages, map[string]any{"role": "user", "content": "and now?"})})
	return string(body)
}

// toolResults returns the tool results of a shaped body.
func toolResults(t *testing.T, body []byte) []string {
	t.Helper()
	var request struct {
		Messages []struct{ Role, Content string }
	}
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range request.Messages {
		if m.Role == "tool" {
			all = append(all, m.Content)
		}
	}
	return all
}

func TestTidy(t *testing.T) {
	f := func(trim exchange.Trim, result, want string) {
		t.Helper()
		e := mustRead(t, agent(result))
		plan := e.Trim(counter(), gpt4o, trim)
		body := e.Shape(prompt.Shape{Plan: plan}, nil)
		if got := toolResults(t, body)[0]; got != want {
			t.Errorf("%q became %q, want %q", result, got, want)
		}
		before, after := e.Measure(counter(), gpt4o).Tokens, mustRead(t, string(body)).Measure(counter(), gpt4o).Tokens
		if before-after != plan.Removed {
			t.Errorf("%q: %d tokens removed, planned %d", result, before-after, plan.Removed)
		}
	}
	tidy := exchange.Trim{TidyToolResults: true}
	f(tidy, "\x1b[31mFAIL\x1b[0m \x1b[1;4mx\x1b[m  \t\nnext   \n\n\n\n\nend \n", "FAIL x\nnext\n\nend\n")
	f(tidy, "ok", "ok")
	f(tidy, "cut \x1b[3", "cut")
	diff := "--- a\n+++ b\n@@ -1,2 +1,2 @@\n \n-a   \n+b\n \n"
	f(tidy, "\x1b[32m"+diff, diff) // an empty line of context is a space, and stays one
	f(tidy, "@@ -1 +1 @@\n-a \n\n\n\n", "@@ -1 +1 @@\n-a \n\n\n\n")
	f(tidy, `{"a":  1}  `, `{"a":  1}  `) // JSON is minified or left alone
	f(exchange.Trim{MinifyToolResults: true}, "{ \"a\":  [1.50, \"x  y\"]\n}", `{"a":[1.50,"x  y"]}`)

	run := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("Bursar 2026 keeps books, not bytes! ", 30)))
	note := "[1440 bytes of base64 left out, sha256 "
	for _, escape := range []string{`\n`, `\u00e9`, `\\`} { // what begins it does not end with the text before it
		e := mustRead(t, agent(`{"a":"x`+escape+run+`"}`))
		got := toolResults(t, e.Shape(prompt.Shape{Plan: e.Trim(counter(), gpt4o, exchange.Trim{ElideBase64: 512})}, nil))[0]
		if !json.Valid([]byte(got)) || !strings.HasPrefix(got, `{"a":"x`+escape+note) {
			t.Errorf("after %s: %s", escape, got)
		}
	}
	e := mustRead(t, agent(`{"png": "`+run+`", "ok": true}`, "data:image/png;base64,"+run+" done", strings.Repeat("a", 4000), run[:200]))
	plan := e.Trim(counter(), gpt4o, exchange.Trim{ElideBase64: 1000})
	got := toolResults(t, e.Shape(prompt.Shape{Plan: plan}, nil))
	if !strings.HasPrefix(got[0], `{"png": "`+note) || !strings.HasSuffix(got[0], `]", "ok": true}`) || !json.Valid([]byte(got[0])) {
		t.Errorf("in JSON: %s", got[0])
	}
	if !strings.HasPrefix(got[1], "data:image/png;base64,"+note) || !strings.HasSuffix(got[1], "] done") {
		t.Errorf("in a data URL: %s", got[1])
	}
	if got[2] != strings.Repeat("a", 4000) || got[3] != run[:200] {
		t.Error("what is no base64, or short, was left out")
	}
}

func TestDedupeKeepsTheEarlierAndWhatAnswersADroppedOne(t *testing.T) {
	long := strings.Repeat("the same long listing of files, again and again; ", 30)
	e := mustRead(t, agent(long, "short", long, long+"!", "short"))
	plan := e.Trim(counter(), gpt4o, exchange.Trim{DedupeToolResults: true})
	got := toolResults(t, e.Shape(prompt.Shape{Plan: plan}, nil))
	if got[0] != long || got[2] != "[identical to the result of the call call_a above]" || got[3] != long+"!" || got[4] != "short" {
		t.Errorf("got %.80q", got)
	}
	if edits := plan.Edits(); len(edits) != 1 || edits[0].Repeats != 2 || edits[0].Saved != plan.Removed {
		t.Errorf("told of %+v", edits)
	}

	// Two units, each with the listing: when the first is dropped, the second is whole again.
	one := strings.TrimSuffix(agent(long), `],"model":"m"}`)
	_, two, _ := strings.Cut(strings.ReplaceAll(agent(long), "call_a", "call_b"), "[")
	both := one + "," + two
	e = mustRead(t, both)
	whole := e.Measure(counter(), gpt4o).Tokens
	plan = e.Trim(counter(), gpt4o, exchange.Trim{DedupeToolResults: true, MaxPromptTokens: whole / 3, KeepLastTurns: 2})
	body := e.Shape(prompt.Shape{Plan: plan}, nil)
	if got = toolResults(t, body); plan.Messages == 0 || len(got) != 1 || got[0] != long {
		t.Errorf("dropped %d messages and left %.80q", plan.Messages, got)
	}
	if left := mustRead(t, string(body)).Measure(counter(), gpt4o).Tokens; whole-left != plan.Removed || plan.Over != (left > whole/3) {
		t.Errorf("%d of %d tokens left with a limit of %d, but planned %+v", left, whole, whole/3, plan)
	}
}

// TestDedupeOfReusedIDs: where calls share an id, a note that names one says nothing.
func TestDedupeOfReusedIDs(t *testing.T) {
	long := strings.Repeat("the same line of a log\n", 60)
	f := func(edits int, results ...string) {
		t.Helper()
		e := mustRead(t, strings.NewReplacer("call_b", "call_a", "call_d", "call_c").Replace(agent(results...)))
		if got := e.Trim(counter(), gpt4o, exchange.Trim{DedupeToolResults: true}).Edited; got != edits {
			t.Errorf("%d results shortened, want %d", got, edits)
		}
	}
	f(0, long, long)
	f(0, long, "other", "third", long)
	f(0, "other", "second", long, "fourth", long)
	f(1, "other", "second", "third", "fourth", long, long)
}
