package main

import (
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"

	"github.com/google/go-cmp/cmp"
)

func rowOf(call, reason string, change ...func(*row)) row {
	r := row{
		id: "req_" + call, reason: reason, status: 200, cache: "miss", prompt: 10, completion: 5, cost: 1_250_000,
		facts: exchange.Facts{Team: "agents", Tags: []exchange.Tag{{Name: "attempt", Value: "0"}, {Name: "call", Value: call}}},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func TestMatch(t *testing.T) {
	answered := attempt{Client: "go", Call: "c1", ID: "req_c1", Status: 200, Outcome: "answered", CostUSD: "0.00125", Prompt: 10, Completion: 5}
	f := func(name string, a attempt, r row, unexplained, unequal string) {
		t.Helper()
		got := match([]attempt{a}, []row{r})
		check := func(what string, got []string, want string) {
			t.Helper()
			if text := strings.Join(got, "\n"); want == "" && text != "" || !strings.Contains(text, want) {
				t.Errorf("%s: %s is %q, want it to have %q", name, what, text, want)
			}
		}
		check("unexplained", got.unexplained, unexplained)
		check("unequal", got.unequal, unequal)
	}
	f("answered", answered, rowOf("c1", "answered"), "", "")
	f("another cost", answered, rowOf("c1", "answered", func(r *row) { r.cost++ }), "", "booked are $0.001250001")
	f("other usage", answered, rowOf("c1", "answered", func(r *row) { r.completion++ }), "", "booked are 10+6")
	f("another id", attempt{Client: "go", Call: "c1", ID: "req_x", Status: 200, Outcome: "answered"}, rowOf("c1", "answered"), "", "told the id req_x")
	f("no row", answered, rowOf("c2", "answered"), "", "has 0 rows")
	f("a row too many", answered, rowOf("c2", "answered"), "", "is of no request")
	f("aborted without an id", attempt{Client: "go", Call: "c1", Outcome: "aborted"}, rowOf("c1", "client_gone"), "", "")
	f("server error", attempt{Client: "go", Call: "c1", Status: 502, Outcome: "error"}, rowOf("c1", "upstream_failed"), "status 502", "")
	f("connection lost", attempt{Client: "go", Call: "c1", Outcome: "error", Error: "EOF"}, rowOf("c1", "answered"), "EOF", "")
	spent := attempt{Client: "go", Call: "c1", Status: 429, Code: "budget_exceeded", Outcome: "error"}
	free := func(r *row) { r.cost, r.status = 0, 429 }
	f("spent by design", spent, rowOf("c1", "budget_spent", free, func(r *row) { r.facts.Team = "capped" }), "", "")
	f("spent by accident", spent, rowOf("c1", "budget_spent", free), "status 429", "")
	f("too long", attempt{Client: "go", Call: "c1", Status: 400, Outcome: "error", Error: "request (9 tokens) exceeds the available context size (8 tokens)"},
		rowOf("c1", "provider_refused"), "", "")
}

func TestWindowsOf(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(`version: 1
timezone: UTC
providers: { local: { dialect: openai, base_url: "http://127.0.0.1:1/v1" } }
models: { cheap: { use: [local/tiny] } }
prices: { overrides: { local/tiny: { input: 1, output: 1 } } }
default: cheap
teams: { agents: { owner: a@example.com }, chats: { owner: c@example.com } }
budgets:
  - { everyone: true, daily_usd: 1 }
  - { team: agents, monthly_usd: 1 }
routes: [ { name: all, to: asked } ]
`), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	evening := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	at := func(after time.Duration, team string) func(*row) {
		return func(r *row) { r.time, r.facts.Team = evening.Add(after).UnixNano(), team }
	}
	rows := []row{
		rowOf("c1", "answered", at(0, "agents")),
		rowOf("c2", "answered", at(2*time.Minute, "agents")),
		rowOf("c3", "answered", at(2*time.Minute, "chats")),
		{id: "req_c1", kind: ledger.KindCorrection, time: evening.Add(time.Hour).UnixNano(), cost: -250_000}, // goes where c1 went
	}
	got := map[string]int64{}
	for _, w := range windowsOf(p, rows) {
		got[w.key] = int64(w.booked)
	}
	want := map[string]int64{
		"everyone/daily/2026-11-23": 1_000_000, "everyone/daily/2026-11-24": 2_500_000, "team=agents/monthly/2026-11": 2_250_000,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("windows (-want +got):\n%s", diff)
	}
}
