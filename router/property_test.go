package router

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/policy"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestDecideIsPure: equal facts and policy give equal decisions, and neither is changed by deciding or explaining.
func TestDecideIsPure(t *testing.T) {
	p, fresh := load(t), load(t)
	before := fingerprint(p)
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(p).Draw(t, "facts")
		kept := *f
		kept.Tags = slices.Clone(f.Tags)

		first, fault := Decide(p, f)
		Explain(p, f)
		second, again := Decide(p, f)
		elsewhere, other := Decide(fresh, f)
		if diff := cmp.Diff(shorten(first), shorten(second)) + cmp.Diff(fault, again); diff != "" {
			t.Fatalf("decided twice, differently:\n%s", diff)
		}
		if diff := cmp.Diff(shorten(first), shorten(elsewhere)) + cmp.Diff(fault, other); diff != "" {
			t.Fatalf("another gateway with the same policy decides differently:\n%s", diff)
		}
		if diff := cmp.Diff(&kept, f); diff != "" {
			t.Fatalf("the facts were changed:\n%s", diff)
		}
		if after := fingerprint(p); after != before {
			t.Fatal("the policy was changed")
		}
	})
}

// TestDecisionsHold checks what is true of every decision.
func TestDecisionsHold(t *testing.T) {
	p := load(t)
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(p).Draw(t, "facts")
		d, fault := Decide(p, f)
		if fault != nil {
			if len(d.Candidates) > 0 || fault.Status < 400 || fault.Message == "" || fault.Hint == "" || d.Reason != fault.Reason {
				t.Fatalf("fault %+v with decision %+v", fault, d)
			}
			return
		}
		m, ok := p.Resolve(d.Model)
		if !ok {
			t.Fatalf("decided for %q, which does not exist", d.Model)
		}
		seen := map[string]bool{}
		for _, c := range d.Candidates {
			if c.Unavailable != "" || c.Price == nil || c.Context > 0 && c.Context < f.PromptTokens || seen[c.Target] {
				t.Fatalf("candidate %+v of %s cannot serve or is listed twice", c, d.Model)
			}
			seen[c.Target] = true
			if !slices.ContainsFunc(m.Use, func(own *exchange.Candidate) bool { return own.Target == c.Target }) {
				t.Fatalf("candidate %s is not of model %s", c.Target, d.Model)
			}
		}
		if seen[f.Sticky.Target] && d.Candidates[0].Target != f.Sticky.Target {
			t.Fatalf("%s served last, but %s goes first", f.Sticky.Target, d.Candidates[0].Target)
		}
		if d.MaxOutput <= 0 || d.MaxOutput > p.Output.MaxTokens || f.MaxOutput > 0 && d.MaxOutput > f.MaxOutput {
			t.Fatalf("cap of %d, asked for %d", d.MaxOutput, f.MaxOutput)
		}
		if f.Pinned && f.Model != policy.Auto && (d.Model != f.Model || d.Reason != exchange.ReasonPinned) {
			t.Fatalf("pinned to %s, but %s because %s", f.Model, d.Model, d.Reason)
		}
		if d.Reason == exchange.ReasonSticky {
			if rule := p.Routes[slices.IndexFunc(p.Routes, func(r *policy.Route) bool { return r.Name == d.Rule })]; f.Model != policy.Auto ||
				rule.When.AsksBudget() || d.Model != f.Sticky.Model {
				t.Fatalf("stays with %s under rule %q", d.Model, d.Rule)
			}
		}
		if d.Baseline != nil && d.Baseline.Price == nil {
			t.Fatal("the baseline has no price")
		}
	})
}

// TestExplainAgrees: what is explained is what is decided.
func TestExplainAgrees(t *testing.T) {
	p := load(t)
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(p).Draw(t, "facts")
		d, fault := Decide(p, f)
		e := Explain(p, f)
		want, got := shorten(d), short{
			Rule: e.Rule, Model: e.Model, Candidates: strings.Join(e.Candidates, " "), Baseline: e.Baseline,
			Observed: strings.Join(e.Observed, ", "), Reason: d.Reason, MaxOutput: e.MaxOutput, Cache: d.Cache,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("decided -, explained +:\n%s", diff)
		}
		if e.Reason != d.Reason.String() || (e.Fault != "") != (fault != nil) || fault == nil && e.Cache != d.Cache.String() {
			t.Fatalf("explained %+v, decided %+v, fault %v", e, d, fault)
		}
		for i, v := range e.Routes {
			r := p.Routes[i]
			ok, failed := r.When.Match(f)
			switch {
			case v.Verdict == NotReached && slices.ContainsFunc(e.Routes[:i], func(v Verdict) bool { return v.Verdict == Decides }):
			case v.Verdict == Decides && ok && !r.Observe && v.Route == e.Rule:
			case v.Verdict == Observed && ok && r.Observe:
			case v.Verdict == NotForKey && ok && f.Scope != nil:
			case v.Verdict == Failed && !ok && v.Key == failed && v.Want != "" && v.Value != "":
			default:
				t.Fatalf("route %q: match %v, failed %q, but verdict %+v", r.Name, ok, failed, v)
			}
		}
		if text := e.Text(); !strings.Contains(text, e.Reason) || strings.Contains(text, "%!") {
			t.Fatalf("text:\n%s", text)
		}
	})
}

func anyFacts(p *policy.Policy) *rapid.Generator[*exchange.Facts] {
	models := append(p.ModelNames(), policy.Auto, policy.Auto, policy.Auto, "openai/gpt-5", "down/one", "local/unpriced", "gone", "no/such")
	targets := []string{"", "no/such"}
	for _, m := range p.Models {
		for _, c := range m.Use {
			targets = append(targets, c.Target)
		}
	}
	slices.Sort(targets)
	return rapid.Custom(func(t *rapid.T) *exchange.Facts {
		f := &exchange.Facts{
			At:    noon.Add(time.Duration(rapid.IntRange(0, 23).Draw(t, "hours")) * time.Hour),
			Team:  rapid.SampledFrom([]string{"search", "support", "other"}).Draw(t, "team"),
			Model: rapid.SampledFrom(models).Draw(t, "model"),
			Tools: rapid.Bool().Draw(t, "tools"), Stream: rapid.Bool().Draw(t, "stream"), N: 1,
			PromptTokens: rapid.SampledFrom([]int64{0, 10, 1499, 1500, 8192, 8193, 130_000, 250_000, 3_000_000}).Draw(t, "prompt"),
			MaxOutput:    rapid.SampledFrom([]int64{0, 1, 5000, 1 << 40}).Draw(t, "max output"),
			BudgetUsed:   rapid.SampledFrom([]float64{0, 0.79, 0.8, 3}).Draw(t, "budget"),
			Complexity:   exchange.Complexity{Score: rapid.Float64Range(0, 1).Draw(t, "score"), Known: rapid.Bool().Draw(t, "known")},
			Scope: rapid.SampledFrom([]*exchange.KeyScope{
				nil, nil, {Models: []string{"cheap"}}, {Models: []string{"openai/*"}}, {Routes: []string{"everything else"}}, {NoPin: true},
			}).Draw(t, "scope"),
			Sticky: exchange.Sticky{
				Model:  rapid.SampledFrom(append(models, "")).Draw(t, "sticky model"),
				Target: rapid.SampledFrom(targets).Draw(t, "sticky target"),
			},
			Pinned: rapid.Bool().Draw(t, "pinned"),
		}
		if rapid.Bool().Draw(t, "tagged") {
			f.Tags = []exchange.Tag{{Name: "kind", Value: rapid.SampledFrom([]string{"batch", "live"}).Draw(t, "kind")}}
		}
		return f
	})
}

// fingerprint writes down everything of a policy that a router could change.
func fingerprint(p *policy.Policy) string {
	var b strings.Builder
	fmt.Fprintln(&b, p.Default, p.Baseline, p.Yardstick, p.Cache, p.Trim, p.Output, p.UnknownPrice)
	for _, name := range slices.Sorted(maps.Keys(p.Models)) {
		m := p.Models[name]
		fmt.Fprintln(&b, m.Name, m.MaxOutput, m.Rank, len(m.Use), cap(m.Use))
		for _, c := range m.Use[:cap(m.Use)] {
			fmt.Fprintf(&b, "%p %+v\n", c, c)
		}
	}
	for _, r := range p.Routes {
		fmt.Fprintf(&b, "%p %+v\n", r, *r)
	}
	return b.String()
}
