package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/pricing"
)

// TestPricesList: by provider, by a glob that goes over slashes, at a date.
func TestPricesList(t *testing.T) {
	list := func(args ...string) []listedPrice {
		t.Helper()
		var all []listedPrice
		must(t, json.Unmarshal([]byte(done(t, append([]string{"prices", "list", "-json"}, args...)...)), &all))
		return all
	}
	if all := list(); len(all) < 300 {
		t.Errorf("only %d prices", len(all))
	}
	for _, l := range list("-provider", "openai", "-model", "gpt-5*") {
		if l.Provider != "openai" || !strings.HasPrefix(l.Model, "gpt-5") {
			t.Errorf("listed %s/%s", l.Provider, l.Model)
		}
	}
	f := func(at string, want pricing.Pico) {
		t.Helper()
		one := list("-provider", "openai", "-model", "gpt-5.6-luna", "-at", at)
		if len(one) != 1 || one[0].Price.Rates.Input != want {
			t.Errorf("at %s: %+v", at, one)
		}
	}
	f("2026-07-29", 1_000_000)
	f("2026-07-29T23:59:59Z", 1_000_000)
	f("2026-07-30", 200_000)
	slashes := 0
	for price := range pricing.Embedded().All() {
		if strings.Contains(price.Model, "/") {
			slashes++
		}
	}
	if with := list("-model", "*/*"); len(with) != slashes || slashes == 0 {
		t.Errorf("%d of %d names with a slash", len(with), slashes)
	}
	table := done(t, "prices", "list", "-provider", "anthropic", "-model", "claude-sonnet-4-5", "-at", "2026-08-21")
	if !strings.Contains(table, "anthropic/claude-sonnet-4-5") || !strings.Contains(table, "3.75") || !strings.Contains(table, "1 models") {
		t.Errorf("the table:\n%s", table)
	}
	if got := (world{}).run("prices", "list", "-model", "nothing"); got.code != 1 || !strings.Contains(got.err, "no price is like that") {
		t.Errorf("%+v", got)
	}
}

// TestPricesImport: facts become a table, what was doubtful is told, and diff says how it differs from the built-in one.
func TestPricesImport(t *testing.T) {
	dir := t.TempDir()
	from := write(t, dir+"/facts.json", `{"schema":"pricing_facts/1","models":[
		{"provider":"openai","model":"gpt-5-mini","currency":"USD","unit":"picoUSD_per_token","rates":{"input":300000,"cache_read":25000,"output":2000000},"price_source":"x"},
		{"provider":"p","model":"odd","currency":"USD","unit":"picoUSD_per_token","rates":{"input":1000,"output":1,"cache_write":500},"price_source":"x"}]}`)
	out := filepath.Join(dir, "prices.jsonl")
	said := done(t, "prices", "import", from, "-out", out)
	if !strings.Contains(said, "p/odd: cache writes at 500 are below input") || !strings.Contains(said, "2 models, 1 things changed") {
		t.Errorf("said:\n%s", said)
	}
	src, err := os.ReadFile(out)
	must(t, err)
	if _, err := pricing.ParseTable(src); err != nil {
		t.Error(err)
	}
	for _, file := range []string{from, out} {
		diff := done(t, "prices", "diff", file)
		for _, want := range []string{"~ openai/gpt-5-mini\n", "    input: 0.25 -> 0.30\n", "+ p/odd\n", "- openai/gpt-5\n", "1 added, 1 changed, "} {
			if !strings.Contains(diff, want) {
				t.Errorf("diff of %s is without %q:\n%.2000s", file, want, diff)
			}
		}
	}
	var changes []pricing.Change
	must(t, json.Unmarshal([]byte(done(t, "prices", "diff", out, "-json")), &changes))
	if len(changes) < 300 {
		t.Errorf("%d changes", len(changes))
	}
}

// TestPricesRefused: a file that is no table, no facts, or not there writes nothing.
func TestPricesRefused(t *testing.T) {
	dir := t.TempDir()
	f := func(want, text string, args ...string) {
		t.Helper()
		file := write(t, dir+"/in", text)
		for i := range args {
			args[i] = strings.ReplaceAll(strings.ReplaceAll(args[i], "FILE", file), "OUT", dir+"/out")
		}
		if got := (world{}).run(append([]string{"prices"}, args...)...); got.code != 1 || !strings.Contains(got.err, want) {
			t.Errorf("%q: %+v", args, got)
		}
		if _, err := os.Stat(dir + "/out"); err == nil {
			t.Errorf("%q wrote a table", args)
		}
	}
	f("price table line 1", "{", "diff", "FILE")
	f("pricing_facts/1", `{"schema":"pricing_facts/9"}`, "diff", "FILE")
	f("decode facts", "{", "import", "FILE", "-out", "OUT")
	f("not in USD", `{"schema":"pricing_facts/1","models":[{"provider":"p","model":"m","currency":"EUR"}]}`, "import", "FILE", "-out", "OUT")
	f("no such file", "", "import", dir+"/absent", "-out", "OUT")
	f("-out", `{"schema":"pricing_facts/1"}`, "import", "FILE", "-out", dir+"/absent/out")
}
