package router

import (
	"encoding/json"
	"testing"
	"time"

	"bursar/exchange"

	"github.com/google/go-cmp/cmp"
)

func TestExplainText(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*exchange.Facts)
		want   string
	}{
		{
			"through all routes", func(f *exchange.Facts) { f.Complexity = exchange.Complexity{Score: 0.725, Known: true} },
			`auto, 800 prompt tokens, complexity 0.725
├─ no   short questions go cheap (line 28): complexity is 0.725, the route wants < 0.35
├─ no   search protects its budget (line 31): team is support, the route wants search
├─ seen hard work goes premium (line 34): observed only, it would go to premium
├─ no   nights are seen (line 38): hour is 12, the route wants 22-6
├─ no   batches go cheap (line 42): tags.kind is none, the route wants batch
├─ no   tools go premium (line 46): tools is false, the route wants true
├─ yes  everything else (line 50): to asked
└─ standard, because default
   ├─ 1. openai/gpt-5-mini
   ├─ 2. anthropic/claude-haiku-4-5
   └─ at most 1024 tokens answered, cache on, measured against anthropic/claude-sonnet-4-5
`,
		},
		{
			"a signal that did not speak, and targets left out", func(f *exchange.Facts) {
				f.Model, f.Team, f.BudgetUsed, f.PromptTokens = "mixed", "search", 0.79996, 9000
			},
			`mixed, 9000 prompt tokens, complexity not known
├─ no   short questions go cheap (line 28): model is mixed, the route wants auto
├─ no   search protects its budget (line 31): model is mixed, the route wants auto
├─ no   hard work goes premium (line 34): complexity is not known, as no signal spoke, the route wants >= 0.7
├─ no   nights are seen (line 38): hour is 12, the route wants 22-6
├─ no   batches go cheap (line 42): tags.kind is none, the route wants batch
├─ no   tools go premium (line 46): model is mixed, the route wants auto
├─ yes  everything else (line 50): to asked
└─ mixed, because asked
   ├─ 1. openai/gpt-5-mini
   ├─ left out: down/one, environment variable MISSING_API_KEY is not set
   ├─ left out: local/unpriced, its price is not known
   ├─ left out: openai/gpt-4, its context of 8192 tokens is smaller than the prompt of 9000
   └─ at most 1024 tokens answered, cache on, measured against down/one
`,
		},
		{
			"a conversation that goes up", func(f *exchange.Facts) {
				f.Tools, f.Sticky.Model, f.Tags = true, "cheap", []exchange.Tag{{Name: "kind", Value: "live"}}
			},
			`auto, 800 prompt tokens, complexity not known
├─ no   short questions go cheap (line 28): complexity is not known, as no signal spoke, the route wants < 0.35
├─ no   search protects its budget (line 31): team is support, the route wants search
├─ no   hard work goes premium (line 34): complexity is not known, as no signal spoke, the route wants >= 0.7
├─ no   nights are seen (line 38): hour is 12, the route wants 22-6
├─ no   batches go cheap (line 42): tags.kind is live, the route wants batch
├─ yes  tools go premium (line 46): to premium
├─ rest everything else (line 50): not read; it would match too, and go to asked
├─ the conversation leaves cheap: the route's model ranks higher
└─ premium, because rule
   ├─ 1. anthropic/claude-sonnet-4-5
   ├─ 2. openai/gpt-5
   └─ at most 1024 tokens answered, cache read, measured against anthropic/claude-sonnet-4-5
`,
		},
		{
			"what the complexity is made of", func(f *exchange.Facts) {
				f.Signals = Read([]byte("Why must it be `so`?"))
				f.Complexity = Complexity(f.Signals)
				f.Model, f.Pinned = "cheap", true
			},
			`cheap, 800 prompt tokens, complexity 0.6167 = 0.35 +0.17 reasoning +0.04 code +0.05 constraints
└─ cheap, because pinned
   ├─ 1. openai/gpt-4.1-nano
   ├─ 2. openai/gpt-4o-mini
   └─ at most 1024 tokens answered, cache on, measured against openai/gpt-4.1-nano
`,
		},
		{
			"a pin reads no routes", func(f *exchange.Facts) { f.Model, f.Pinned = "cheap", true },
			`cheap, 800 prompt tokens, complexity not known
└─ cheap, because pinned
   ├─ 1. openai/gpt-4.1-nano
   ├─ 2. openai/gpt-4o-mini
   └─ at most 1024 tokens answered, cache on, measured against openai/gpt-4.1-nano
`,
		},
		{
			"a refusal", func(f *exchange.Facts) { f.Model, f.Pinned = "unpriced", true },
			`unpriced, 800 prompt tokens, complexity not known
└─ refused, because unknown_price: 503 Model "unpriced" cannot be used, because the price of local/unpriced is not known. An operator can add it to the policy: prices.overrides: { local/unpriced: { input: ..., output: ... } }, in $ per million tokens.
   ├─ left out: down/one, environment variable MISSING_API_KEY is not set
   └─ left out: local/unpriced, its price is not known
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Explain(load(t), facts(c.change))
			if diff := cmp.Diff(c.want, e.Text()); diff != "" {
				t.Errorf("want -, got +:\n%s\n%s", diff, e.Text())
			}
		})
	}
}

func TestExplainJSON(t *testing.T) {
	e := Explain(load(t), facts(func(f *exchange.Facts) { f.Complexity = exchange.Complexity{Score: 0.1, Known: true} }))
	src, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(src, &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "signals")
	routes := got["routes"].([]any)
	if len(routes) != 7 {
		t.Fatalf("%d routes in %s", len(routes), src)
	}
	got["routes"] = routes[:2]
	want := map[string]any{
		"asked": "auto", "prompt_tokens": 800.0, "complexity": 0.1, "model": "cheap", "rule": "short questions go cheap", "reason": "rule",
		"candidates": []any{"openai/gpt-4.1-nano", "openai/gpt-4o-mini"}, "max_output": 1024.0, "cache": "on",
		"baseline": "anthropic/claude-sonnet-4-5",
		"targets": []any{
			map[string]any{"target": "openai/gpt-4.1-nano", "usable": true}, map[string]any{"target": "openai/gpt-4o-mini", "usable": true},
		},
		"routes": []any{
			map[string]any{"route": "short questions go cheap", "line": 28.0, "verdict": "decides", "to": "cheap"},
			map[string]any{"route": "search protects its budget", "line": 31.0, "verdict": "not_reached", "to": "cheap", "key": "team", "want": "search", "value": "support"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// TestValues: every key that a condition can have is told with the request's value.
func TestValues(t *testing.T) {
	p := load(t)
	f := &exchange.Facts{
		At: time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC), Team: "a", Project: "b", Key: "c", User: "d", Tags: []exchange.Tag{{Name: "x", Value: "y"}},
		Model: "m", Stream: true, Images: 2, Turns: 3, PromptTokens: 4, MaxOutput: 5, BudgetUsed: 0.795, Complexity: exchange.Complexity{Score: 1. / 3, Known: true},
	}
	for key, want := range map[string]string{
		"model": "m", "team": "a", "project": "b", "key": "c", "user": "d", "tags.x": "y", "tags.z": "none", "prompt_tokens": "4",
		"max_output": "5", "complexity": "0.3333", "tools": "false", "stream": "true", "images": "2", "turns": "3", "budget_used": "79.5%",
		"hour": "22",
	} {
		if got := valueOf(p, f, key); got != want {
			t.Errorf("%s is told as %q, want %q", key, got, want)
		}
	}
	for key, want := range map[string]string{"project": "none", "user": "none", "max_output": "none asked for"} {
		if got := valueOf(p, &exchange.Facts{}, key); got != want {
			t.Errorf("%s of an empty request is told as %q, want %q", key, got, want)
		}
	}
	for v, want := range map[float64]string{0.35: "0.35", 0.349999: "0.349999", 0.34996: "0.34996", 0.7000000000000001: "0.7", 0.41666667: "0.4167", 0: "0", 1: "1"} {
		if got := decimal(v); got != want {
			t.Errorf("decimal(%v) = %s, want %s", v, got, want)
		}
	}
}
