package router

import (
	"testing"

	"bursar/exchange"
)

// TestStatefulRequests go where what they go on from is stored, whatever the routes say, unless the key may not.
func TestStatefulRequests(t *testing.T) {
	p := load(t)
	for _, provider := range p.Providers {
		if provider.Name == "openai" {
			provider.Dialect = storing
		}
	}
	f := func(name string, change func(*exchange.Facts), want string, why exchange.Reason, first string) {
		t.Helper()
		of := facts(change)
		d, fault := Decide(p, of)
		switch got := d.Model; {
		case fault != nil && fault.Code != want:
			t.Errorf("%s: %v, want %s", name, fault, want)
		case fault == nil && (got != want || d.Reason != why || d.Candidates[0].Target != first || d.Cache != exchange.CacheOff || d.Cascade != nil || d.Trim.MaxPromptTokens != 0):
			t.Errorf("%s: %+v, first %s; want %s for %s at %s", name, d, d.Candidates[0].Target, want, why, first)
		}
		if said := Explain(p, of); fault == nil && (said.Model != want || said.Candidates[0] != first || said.Cache != "off") {
			t.Errorf("%s: explained as %+v", name, said)
		}
	}
	previous := func(model, origin string) func(*exchange.Facts) {
		return func(f *exchange.Facts) { f.Model, f.Stateful, f.Origin = model, "previous_response_id", origin }
	}
	f("where the route leads", previous("premium", "openai/gpt-5"), "premium", exchange.ReasonAsked, "openai/gpt-5")
	f("not where the route leads", previous("local/llama-3.1-8b", "openai/gpt-5"), "premium", exchange.ReasonStored, "openai/gpt-5")
	f("a target of no model", previous("local/llama-3.1-8b", "openai/gpt-5-nano"), "openai/gpt-5-nano", exchange.ReasonStored, "openai/gpt-5-nano")
	f("a provider that is gone", previous("premium", "vanished/gpt-5"), "no_candidate", 0, "")
	f("a provider that stores nothing", previous("premium", "anthropic/claude-haiku-4-5"), "no_candidate", 0, "")
	f("a key that may not", func(f *exchange.Facts) {
		previous("local/llama-3.1-8b", "openai/gpt-5")(f)
		f.Scope = &exchange.KeyScope{Models: []string{"local/*"}}
	}, "no_candidate", 0, "")
	f("nothing stored yet", func(f *exchange.Facts) { f.Model, f.Stateful = "premium", "background" }, "premium", exchange.ReasonAsked, "openai/gpt-5")
	f("nothing stored yet, and nothing will be", func(f *exchange.Facts) { f.Model, f.Stateful = "local/llama-3.1-8b", "background" }, "unsupported_by_target", 0, "")
}
