package main

import (
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
)

// TestReworkOfCascades: what was thrown away stays paid at any price of the model that answered, and what was paid beside a request stays a loss of the
// same lever.
func TestReworkOfCascades(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(`version: 1
providers: { p: { dialect: openai, base_url: "http://127.0.0.1:1/v1" } }
models: { large: { use: [p/large] } }
prices: { overrides: { p/large: { input: 10, output: 100 } } }
routes: [ { name: all, to: asked } ]
default: large
`), func(string) string { return "" })
	must(t, err)
	price := p.Models["large"].Use[0].Price
	const fee, old, now = pricing.Nano(300_000), pricing.Nano(10_000_000), pricing.Nano(20_000_000) // now: 1000 x 10 + 100 x 100 micro-dollars
	usage := pricing.Usage{Input: 1000, Output: 100}
	row := ledger.Row{ID: "a", Time: time.Now().UnixNano(), Target: "p/large", Usage: usage, Cost: old + fee, Baseline: old, Saved: exchange.Savings{exchange.LeverEscalate: -fee}}
	if got := rework(&row, price); got.Cost != now+fee || got.Baseline != now || got.Saved.Sum() != got.Baseline-got.Cost || got.Saved[exchange.LeverEscalate] != -fee {
		t.Errorf("escalated: %+v", got)
	}
	row.Baseline, row.Saved[exchange.LeverRoute] = 3*old, 2*old
	if got := rework(&row, price); got.Cost != now+fee || got.Baseline != 3*old || got.Saved.Sum() != got.Baseline-got.Cost {
		t.Errorf("escalated, with another baseline: %+v", got)
	}
	for _, lever := range []exchange.Lever{exchange.LeverEscalate, exchange.LeverRoute, exchange.LeverTrim} {
		aside := ledger.Row{ID: "a-try1", Kind: ledger.KindAside, Time: row.Time, Target: "p/large", Usage: usage, Cost: old}
		aside.Saved[lever] = -old
		if got := rework(&aside, price); got.Cost != now || got.Baseline != 0 || got.Saved[lever] != -now || got.Saved.Sum() != -now {
			t.Errorf("beside a request, a loss of %s: %+v", lever, got)
		}
	}
	given := ledger.Row{ID: "a", Time: row.Time, Target: "p/large", Usage: usage, UsageMethod: "beside", Baseline: 3 * old, Saved: exchange.Savings{exchange.LeverEscalate: old, exchange.LeverRoute: 2 * old}}
	if got := rework(&given, price); got != given {
		t.Errorf("answered with what a call beside it had brought: %+v", got)
	}
}
