package policy

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// keys is an environment in which every provider's key is set.
func keys(name string) string { return "key of " + name }

func load(t testing.TB, path string) *Policy {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(filepath.Base(path), src, keys)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p
}

func TestOwnPolicyHasNothingToComplainAbout(t *testing.T) {
	p := load(t, "../policies.yaml")
	for _, w := range p.Warnings {
		t.Errorf("warning:\n%s", w.Render(p.File))
	}
	if p.Yardstick == nil || p.Cache.TTL == 0 || len(p.Routes) == 0 {
		t.Errorf("yardstick %v, cache %v, %d routes", p.Yardstick, p.Cache, len(p.Routes))
	}
	if cheap, standard, premium := p.Models["cheap"], p.Models["standard"], p.Models["premium"]; cheap.Rank >= standard.Rank || standard.Rank >= premium.Rank {
		t.Errorf("ranks: cheap %d, standard %d, premium %d", cheap.Rank, standard.Rank, premium.Rank)
	}
}

func TestCompact(t *testing.T) {
	p := load(t, "testdata/good/compact.yaml")
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"location", p.Location.String(), "America/New_York"},
		{"hash length", len(p.Hash), 64},
		{"default", p.Default, p.Models["middle"]},
		{"baseline", p.Baseline, p.Models["large"]},
		{"yardstick", p.Yardstick.Target, "anthropic/claude-sonnet-4-5"},
		{"team", *p.Teams["find"], Team{"find", "find@example.com", "F-1"}},
		{"names", strings.Join(p.ModelNames(), " "), "large middle small"},
		{"openai's key", p.Providers["openai"].Keys[0].Value, "key of OPENAI_API_KEY"},
		{"openai's cap field", p.Providers["openai"].OutputField, "max_completion_tokens"},
		{"rack's cap field", p.Providers["rack"].OutputField, "max_tokens"},
		{"timeouts", p.Providers["rack"].Timeouts, Timeouts{5 * time.Second, 2 * time.Minute, time.Minute, 10 * time.Minute}},
		{"retries", p.Providers["rack"].Retries, 1},
		{"anthropic", p.Providers["anthropic"].Unavailable, ""},
		{"marks", p.Providers["anthropic"].MarksPrompts, true},
		{"its candidate", p.Models["large"].Use[0].Unavailable, ""},
		{"large's cap", p.Models["large"].MaxOutput, int64(8000)},
		{"budgets", len(p.Budgets), 3},
		{"limit", p.Budgets[0].Limit, 4000 * pricing.Dollar},
		{"exact limit", p.Budgets[2].Limit, 900*pricing.Dollar + 1},
		{"warn at", p.Budgets[0].WarnAt[0], 0.5},
		{"when spent", p.Budgets[0].WhenSpent, Downgrade},
		{"downgrade to", p.Budgets[0].DowngradeTo, p.Models["small"]},
		{"name", p.Budgets[1].Name, "team=help/monthly"},
		{"default of when_spent", p.Budgets[1].WhenSpent, Block},
		{"period", p.Budgets[2].Period, exchange.PeriodDaily},
		{"to", p.Routes[0].To, p.Models["small"]},
		{"escalate", p.Routes[2].Escalate, p.Models["large"]},
		{"checks", len(p.Routes[2].Cascade.Checks), 3},
		{"observed", p.Routes[3].Observe, true},
		{"asked", p.Routes[4].To, (*Model)(nil)},
		{"catch-all", p.Routes[4].When.Always(), true},
		{"route's line", p.Routes[4].Line, 43},
		{"cache of a route", p.Routes[0].Cache, exchange.CacheOn},
		{"cache", p.Cache.TTL, 24 * time.Hour},
		{"semantic", *p.Cache.Semantic, Semantic{0.01, 6 * time.Hour, ScopeTeam, nil}},
		{"trim", p.Trim, exchange.Trim{MaxPromptTokens: 24000, KeepLastTurns: 12, MinifyToolResults: true}},
		{"output", p.Output, Output{1024, 4096, 64, false}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	var warned []string
	for _, w := range p.Warnings {
		warned = append(warned, w.Message)
	}
	if len(warned) != 0 {
		t.Errorf("warnings: %q", warned)
	}
}

func TestEverything(t *testing.T) {
	p := load(t, "testdata/good/everything.yaml")
	openai, house := p.Providers["openai"], p.Providers["house-2"]
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"base url", openai.BaseURL, "https://api.openai.com/v1"},
		{"api version", openai.APIVersion, "2025-04-01-preview"},
		{"cap field", openai.OutputField, "max_tokens"},
		{"retries", openai.Retries, 0},
		{"timeouts", openai.Timeouts, Timeouts{500 * time.Millisecond, 90 * time.Second, 20 * time.Second, 15 * time.Minute}},
		{"alias", house.BaseURL, "http://10.0.0.7:8000/v1"},
		{"alias's own name", house.Name, "house-2"},
		{"marks", p.Providers["claude"].MarksPrompts, false},
		{"slash in a model", p.Models["premium"].Use[1].Model, "meta/llama-70b"},
		{"cap with underscore", p.Models["cheap"].MaxOutput, int64(2000)},
		{"assumed", p.UnknownPrice, AssumeUnknown},
		{"assumed price", p.Models["premium"].Use[1].Price.Cost(&pricing.Usage{Input: 1000, Output: 1000}, time.Now()), 30 * pricing.Dollar / 1000},
		{"override", p.Models["cheap"].Use[0].Price.Cost(&pricing.Usage{Input: 1_000_000, Output: 2_000_000}, time.Now()), 120*pricing.Dollar/1000 + pricing.Dollar/10_000},
		{"limits", p.Models["premium"].Use[0].Context, int64(400000)},
		{"baseline by target", p.Baseline.Name, "openai/gpt-5"},
		{"leading zeros", p.Teams["find"].CostCenter, "007"},
		{"observed budget", p.Budgets[0].Observe, true},
		{"given name", p.Budgets[0].Name, "company"},
		{"name", p.Budgets[1].Name, "team=find,project=index,key=k1,user=alice,model=premium,tag.feature=titles/daily"},
		{"store down", p.Budgets[2].OnStoreDown, Local},
		{"each", p.Budgets[2].Name, "team=each/weekly"},
		{"observed by when_spent", p.Budgets[3].Observe, true},
		{"limit in quotes", p.Budgets[3].Limit, 10 * pricing.Dollar},
		{"target budget", p.Budgets[4].Name, "model=openai%2Fgpt-5/monthly"},
		{"cache read", p.Routes[0].Cache, exchange.CacheRead},
		{"cache refresh", p.Routes[1].Cache, exchange.CacheRefresh},
		{"cache_ttl", p.Routes[1].CacheTTL, 10 * time.Minute},
		{"cache_ttl, usual", p.Routes[0].CacheTTL, 36 * time.Hour},
		{"cache", [3]time.Duration{p.Cache.TTL, p.Cache.Stale, p.Cache.Wait}, [3]time.Duration{36 * time.Hour, time.Hour, 30 * time.Second}},
		{"namespace", p.Cache.Namespace, "v2"},
		{"key's id", p.Keys[0].ID, "k-0f3c9a5be210"},
		{"key's digest", p.Keys[1].SHA256[0], byte(0x60)},
		{"key's tag", p.Keys[0].Scope.Tags[0], exchange.Tag{Name: "feature", Value: "titles"}},
		{"key's models", strings.Join(p.Keys[0].Scope.Models, " "), "cheap openai/*"},
		{"key's pin", p.Keys[0].Scope.NoPin, true},
		{"a day begins in the policy's time zone", p.Keys[0].Expires.UTC().Format(time.RFC3339), "2098-12-31T23:00:00Z"},
		{"a time has its own", p.Keys[1].Expires.UTC().Format(time.RFC3339), "2099-01-01T10:00:00Z"},
		{"scope", p.Cache.Scope, ScopeKey},
		{"ttl", p.Cache.TTL, 36 * time.Hour},
		{"semantic", *p.Cache.Semantic, Semantic{0.01, 7 * 24 * time.Hour, ScopeEveryone, p.Cache.Semantic.Opinion}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	if o := p.Cache.Semantic.Opinion; o == nil || o.Provider != p.Providers["openai"] || o.Embedder.Target != "openai/text-embedding-3-small" || o.Dims != 256 || o.Deadline != 40*time.Millisecond {
		t.Errorf("second opinion %+v", o)
	}
	if e := p.Events; e.Times != 4 || e.Least != 2_500_000_000 || len(e.Webhooks) != 0 { // its variable is not set
		t.Errorf("events %+v", e)
	}
	if got := p.Budgets[4].WarnAt; len(got) != 2 || got[0] != 0.5 || got[1] != 1 {
		t.Errorf("warn at %v", got)
	}
}

// small is a policy with one more part.
func small(more string) []byte {
	return []byte(`version: 1
providers:
  openai: { dialect: openai, base_url: https://api.openai.com/v1 }
models:
  cheap: { use: [openai/gpt-5-nano] }
  odd: { use: [openai/nobody-knows-this] }
routes:
  - { name: all, to: asked }
default: cheap
` + more)
}

func TestUnknownPriceIsAWarning(t *testing.T) {
	p, err := Parse("p", small("baseline: odd\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 2 || !strings.Contains(p.Warnings[0].Message, "price of openai/nobody-knows-this is not known") || !strings.Contains(p.Warnings[1].Message, `baseline "odd" has no known price`) {
		t.Errorf("warnings: %+v", p.Warnings)
	}
	if odd := p.Models["odd"]; odd.Use[0].Price != nil || odd.Rank != math.MaxInt64 || p.Yardstick != nil {
		t.Errorf("price %v, rank %d, yardstick %v", odd.Use[0].Price, odd.Rank, p.Yardstick)
	}
}

func TestDefaults(t *testing.T) {
	p, err := Parse("p", small(""), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if p.Location != time.UTC || p.Baseline != p.Default || p.Output != (Output{DefaultMaxTokens: 4096, LeastUseful: 64}) || p.Routes[0].Cache != exchange.CacheOff {
		t.Errorf("got %v, %v, %+v, %v", p.Location, p.Baseline.Name, p.Output, p.Routes[0].Cache)
	}
	if p.Trim != (exchange.Trim{}) {
		t.Errorf("an absent trim trims: %+v", p.Trim)
	}
}

func TestMissingKeyMakesUnavailable(t *testing.T) {
	src, err := os.ReadFile("testdata/good/compact.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("p", src, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	const want = "environment variable OPENAI_API_KEY is not set"
	if p.Providers["openai"].Unavailable != want || p.Models["middle"].Use[0].Unavailable != want || p.Models["small"].Use[0].Unavailable != "" {
		t.Errorf("provider %q, candidate %q, rack %q", p.Providers["openai"].Unavailable, p.Models["middle"].Use[0].Unavailable, p.Models["small"].Use[0].Unavailable)
	}
}

func TestUnencryptedKeyIsAWarning(t *testing.T) {
	f := func(url string, want int) {
		t.Helper()
		p, err := Parse("p", []byte(strings.Replace(string(small("")), "base_url: https://api.openai.com/v1", "key_env: K, base_url: \""+url+"\"", 1)), keys)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, w := range p.Warnings {
			if strings.Contains(w.Message, "unencrypted") {
				count++
			}
		}
		if count != want {
			t.Errorf("%s: %d warnings, want %d", url, count, want)
		}
	}
	f("http://api.example.com/v1", 1)
	f("https://api.example.com/v1", 0)
	f("http://127.0.0.1:8000/v1", 0)
	f("http://192.168.1.2/v1", 0)
	f("http://[::1]:8000/v1", 0)
	f("http://vllm:8000/v1", 0)
}

func TestBombsAreBounded(t *testing.T) {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	f := func(what string, src string) {
		t.Helper()
		start := time.Now()
		_, err := Parse("p", []byte(src), noEnv)
		var problems *Problems
		if !errors.As(err, &problems) || len(problems.List) == 0 || len(problems.List) > mostProblems {
			t.Errorf("%s: %T %.200v", what, err, err)
		}
		if text := err.Error(); len(text) > 200_000 {
			t.Errorf("%s: %d bytes of problems", what, len(text))
		}
		if took := time.Since(start); took > 20*time.Second { // seconds at most; a hang is what this is about
			t.Errorf("%s: took %v", what, took)
		}
	}
	shares := "[" + many(1000, "50%,") + "]"
	f("aliases of long lists", string(small("budgets:\n - { everyone: true, daily_usd: 5, warn_at: &w "+shares+" }\n"+many(1000, " - { everyone: true, daily_usd: 5, warn_at: *w }\n"))))
	f("billion laughs", "a: &a [x,x,x,x,x,x,x,x,x]\n"+many(1, "b: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nproviders: *c\n"))
	f("alias of itself", "version: 1\nproviders: &p { openai: *p }\n")
	f("deep", many(20_000, "["))
	f("deep blocks", many(2_000, "- "))
	f("large", "version: 1\n#"+many(mostBytes, "x"))
	f("many unknown keys", "version: 1\n"+func() string {
		var b strings.Builder
		for i := range 60_000 {
			b.WriteString("k" + string(rune('a'+i%26)) + many(1, strings.Repeat("z", i%7)) + time.Duration(i).String() + ": 1\n")
		}
		return b.String()
	}())
	f("one long line", "version: 1\nproviders: {"+many(50_000, "a: b, ")+"}\n")
	f("many dangling names", string(small(""))+"budgets:\n"+many(10_000, " - { team: nobody, daily_usd: 5 }\n"))
}

func TestProblemsOfAMissingFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "policies.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if p, err := Load("../policies.yaml"); err != nil || p.File != "../policies.yaml" {
		t.Errorf("own policy: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	f := func(more, want string) {
		t.Helper()
		p, err := Parse("p", small(more), noEnv)
		if err != nil {
			t.Fatalf("%v", err)
		}
		for _, w := range p.Warnings {
			if strings.Contains(w.Message, want) && w.Hint != "" && w.Line > 0 && w.Source != "" {
				return
			}
		}
		t.Errorf("no warning %q in %+v", want, p.Warnings)
	}
	f("prices: { overrides: { openai/gpt-5-nan: { input: 1, output: 1 } } }\n", `no model uses "openai/gpt-5-nan"`)
	f("prices: { overrides: { openai/entirely-else: { input: 1, output: 1 } } }\n", `no model uses "openai/entirely-else"`)
	f("", "price of openai/nobody-knows-this is not known")
	f("budgets: [{ everyone: true, daily_usd: 5, when_spent: downgrade, downgrade_to: openai/gpt-5 }]\n", "costs more than the default model")

	src := strings.Replace(string(small("")), "to: asked", "to: asked, cache: read", 1)
	p, err := Parse("p", []byte(src), noEnv)
	if err != nil || p.Routes[0].Cache != exchange.CacheOff || !strings.Contains(p.Warnings[len(p.Warnings)-1].Message, "caches nothing") {
		t.Errorf("%v, %+v", err, p)
	}
	src = strings.Replace(string(small("")), "base_url:", "timeouts: { idle: 1h }, base_url:", 1)
	if p, err = Parse("p", []byte(src), noEnv); err != nil || !strings.Contains(p.Warnings[0].Message, "idle is longer than total") {
		t.Errorf("%v, %+v", err, p)
	}
}

func TestFilesAsWindowsWritesThem(t *testing.T) {
	src := "\uFEFF" + strings.ReplaceAll(string(small("timezon: UTC\n")), "\n", "\r\n")
	_, err := Parse("p", []byte(src), noEnv)
	const want = "p:10:1: unknown key \"timezon\" in the file\n   10 | timezon: UTC\n      | ^\n      = did you mean \"timezone\"?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestWordsOfEnums(t *testing.T) {
	facts := &exchange.Facts{Team: "find", Key: "k1"}
	for _, c := range []struct{ got, want string }{
		{Downgrade.String(), "downgrade"},
		{Deny.String(), "deny"},
		{Local.String(), "local"},
		{ScopeKey.Key(facts), "key=k1"},
		{ScopeTeam.Key(facts), "team=find"},
		{ScopeEveryone.Key(facts), "everyone"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestWebhooks(t *testing.T) {
	src := small("teams: { search: {} }\nevents: { webhooks: [ { name: ops, url_env: OPS, secret_env: OPS_SECRET, format: slack, kinds: [anomaly], teams: search } ] }\n")
	f := func(url, secret, warning string) *Policy {
		t.Helper()
		p, err := Parse("p", src, func(name string) string { return map[string]string{"OPS": url, "OPS_SECRET": secret}[name] })
		if err != nil {
			t.Fatal(err)
		}
		warned := ""
		for _, w := range p.Warnings {
			if strings.HasPrefix(w.Message, "webhook") {
				warned += w.Message
			}
		}
		if (warned == "") != (warning == "") || !strings.Contains(warned, warning) || url != "" && strings.Contains(warned, url) {
			t.Errorf("warned %q, want %q", warned, warning)
		}
		if p.Events.Times != 3 || p.Events.Least != 5*pricing.Dollar || (len(p.Events.Webhooks) == 0) != (warning != "") {
			t.Errorf("events %+v", p.Events)
		}
		return p
	}
	f("", "", "OPS is not set")
	f("https://example.com/x", "", "OPS_SECRET is not set")
	f("example.com/x", "s", "is not a URL")
	f("http://example.com/x", "s", "unencrypted")
	f("http://10.0.0.1/x", "s", "")
	p := f("https://example.com/x", "s", "")
	if w := p.Events.Webhooks[0]; w.URL != "https://example.com/x" || w.Secret != "s" || !w.Slack || w.Kinds[0] != "anomaly" || w.Teams[0] != "search" {
		t.Errorf("webhook %+v", w)
	}
}
