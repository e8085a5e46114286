package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// TestReportBaselines: ten requests of 1,000 tokens in and 100 out, four of which the dear model has answered, and one call of the house's own.
func TestReportBaselines(t *testing.T) {
	dir := t.TempDir()
	policies := filepath.Join(dir, "policies.yaml")
	must(t, os.WriteFile(policies, []byte(`version: 1
providers: { p: { dialect: openai, base_url: "http://127.0.0.1:1/v1" } }
models: { cheap: { use: [p/small] }, premium: { use: [p/large] } }
prices: { overrides: { p/small: { input: 1, output: 10 }, p/large: { input: 10, output: 100 } } }
routes: [ { name: all, to: asked } ]
default: cheap
`), 0o600))
	const small, large = pricing.Nano(2_000_000), pricing.Nano(20_000_000) // 1000 x 1 + 100 x 10 micro-dollars, and ten times that
	l, err := ledger.Open(filepath.Join(dir, "data"), ledger.Options{})
	must(t, err)
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).UnixNano()
	for i := range 10 {
		r := ledger.Row{
			ID: string(rune('a' + i)), Time: at + int64(i), Team: "t", Asked: "auto", Rule: "all", Decision: "rule", Reason: "answered", Target: "p/small", Tier: "cheap",
			PromptTokens: 100 + 100*int64(i), Usage: pricing.Usage{Input: 1000, Output: 100}, Cost: small, Baseline: small,
		}
		if i >= 6 {
			r.Target, r.Tier, r.Cost, r.Baseline = "p/large", "premium", large, large
		}
		must(t, l.Append(&r))
	}
	must(t, l.Append(&ledger.Row{ID: "a-shadow", Kind: ledger.KindAside, Time: at, Team: "t", Target: "p/large", Cost: large, Saved: exchange.Savings{exchange.LeverEscalate: -large}}))
	must(t, l.Append(&ledger.Row{ID: "z", Kind: ledger.KindRefused, Time: at, Team: "t", Rule: "all", Decision: "rule"}))
	must(t, l.Close())

	data := filepath.Join(dir, "data")
	var got struct {
		Requests int64
		Own      string `json:"own_calls_usd"`
		Routers  []struct {
			Router string
			Spend  json.Number `json:"spend_usd"`
		}
	}
	text := done(t, "report", "-data", data, "-policies", policies, "-baselines", "-format", "json")
	must(t, json.Unmarshal([]byte(strings.ReplaceAll(text, `"own_calls_usd":`, `"own_calls_usd_number":`)), &got))
	want := map[string]pricing.Nano{
		"ours": 6*small + 5*large, "always cheap": 10 * small, "always premium": 10 * large,
		"random mix of the same shares": (6*10*small + 4*10*large) / 10, "longest prompts to premium": 6*small + 4*large,
	}
	if got.Requests != 10 || len(got.Routers) != len(want) {
		t.Errorf("%s", text)
	}
	for _, r := range got.Routers {
		if nano(t, r.Spend.String()) != want[r.Router] {
			t.Errorf("%s spends %s, want %s", r.Router, r.Spend, want[r.Router].Dollars())
		}
	}
	if table := done(t, "report", "-data", data, "-policies", policies, "-baselines"); !strings.Contains(table, "ours includes $0.02 of calls beside them") || !strings.Contains(table, "always premium") {
		t.Errorf("%s", table)
	}
	if got := (world{}).run("report", "-data", data, "-baselines"); got.code != 2 || !strings.Contains(got.err, "-policies") {
		t.Errorf("without a policy: %+v", got)
	}
}
