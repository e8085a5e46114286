package admin

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/cache/semantic"
	"bursar/exchange"
	"bursar/pricing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// settled is a request as Record sees it.
func settled(team string, cost, saved pricing.Nano) *exchange.Exchange {
	x := &exchange.Exchange{}
	x.Identity = exchange.Identity{KeyID: "k-0123456789ab", Team: team, User: "ann@example.com"}
	x.Decision.Rule = "as asked"
	x.Outcome = exchange.Outcome{
		Reason: exchange.ReasonAnswered, Served: &exchange.Candidate{Target: "openai/gpt-5"}, Cache: "miss", Cost: cost,
		Usage: pricing.Usage{Input: 10, CacheRead: 5, CacheWrite: 3, CacheWrite1h: 1, Output: 7, Reasoning: 2}, FirstByte: time.Millisecond, Duration: 2 * time.Second,
	}
	x.Outcome.Saved[exchange.LeverRoute] = saved
	x.Outcome.Steps[exchange.StepForward] = time.Second
	return x
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	deps := house()
	deps.Metrics = m
	w := ask(t, deps, http.MethodGet, "/metrics")
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestMetrics: what a request was and cost is counted under labels of few values: no key and no user is among them.
func TestMetrics(t *testing.T) {
	m := NewMetrics()
	m.Record(settled("search", 1_500_000_000, 250_000_000))
	m.Record(settled("search", 500_000_000, -1_000_000_000))
	hit := settled("search", 0, 2_000_000_000)
	hit.Outcome.Cache, hit.Outcome.Reason, hit.Facts.Stream = "hit", exchange.ReasonExactHit, true
	m.Record(hit)
	refused := settled("search", 0, 0)
	refused.Outcome.Served, refused.Outcome.Reason, refused.Outcome.Usage, refused.Outcome.FirstByte = nil, exchange.ReasonBudgetSpent, pricing.Usage{}, 0
	m.Record(refused)
	m.Warned()
	m.Gauge("holds_open", "Holds.", func() float64 { return 3 })
	text := scrape(t, m)
	for _, want := range []string{
		`bursar_requests_total{cache="miss",model="openai/gpt-5",reason="answered",rule="as asked",team="search"} 2`,
		`bursar_requests_total{cache="hit",model="openai/gpt-5",reason="exact_hit",rule="as asked",team="search"} 1`,
		`bursar_requests_total{cache="miss",model="",reason="budget_spent",rule="as asked",team="search"} 1`,
		`bursar_cost_usd_total{model="openai/gpt-5",team="search"} 2`,
		`bursar_saved_usd{lever="route",team="search"} 1.25`,
		`bursar_tokens_total{kind="input",model="openai/gpt-5",team="search"} 20`, // a hit used none
		`bursar_tokens_total{kind="cache_read",model="openai/gpt-5",team="search"} 10`,
		`bursar_tokens_total{kind="cache_write",model="openai/gpt-5",team="search"} 8`,
		`bursar_tokens_total{kind="output",model="openai/gpt-5",team="search"} 18`,
		`bursar_request_duration_seconds_count{model="openai/gpt-5",stream="false"} 2`,
		`bursar_request_duration_seconds_count{model="openai/gpt-5",stream="true"} 1`,
		`bursar_step_seconds_total{step="forward"} 4`,
		`bursar_warnings_total 1`,
		`bursar_holds_open 3`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("without %s", want)
		}
	}
	if strings.Contains(text, "k-0123456789ab") || strings.Contains(text, "ann@example.com") {
		t.Error("a key or a user is a label")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestMetricsOfReloads(t *testing.T) {
	m := NewMetrics()
	f := func(err error, wants ...string) {
		t.Helper()
		m.PolicyLoaded(err)
		text := scrape(t, m)
		for _, want := range wants {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("without %s", want)
			}
		}
	}
	f(nil, "bursar_policy_last_reload_successful 1", `bursar_policy_reloads_total{result="ok"} 1`)
	f(errors.New("broken"), "bursar_policy_last_reload_successful 0", `bursar_policy_reloads_total{result="failed"} 1`)
	f(nil, "bursar_policy_last_reload_successful 1", `bursar_policy_reloads_total{result="ok"} 2`)
}

// TestMetricsLint holds names, units and help to what Prometheus asks for.
func TestMetricsLint(t *testing.T) {
	m := NewMetrics()
	m.Record(settled("search", 1, 1))
	m.PolicyLoaded(nil)
	m.Semantic(semantic.NewCache(semantic.CacheOptions{}).Stats)
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "bursar_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestMetricsAtOnce: many requests of one new combination of labels end at once, and none is lost.
func TestMetricsAtOnce(t *testing.T) {
	m := NewMetrics()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 100 {
				m.Record(settled("search", 1, 0))
			}
		})
	}
	all.Wait()
	if text := scrape(t, m); !strings.Contains(text, `team="search"} 1600`+"\n") {
		t.Error(text)
	}
}

// TestMetricsOfTheSemanticCache: hits, checks and what they save by team and route, and how the contexts stand.
func TestMetricsOfTheSemanticCache(t *testing.T) {
	m := NewMetrics()
	m.Semantic(func() semantic.Stats {
		s := semantic.Stats{Partitions: 3, Certified: 1, Entries: 7, Bytes: 900, Labels: 50, Bound: 0.04, Estimate: 0.03, Busiest: []semantic.State{{Target: 0.05}, {Target: 0.02}}}
		s.Verdicts[semantic.Served], s.Verdicts[semantic.Conflicting], s.Checked, s.CheckedWrong = 5, 2, 4, 1
		s.Took.Sizes[0], s.Took.Sizes[len(semantic.Bounds)], s.Took.Sum = 6, 1, time.Second
		return s
	})
	for _, word := range []string{"semantic", "semantic", "shadow", "miss"} {
		x := settled("search", 1, 0)
		x.Outcome.Cache, x.Outcome.Saved = word, exchange.Savings{}
		if word == "semantic" {
			x.Outcome.Saved[exchange.LeverSemantic] = pricing.Dollar
		}
		m.Record(x)
	}
	text := scrape(t, m)
	for _, want := range []string{
		`bursar_semantic_lookups_total{verdict="served"} 5`, `bursar_semantic_lookups_total{verdict="conflicting"} 2`, `bursar_semantic_checked_total{result="wrong"} 1`,
		`bursar_semantic_checked_total{result="right"} 3`, `bursar_semantic_partitions{certified="true"} 1`, `bursar_semantic_false_hit_target 0.02`, `bursar_semantic_false_hit_bound 0.04`,
		`bursar_semantic_entries 7`, `bursar_semantic_index_bytes 900`, `bursar_semantic_samples 50`, `bursar_semantic_lookup_seconds_count 7`, `bursar_semantic_lookup_seconds_bucket{le="5e-05"} 6`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("without %s", want)
		}
	}
	for _, want := range []string{`bursar_semantic_hits_total{`, `bursar_semantic_saved_usd_total{`, `bursar_semantic_checks_total{`} {
		i := strings.Index(text, want)
		if i < 0 {
			t.Fatalf("without %s", want)
		}
		line, _, _ := strings.Cut(text[i:], "\n")
		if value := map[bool]string{true: "} 1", false: "} 2"}[strings.Contains(want, "checks")]; !strings.Contains(line, `team="search"`) || !strings.HasSuffix(line, value) {
			t.Errorf("%s", line)
		}
	}
	if line := m.tally.read()[0]; line.Requests != 4 || line.Semantic != 2 || line.Checked != 1 || line.Meaning != 2*pricing.Dollar {
		t.Errorf("%+v", line)
	}
}
