package pricing

import (
	"math"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

func TestRatesFallBackUpwards(t *testing.T) {
	const in, out = 100, 1000
	for _, c := range []struct {
		name  string
		given Rates
		want  Rates
	}{
		{
			"input and output only",
			Rates{Input: in, Output: out},
			Rates{in, in, in, in, in, in, out, out, out, out, 0},
		},
		{
			"a cache write sets the price of an hour-long one",
			Rates{Input: in, CacheWrite: 125, Output: out},
			Rates{in, in, 125, 200, in, in, out, out, out, out, 0},
		},
		{
			"which is never below the short one",
			Rates{Input: in, CacheWrite: 300, Output: out},
			Rates{in, in, 300, 300, in, in, out, out, out, out, 0},
		},
		{
			"an image model",
			Rates{Input: in, ImageOut: 5000},
			Rates{in, in, in, in, in, in, 5000, 5000, 5000, 5000, 0},
		},
		{
			"no output at all, as for embeddings",
			Rates{Input: in},
			Rates{in, in, in, in, in, in, in, in, in, in, 0},
		},
		{"free", Rates{}, Rates{}},
		{"all given", Rates{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Rates{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	} {
		if got := c.given.complete(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestModesFallBackUpwards(t *testing.T) {
	base := Rates{Input: 100, CacheRead: 10, CacheWrite: 125, AudioIn: 400, Output: 1000, Reasoning: 3000, PerRequest: 7}
	batch := Rates{Input: 50, Output: 500}.completeBeside(base)
	if want := (Rates{50, 50, 125, 125, 400, 50, 500, 3000, 500, 500, 7}); batch != want {
		t.Errorf("batch is %+v, want %+v: what it does not name is not cheaper than in the base", batch, want)
	}
	priority := Rates{Input: 200, Output: 2000}.completeBeside(base)
	if want := (Rates{200, 200, 250, 400, 800, 200, 2000, 6000, 2000, 2000, 7}); priority != want {
		t.Errorf("priority is %+v, want %+v: what it does not name is as much dearer as its input", priority, want)
	}
	if got := (Rates{Input: 200}).completeBeside(base).Output; got != 2000 {
		t.Errorf("a mode without output costs %d per answered token, want 2000", got)
	}
}

func TestModesInATier(t *testing.T) {
	p := price(t, `{"provider":"p","model":"m","entries":[{"rates":{"input":1000000,"output":2000000},
		"tiers":[{"above":100,"rates":{"input":2000000,"output":3000000}}],"modes":[{"name":"batch","rates":{"input":500000,"output":1000000}}]}]}`)
	u := Usage{Input: 101, Output: 10, Tier: "batch"} // 101 x 1 + 10 x 1.5 micro-dollars
	if got, want := p.Cost(&u, day), Nano(116_000); got != want {
		t.Errorf("batch above the tier's bound costs %d, want %d", got, want)
	}
}

func TestDailyWindow(t *testing.T) {
	p := price(t, `{"provider":"p","model":"m","entries":[{"rates":{"input":1000000}},{"daily":"22:30-06:00","rates":{"input":250000}},
		{"from":"2026-09-01T00:00:00Z","rates":{"input":3000000}}]}`)
	for at, want := range map[string]Nano{
		"2026-08-21T22:29:59Z":      1000,
		"2026-08-21T22:30:00Z":      250,
		"2026-08-21T05:59:59Z":      250,
		"2026-08-21T06:00:00Z":      1000,
		"2026-08-22T00:30:00+02:00": 250, // 22:30 UTC
		"2026-09-01T23:00:00Z":      3000,
		"1999-01-01T12:00:00Z":      1000,
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Cost(&Usage{Input: 1}, when); got != want {
			t.Errorf("at %s a token costs %d, want %d", at, got, want)
		}
	}
}

func TestNothingWraps(t *testing.T) {
	p := Flat("p", "m", Rates{Input: maxRate, Output: maxRate, PerRequest: math.MaxInt64})
	all := Usage{
		math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64,
		math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, "", "",
	}
	if got := p.Cost(&all, day); got != math.MaxInt64 {
		t.Errorf("Cost = %d, want the largest", got)
	}
	if got := p.Worst(math.MaxInt64, math.MaxInt64, day); got != math.MaxInt64 {
		t.Errorf("Worst = %d, want the largest", got)
	}
	if got := p.Affordable(math.MaxInt64, math.MaxInt64-1, day); got != 0 {
		t.Errorf("Affordable = %d, want 0", got)
	}
	if got := Flat("p", "m", Rates{}).Affordable(5, 0, day); got != math.MaxInt64 {
		t.Errorf("Affordable of a free model = %d, want no bound", got)
	}
	negative := Usage{Input: -5, Output: math.MinInt64}
	if got := Flat("p", "m", Rates{Input: 1_000_000, Output: 1}).Cost(&negative, day); got != 0 {
		t.Errorf("Cost of negative counts = %d, want 0", got)
	}
	if got := Flat("p", "m", Rates{Input: 1}).Affordable(0, -1, day); got != 0 {
		t.Errorf("Affordable of a negative budget = %d, want 0", got)
	}
}

func TestFind(t *testing.T) {
	for asked, want := range map[string]string{
		"openai/gpt-5-mini":                   "gpt-5-mini",
		"openai/gpt-5-mini-2025-08-07":        "gpt-5-mini",
		"anthropic/claude-haiku-4-5-20260131": "claude-haiku-4-5",
		"openai/gpt-4o-2024-05-13":            "gpt-4o-2024-05-13",
		"openai/gpt-5-mini-2025-13-07":        "",
		"openai/gpt-5-mini-2025-08-0":         "",
		"openai/gpt-5-mini-20250807x":         "",
		"openai/gpt-5-mini-0807":              "",
		"openai/gpt-5-mini-latest":            "",
		"openai/gpt-5-min":                    "",
		"openai/-2025-08-07":                  "",
		"openai/":                             "",
		"OpenAI/gpt-5-mini":                   "",
		"nobody/gpt-5-mini":                   "",
	} {
		provider, model, _ := strings.Cut(asked, "/")
		p, ok := Embedded().Find(provider, model)
		if ok != (want != "") || ok && p.Model != want {
			t.Errorf("Find(%s) = %v, %v, want %q", asked, p, ok, want)
		}
	}
}

func TestFindHost(t *testing.T) {
	for asked, want := range map[string]string{
		"api.openai.com gpt-5-mini":                              "openai",
		"API.OpenAI.com:443 gpt-5-mini-2025-08-07":               "openai",
		"api.anthropic.com claude-haiku-4-5":                     "anthropic",
		"my-company.openai.azure.com gpt-5.5":                    "azure",
		"us-central1-aiplatform.googleapis.com gemini-3.5-flash": "google-vertex",
		"bedrock-runtime.eu-north-1.amazonaws.com zai.glm-5":     "amazon-bedrock",
		"generativelanguage.googleapis.com gemini-2.5-pro":       "google",
		"api.moonshot.cn kimi-k2.5":                              "", // bills in another currency
		"api.openai.com.evil.example gpt-5-mini":                 "",
		"127.0.0.1:11434 gpt-5-mini":                             "",
		"api.openai.com no-such-model":                           "",
	} {
		host, model, _ := strings.Cut(asked, " ")
		p, ok := Embedded().FindHost(host, model)
		if ok != (want != "") || ok && p.Provider != want {
			t.Errorf("FindHost(%s) = %v, %v, want %q", asked, p, ok, want)
		}
	}
}

// TestHostsHavePrices: every provider a host is mapped to is one of the table.
func TestHostsHavePrices(t *testing.T) {
	known := map[string]bool{}
	for p := range Embedded().All() {
		known[p.Provider] = true
	}
	for _, host := range []string{
		"api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "aiplatform.googleapis.com", "api.mistral.ai",
		"api.x.ai", "api.deepseek.com", "api.groq.com", "api.together.xyz", "api.fireworks.ai", "api.cohere.com", "api.moonshot.ai",
		"api.z.ai", "api.minimax.io", "api.perplexity.ai", "api.cerebras.ai", "dashscope-intl.aliyuncs.com", "x.openai.azure.com",
		"bedrock-runtime.us-east-1.amazonaws.com",
	} {
		if provider, ok := providerOf(host); !ok || !known[provider] {
			t.Errorf("host %s is mapped to %q, which has no prices", host, provider)
		}
	}
}

func TestEmbeddedTable(t *testing.T) {
	n := 0
	for p := range Embedded().All() {
		n++
		if p.Source == "" {
			t.Errorf("%s/%s has no source", p.Provider, p.Model)
		}
	}
	if n != 330 {
		t.Errorf("the table has %d prices, want 330", n)
	}
}

func TestParseTableRefuses(t *testing.T) {
	const good = `{"provider":"p","model":"m","entries":[{"rates":{"input":1}}]}`
	for src, want := range map[string]string{
		"# fine\n\nnot json":                     "line 3:",
		good + "\n" + good:                       "line 2: p/m has a price already",
		`{"model":"m","entries":[{"rates":{}}]}`: "without provider",
		`{"provider":"p","model":"m"}`:           "no entry",
		`{"provider":"p","model":"m","entries":[{"daily":"00:00-01:00","rates":{}}]}`:                            "only part of the day",
		`{"provider":"p","model":"m","entries":[{"rates":{}},{"daily":"25:00-01:00","rates":{}}]}`:               "not two times of day",
		`{"provider":"p","model":"m","entries":[{"from":"2026-01-02T00:00:00Z","rates":{}},{"rates":{}}]}`:       "not sorted by date",
		`{"provider":"p","model":"m","entries":[{"rates":{"input":-1}}]}`:                                        "rate -1",
		`{"provider":"p","model":"m","entries":[{"rates":{"per_request":-1}}]}`:                                  "fee per request",
		`{"provider":"p","model":"m","entries":[{"rates":{},"tiers":[{"above":2,"rates":{}},{"above":1}]}]}`:     "not sorted by size",
		`{"provider":"p","model":"m","entries":[{"rates":{},"tiers":[{"above":2,"rates":{"output":-1}}]}]}`:      "tier above 2",
		`{"provider":"p","model":"m","entries":[{"rates":{},"modes":[{"name":"batch","rates":{"output":-1}}]}]}`: "mode batch",
		`{"provider":"p","model":"m","entries":[{"rates":{},"modes":[{"name":"","rates":{}}]}]}`:                 "standard one",
		`{"provider":"p","model":"m","entries":[{"rates":{}}],"regions":[{"name":"us","times":"1.1"}]}`:          "as in 11/10",
		`{"provider":"p","model":"m","entries":[{"rates":{}}],"regions":[{"name":"us","times":"1/0"}]}`:          "as in 11/10",
		`{"provider":"p","model":"m","entries":[{"rates":{}}],"regions":[{"name":"us"}]}`:                        "without name or multiplier",
	} {
		if _, err := ParseTable([]byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseTable(%s)\ngot error %v, want one with %q", src, err, want)
		}
	}
}

func price(t *testing.T, line string) *Price {
	t.Helper()
	table, err := ParseTable([]byte(strings.ReplaceAll(line, "\n", " ")))
	if err != nil {
		t.Fatal(err)
	}
	return table.sorted[0]
}

func TestRegionOf(t *testing.T) {
	for host, want := range map[string]string{
		"api.openai.com": "", "us.api.openai.com": "us", "EU.api.openai.com.:443": "eu", "aiplatform.googleapis.com": "global",
		"us-east5-aiplatform.googleapis.com": "us-east5", "bedrock-runtime.eu-west-1.amazonaws.com": "eu-west-1", "api.anthropic.com": "", "": "",
	} {
		if got := RegionOf(host); got != want {
			t.Errorf("RegionOf(%s) = %q, want %q", host, got, want)
		}
	}
}
