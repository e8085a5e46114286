package router

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/policy"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC) // in New York

func load(t testing.TB, edits ...string) *policy.Policy {
	t.Helper()
	src, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("the policy has no %q to replace", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	p, err := policy.Parse("policy.yaml", []byte(text), func(name string) string {
		if name == "MISSING_API_KEY" {
			return ""
		}
		return "sk-test"
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// facts are those of an ordinary request, changed as a test wants.
func facts(change func(*exchange.Facts)) *exchange.Facts {
	f := &exchange.Facts{At: noon, Team: "support", Key: "k1", Model: policy.Auto, N: 1, Turns: 1, PromptTokens: 800}
	if change != nil {
		change(f)
	}
	return f
}

// short is a decision in the words of a test.
type short struct {
	Rule, Model, Candidates, Baseline, Observed string
	Reason                                      exchange.Reason
	MaxOutput                                   int64
	Cache                                       exchange.CacheMode
}

func shorten(d exchange.Decision) short {
	names := make([]string, len(d.Candidates))
	for i, c := range d.Candidates {
		names[i] = c.Target
	}
	s := short{
		Rule: d.Rule, Model: d.Model, Candidates: strings.Join(names, " "), Observed: strings.Join(d.Observed, ", "), Reason: d.Reason,
		MaxOutput: d.MaxOutput, Cache: d.Cache,
	}
	if d.Baseline != nil {
		s.Baseline = d.Baseline.Target
	}
	return s
}

const (
	cheapTargets    = "openai/gpt-4.1-nano openai/gpt-4o-mini"
	standardTargets = "openai/gpt-5-mini anthropic/claude-haiku-4-5"
	premiumTargets  = "anthropic/claude-sonnet-4-5 openai/gpt-5"
	yardstick       = "anthropic/claude-sonnet-4-5"
	rest            = "everything else"
)

func TestDecide(t *testing.T) {
	type decided = short
	for _, c := range []struct {
		name   string
		change func(*exchange.Facts)
		want   decided
	}{
		{
			"auto goes to the default", nil,
			decided{Rule: rest, Model: "standard", Candidates: standardTargets, Baseline: yardstick, Reason: exchange.ReasonDefault, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"a short lookup goes cheap", func(f *exchange.Facts) { f.Complexity = exchange.Complexity{Score: 0.1, Known: true} },
			decided{Rule: "short questions go cheap", Model: "cheap", Candidates: cheapTargets, Baseline: yardstick, Reason: exchange.ReasonRule, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"a complexity that is not known is not low", func(f *exchange.Facts) { f.Complexity = exchange.Complexity{Score: 0.1} },
			decided{Rule: rest, Model: "standard", Candidates: standardTargets, Baseline: yardstick, Reason: exchange.ReasonDefault, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"a model that is named is honoured", func(f *exchange.Facts) { f.Model = "premium" },
			decided{Rule: rest, Model: "premium", Candidates: premiumTargets, Baseline: yardstick, Reason: exchange.ReasonAsked, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"a target by its own name", func(f *exchange.Facts) { f.Model = "openai/gpt-4o-mini" },
			decided{Rule: rest, Model: "openai/gpt-4o-mini", Candidates: "openai/gpt-4o-mini", Baseline: "openai/gpt-4o-mini", Reason: exchange.ReasonAsked, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"a target that the policy does not list", func(f *exchange.Facts) { f.Model = "openai/gpt-5-nano" },
			decided{Rule: rest, Model: "openai/gpt-5-nano", Candidates: "openai/gpt-5-nano", Baseline: "openai/gpt-5-nano", Reason: exchange.ReasonAsked, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"a rule may send a named model elsewhere", func(f *exchange.Facts) {
				f.Model, f.Tags = "premium", []exchange.Tag{{Name: "kind", Value: "batch"}}
			},
			decided{Rule: "batches go cheap", Model: "cheap", Candidates: cheapTargets, Baseline: yardstick, Reason: exchange.ReasonRule, MaxOutput: 1024, Cache: exchange.CacheOff},
		},
		{
			"a pin wins over every route", func(f *exchange.Facts) {
				f.Model, f.Pinned, f.Tags = "premium", true, []exchange.Tag{{Name: "kind", Value: "batch"}}
			},
			decided{Model: "premium", Candidates: premiumTargets, Baseline: yardstick, Reason: exchange.ReasonPinned, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"there is nothing to pin in auto", func(f *exchange.Facts) { f.Pinned = true },
			decided{Rule: rest, Model: "standard", Candidates: standardTargets, Baseline: yardstick, Reason: exchange.ReasonDefault, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"observed routes are noted and change nothing", func(f *exchange.Facts) {
				f.Complexity, f.At = exchange.Complexity{Score: 0.7, Known: true}, noon.Add(11*time.Hour)
			},
			decided{
				Rule: rest, Model: "standard", Candidates: standardTargets, Baseline: yardstick, Reason: exchange.ReasonDefault, MaxOutput: 1024,
				Cache: exchange.CacheOn, Observed: "hard work goes premium, nights are seen",
			},
		},
		{
			"a route's cache mode", func(f *exchange.Facts) { f.Tools = true },
			decided{Rule: "tools go premium", Model: "premium", Candidates: premiumTargets, Baseline: yardstick, Reason: exchange.ReasonRule, MaxOutput: 1024, Cache: exchange.CacheRead},
		},
		{
			"the budget's share", func(f *exchange.Facts) { f.Team, f.BudgetUsed = "search", 0.8 },
			decided{Rule: "search protects its budget", Model: "cheap", Candidates: cheapTargets, Baseline: yardstick, Reason: exchange.ReasonRule, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"targets that cannot serve are left out", func(f *exchange.Facts) { f.Model = "mixed" },
			decided{Rule: rest, Model: "mixed", Candidates: "openai/gpt-5-mini openai/gpt-4", Baseline: "down/one", Reason: exchange.ReasonAsked, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"too small a context", func(f *exchange.Facts) { f.Model, f.PromptTokens = "small", 8193 },
			decided{Rule: rest, Model: "small", Candidates: "openai/gpt-4-turbo", Baseline: "openai/gpt-4", Reason: exchange.ReasonAsked, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
		{
			"a context that just fits", func(f *exchange.Facts) { f.Model, f.PromptTokens = "small", 8192 },
			decided{Rule: rest, Model: "small", Candidates: "openai/gpt-4 openai/gpt-4-turbo", Baseline: "openai/gpt-4", Reason: exchange.ReasonAsked, MaxOutput: 1024, Cache: exchange.CacheOn},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, fault := Decide(load(t), facts(c.change))
			if fault != nil {
				t.Fatal(fault)
			}
			if diff := cmp.Diff(c.want, shorten(d)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if d.Trim != (exchange.Trim{KeepLastTurns: 3}) {
				t.Errorf("trim is %+v", d.Trim)
			}
		})
	}
}

func TestOutputCap(t *testing.T) {
	const huge = 1 << 40
	for _, c := range []struct {
		name, model string
		asked, want int64
	}{
		{"the policy's usual cap", "standard", 0, 1024},
		{"the cap asked for", "standard", 77, 77},
		{"the policy's bound", "standard", huge, 10000},
		{"the model's bound", "premium", huge, 8000},
		{"the bound of the target that allows most", "small", huge, 8192},
		{"which may be the only one", "openai/gpt-4-turbo", huge, 4096},
		{"a target of no known bound", "down/two", huge, 10000},
	} {
		p := load(t)
		if c.model == "down/two" {
			p = load(t, "down:      { dialect: openai, base_url: https://down.example/v1, key_env: MISSING_API_KEY }", "down: { dialect: openai, base_url: https://down.example/v1 }")
		}
		d, fault := Decide(p, facts(func(f *exchange.Facts) { f.Model, f.MaxOutput = c.model, c.asked }))
		if fault != nil || d.MaxOutput != c.want {
			t.Errorf("%s: %d tokens, want %d (%v)", c.name, d.MaxOutput, c.want, fault)
		}
	}
}

func TestStickiness(t *testing.T) {
	low, tools := exchange.Complexity{Score: 0.1, Known: true}, true
	for _, c := range []struct {
		name              string
		change            func(*exchange.Facts)
		model, candidates string
		reason            exchange.Reason
	}{
		{
			"a conversation does not bounce down",
			func(f *exchange.Facts) { f.Complexity, f.Sticky.Model = low, "premium" },
			"premium", premiumTargets, exchange.ReasonSticky,
		},
		{
			"but goes up",
			func(f *exchange.Facts) { f.Tools, f.Sticky.Model = tools, "cheap" },
			"premium", premiumTargets, exchange.ReasonRule,
		},
		{
			"where it is sent anyway is no stickiness",
			func(f *exchange.Facts) { f.Tools, f.Sticky.Model = tools, "premium" },
			"premium", premiumTargets, exchange.ReasonRule,
		},
		{
			"a budget is stronger",
			func(f *exchange.Facts) { f.Team, f.BudgetUsed, f.Sticky.Model = "search", 0.9, "premium" },
			"cheap", cheapTargets, exchange.ReasonRule,
		},
		{
			"a model that is named is stronger",
			func(f *exchange.Facts) { f.Model, f.Sticky.Model = "cheap", "premium" },
			"cheap", cheapTargets, exchange.ReasonAsked,
		},
		{
			"a model that is gone is forgotten",
			func(f *exchange.Facts) { f.Sticky.Model = "retired" },
			"standard", standardTargets, exchange.ReasonDefault,
		},
		{
			"a model that cannot serve this turn is left",
			func(f *exchange.Facts) { f.Complexity, f.Sticky.Model = low, "dark" },
			"cheap", cheapTargets, exchange.ReasonRule,
		},
		{
			"a target by name is stayed with, too",
			func(f *exchange.Facts) { f.Sticky.Model = "openai/gpt-5" },
			"openai/gpt-5", "openai/gpt-5", exchange.ReasonSticky,
		},
		{
			"the target that answered last goes first",
			func(f *exchange.Facts) {
				f.Sticky = exchange.Sticky{Model: "standard", Target: "anthropic/claude-haiku-4-5"}
			},
			"standard", "anthropic/claude-haiku-4-5 openai/gpt-5-mini", exchange.ReasonDefault,
		},
		{
			"also behind targets that are left out",
			func(f *exchange.Facts) {
				f.Model, f.Sticky = "mixed", exchange.Sticky{Model: "mixed", Target: "openai/gpt-4"}
			},
			"mixed", "openai/gpt-4 openai/gpt-5-mini", exchange.ReasonAsked,
		},
		{
			"a target that cannot serve does not",
			func(f *exchange.Facts) {
				f.Model, f.Sticky = "mixed", exchange.Sticky{Model: "mixed", Target: "down/one"}
			},
			"mixed", "openai/gpt-5-mini openai/gpt-4", exchange.ReasonAsked,
		},
		{
			"a target of another model does not",
			func(f *exchange.Facts) {
				f.Tools, f.Sticky = true, exchange.Sticky{Model: "cheap", Target: "openai/gpt-4o-mini"}
			},
			"premium", premiumTargets, exchange.ReasonRule,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, fault := Decide(load(t), facts(c.change))
			if fault != nil {
				t.Fatal(fault)
			}
			got := shorten(d)
			if got.Model != c.model || got.Candidates != c.candidates || got.Reason != c.reason {
				t.Errorf("goes to %s (%s) because %s, want %s (%s) because %s", got.Model, got.Candidates, got.Reason, c.model, c.candidates, c.reason)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*exchange.Facts)
		status int
		code   string
		reason exchange.Reason
		says   []string
	}{
		{
			"no such model", func(f *exchange.Facts) { f.Model = "gpt-9" }, 404, "model_not_found", exchange.ReasonUnknownModel,
			[]string{`"gpt-9"`, "auto, cheap, dark, mixed, premium", "anthropic/MODEL, down/MODEL"},
		},
		{
			"no such provider", func(f *exchange.Facts) { f.Model = "nobody/gpt-9" }, 404, "model_not_found", exchange.ReasonUnknownModel, nil,
		},
		{
			"a huge name is cut", func(f *exchange.Facts) { f.Model = strings.Repeat("x", 5000) }, 404, "model_not_found", exchange.ReasonUnknownModel,
			[]string{"xxx\"..."},
		},
		{
			"a pin does not help a model that does not exist", func(f *exchange.Facts) { f.Model, f.Pinned = "gpt-9", true }, 404, "model_not_found",
			exchange.ReasonUnknownModel, nil,
		},
		{
			"no target is available", func(f *exchange.Facts) { f.Model = "dark" }, 503, "no_candidate", exchange.ReasonNoCandidate,
			[]string{`"dark"`, "down/one (", "down/two (", "MISSING_API_KEY"},
		},
		{
			"a pinned model is not replaced", func(f *exchange.Facts) { f.Model, f.Pinned = "dark", true }, 503, "no_candidate", exchange.ReasonNoCandidate, nil,
		},
		{
			"no target has a price", func(f *exchange.Facts) { f.Model = "unpriced" }, 503, "unknown_price", exchange.ReasonUnknownPrice,
			[]string{"local/unpriced", "prices.overrides: { local/unpriced: {"},
		},
		{
			"the prompt is too long", func(f *exchange.Facts) { f.Model, f.PromptTokens = "small", 200_000 }, 400, "context_length_exceeded",
			exchange.ReasonContextTooLong,
			[]string{"200000 tokens", "openai/gpt-4 (8192), openai/gpt-4-turbo (128000)"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, fault := Decide(load(t), facts(c.change))
			if fault == nil {
				t.Fatalf("decided %+v, want a fault", d)
			}
			if fault.Status != c.status || fault.Code != c.code || fault.Reason != c.reason || d.Reason != c.reason {
				t.Errorf("fault %d %s %s (decision %s), want %d %s %s", fault.Status, fault.Code, fault.Reason, d.Reason, c.status, c.code, c.reason)
			}
			for _, part := range c.says {
				if !strings.Contains(fault.Error(), part) {
					t.Errorf("fault does not say %q:\n%s", part, fault)
				}
			}
			if len(fault.Message) > 600 || fault.Hint == "" {
				t.Errorf("fault is too long or without a hint:\n%s", fault)
			}
		})
	}
}

func TestPolicySettings(t *testing.T) {
	t.Run("unknown prices may be assumed", func(t *testing.T) {
		p := load(t, "unknown: deny", "unknown: assume, assume_usd: { input: 10, output: 50 }")
		d, fault := Decide(p, facts(func(f *exchange.Facts) { f.Model = "unpriced" }))
		if fault != nil || shorten(d).Candidates != "local/unpriced" {
			t.Errorf("Decide = %+v, %v", shorten(d), fault)
		}
	})
	t.Run("a prompt that will be trimmed may be longer than the context", func(t *testing.T) {
		p := load(t, "keep_last_turns: 3", "keep_last_turns: 3, max_prompt_tokens: 6000")
		d, fault := Decide(p, facts(func(f *exchange.Facts) { f.Model, f.PromptTokens = "small", 200_000 }))
		if fault != nil || len(d.Candidates) != 2 {
			t.Errorf("Decide = %+v, %v", shorten(d), fault)
		}
	})
	t.Run("no cache, not even for a pin", func(t *testing.T) {
		p := load(t, "cache:  { exact: { ttl: 24h } }", "")
		for _, pinned := range []bool{false, true} {
			d, fault := Decide(p, facts(func(f *exchange.Facts) { f.Model, f.Pinned = "premium", pinned }))
			if fault != nil || d.Cache != exchange.CacheOff {
				t.Errorf("pinned %v: cache %s, %v", pinned, d.Cache, fault)
			}
		}
	})
	t.Run("a baseline without a price is none", func(t *testing.T) {
		p := load(t, "mixed:    { use: [down/one,", "mixed:    { use: [local/unpriced, down/one,", ", local/unpriced, openai/gpt-4]", ", openai/gpt-4]")
		d, fault := Decide(p, facts(func(f *exchange.Facts) { f.Model = "mixed" }))
		if fault != nil || d.Baseline != nil {
			t.Errorf("baseline is %v, %v", d.Baseline, fault)
		}
	})
}

// TestSharedSlice: appending to a decision's candidates must not write into the policy.
func TestSharedSlice(t *testing.T) {
	p := load(t)
	before := slices.Clone(p.Models["standard"].Use)
	d, _ := Decide(p, facts(nil))
	_ = append(d.Candidates, nil)
	if !slices.Equal(before, p.Models["standard"].Use) || cap(d.Candidates) != len(d.Candidates) {
		t.Error("the decision's candidates have room in the policy's slice")
	}
}
