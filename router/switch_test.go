package router

import (
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/policy"

	"pgregory.net/rapid"
)

const moving = `version: 1
providers:
  p: { dialect: openai, base_url: http://127.0.0.1:1/v1 }
  m: { dialect: anthropic, base_url: http://127.0.0.1:1/v1 }
prices:
  overrides:
    p/small: { input: 1, output: 2, cache_read: 0.1 }
    p/large: { input: 5, output: 20, cache_read: 0.5 }
    m/small: { input: 1, output: 2, cache_read: 0.1, cache_write: 1.25 }
models:
  cheap: { use: [p/small] }
  marked: { use: [m/small] }
  premium: { use: [p/large] }
  both: { use: [p/small, p/large] }
teams: { a: {}, b: {} }
routes:
  - { name: marked, when: { model: auto, team: b, budget_used: ">= 80%" }, to: marked }
  - { name: both, when: { model: auto, user: u, budget_used: ">= 80%" }, to: both }
  - { name: spent, when: { model: auto, budget_used: ">= 80%" }, to: cheap }
  - { name: hard, when: { model: auto, tools: true }, to: premium }
  - { name: easy, when: { model: auto, complexity: "< 0.3" }, to: cheap }
  - { name: rest, to: asked }
default: premium
`

func movingPolicy(t testing.TB, moveDown string) *policy.Policy {
	t.Helper()
	text := moving
	if moveDown == "" {
		moveDown = "turns_ahead: 1"
	} else if !strings.Contains(moveDown, ":") {
		moveDown = "turns_ahead: 1, move_down: " + moveDown
	}
	text += "conversations: { " + moveDown + " }\n"
	p, err := policy.Parse("p.yaml", []byte(text), func(string) string { return "sk" })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// turnOf is a turn of a conversation with premium: 10,000 tokens of prompt, and 100 answered last.
func turnOf(warm int64) exchange.Facts {
	return exchange.Facts{
		At: noon, Team: "a", Model: policy.Auto, N: 1, PromptTokens: 10_000, BudgetUsed: 0.9,
		Sticky: exchange.Sticky{Model: "premium", Target: "p/large", Warm: warm, Output: 100},
	}
}

func TestSwitch(t *testing.T) {
	f := func(name, moveDown string, facts exchange.Facts, model string, why exchange.Reason, stays, moves int64) {
		t.Helper()
		d, fault := Decide(movingPolicy(t, moveDown), &facts)
		if fault != nil {
			t.Fatalf("%s: %v", name, fault)
		}
		if d.Model != model || d.Reason != why || int64(d.Switch.Stays) != stays || int64(d.Switch.Moves) != moves {
			t.Errorf("%s: %s because %s, %d here and %d there", name, d.Model, d.Reason, d.Switch.Stays, d.Switch.Moves)
		}
	}
	// Here: 9,500 read at $0.5 and 500 at $5 a million, and 100 answered at $20. There: 10,000 at $1, and 100 at $2.
	f("all of it is warm", "", turnOf(9_500), "premium", exchange.ReasonSwitchCost, 9_250_000, 10_200_000)
	// Four turns more are 5,000,000 + 2,000,000 each here, and 1,000,000 + 200,000 there.
	f("but it pays over five turns", "move_down: budget", turnOf(9_500), "cheap", exchange.ReasonRule, 9_250_000+4*7_000_000, 10_200_000+4*1_200_000)
	f("as it would without a cache", "turns_ahead: 2", turnOf(0), "cheap", exchange.ReasonRule, 2*52_000_000, 2*10_200_000)
	f("less is", "", turnOf(9_000), "cheap", exchange.ReasonRule, 11_500_000, 10_200_000)
	f("nothing is", "", turnOf(0), "cheap", exchange.ReasonRule, 52_000_000, 10_200_000)
	f("no more can be than the prompt has", "", turnOf(1e9), "premium", exchange.ReasonSwitchCost, 7_000_000, 10_200_000)
	marked := turnOf(9_200)
	marked.Team = "b"
	f("what is written costs more", "", marked, "premium", exchange.ReasonSwitchCost, 10_600_000, 12_700_000)
	both := turnOf(10_000)
	both.User = "u"
	f("the target is of both models", "", both, "premium", exchange.ReasonSwitchCost, 7_000_000, 7_000_000)
	long := turnOf(9_500)
	long.Sticky.Output = 1_000
	f("long answers are worth a move", "", long, "cheap", exchange.ReasonRule, 27_250_000, 12_000_000)
	long.MaxOutput = 100
	f("but not if the client wants short ones", "", long, "premium", exchange.ReasonSwitchCost, 9_250_000, 10_200_000)
	first := turnOf(9_500)
	first.Sticky.Output = 0
	f("no answer is known", "", first, "cheap", exchange.ReasonRule, 13_250_000, 10_600_000)

	easy := turnOf(0)
	easy.BudgetUsed, easy.Complexity = 0, exchange.Complexity{Score: 0.1, Known: true}
	f("a route without a budget", "", easy, "premium", exchange.ReasonSticky, 0, 0)
	f("which may move what saves", "saves", easy, "cheap", exchange.ReasonRule, 52_000_000, 10_200_000)
	easy.Sticky.Warm = 9_500
	f("and keeps what does not", "saves", easy, "premium", exchange.ReasonSwitchCost, 9_250_000, 10_200_000)
	f("unless the policy wants it", "always", easy, "cheap", exchange.ReasonRule, 0, 0)
	f("a policy that moves nothing", "never", turnOf(0), "premium", exchange.ReasonSticky, 0, 0)
	up := turnOf(9_500)
	up.BudgetUsed, up.Tools, up.Sticky.Model, up.Sticky.Target = 0, true, "cheap", "p/small"
	f("up it always goes", "", up, "premium", exchange.ReasonRule, 0, 0)
	named := turnOf(9_500)
	named.Model = "cheap"
	f("a model that is named", "", named, "cheap", exchange.ReasonAsked, 0, 0)

	kept := turnOf(9_500)
	if text := Explain(movingPolicy(t, ""), &kept); !strings.Contains(text.Text(), "kept from cheap: switch costs $0.00095") || text.Kept == nil || text.Kept.Moves != "0.0102" {
		t.Errorf("explained:\n%s", text.Text())
	}
	kept.Sticky.Warm = 0
	if text := Explain(movingPolicy(t, ""), &kept); !strings.Contains(text.Text(), "leaves premium: moving saves $0.0418 on this turn") || text.Kept != nil {
		t.Errorf("explained:\n%s", text.Text())
	}
}

// TestSwitchIsNeverDearer: of the two that were weighed, the dearer one is never chosen.
func TestSwitchIsNeverDearer(t *testing.T) {
	policies := map[string]*policy.Policy{}
	words := []string{"move_down: budget", "move_down: saves", "saves", "always", "never"}
	for _, word := range words {
		policies[word] = movingPolicy(t, word)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := policies[rapid.SampledFrom(words).Draw(t, "move_down")]
		tokens := rapid.Int64Range(0, 200_000)
		last := p.Models[rapid.SampledFrom([]string{"cheap", "marked", "premium", "both"}).Draw(t, "last")]
		f := exchange.Facts{
			At: noon, Team: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "team"), User: rapid.SampledFrom([]string{"", "u"}).Draw(t, "user"),
			Model: policy.Auto, N: 1, PromptTokens: tokens.Draw(t, "prompt"), MaxOutput: rapid.SampledFrom([]int64{0, 10, 5_000}).Draw(t, "cap"),
			BudgetUsed: rapid.Float64Range(0, 1).Draw(t, "used"), Tools: rapid.Bool().Draw(t, "tools"),
			Complexity: exchange.Complexity{Score: rapid.Float64Range(0, 1).Draw(t, "score"), Known: rapid.Bool().Draw(t, "known")},
			Sticky: exchange.Sticky{
				Model: last.Name, Target: rapid.SampledFrom([]string{"p/small", "p/large", "m/small"}).Draw(t, "target"),
				Warm: tokens.Draw(t, "warm"), Output: tokens.Draw(t, "answer"),
			},
		}
		d, fault := Decide(p, &f)
		if fault != nil {
			t.Fatal(fault)
		}
		w := &d.Switch
		switch weighed := w.Target != nil; {
		case (d.Reason == exchange.ReasonSwitchCost) != w.Kept():
			t.Fatalf("%s, but weighed %+v", d.Reason, w)
		case !weighed:
		case w.Kept() && (d.Model != last.Name || w.Moves < w.Stays):
			t.Fatalf("stays with %s at %d, though %s costs %d", d.Model, w.Stays, w.To, w.Moves)
		case !w.Kept() && (d.Model != w.To || w.Moves >= w.Stays):
			t.Fatalf("moves to %s at %d, though %s costs %d", d.Model, w.Moves, last.Name, w.Stays)
		case p.Models[w.To].Rank > last.Rank:
			t.Fatalf("a move up to %s was weighed", w.To)
		}
	})
}

func BenchmarkDecideSwitch(b *testing.B) {
	p, f := movingPolicy(b, ""), turnOf(9_500)
	b.ReportAllocs()
	for b.Loop() {
		if d, _ := Decide(p, &f); d.Reason != exchange.ReasonSwitchCost {
			b.Fatal(d.Reason)
		}
	}
}

func TestSwitchAllocations(t *testing.T) {
	p := movingPolicy(t, "")
	for _, warm := range []int64{0, 9_500} {
		f := turnOf(warm)
		if n := testing.AllocsPerRun(100, func() { _, _ = Decide(p, &f) }); n != 0 {
			t.Errorf("%d tokens warm: %v allocations", warm, n)
		}
	}
}
