package main

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
)

// month makes the rows of a November, in order of time. The same number of rows is always the same month.
func month(rows int) iter.Seq[*ledger.Row] {
	return func(yield func(*ledger.Row) bool) {
		dice := rand.New(rand.NewPCG(1, 2))
		begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano()
		step := int64(30*24*time.Hour) / int64(rows)
		for n := range rows {
			row := request(dice, n)
			row.Time = begin + int64(n)*step + dice.Int64N(step)
			if !yield(&row) {
				return
			}
		}
	}
}

// skewed draws below n: the first are drawn far more often than the last.
func skewed(dice *rand.Rand, n int) int {
	f := dice.Float64()
	return int(f * f * float64(n))
}

func request(dice *rand.Rand, n int) ledger.Row {
	team, model := skewed(dice, 20), skewed(dice, 8)
	prompt, answer := 50+dice.Int64N(8000), dice.Int64N(1500)
	rate := pricing.Nano(50 << model) // nano-dollars per prompt token
	r := ledger.Row{
		ID:   fmt.Sprintf("req_%08x%08x", n, dice.Uint32()),
		Team: fmt.Sprintf("team-%02d", team), Project: fmt.Sprintf("project-%d", skewed(dice, 3)), Key: fmt.Sprintf("k-%02d%02d", team, skewed(dice, 5)),
		User: fmt.Sprintf("user-%04d", team*100+skewed(dice, 100)), Asked: "auto", Rule: fmt.Sprintf("rule %d", model/2), Decision: "rule", Reason: "answered",
		Status: 200, Target: fmt.Sprintf("openai/model-%d", model), Tier: []string{"cheap", "standard", "premium"}[model%3], Attempts: 1, Stream: n%3 == 0,
		PromptTokens: prompt, PromptMethod: "exact", UsageMethod: "reported", Finish: "stop", MaxOutput: 4096, Cache: "miss", Policy: "0123456789ab",
		Usage: pricing.Usage{Input: prompt, CacheRead: dice.Int64N(2000), Output: answer}, Duration: time.Duration(dice.Int64N(5e9)),
	}
	if feature := skewed(dice, 100); feature < 50 {
		r.Tags = ledger.TagText([]exchange.Tag{{Name: "feature", Value: fmt.Sprintf("feature %d", feature)}})
	}
	r.Cost = pricing.Nano(prompt)*rate + pricing.Nano(r.Usage.CacheRead)*rate/10 + pricing.Nano(answer)*rate*8
	r.Baseline = r.Cost*2 + pricing.Nano(dice.Int64N(1000))
	switch n % 20 {
	case 0: // a hit
		r.Cache, r.Cost = ledger.CacheHit, 0
		r.Saved[exchange.LeverExact] = r.Baseline
	case 1: // refused
		r.Kind, r.Status, r.Reason = ledger.KindRefused, 429, "budget_spent"
		r.Target, r.Tier, r.Attempts, r.Usage, r.Cost, r.Baseline = "", "", 0, pricing.Usage{}, 0, 0
	case 2:
		r.Kind = ledger.KindOrphan
		r.Baseline = r.Cost
	default:
		r.Saved[exchange.LeverRoute] = r.Baseline - r.Cost
	}
	r.Held = r.Cost * 3
	return r
}
