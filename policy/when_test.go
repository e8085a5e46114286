package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
)

// whenOf compiles one condition, written as in the file.
func whenOf(t testing.TB, condition string) *When {
	t.Helper()
	src := strings.Replace(string(small("timezone: Asia/Kolkata\nteams: { find: {}, help: {} }\n")),
		"routes:\n", "routes:\n  - { name: one, to: cheap, when: "+condition+" }\n", 1)
	p, err := Parse("p", []byte(src), noEnv)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p.Routes[0].When
}

func TestMatch(t *testing.T) {
	f := func(condition string, facts exchange.Facts, wantFailed string) {
		t.Helper()
		ok, failed := whenOf(t, condition).Match(&facts)
		if failed != wantFailed || ok != (wantFailed == "") {
			t.Errorf("%s: got %v, %q; want failed %q", condition, ok, failed, wantFailed)
		}
	}
	type F = exchange.Facts

	f(`{ model: auto }`, F{Model: "auto"}, "")
	f(`{ model: auto }`, F{Model: "cheap"}, "model")
	f(`{ model: [auto, openai/gpt-5] }`, F{Model: "openai/gpt-5"}, "")
	f(`{ team: [find, help] }`, F{Team: "help"}, "")
	f(`{ team: find }`, F{Team: "help"}, "team")
	f(`{ project: x }`, F{Project: "x"}, "")
	f(`{ project: x }`, F{}, "project")
	f(`{ key: k }`, F{Key: "k"}, "")
	f(`{ key: k }`, F{Key: "K"}, "key")
	f(`{ user: [a, b] }`, F{User: "b"}, "")
	f(`{ user: a }`, F{User: "b"}, "user")

	tags := []exchange.Tag{{Name: "feature", Value: "titles"}, {Name: "tier", Value: "1"}}
	f(`{ tags: { Feature: [teasers, titles], tier: 1 } }`, F{Tags: tags}, "")
	f(`{ tags: { feature: titles, tier: 2 } }`, F{Tags: tags}, "tags.tier")
	f(`{ tags: { feature: titles } }`, F{}, "tags.feature")

	f(`{ prompt_tokens: "< 1500" }`, F{PromptTokens: 1499}, "")
	f(`{ prompt_tokens: "< 1500" }`, F{PromptTokens: 1500}, "prompt_tokens")
	f(`{ prompt_tokens: "<= 1_500" }`, F{PromptTokens: 1500}, "")
	f(`{ prompt_tokens: "> 1500" }`, F{PromptTokens: 1501}, "")
	f(`{ prompt_tokens: "> 1500" }`, F{PromptTokens: 1500}, "prompt_tokens")
	f(`{ prompt_tokens: ">=1500" }`, F{PromptTokens: 1500}, "")
	f(`{ prompt_tokens: "= 7" }`, F{PromptTokens: 7}, "")
	f(`{ prompt_tokens: 7 }`, F{PromptTokens: 8}, "prompt_tokens")
	f(`{ prompt_tokens: 1000..2000 }`, F{PromptTokens: 1000}, "")
	f(`{ prompt_tokens: 1000 .. 2000 }`, F{PromptTokens: 2000}, "")
	f(`{ prompt_tokens: 1000..2000 }`, F{PromptTokens: 2001}, "prompt_tokens")

	f(`{ max_output: "<= 500" }`, F{MaxOutput: 500}, "")
	f(`{ max_output: "<= 500" }`, F{MaxOutput: 0}, "max_output") // none asked for is not a small one

	known := func(score float64) F { return F{Complexity: exchange.Complexity{Score: score, Known: true}} }
	f(`{ complexity: "< 0.35" }`, known(0.349), "")
	f(`{ complexity: "< 0.35" }`, known(0.35), "complexity")
	f(`{ complexity: ">= 0.7" }`, known(0.7), "")
	f(`{ complexity: "> 0.7" }`, known(0.7), "complexity")
	f(`{ complexity: "0.2..0.5" }`, known(0.2), "")
	f(`{ complexity: "< 0.35" }`, F{}, "complexity") // silence is not simplicity
	f(`{ complexity: ">= 0" }`, F{}, "complexity")

	f(`{ tools: true }`, F{Tools: true}, "")
	f(`{ tools: false }`, F{Tools: true}, "tools")
	f(`{ stream: true }`, F{}, "stream")
	f(`{ images: true }`, F{Images: 2}, "")
	f(`{ images: true }`, F{}, "images")
	f(`{ images: false }`, F{}, "")
	f(`{ images: "> 1" }`, F{Images: 1}, "images")
	f(`{ turns: "> 6" }`, F{Turns: 7}, "")

	f(`{ budget_used: ">= 80%" }`, F{BudgetUsed: 0.8}, "")
	f(`{ budget_used: ">= 80%" }`, F{BudgetUsed: 1.7}, "")
	f(`{ budget_used: ">= 80%" }`, F{BudgetUsed: 0.799}, "budget_used")
	f(`{ budget_used: 50%..80% }`, F{BudgetUsed: 0.81}, "budget_used")
	f(`{ budget_used: "> 150%" }`, F{BudgetUsed: 1.51}, "")

	at := func(utc string) F {
		when, err := time.Parse(time.RFC3339, utc)
		if err != nil {
			t.Fatal(err)
		}
		return F{At: when}
	}
	f(`{ hour: 9-17 }`, at("2026-11-23T03:30:00Z"), "") // 09:00 in Kolkata
	f(`{ hour: 9-17 }`, at("2026-11-23T03:29:59Z"), "hour")
	f(`{ hour: 9-17 }`, at("2026-11-23T11:29:59Z"), "")
	f(`{ hour: 9-17 }`, at("2026-11-23T11:30:00Z"), "hour")
	f(`{ hour: 22-6 }`, at("2026-11-23T16:30:00Z"), "") // 22:00
	f(`{ hour: 22-6 }`, at("2026-11-23T00:29:00Z"), "") // 05:59
	f(`{ hour: 22-6 }`, at("2026-11-23T00:30:00Z"), "hour")
	f(`{ hour: 18:00-24:00 }`, at("2026-11-23T18:29:00Z"), "") // 23:59
	f(`{ hour: 0-6 }`, at("2026-11-23T18:30:00Z"), "")         // 00:00

	// The first key that fails is told, in the order of the docs.
	f(`{ tools: true, team: find, prompt_tokens: "< 5" }`, F{Team: "find", PromptTokens: 9}, "prompt_tokens")
}

func TestConditionsReadAsWritten(t *testing.T) {
	w := whenOf(t, `{ tools: false, team: [find, help], budget_used: ">= 80%", hour: 9-17, tags: { a: [b, c] } }`)
	var got []string
	for key, want := range w.Conditions() {
		got = append(got, key+": "+want)
	}
	const want = "team: find or help, tags.a: b or c, tools: false, budget_used: >= 80%, hour: 9-17"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, ", "), want)
	}
	if !w.AsksBudget() || w.Always() {
		t.Errorf("asks budget %v, always %v", w.AsksBudget(), w.Always())
	}
}

func busyFacts() *exchange.Facts {
	return &exchange.Facts{
		At: time.Now(), Team: "help", Key: "k1", User: "zoe", Model: Auto, PromptTokens: 2000, Turns: 3,
		Complexity: exchange.Complexity{Score: 0.5, Known: true}, Tags: []exchange.Tag{{Name: "feature", Value: "titles"}},
	}
}

const busyCondition = `{ model: auto, team: help, tags: { feature: titles }, prompt_tokens: "< 3000", complexity: "< 0.6", tools: false, budget_used: "< 0.8", hour: %d-%d }`

func TestMatchAllocatesNothing(t *testing.T) {
	facts := busyFacts()
	hour := facts.At.In(time.FixedZone("", 19800)).Hour()
	w := whenOf(t, fmt.Sprintf(busyCondition, hour, (hour+2)%24))
	if n := testing.AllocsPerRun(100, func() {
		if ok, failed := w.Match(facts); !ok {
			t.Fatal(failed)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkMatch goes over a table of ten routes, of which the last one matches.
func BenchmarkMatch(b *testing.B) {
	conditions := []string{
		`{ model: auto, prompt_tokens: "< 1500", complexity: "< 0.35", tools: false }`,
		`{ team: find, budget_used: ">= 80%" }`,
		`{ model: auto, budget_used: ">= 90%" }`,
		`{ tools: true }`,
		`{ complexity: ">= 0.7" }`,
		`{ model: auto, tags: { feature: [teasers, captions] } }`,
		`{ model: auto, turns: "> 20" }`,
		`{ user: [alice, bob], stream: true }`,
		`{ model: auto, hour: 3-3:00 }`,
		`{ model: auto, prompt_tokens: 1000..3000 }`,
	}
	facts := busyFacts()
	hour := facts.At.In(time.FixedZone("", 19800)).Hour()
	conditions[8] = fmt.Sprintf(`{ model: auto, hour: %d-%d }`, (hour+2)%24, (hour+4)%24)
	table := make([]*When, len(conditions))
	for i, c := range conditions {
		table[i] = whenOf(b, c)
	}
	b.ReportAllocs()
	for b.Loop() {
		decided := -1
		for i, w := range table {
			if ok, _ := w.Match(facts); ok {
				decided = i
				break
			}
		}
		if decided != len(table)-1 {
			b.Fatalf("route %d decided", decided)
		}
	}
}
