package policy

import (
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	p := load(t, "testdata/good/compact.yaml")
	f := func(asked, wantTargets string, wantPrice bool) {
		t.Helper()
		m, ok := p.Resolve(asked)
		if !ok {
			if wantTargets != "" {
				t.Errorf("%s is not found", asked)
			}
			return
		}
		var targets []string
		for _, c := range m.Use {
			targets = append(targets, c.Target)
		}
		if got := strings.Join(targets, " "); got != wantTargets || (m.Use[0].Price != nil) != wantPrice {
			t.Errorf("%s: targets %q, price %v", asked, got, m.Use[0].Price)
		}
	}
	f("small", "rack/qwen3-8b openai/gpt-5-mini", true)
	f("openai/gpt-5", "openai/gpt-5", true)
	f("openai/gpt-5-mini-2025-08-07", "openai/gpt-5-mini-2025-08-07", true)
	f("rack/meta/llama:70b", "rack/meta/llama:70b", false)
	f("auto", "", false)
	f("gpt-5", "", false)
	f("nobody/gpt-5", "", false)
	f("openai/", "", false)
	f("openai", "", false)
	f("openai/a\nb", "", false)
	f("openai/"+strings.Repeat("x", 300), "", false)
}

func TestListedTargetsAreMadeOnce(t *testing.T) {
	p := load(t, "testdata/good/compact.yaml")
	one, _ := p.Resolve("openai/gpt-5-mini")
	two, _ := p.Resolve("openai/gpt-5-mini")
	if one != two || one.Use[0].Tier != "" || one.Name != "openai/gpt-5-mini" {
		t.Errorf("%p %p, tier %q", one, two, one.Use[0].Tier)
	}
	if n := testing.AllocsPerRun(100, func() { p.Resolve("openai/gpt-5-mini"); p.Resolve("small") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	before := len(p.listed)
	if _, ok := p.Resolve("openai/made-up"); !ok || len(p.listed) != before {
		t.Errorf("a name that a client made up is remembered")
	}
}

// The provider's name is the author's choice; the host says who bills.
func TestPriceGoesByHost(t *testing.T) {
	src := strings.NewReplacer("openai:", "work:", "openai/gpt-5-nano", "work/gpt-5-nano", "openai/nobody", "work/nobody").Replace(string(small("")))
	p, err := Parse("p", []byte(src), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Default.Use[0]; c.Price == nil || c.Context == 0 {
		t.Errorf("%s has price %v and context %d", c.Target, c.Price, c.Context)
	}
}

func TestDidYouMean(t *testing.T) {
	f := func(wrong, want string) {
		t.Helper()
		if got := nearest(wrong, []string{"monthly_usd", "base_url", "team", "to", "prompt_tokens"}); got != want {
			t.Errorf("%s: got %q, want %q", wrong, got, want)
		}
	}
	f("montly_usd", "monthly_usd")
	f("Monthly_USD", "monthly_usd")
	f("monthly", "monthly_usd")
	f("url", "base_url")
	f("tema", "team")
	f("ot", "to")
	f("prompt_token", "prompt_tokens")
	f("colour", "")
	f("", "")
	f(strings.Repeat("x", 1000), "")
}
