package exchange

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestKeyScope(t *testing.T) {
	cheap := &Candidate{Target: "openai/gpt-5-mini", Tier: "cheap"}
	asked := &Candidate{Target: "openai/gpt-5-mini"}
	other := &Candidate{Target: "local/qwen3-8b", Tier: "cheap"}
	f := func(s *KeyScope, c *Candidate, want bool) {
		t.Helper()
		if got := s.Allows(c); got != want {
			t.Errorf("%+v allows %s: %v", s, c.Target, got)
		}
	}
	f(nil, cheap, true)
	f(&KeyScope{Routes: []string{"x"}}, cheap, true)
	f(&KeyScope{Models: []string{"cheap"}}, cheap, true)
	f(&KeyScope{Models: []string{"cheap"}}, asked, false) // the tier is allowed, not every way to its targets
	f(&KeyScope{Models: []string{"openai/*"}}, asked, true)
	f(&KeyScope{Models: []string{"openai/*"}}, other, false)
	f(&KeyScope{Models: []string{"openai/*", "cheap"}}, other, true)
	f(&KeyScope{Models: []string{"*"}}, asked, true)

	var none *KeyScope
	if !none.AllowsPin() || !none.AllowsRoute("x") || (&KeyScope{NoPin: true}).AllowsPin() || (&KeyScope{Routes: []string{"x"}}).AllowsPin() {
		t.Error("pins or routes")
	}
	if s := (&KeyScope{Models: []string{"openai/*"}}); !s.AllowsAny([]*Candidate{other, asked}) || s.AllowsAll([]*Candidate{other, asked}) {
		t.Error("any or all")
	}
}

// TestGlob against what the same pattern means as a regular expression.
func TestGlob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern, name := rapid.StringMatching(`[ab/*]{0,6}`).Draw(t, "pattern"), rapid.StringMatching(`[ab/]{0,8}`).Draw(t, "name")
		want := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(name)
		if Glob(pattern, name) != want {
			t.Fatalf("Glob(%q, %q) is %v", pattern, name, !want)
		}
	})
}
