package facts

import (
	"strings"
	"testing"
	"time"

	"bursar/pricing"
)

func TestTable(t *testing.T) {
	const source = `{"schema":"pricing_facts/1","models":[
		{"provider":"p","model":"dated","currency":"USD","unit":"picoUSD_per_token","rates":{"input":200000,"output":1200000},"context_window":1000,
		 "tiers":[{"input_tokens_above":500,"rates":{"input":400000,"output":1800000}}],
		 "modes":{"batch":{"rates":{"input":100000,"output":600000}}},
		 "history":[{"effective_from":null,"daily_window":null,"rates":{"input":1000000,"output":6000000}},
		            {"effective_from":"2026-07-30","daily_window":null,"rates":{"input":200000,"output":1200000}}],
		 "region_multiplier":{"us,eu":1.1},"multipliers":{"fast":2.5},"price_source":"a list"},
		{"provider":"p","model":"odd","currency":"USD","unit":"picoUSD_per_token","rates":{"input":1000,"output":1,"cache_read":1,"cache_write":500},
		 "history":[{"effective_from":null,"daily_window":["00:30:00Z","16:30:00Z"],"rates":{"input":7,"output":7}}],"price_source":"a list"},
		{"provider":"p","model":"night","currency":"USD","unit":"picoUSD_per_token","rates":{"input":1000000,"output":1},
		 "history":[{"effective_from":null,"daily_window":null,"rates":{"input":1000000,"output":1}},
		            {"effective_from":null,"daily_window":["16:30:00Z","00:30:00Z"],"rates":{"input":250000,"output":1}}],"price_source":"a list"}]}`
	var notes []string
	src, err := Table([]byte(source), func(text string) { notes = append(notes, text) })
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(notes, "\n")
	for _, want := range []string{"cache writes at 500 are below input", "cached reads at 1 are below", "history is left out"} {
		if !strings.Contains(told, want) {
			t.Errorf("notes have no %q:\n%s", want, told)
		}
	}
	table, err := pricing.ParseTable(src)
	if err != nil {
		t.Fatal(err)
	}
	old, now := "2026-07-29T17:00:00Z", "2026-07-30T12:00:00Z"
	for _, c := range []struct {
		model, at string
		usage     pricing.Usage
		want      pricing.Nano
	}{
		{"dated", old, pricing.Usage{Input: 1, Output: 1}, 7000},
		{"dated", now, pricing.Usage{Input: 1, Output: 1}, 1400},
		{"dated", old, pricing.Usage{Input: 501}, 501 * 2000}, // tiers and modes of old in the proportion of today
		{"dated", old, pricing.Usage{Input: 1, Output: 1, Tier: "batch"}, 3500},
		{"dated", now, pricing.Usage{Input: 1, Output: 1, Tier: "fast", Region: "eu"}, 3850},
		{"odd", now, pricing.Usage{CacheRead: 1, CacheWrite: 1}, 2},
		{"night", old, pricing.Usage{Input: 1}, 250},
		{"night", now, pricing.Usage{Input: 1}, 1000},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := table.Find("p", c.model)
		if !ok {
			t.Fatalf("no price of p/%s", c.model)
		}
		if got := p.Cost(&c.usage, at); got != c.want {
			t.Errorf("%s at %s: %+v costs %d, want %d", c.model, c.at, c.usage, got, c.want)
		}
	}
}

func TestTableRefuses(t *testing.T) {
	for source, want := range map[string]string{
		`{`:                  "decode facts",
		`{"schema":"other"}`: `have schema "other"`,
		`{"schema":"pricing_facts/1","models":[{"provider":"p","model":"m","currency":"EUR"}]}`:                                 "not in USD",
		`{"schema":"pricing_facts/1","models":[{"provider":"p","model":"m","rates":{"input_smell":1}}]}`:                        "input_smell",
		`{"schema":"pricing_facts/1","models":[{"model":"m","currency":"USD","unit":"picoUSD_per_token","rates":{"input":1}}]}`: "not valid",
	} {
		if _, err := Table([]byte(source), func(string) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("facts %s: error %v, want one with %q", source, err, want)
		}
	}
}

func TestIs(t *testing.T) {
	for src, want := range map[string]bool{`{"schema":"pricing_facts/1"}`: true, `{"schema":"pricing_facts/9"}`: true, `{"provider":"p"}`: false, "# a table": false, "": false} {
		if Is([]byte(src)) != want {
			t.Errorf("Is(%s) is not %v", src, want)
		}
	}
}
