package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// fill makes a ledger of 300 rows with costs of odd nano-dollars, and returns what they cost.
func fill(t *testing.T, dir string) pricing.Nano {
	t.Helper()
	l, err := ledger.Open(dir, ledger.Options{})
	must(t, err)
	var sum pricing.Nano
	for n := range 300 {
		r := ledger.Row{
			ID: fmt.Sprintf("request-%d", n), Time: time.Date(2026, 11, 1+n%20, n%24, 0, 0, 0, time.UTC).UnixNano(),
			Team: []string{"search", "research", "=cmd()"}[n%3], Project: []string{"", "a,b"}[n%2], Key: fmt.Sprintf("k-%d", n%5), User: `"ann"`,
			Rule: "as asked", Reason: "answered", Status: 200, Target: "openai/gpt-5", Tier: "premium", Cache: "miss",
			Cost: pricing.Nano(n*n*7919 + 1), Baseline: pricing.Nano(n * 12_345_679),
		}
		r.Saved[exchange.LeverTrim] = pricing.Nano(n)
		r.Saved[exchange.LeverRoute] = r.Baseline - r.Cost - pricing.Nano(n)
		must(t, l.Append(&r))
		sum += r.Cost
	}
	must(t, l.Close())
	return sum
}

// statement is the JSON of a report.
type statement struct {
	Requests     int64
	Spend        json.Number            `json:"spend_usd"`
	Baseline     json.Number            `json:"baseline_usd"`
	Saved        json.Number            `json:"saved_usd"`
	SavedByLever map[string]json.Number `json:"saved_by_lever"`
	Rows         []json.RawMessage
}

func nano(t testing.TB, dollars string) pricing.Nano {
	t.Helper()
	n, err := pricing.ParseDollars(dollars)
	must(t, err)
	return n
}

// sumsUp checks that levers sum to what was saved, that this is baseline minus spend, and that rows sum to the totals: to the
// nano-dollar.
func (s *statement) sumsUp(t testing.TB) {
	t.Helper()
	var levers pricing.Nano
	for _, saved := range s.SavedByLever {
		levers += nano(t, saved.String())
	}
	spend, baseline, saved := nano(t, s.Spend.String()), nano(t, s.Baseline.String()), nano(t, s.Saved.String())
	if levers != saved || baseline-spend != saved {
		t.Errorf("spend %d, baseline %d, saved %d, sum of levers %d", spend, baseline, saved, levers)
	}
	if len(s.SavedByLever) != exchange.Levers {
		t.Errorf("%d levers: %v", len(s.SavedByLever), s.SavedByLever)
	}
	for _, raw := range s.Rows {
		var row statement
		must(t, json.Unmarshal(raw, &row))
		row.sumsUp(t)
		spend -= nano(t, row.Spend.String())
		baseline -= nano(t, row.Baseline.String())
		saved -= nano(t, row.Saved.String())
		s.Requests -= row.Requests
	}
	if len(s.Rows) > 0 && (spend != 0 || baseline != 0 || saved != 0 || s.Requests != 0) {
		t.Errorf("rows differ from the totals by %d requests, spend %d, baseline %d, saved %d", s.Requests, spend, baseline, saved)
	}
}

// TestReport: each way of grouping and each format adds up to the same money.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	sum := fill(t, dir)
	for _, by := range append(ledger.Dimensions(), "team,project,day", "rule,model", "tag:feature,team") {
		var s statement
		must(t, json.Unmarshal([]byte(done(t, "report", "-data", dir, "-format", "json", "-by", by)), &s))
		if s.Requests != 300 || nano(t, s.Spend.String()) != sum || len(s.Rows) == 0 {
			t.Errorf("by %s: %d requests, %s spent, %d rows; want 300 and %s", by, s.Requests, s.Spend, len(s.Rows), sum.Dollars())
		}
		rows := len(s.Rows)
		s.sumsUp(t)
		lines := columns(t, done(t, "report", "-data", dir, "-format", "csv", "-by", by))
		if len(lines["spend_usd"]) != rows {
			t.Errorf("by %s: %d lines of CSV, %d rows of JSON", by, len(lines["spend_usd"]), rows)
		}
		for column, total := range map[string]json.Number{"spend_usd": s.Spend, "baseline_usd": s.Baseline, "saved_usd": s.Saved, "saved_trim_usd": s.SavedByLever["trim"]} {
			var got pricing.Nano
			for _, cell := range lines[column] {
				got += nano(t, cell)
			}
			if got != nano(t, total.String()) {
				t.Errorf("by %s: %s sums to %s, the total is %s", by, column, got.Dollars(), total)
			}
		}
		table := done(t, "report", "-data", dir, "-by", by)
		if !strings.Contains(table, "total") || !strings.Contains(table, sum.Dollars()) {
			t.Errorf("by %s: the table is without its total:\n%s", by, table)
		}
	}
	if formulas := columns(t, done(t, "report", "-data", dir, "-format", "csv"))["team"]; !slices.Contains(formulas, "'=cmd()") {
		t.Errorf("a spreadsheet would run a team's name: %q", formulas)
	}
}

// columns reads a CSV by its header.
func columns(t *testing.T, text string) map[string][]string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	must(t, err)
	found := map[string][]string{}
	for _, record := range records[1:] {
		for i, cell := range record {
			found[records[0][i]] = append(found[records[0][i]], cell)
		}
	}
	return found
}

// TestReportDays: -from and -to name whole days, both included.
func TestReportDays(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir) // 15 requests on each of the first 20 days
	f := func(want int64, args ...string) {
		t.Helper()
		var s statement
		must(t, json.Unmarshal([]byte(done(t, append([]string{"report", "-data", dir, "-format", "json"}, args...)...)), &s))
		if s.Requests != want {
			t.Errorf("report %s: %d requests, want %d", strings.Join(args, " "), s.Requests, want)
		}
	}
	f(300)
	f(15, "-from", "2026-11-20")
	f(15, "-to", "2026-11-01")
	f(15, "-from", "2026-11-05", "-to", "2026-11-05")
	f(30, "-from", "2026-11-05", "-to", "2026-11-06")
	f(0, "-from", "2026-11-21")
}

// teamPolicies give the teams of fill cost centres: two of them share one, the third has none.
const teamPolicies = `version: 1
providers:
  fake: { dialect: openai, base_url: http://127.0.0.1:1 }
models:
  quick: { use: [fake/quick] }
prices:
  overrides:
    fake/quick: { input: 1, output: 1 }
teams:
  search: { owner: s@example.com, cost_center: CC-1 }
  research: { owner: r@example.com, cost_center: CC-1 }
routes:
  - { name: as asked, to: asked }
default: quick
`

// TestReportCostCenters: teams of one cost centre are one line, and nothing is lost.
func TestReportCostCenters(t *testing.T) {
	dir := t.TempDir()
	sum := fill(t, dir)
	policies := write(t, dir+"/policies.yaml", teamPolicies)
	lines := func(by string) map[string][]string {
		return columns(t, done(t, "report", "-data", dir, "-policies", policies, "-format", "csv", "-by", by))
	}
	got := lines("cost_center")
	if !slices.Contains(got["cost_center"], "CC-1") || !slices.Contains(got["cost_center"], "") || len(got["cost_center"]) != 2 {
		t.Errorf("lines of %q", got["cost_center"])
	}
	for _, by := range []string{"cost_center", "owner", "cost_center,team", "day,cost_center", "model,owner,cost_center,project"} {
		got := lines(by)
		var total pricing.Nano
		for _, cell := range got["spend_usd"] {
			total += nano(t, cell)
		}
		if total != sum {
			t.Errorf("by %s: %s of %s", by, total.Dollars(), sum.Dollars())
		}
		if days := got["day"]; !slices.IsSorted(days) {
			t.Errorf("by %s: days out of order: %q", by, days)
		}
		for _, column := range strings.Split(by, ",") {
			if len(got[column]) == 0 {
				t.Errorf("by %s: no column %s", by, column)
			}
		}
	}
}

// TestReportForecast: ten of thirty days are over, so each line comes to three times its spend, and the lines to the total.
func TestReportForecast(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir) // the first 20 days; the clock stands after ten, and rows of the future cannot be, so ask for what it has
	sum := nano(t, columns(t, done(t, "report", "-data", dir, "-format", "csv", "-by", "month"))["spend_usd"][0])
	ask := func(format string) string {
		var out, failed strings.Builder
		p := program{out: &out, err: &failed, env: func(string) string { return "" }, now: func() time.Time { return time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC) }}
		if code := p.run([]string{"report", "-data", dir, "-forecast", "-format", format}); code != 0 {
			t.Fatal(failed.String())
		}
		return out.String()
	}
	lines := columns(t, ask("csv"))
	var total pricing.Nano
	for i, cell := range lines["forecast_2026-11-30_usd"] {
		if nano(t, cell) != 3*nano(t, lines["spend_usd"][i]) {
			t.Errorf("line %d: forecast %s of %s", i, cell, lines["spend_usd"][i])
		}
		total += nano(t, cell)
	}
	if total != 3*sum {
		t.Errorf("the lines come to %s, want %s", total.Dollars(), (3 * sum).Dollars())
	}
	if table := ask("table"); !strings.Contains(table, "forecast 2026-11-30 $") || !strings.Contains(table, total.Dollars()) {
		t.Errorf("the table is without its forecast:\n%s", table)
	}
	var object struct {
		Total json.Number `json:"forecast_usd"`
	}
	must(t, json.Unmarshal([]byte(ask("json")), &object))
	if nano(t, object.Total.String()) != total {
		t.Errorf("JSON says %s, want %s", object.Total, total.Dollars())
	}
}

// TestReportFocus: one line for each team, model and day, and every cost column sums to the ledger.
func TestReportFocus(t *testing.T) {
	dir := t.TempDir()
	sum := fill(t, dir)
	policies := write(t, dir+"/policies.yaml", teamPolicies)
	lines := columns(t, done(t, "report", "-data", dir, "-format", "focus", "-policies", policies))
	if len(lines) != len(focusColumns()) {
		t.Errorf("%d columns, want %d", len(lines), len(focusColumns()))
	}
	for _, column := range []string{"BilledCost", "EffectiveCost", "ListCost", "ContractedCost"} {
		var total pricing.Nano
		for _, cell := range lines[column] {
			total += nano(t, cell)
		}
		if total != sum {
			t.Errorf("%s sums to %s, the ledger to %s", column, total.Dollars(), sum.Dollars())
		}
	}
	seen := map[string]bool{}
	for i := range lines["BilledCost"] {
		key := lines["SubAccountId"][i] + lines["SkuId"][i] + lines["ChargePeriodStart"][i]
		if seen[key] {
			t.Errorf("two lines of %s", key)
		}
		seen[key] = true
		begin, err := time.Parse(time.RFC3339, lines["ChargePeriodStart"][i])
		must(t, err)
		end, err := time.Parse(time.RFC3339, lines["ChargePeriodEnd"][i])
		must(t, err)
		if end.Sub(begin) != 24*time.Hour || lines["BillingPeriodStart"][i] != "2026-11-01T00:00:00Z" || lines["BillingPeriodEnd"][i] != "2026-12-01T00:00:00Z" {
			t.Errorf("line %d: periods %v to %v in %s to %s", i, begin, end, lines["BillingPeriodStart"][i], lines["BillingPeriodEnd"][i])
		}
		var tags map[string]string
		must(t, json.Unmarshal([]byte(lines["Tags"][i]), &tags))
		if tags["team"] == "search" && (tags["cost_center"] != "CC-1" || tags["owner"] != "s@example.com") || tags["team"] == "" {
			t.Errorf("line %d: tags %v", i, tags)
		}
	}
	if got := lines["SkuId"][0] + " " + lines["ProviderName"][0] + " " + lines["ChargeCategory"][0] + " " + lines["BillingCurrency"][0] + " " + lines["ConsumedUnit"][0]; got != "openai/gpt-5 openai Usage USD Tokens" {
		t.Error(got)
	}
	if slices.Contains(lines["SubAccountId"], "=cmd()") {
		t.Error("a spreadsheet would run a team's name")
	}
}

// TestFocusColumns checks the export by what FOCUS 1.2 says of its columns, as testdata/focus-1.2.csv has it: mandatory ones are there,
// no other has a name that is not the specification's or begins with x_, and types, nulls and allowed values are kept.
func TestFocusColumns(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	l, err := ledger.Open(dir, ledger.Options{})
	must(t, err)
	odd := ledger.Row{ID: "nobody", Kind: ledger.KindCorrection, Time: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).UnixNano(), Cost: 1, Baseline: 1}
	must(t, l.Append(&odd))
	must(t, l.Close())
	lines := columns(t, done(t, "report", "-data", dir, "-format", "focus"))
	facts, err := os.ReadFile("testdata/focus-1.2.csv")
	must(t, err)
	spec := columns(t, string(facts))
	known := map[string]bool{}
	for i, column := range spec["column"] {
		known[column] = true
		cells := lines[column]
		if cells == nil && spec["level"][i] == "mandatory" {
			t.Errorf("mandatory column %s is missing", column)
		}
		for _, cell := range cells {
			if cell == "" && spec["null"][i] == "no" || strings.TrimSpace(cell) != cell {
				t.Errorf("column %s: %q", column, cell)
			}
			switch spec["type"][i] {
			case "decimal":
				nano(t, cell)
			case "datetime":
				if at, err := time.Parse("2006-01-02T15:04:05Z", cell); err != nil {
					t.Errorf("column %s: %v, %v", column, at, err)
				}
			case "json":
				if !json.Valid([]byte(cell)) {
					t.Errorf("column %s: %q", column, cell)
				}
			}
		}
	}
	for column := range lines {
		if !known[column] && !strings.HasPrefix(column, "x_") {
			t.Errorf("column %s is not of FOCUS", column)
		}
	}
	for column, want := range map[string]string{"ChargeCategory": "Usage", "ChargeClass": "", "ChargeFrequency": "Usage-Based", "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI"} {
		for i, cell := range lines[column] {
			if cell != want || lines["PricingQuantity"][i] == "" || lines["PricingUnit"][i] == "" {
				t.Errorf("column %s: %q", column, cell)
			}
		}
	}
}

// TestReportDamaged: a folder that is no ledger's is named.
func TestReportDamaged(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/ledger.db", strings.Repeat("not a database ", 500))
	got := world{}.run("report", "-data", dir)
	if got.code != 1 || got.out != "" || !strings.Contains(got.err, dir) {
		t.Errorf("%+v", got)
	}
	if os.Geteuid() == 0 {
		return // root reads everything
	}
	must(t, os.Chmod(dir, 0))
	got = world{}.run("report", "-data", dir)
	if got.code != 1 || !strings.Contains(got.err, "permission denied") {
		t.Errorf("%+v", got)
	}
}
