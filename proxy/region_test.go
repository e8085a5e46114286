package proxy

import (
	"testing"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
)

// TestRegionOfTheAddress: an API that is served from a region costs what it costs there, and the row says so.
func TestRegionOfTheAddress(t *testing.T) {
	p := parseRegions(t)
	s, usage := &Server{}, pricing.Usage{Input: 1000, Output: 100} // $2.50 and $15 per million tokens
	f := func(served, baseline string, cost, base pricing.Nano, region string) {
		t.Helper()
		x := &trip{using: &generation{policy: p}}
		x.Outcome.Served, x.Decision.Baseline = p.Models[served].Use[0], p.Models[baseline].Use[0]
		s.price(x, usage)
		if out := &x.Outcome; out.Cost != cost || out.Baseline != base || out.Usage.Region != region || out.Saved.Sum() != base-cost || out.Saved[exchange.LeverRoute] != base-cost {
			t.Errorf("%s: %+v", served, out)
		}
	}
	f("home", "home", 4_000_000, 4_000_000, "")
	f("eu", "home", 4_400_000, 4_000_000, "eu") // 11/10
	f("home", "eu", 4_000_000, 4_400_000, "")
}

// parseRegions compiles a policy with one model at home, and the same in the EU.
func parseRegions(t *testing.T) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p", []byte(`version: 1
providers:
  openai: { dialect: openai, base_url: https://api.openai.com/v1 }
  openai-eu: { dialect: openai, base_url: https://eu.api.openai.com/v1 }
models: { home: { use: [openai/gpt-5.4] }, eu: { use: [openai-eu/gpt-5.4] } }
routes: [ { name: all, to: asked } ]
default: home
`), func(string) string { return "" })
	must(t, err)
	return p
}
