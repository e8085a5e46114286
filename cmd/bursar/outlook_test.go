package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bursar/ledger"
)

const outlookPolicies = `version: 1
timezone: Europe/Berlin
providers:
  fake: { dialect: openai, base_url: http://127.0.0.1:1 }
models:
  quick: { use: [fake/quick] }
prices:
  overrides:
    fake/quick: { input: 1, output: 1 }
teams:
  search: { owner: s@example.com }
  research: { owner: r@example.com }
budgets:
  - { name: tight, team: search, monthly_usd: 25, when_spent: block }
  - { name: wide, everyone: true, monthly_usd: 46, when_spent: block }
  - { name: gone, team: search, monthly_usd: 9, when_spent: warn, model: quick }
  - { name: people, user: each, monthly_usd: 20, when_spent: block }
  - { name: ever, everyone: true, total_usd: 32, when_spent: block }
  - { name: raised, user: ann, monthly_usd: 4, when_spent: block, raises: [ { to_usd: 16, until: 2100-11-30, why: launch week } ] }
  - { name: idle, team: research, weekly_usd: 1, when_spent: block }
routes:
  - { name: as asked, to: asked }
default: quick
`

// TestOutlook: ten days of a dollar and a half, of two users, and what becomes of each budget if it goes on like that.
func TestOutlook(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Open(dir, ledger.Options{})
	must(t, err)
	berlin, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	for n := range 240 {
		r := ledger.Row{
			ID: fmt.Sprintf("request-%d", n), Time: time.Date(2026, 11, 1, n, 0, 0, 0, berlin).UnixNano(), Team: "search", User: []string{"ann", "bob", ""}[n%3],
			Target: "fake/quick", Tier: "quick", Cache: "miss", Cost: 1_500_000_000 / 24, Baseline: 1_500_000_000 / 24,
		}
		must(t, l.Append(&r))
	}
	must(t, l.Close())
	policies := write(t, dir+"/policies.yaml", outlookPolicies)
	ask := func(format string) string {
		t.Helper()
		var out, failed strings.Builder
		now := time.Date(2026, 11, 11, 0, 0, 0, 0, berlin)
		p := program{out: &out, err: &failed, env: func(string) string { return "" }, now: func() time.Time { return now }}
		if code := p.run([]string{"report", "-data", dir, "-budgets", "-policies", policies, "-format", format}); code != 0 {
			t.Fatal(failed.String())
		}
		return out.String()
	}
	got := columns(t, ask("csv"))
	want := []string{ // $1.50 a day, over the week before: the 5th to the 10th, and nothing on the 11th, which has just begun
		"tight, 15.00, 45.00, spent on 2026-11-17 16:00",
		"wide, 15.00, 45.00, holds",
		"gone, 15.00, 45.00, spent",
		"people ann, 5.00, 15.00, holds",
		"people bob, 5.00, 15.00, holds",
		"ever, 15.00, 15.00, spent on 2026-11-22 08:00",
		"raised, 5.00, 15.00, holds",
		"idle, 0.00, 0.00, holds",
	}
	var have []string
	for i := range got["budget"] {
		whom := strings.TrimSpace(got["budget"][i] + " " + got["of"][i])
		have = append(have, fmt.Sprintf("%s, %.2f, %.2f, %s", whom, usd(t, got["spent_usd"][i]), usd(t, got["forecast_usd"][i]), got["outlook"][i]))
	}
	if strings.Join(have, "\n") != strings.Join(want, "\n") {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	if table := ask("table"); !strings.Contains(table, "tight") || !strings.Contains(table, "2026-11-17 16:00") {
		t.Errorf("said:\n%s", table)
	}
	var object struct {
		Budgets []struct {
			Holds   bool
			Renews  time.Time
			SpentOn time.Time `json:"spent_on"`
		}
	}
	must(t, json.Unmarshal([]byte(ask("json")), &object))
	if b := object.Budgets; len(b) != 8 || b[0].Holds || !b[3].Holds || !b[0].Renews.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, berlin)) || b[0].SpentOn.Before(b[2].SpentOn) {
		t.Errorf("%+v", object)
	}
	for _, args := range [][]string{{"-budgets"}, {"-budgets", "-policies", policies, "-by", "team"}, {"-budgets", "-policies", policies, "-forecast"}} {
		if got := (world{}).run(append([]string{"report", "-data", dir}, args...)...); got.code != 2 {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func usd(t *testing.T, dollars string) float64 {
	t.Helper()
	return float64(nano(t, dollars)) / 1e9
}
