package main

import (
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
)

// TestReworkOfCascades: what was thrown away stays paid at any price of the model that answered, and what the house asked for itself stays a loss.
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
	aside := ledger.Row{ID: "a-shadow", Kind: ledger.KindAside, Time: row.Time, Target: "p/large", Usage: usage, Cost: old, Saved: exchange.Savings{exchange.LeverEscalate: -old}}
	if got := rework(&aside, price); got.Cost != now || got.Baseline != 0 || got.Saved.Sum() != -now {
		t.Errorf("aside: %+v", got)
	}
}
