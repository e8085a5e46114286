package policy

import (
	"strings"
	"testing"

	"bursar/exchange"

	"pgregory.net/rapid"
)

func budgetOf(t *testing.T, entry string) *Budget {
	t.Helper()
	p, err := Parse("p", small("teams: { find: {}, help: {} }\nbudgets:\n  - "+entry+"\n"), noEnv)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p.Budgets[0]
}

func TestTouches(t *testing.T) {
	facts := &exchange.Facts{
		Team: "find", Project: "index", Key: "k1", User: "alice", Model: "cheap",
		Tags: []exchange.Tag{{Name: "feature", Value: "titles"}},
	}
	cheap := &exchange.Candidate{Tier: "cheap", Target: "openai/gpt-5-nano"}
	f := func(scope string, c *exchange.Candidate, want bool, wantKey string) {
		t.Helper()
		b := budgetOf(t, "{ "+scope+", daily_usd: 5 }")
		if got := b.Touches(facts, c); got != want {
			t.Errorf("%s: touches %v, want %v", scope, got, want)
		}
		if got := b.ScopeKey(facts, c); want && got != wantKey {
			t.Errorf("%s: key %q, want %q", scope, got, wantKey)
		}
	}
	f(`everyone: true`, cheap, true, "everyone/daily")
	f(`team: find`, cheap, true, "team=find/daily")
	f(`team: help`, cheap, false, "")
	f(`team: each`, cheap, true, "team=each:find/daily")
	f(`project: index`, cheap, true, "project=index/daily")
	f(`key: k2`, cheap, false, "")
	f(`key: each`, cheap, true, "key=each:k1/daily")
	f(`user: alice`, cheap, true, "user=alice/daily")
	f(`user: each, team: find`, cheap, true, "team=find,user=each:alice/daily")
	f(`model: cheap`, cheap, true, "model=cheap/daily")
	f(`model: odd`, cheap, false, "")
	f(`model: cheap`, nil, true, "model=cheap/daily")
	f(`model: odd`, nil, false, "")
	f(`model: openai/gpt-5-nano`, cheap, true, "model=openai%2Fgpt-5-nano/daily")
	f(`tag: { Feature: titles }`, cheap, true, "tag.feature=titles/daily")
	f(`tag: { feature: teasers }`, cheap, false, "")

	if b := budgetOf(t, "{ user: each, daily_usd: 5 }"); b.Touches(&exchange.Facts{}, cheap) {
		t.Error("a budget for each user touches a request without one")
	}
}

// What a client sends as its user must never make the key of another user, or of another budget.
func TestScopeKeysDoNotCollide(t *testing.T) {
	each := budgetOf(t, "{ user: each, team: each, daily_usd: 5 }")
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-c,=/:%{} ]{0,12}`), rapid.StringMatching(`a{90,100}`))
		a := &exchange.Facts{Team: name.Draw(t, "team a"), User: name.Draw(t, "user a")}
		b := &exchange.Facts{Team: name.Draw(t, "team b"), User: name.Draw(t, "user b")}
		keyA, keyB := each.ScopeKey(a, nil), each.ScopeKey(b, nil)
		if same := a.Team == b.Team && a.User == b.User; same != (keyA == keyB) {
			t.Fatalf("%q/%q gives %s\n%q/%q gives %s", a.Team, a.User, keyA, b.Team, b.User, keyB)
		}
		if strings.ContainsAny(keyA, " {}\n\x00") || len(keyA) > 700 {
			t.Fatalf("unsafe key %q", keyA)
		}
	})
}

// Editing a limit, a name or a consequence must not reset what is spent.
func TestScopeKeyIsStable(t *testing.T) {
	facts := &exchange.Facts{Team: "find"}
	want := budgetOf(t, "{ team: find, monthly_usd: 100 }").ScopeKey(facts, nil)
	for _, edited := range []string{
		"{ team: find, monthly_usd: 2000000 }",
		"{ name: renamed, team: find, monthly_usd: 100, warn_at: [10%], mode: observe }",
		"{ monthly_usd: 100, when_spent: downgrade, downgrade_to: cheap, team: find }",
	} {
		if got := budgetOf(t, edited).ScopeKey(facts, nil); got != want {
			t.Errorf("%s: key %q, was %q", edited, got, want)
		}
	}
}

func TestScopeKeyOfOneScopeAllocatesNothing(t *testing.T) {
	b := budgetOf(t, "{ team: find, monthly_usd: 100 }")
	facts := &exchange.Facts{Team: "find"}
	if n := testing.AllocsPerRun(100, func() {
		if !b.Touches(facts, nil) || b.ScopeKey(facts, nil) == "" {
			t.Fatal("not touched")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
