package proxy

import (
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/policy"
	"bursar/pricing"
	"bursar/prompt"

	"pgregory.net/rapid"
)

// TestSavingsSumToBaselineMinusCost to the nano-dollar, whatever was used, trimmed, hit, and whatever it costs.
func TestSavingsSumToBaselineMinusCost(t *testing.T) {
	s := new(Server)
	using := &generation{policy: &policy.Policy{Providers: map[string]*policy.Provider{"p": {}, "marked": {MarksPrompts: true}}}}
	rapid.Check(t, func(t *rapid.T) {
		rate := func(name string) pricing.Pico { return pricing.Pico(rapid.Int64Range(0, 1e9).Draw(t, name)) }
		price := func(name string) *pricing.Price {
			if rapid.IntRange(0, 9).Draw(t, name+" unknown") == 0 {
				return nil
			}
			return pricing.Flat("p", name, pricing.Rates{
				Input: rate("input"), CacheRead: rate("read"), CacheWrite: rate("write"), Output: rate("output"), Reasoning: rate("reasoning"),
				PerRequest: pricing.Nano(rapid.Int64Range(0, 1e9).Draw(t, "per request")),
			})
		}
		count := func(name string) int64 { return rapid.Int64Range(0, 1e6).Draw(t, name) }
		x := &trip{using: using, hit: rapid.Bool().Draw(t, "hit"), marks: make([]prompt.Prefix, rapid.IntRange(0, 3).Draw(t, "marks"))}
		x.Start = time.Unix(1_795_000_000, 0)
		x.Outcome.Trimmed = count("trimmed")
		x.Outcome.Served = &exchange.Candidate{Price: price("served")}
		if rapid.Bool().Draw(t, "has baseline") {
			x.Decision.Baseline = &exchange.Candidate{Provider: rapid.SampledFrom([]string{"p", "marked"}).Draw(t, "provider"), Price: price("baseline")}
		}
		usage := pricing.Usage{
			Input: count("in"), CacheRead: count("cached"), CacheWrite: count("written"), Output: count("out"), Reasoning: count("thought"),
			Tier: rapid.SampledFrom([]string{"", "flex", "priority"}).Draw(t, "tier"),
		}
		for range 2 { // a stream is priced more than once
			s.price(x, usage)
		}
		out := &x.Outcome
		if out.Saved.Sum() != out.Baseline-out.Cost {
			t.Fatalf("saved %v, baseline %d, cost %d", out.Saved, out.Baseline, out.Cost)
		}
		if x.hit && out.Cost != 0 || out.Cost < 0 || out.Baseline < 0 || out.Usage != usage {
			t.Fatalf("hit %v: %+v", x.hit, out)
		}
		if p := out.Served.Price; p != nil && !x.hit && out.Cost != p.Cost(&usage, x.Start) {
			t.Fatalf("cost %d, want %d", out.Cost, p.Cost(&usage, x.Start))
		}
		if (len(x.marks) == 0 || x.hit) && out.Saved[exchange.LeverPromptCache] != 0 {
			t.Fatalf("no marks of ours saved %d", out.Saved[exchange.LeverPromptCache])
		}
		if out.Trimmed == 0 && out.Saved[exchange.LeverTrim] != 0 || out.Saved[exchange.LeverTrim] < 0 {
			t.Fatalf("trim of %d saved %d", out.Trimmed, out.Saved[exchange.LeverTrim])
		}
	})
}

// TestSavingsOfPromptCache: a write that nobody reads is a loss, and stands as one; what is read is a gain; and a baseline whose provider caches without
// marks would have had the same.
func TestSavingsOfPromptCache(t *testing.T) {
	using := &generation{policy: &policy.Policy{Providers: map[string]*policy.Provider{"openai": {}, "anthropic": {MarksPrompts: true}}}}
	claude := pricing.Flat("anthropic", "claude", pricing.Rates{Input: 3_000_000, CacheRead: 300_000, CacheWrite: 3_750_000, Output: 15_000_000})
	f := func(baseline string, u pricing.Usage, wantCache, wantBaseline pricing.Nano) {
		t.Helper()
		x := &trip{using: using, marks: make([]prompt.Prefix, 1)}
		x.Outcome.Served = &exchange.Candidate{Provider: "anthropic", Price: claude}
		x.Decision.Baseline = &exchange.Candidate{Provider: baseline, Price: claude}
		new(Server).price(x, u)
		if out := &x.Outcome; out.Saved[exchange.LeverPromptCache] != wantCache || out.Baseline != wantBaseline || out.Saved.Sum() != out.Baseline-out.Cost {
			t.Errorf("%+v: saved %v, baseline %d; want %d and %d", u, out.Saved, out.Baseline, wantCache, wantBaseline)
		}
	}
	f("anthropic", pricing.Usage{Input: 10, CacheWrite: 1000}, -750_000, 3_030_000)
	f("anthropic", pricing.Usage{Input: 10, CacheRead: 1000}, 2_700_000, 3_030_000)
	f("openai", pricing.Usage{Input: 10, CacheRead: 1000}, 2_700_000, 330_000)
}

// TestSavingsOfTrim: what was cut out of the prompt is saved at the price of the model that served.
func TestSavingsOfTrim(t *testing.T) {
	h := open(t, plan{sections: cached + "trim: { max_prompt_tokens: 60, keep_last_turns: 1 }\n"})
	long := `{"model":"auto","messages":[{"role":"user","content":"the first question, which is rather long and about nothing much at all, as it goes"},` +
		`{"role":"assistant","content":"the first answer, which is no shorter than that, and goes on and on as well"},{"role":"user","content":"and now?"}]}`
	h.up.On("small", testkit.Script{PromptTokens: 50})
	got := h.post(long)
	row := h.row(got.id())
	if row.Trimmed == 0 || got.header.Get("x-bursar-trimmed-tokens") == "0" || len(h.up.Last("small").Body) >= len(long) {
		t.Fatalf("nothing trimmed: %+v", row)
	}
	if want := pricing.Nano(row.Trimmed * 2000); row.Saved[exchange.LeverTrim] != want {
		t.Errorf("trim saved %d, want %d", row.Saved[exchange.LeverTrim], want)
	}
	hit := h.row(h.post(long).id())
	if hit.Cache != "hit" || hit.Saved.Sum() != hit.Baseline {
		t.Errorf("row %+v", hit)
	}
}

// TestConversationStaysWithItsModel: its second turn looks easy, but the prompt cache of the first is warm.
func TestConversationStaysWithItsModel(t *testing.T) {
	const sections = `
models: { small: { use: [fake/small, fake/spare] }, big: { use: [fake/big] } }
prices: { overrides: { fake/small: { input: 2, output: 4 }, fake/spare: { input: 2, output: 4 }, fake/big: { input: 10, output: 50 } } }
routes:
  - { name: long goes big, when: { prompt_tokens: "> 100" }, to: big }
  - { name: rest, to: small }
`
	h := open(t, plan{sections: sections})
	turn := func(text string) string { return `{"role":"user","content":"` + text + `"}` }
	const answer = `{"role":"assistant","content":"ok"}`
	ask := func(messages string) exchange.Exchange {
		got := h.post(`{"model":"auto","messages":[` + messages + `]}`)
		if got.status != 200 {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		return h.outcome(got.id())
	}
	opening := turn("hello there, what do you know of conversations?")
	if x := ask(opening); x.Outcome.Served.Target != "fake/small" || x.Decision.Reason != exchange.ReasonRule {
		t.Errorf("first turn by %s: %s", x.Outcome.Served.Target, x.Decision.Reason)
	}
	long := "now " + longText
	if x := ask(opening + "," + answer + "," + turn(long)); x.Outcome.Served.Target != "fake/big" {
		t.Errorf("a hard turn by %s", x.Outcome.Served.Target)
	}
	if x := ask(opening + "," + answer + "," + turn("thanks")); x.Outcome.Served.Target != "fake/big" || x.Decision.Reason != exchange.ReasonSticky {
		t.Errorf("the turn after it by %s: %s", x.Outcome.Served.Target, x.Decision.Reason)
	}
	if x := ask(turn("another conversation")); x.Outcome.Served.Target != "fake/small" {
		t.Errorf("another conversation by %s", x.Outcome.Served.Target)
	}
	// Of a model's targets, the one that answered is asked first, even when the one before it is well again.
	h.up.On("small", testkit.Script{Status: 500}, testkit.Script{})
	third := turn("a third one")
	for range 2 {
		if x := ask(third); x.Outcome.Served.Target != "fake/spare" {
			t.Errorf("by %s", x.Outcome.Served.Target)
		}
	}
}

const longText = "one two three four five six seven eight nine ten one two three four five six seven eight nine ten one two three four five " +
	"six seven eight nine ten one two three four five six seven eight nine ten one two three four five six seven eight nine ten one two three " +
	"one two three four five six seven eight nine ten one two three four five six seven eight nine ten one two three four five six seven"
