package router

import (
	"strings"
	"testing"

	"bursar/exchange"

	"pgregory.net/rapid"
)

// TestScopeOfKey: what a key may use bounds where its requests go; what it may not use is refused by name.
func TestScopeOfKey(t *testing.T) {
	p := load(t)
	f := func(model string, scope exchange.KeyScope, want string) {
		t.Helper()
		d, fault := Decide(p, facts(func(f *exchange.Facts) { f.Model, f.Scope = model, &scope }))
		got := d.Model
		if fault != nil {
			got = fault.Code
			if fault.Status != 403 || !fault.NoRetry || fault.Reason != exchange.ReasonNotAllowed || !strings.Contains(fault.Error(), "k1") {
				t.Errorf("fault %+v", fault)
			}
		}
		if got != want {
			t.Errorf("%s with %+v: %s, want %s", model, scope, got, want)
		}
	}
	f("premium", exchange.KeyScope{Models: []string{"cheap"}}, "model_not_allowed")
	f("cheap", exchange.KeyScope{Models: []string{"cheap"}}, "cheap")
	f("openai/gpt-5", exchange.KeyScope{Models: []string{"cheap"}}, "model_not_allowed")
	f("openai/gpt-5", exchange.KeyScope{Models: []string{"openai/*"}}, "openai/gpt-5")
	f("anthropic/claude-haiku-4-5", exchange.KeyScope{Models: []string{"openai/*"}}, "model_not_allowed")
	f("auto", exchange.KeyScope{Models: []string{"local/*"}}, "route_not_allowed")
	f("auto", exchange.KeyScope{Routes: []string{"no such route"}}, "route_not_allowed")
	f("auto", exchange.KeyScope{Routes: []string{rest}}, "standard")

	pinned := facts(func(f *exchange.Facts) { f.Model, f.Pinned, f.Scope = "cheap", true, &exchange.KeyScope{NoPin: true} })
	if _, fault := Decide(p, pinned); fault == nil || fault.Code != "pin_not_allowed" {
		t.Errorf("a pin: %v", fault)
	}
	pinned.Scope = &exchange.KeyScope{Models: []string{"cheap"}}
	if d, fault := Decide(p, pinned); fault != nil || d.Reason != exchange.ReasonPinned {
		t.Errorf("a pin that is allowed: %v", fault)
	}
	if _, fault := Decide(p, facts(func(f *exchange.Facts) {
		f.Model, f.Scope = "premium", &exchange.KeyScope{Models: []string{"cheap", "openai/x*"}}
	})); !strings.Contains(fault.Hint, "cheap, openai/x*") {
		t.Errorf("the hint does not name what the key may use: %s", fault.Hint)
	}
	// Some targets of the model are allowed: only these serve.
	d, fault := Decide(p, facts(func(f *exchange.Facts) {
		f.Model, f.Scope = "premium", &exchange.KeyScope{Models: []string{"openai/*"}}
	}))
	if fault != nil || len(d.Candidates) != 1 || d.Candidates[0].Target != "openai/gpt-5" {
		t.Errorf("candidates %+v, %v", d.Candidates, fault)
	}
}

// TestNoRequestLeavesItsScope, whatever is asked, sticky, pinned or routed.
func TestNoRequestLeavesItsScope(t *testing.T) {
	p := load(t)
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(p).Draw(t, "facts")
		d, fault := Decide(p, f)
		for _, c := range d.Candidates {
			if !f.Scope.Allows(c) {
				t.Fatalf("%s serves a key with %+v", c.Target, f.Scope)
			}
		}
		if fault == nil && d.Rule != "" && !f.Scope.AllowsRoute(d.Rule) || d.Reason == exchange.ReasonPinned && !f.Scope.AllowsPin() {
			t.Fatalf("%+v serves a key with %+v", d, f.Scope)
		}
	})
}
