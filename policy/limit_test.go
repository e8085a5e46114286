package policy

import (
	"testing"

	"bursar/exchange"
)

// TestEveryScopeBounds: each scope of budgets is one of limits too.
func TestEveryScopeBounds(t *testing.T) {
	facts := &exchange.Facts{
		Team: "find", Project: "index", Key: "k1", User: "alice", Model: "cheap",
		Tags: []exchange.Tag{{Name: "feature", Value: "titles"}},
	}
	served := &exchange.Candidate{Tier: "cheap", Target: "openai/gpt-5-nano"}
	for scope, want := range map[string]string{
		"everyone: true": "everyone", "team: find": "team=find", "team: each": "team=each:find", "team: help": "", "project: index": "project=index",
		"key: each": "key=each:k1", "key: k2": "", "user: each, team: find": "team=find,user=each:alice", "model: cheap": "model=cheap",
		"model: openai/gpt-5-nano": "model=openai%2Fgpt-5-nano", "model: odd": "", "tag: { Feature: titles }": "tag.feature=titles", "tag: { feature: x }": "",
	} {
		p, err := Parse("p", small("teams: { find: {}, help: {} }\nlimits:\n  - { "+scope+", requests_per_minute: 5, concurrent: 2 }\n"), noEnv)
		if err != nil {
			t.Fatalf("%v", err)
		}
		l := p.Limits[0]
		if touches := l.Touches(facts, served); touches != (want != "") || touches && l.ScopeKey(facts) != want {
			t.Errorf("%s: touches %t, key %q, want %q", scope, touches, l.ScopeKey(facts), want)
		}
		if l.Requests != 5 || l.Tokens != 0 || l.Concurrent != 2 || l.Observe || l.OnStoreDown != Deny {
			t.Errorf("%s: %+v", scope, l)
		}
	}
}

func TestScopeKeyOfOneLimitAllocatesNothing(t *testing.T) {
	p, err := Parse("p", small("teams: { find: {} }\nlimits:\n  - { team: find, concurrent: 2 }\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	l, facts := p.Limits[0], &exchange.Facts{Team: "find"}
	if n := testing.AllocsPerRun(100, func() {
		if !l.Touches(facts, nil) || l.ScopeKey(facts) == "" {
			t.Fatal("not touched")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
