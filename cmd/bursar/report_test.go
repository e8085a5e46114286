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
	for _, by := range append(ledger.Dimensions(), "team,project,day", "rule,model") {
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
