package main

import (
	"encoding/json"
	"strings"
	"testing"

	"bursar/router"
)

const house = "../../policies.yaml"

// explained runs explain -json over a body from standard input.
func explained(t *testing.T, body string, args ...string) router.Explanation {
	t.Helper()
	got := world{in: body}.run(append([]string{"explain", "-policies", house, "-team", "search", "-body", "-", "-json"}, args...)...)
	var told router.Explanation
	if err := json.Unmarshal([]byte(got.out), &told); got.code != 0 || err != nil {
		t.Fatalf("explain: exit status %d, %v\n%s%s", got.code, err, got.out, got.err)
	}
	return told
}

const (
	plainQuestion = `{"model":"auto","messages":[{"role":"user","content":"What is the capital of France?"}]}`
	askedPremium  = `{"model":"premium","messages":[{"role":"user","content":"Hi"}]}`
)

// TestExplain: which rule decides, why, and which targets are tried, by the facts of the request and by those of the flags.
func TestExplain(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-none")
	f := func(told router.Explanation, rule, reason, model, candidates string) {
		t.Helper()
		if told.Rule != rule || told.Reason != reason || told.Model != model || strings.Join(told.Candidates, " ") != candidates {
			t.Errorf("rule %q, reason %q, model %q, candidates %q; want %q, %q, %q, %q",
				told.Rule, told.Reason, told.Model, told.Candidates, rule, reason, model, candidates)
		}
	}
	f(explained(t, plainQuestion), "plain short questions", "rule", "cheap", "openai/gpt-5-nano local/qwen3:8b")
	f(explained(t, plainQuestion, "-budget-used", "0.95"), "little left, so spare it", "rule", "cheap", "openai/gpt-5-nano local/qwen3:8b")
	f(explained(t, askedPremium), "as asked", "asked", "premium", "openai/gpt-5")
	f(explained(t, askedPremium, "-pin"), "", "pinned", "premium", "openai/gpt-5")
	told := explained(t, `{"model":"nosuch","messages":[{"role":"user","content":"Hi"}]}`)
	if told.Status != 404 || told.Reason != "unknown_model" || told.Fault == "" {
		t.Errorf("an unknown model: %+v", told)
	}
	text := world{in: plainQuestion}.run("explain", "-policies", house, "-team", "search", "-body", "-").out
	for _, want := range []string{"yes  plain short questions", "rest as asked", "it would match too", "a guess, by which no rule goes"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	t.Setenv("OPENAI_API_KEY", "")
	f(explained(t, plainQuestion), "plain short questions", "rule", "cheap", "local/qwen3:8b")
}

// TestExplainTags: -tag stands for the x-bursar-tag headers, in any order and spelling of the name.
func TestExplainTags(t *testing.T) {
	policies := write(t, t.TempDir()+"/policies.yaml", strings.Replace(policiesFor("http://127.0.0.1:1/v1"), "routes:\n", `routes:
  - { name: batches, when: { tags: { queue: night, zone: eu } }, to: deep }
`, 1))
	f := func(want string, tags ...string) {
		t.Helper()
		args := []string{"explain", "-policies", policies, "-team", "alpha", "-body", "-", "-json"}
		for _, tag := range tags {
			args = append(args, "-tag", tag)
		}
		got := world{in: `{"model":"quick","messages":[{"role":"user","content":"Hi"}]}`}.run(args...)
		if got.code != 0 || !strings.Contains(got.out, `"rule":"`+want+`"`) {
			t.Errorf("tags %q: not decided by %q: %s%s", tags, want, got.out, got.err)
		}
	}
	f("batches", "queue=night", "zone=eu")
	f("batches", "Zone=eu", "Queue=night")
	f("as asked", "queue=night")
	f("as asked", "queue=day", "zone=eu")
	f("as asked")
}

// TestExplainText: the table for people names every route with its verdict, and what decided.
func TestExplainText(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-none")
	dir := t.TempDir()
	body := write(t, dir+"/body.json", plainQuestion)
	out := done(t, "explain", "-policies", house, "-team", "search", "-body", body)
	for _, want := range []string{"little left, so spare it", "plain short questions", "openai/gpt-5-nano", "local/qwen3:8b", "budget_used"} {
		if !strings.Contains(out, want) {
			t.Errorf("without %q:\n%s", want, out)
		}
	}
	broken := write(t, dir+"/broken.yaml", "version: 1\nroutse: []\n")
	got := world{}.run("explain", "-policies", broken, "-team", "search", "-body", body)
	if got.code != 1 || !strings.Contains(got.err, broken+":2:1: ") || !strings.Contains(got.err, `"routes"`) {
		t.Errorf("a broken policy: %+v", got)
	}
}
