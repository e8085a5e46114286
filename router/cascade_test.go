package router

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/policy"
)

const cascading = `version: 1
providers:
  p: { dialect: openai, base_url: http://127.0.0.1:1/v1 }
prices:
  overrides:
    p/small: { input: 0.1, output: 0.4 }
    p/other: { input: 0.1, output: 0.4 }
    p/large: { input: 2, output: 8 }
models:
  cheap: { use: [p/small], max_output_tokens: 500 }
  spare: { use: [p/other] }
  premium: { use: [p/large] }
teams: { t: {} }
routes:
  - name: proved
    when: { model: auto, tools: true }
    to: cheap
    escalate: { to: premium, unless: [complete], agree_with: spare, quality: 98%, shadow: 2% }
  - name: passing
    when: { model: auto, images: true }
    to: cheap
    escalate: { to: premium, unless: [complete], streams: pass, quality: 98%, shadow: 2% }
  - name: checked
    when: { model: auto }
    to: cheap
    escalate: { to: premium, unless: [complete] }
  - name: all
    to: asked
    escalate: { to: premium, unless: [complete] }
default: cheap
`

func TestCascade(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(cascading), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, facts exchange.Facts, model string, why exchange.Reason, cascade bool, instead string) {
		t.Helper()
		facts.Team, facts.N = "t", 1
		d, fault := Decide(p, &facts)
		if fault != nil {
			t.Fatalf("%s: %v", name, fault)
		}
		var to string
		if len(d.Instead.Candidates) > 0 {
			to = d.Instead.Candidates[0].Target
		}
		if d.Model != model || d.Reason != why || (d.Cascade != nil) != cascade || to != instead {
			t.Errorf("%s: %s because %s, cascade %v, instead %q", name, d.Model, d.Reason, d.Cascade != nil, to)
		}
	}
	auto := exchange.Facts{Model: policy.Auto}
	f("checked", auto, "cheap", exchange.ReasonRule, true, "p/large")
	tools := auto
	tools.Tools = true
	f("no certificate", tools, "premium", exchange.ReasonUncertified, true, "")
	tools.Certified = []string{"checked"}
	f("that of another route", tools, "premium", exchange.ReasonUncertified, true, "")
	tools.Certified = []string{"checked", "proved"}
	f("certified", tools, "cheap", exchange.ReasonRule, true, "p/large")
	tools.Sticky = exchange.Sticky{Model: "premium", Target: "p/large"}
	f("the conversation stays", tools, "premium", exchange.ReasonSticky, false, "")
	images := auto
	images.Images, images.Certified = 1, []string{"passing"}
	f("a plain answer", images, "cheap", exchange.ReasonRule, true, "p/large")
	images.Stream = true
	f("a stream that would pass unchecked", images, "premium", exchange.ReasonUncertified, true, "")
	f("pinned", exchange.Facts{Model: "cheap", Pinned: true}, "cheap", exchange.ReasonPinned, false, "")
	f("asked for", exchange.Facts{Model: "cheap"}, "cheap", exchange.ReasonAsked, true, "p/large")
	f("asked for the better one", exchange.Facts{Model: "premium"}, "premium", exchange.ReasonAsked, false, "")
	bound := auto
	bound.Scope = &exchange.KeyScope{Models: []string{"cheap"}}
	f("the key may not use the better one", bound, "cheap", exchange.ReasonRule, true, "")

	d, _ := Decide(p, &exchange.Facts{Team: "t", N: 1, Model: policy.Auto})
	if d.MaxOutput != 500 || d.Instead.MaxOutput != 4096 {
		t.Errorf("caps %d and %d", d.MaxOutput, d.Instead.MaxOutput)
	}
	told := Explain(p, &exchange.Facts{Team: "t", N: 1, Model: policy.Auto, Tools: true})
	if !strings.Contains(told.Text(), "no certificate says that it keeps 98 %") {
		t.Errorf("explained:\n%s", told.Text())
	}
}

// BenchmarkDecideCascade is a decision with a certificate, and reports the slowest of a hundred as well.
func BenchmarkDecideCascade(b *testing.B) {
	p, err := policy.Parse("p.yaml", []byte(cascading), func(string) string { return "" })
	if err != nil {
		b.Fatal(err)
	}
	f := exchange.Facts{Team: "t", N: 1, Model: policy.Auto, Tools: true, Certified: []string{"proved"}}
	took := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		_, _ = Decide(p, &f)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

func TestDecideCascadeAllocations(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(cascading), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	f := exchange.Facts{Team: "t", N: 1, Model: policy.Auto, Tools: true, Certified: []string{"proved"}}
	if n := testing.AllocsPerRun(100, func() { _, _ = Decide(p, &f) }); n != 0 {
		t.Errorf("a decision with a cascade makes %v allocations", n)
	}
}
