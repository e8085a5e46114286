package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"
)

// repricePolicies name the provider openai by its host, so that the built-in prices hold, and give fake/m a rate of its own.
func repricePolicies(t *testing.T, input string) string {
	return write(t, filepath.Join(t.TempDir(), "policies.yaml"), `version: 1
providers:
  openai: { dialect: openai, base_url: https://api.openai.com/v1 }
  fake: { dialect: openai, base_url: http://127.0.0.1:1 }
models:
  luna: { use: [openai/gpt-5.6-luna] }
  own: { use: [fake/m] }
prices:
  overrides:
    fake/m: { input: `+input+`, output: 2 }
teams:
  a: { owner: a@example.com }
routes:
  - { name: as asked, to: asked }
default: luna
`)
}

// wrongBooks are rows that were booked at prices that nobody has. It returns what they cost at the true ones, fake/m's input at
// own $ per million tokens.
func wrongBooks(t *testing.T, dir string) (truth func(own pricing.Nano) pricing.Nano) {
	t.Helper()
	l, err := ledger.Open(dir, ledger.Options{})
	must(t, err)
	luna, ok := pricing.Embedded().Find("openai", "gpt-5.6-luna")
	if !ok {
		t.Fatal("no price of gpt-5.6-luna")
	}
	var fixed, perOwn pricing.Nano
	change := time.Date(2026, 7, 30, 0, 0, 0, 0, time.UTC)
	for n := range 120 {
		at := change.Add(time.Duration(n-60) * time.Hour)
		r := ledger.Row{
			ID: fmt.Sprintf("request-%03d", n), Time: at.UnixNano(), Team: "a", Rule: "as asked", Reason: "answered", Status: 200, Cache: "miss",
			Usage: pricing.Usage{Input: int64(n) * 37, CacheRead: 11, Output: int64(n), Tier: []string{"", "batch"}[n%2]}, Trimmed: int64(n % 3), Cost: pricing.Nano(n) + 5,
		}
		cost := luna.Cost(&r.Usage, at)
		r.Target, r.Tier = "openai/gpt-5.6-luna", "luna"
		switch n % 6 {
		case 1:
			r.Target, r.Tier, r.Usage.Tier = "fake/m", "own", ""
			cost = pricing.Nano(2000 * r.Usage.Output)
			perOwn += pricing.Nano(1000 * (r.Usage.Input + r.Usage.CacheRead))
		case 2:
			r.Cache, r.Cost, cost = ledger.CacheHit, 0, 0
			r.Baseline = 777
			r.Saved[exchange.LeverExact] = 777
		case 3:
			r.Reason, r.Cost, cost = exchange.ReasonProviderRefused.String(), 0, 0
		case 4:
			r.Target = "gone/model" // no provider of this policy
			cost = r.Cost
		}
		if n%6 != 2 {
			r.Saved[exchange.LeverTrim] = pricing.Nano(n % 3)
			r.Saved[exchange.LeverRoute] = pricing.Nano(n % 2 * 1000)
			r.Baseline = r.Cost + r.Saved.Sum()
		}
		fixed += cost
		must(t, l.Append(&r))
		if n%10 == 0 { // what reprice must not touch
			orphan := ledger.Row{ID: r.ID + "x", Kind: ledger.KindOrphan, Time: r.Time, Team: "a", Target: "fake/m", Cost: 50, Baseline: 50}
			back := ledger.Row{ID: r.ID + "x", Kind: ledger.KindCorrection, Time: r.Time, Team: "a", Target: "fake/m", Cost: -20, Baseline: -20}
			must(t, l.Append(&orphan))
			must(t, l.Append(&back))
			held := ledger.Row{ID: r.ID + "h", Time: r.Time, Team: "a", Target: "fake/m", Reason: "answered", Usage: pricing.Usage{Output: 7}, Facts: "Sbackground Ugone", Cost: 40, Baseline: 40}
			must(t, l.Append(&held))
			fixed += 70
		}
	}
	must(t, l.Close())
	return func(own pricing.Nano) pricing.Nano { return fixed + own*perOwn }
}

// TestReprice: after it the statement is what the rows cost at the prices of their dates; a second run changes nothing; other prices
// and the first ones again are corrected again; and the books verify all the while.
func TestReprice(t *testing.T) {
	dir := t.TempDir()
	truth := wrongBooks(t, dir)
	one, three := repricePolicies(t, "1"), repricePolicies(t, "3")
	run := func(policies string, more ...string) string {
		t.Helper()
		return done(t, append([]string{"reprice", "-data", dir, "-from", "2026-07-01", "-policies", policies}, more...)...)
	}
	spend := func(want pricing.Nano) {
		t.Helper()
		l, err := ledger.OpenReader(dir)
		must(t, err)
		defer l.Close()
		audit, err := l.Verify(t.Context())
		must(t, err)
		s, err := l.Report(t.Context(), ledger.Query{By: []string{"model", "day"}})
		must(t, err)
		if s.Spend != want || audit.Spend != want || s.Requests != 120+12+12 {
			t.Errorf("%d spent by %d requests, audited %d; want %d", s.Spend, s.Requests, audit.Spend, want)
		}
	}
	if out := run(one, "-dry-run"); !strings.Contains(out, "dry run: ") {
		t.Errorf("said:\n%s", out)
	}
	out := run(one)
	spend(truth(1))
	if !strings.Contains(out, "gone/model") || !strings.Contains(out, "20 requests stay as booked") || !strings.Contains(out, "corrections entered") {
		t.Errorf("said:\n%s", out)
	}
	for _, again := range []struct {
		policies string
		entered  string
		own      pricing.Nano
	}{{one, "0 corrections entered", 1}, {three, "20 corrections entered", 3}, {three, "0 corrections entered", 3}, {one, "20 corrections entered", 1}, {one, "0 ", 1}, {three, "20 ", 3}} {
		if out := run(again.policies); !strings.Contains(out, "\n"+again.entered) {
			t.Errorf("want %q:\n%s", again.entered, out)
		}
		spend(truth(again.own))
	}
}

// TestRepriceDays: only the days that were asked for are corrected.
func TestRepriceDays(t *testing.T) {
	dir := t.TempDir()
	wrongBooks(t, dir)
	policies := repricePolicies(t, "1")
	days := func() map[string]string {
		lines := columns(t, done(t, "report", "-data", dir, "-by", "day", "-format", "csv"))
		all := map[string]string{}
		for i, day := range lines["day"] {
			all[day] = lines["spend_usd"][i]
		}
		return all
	}
	before := days()
	done(t, "reprice", "-data", dir, "-from", "2026-07-29", "-to", "2026-07-30", "-policies", policies)
	for day, spent := range days() {
		asked := day == "2026-07-29" || day == "2026-07-30"
		if (spent != before[day]) != asked {
			t.Errorf("%s: %s before, %s after", day, before[day], spent)
		}
	}
}

// TestRepriceBesideAGateway: nothing is entered while a gateway has the folder; a dry run may look.
func TestRepriceBesideAGateway(t *testing.T) {
	dir := t.TempDir()
	wrongBooks(t, dir)
	policies := repricePolicies(t, "1")
	l, err := ledger.Open(dir, ledger.Options{})
	must(t, err)
	defer l.Close()
	got := world{}.run("reprice", "-data", dir, "-from", "2026-07-01", "-policies", policies)
	if got.code != 1 || !strings.Contains(got.err, "while no gateway runs") || !strings.Contains(got.err, "in use by another gateway") {
		t.Errorf("%+v", got)
	}
	done(t, "reprice", "-data", dir, "-from", "2026-07-01", "-policies", policies, "-dry-run")
	absent := filepath.Join(t.TempDir(), "absent")
	if got := (world{}).run("reprice", "-data", absent, "-from", "2026-07-01", "-policies", policies); got.code != 1 || !strings.Contains(got.err, "does not exist") {
		t.Errorf("%+v", got)
	}
}

// TestRepriceChangesNothing: what a gateway books is what reprice works out, for answers, hits, fallbacks and refusals.
func TestRepriceChangesNothing(t *testing.T) {
	s := newSite(t)
	s.up.On("quick", testkit.Script{Tokens: 20, PromptTokens: 30}, testkit.Script{Status: 400}, testkit.Script{Tokens: 7, PromptTokens: 12345})
	s.up.On("deep", testkit.Script{Tokens: 40, PromptTokens: 30})
	s.up.On("broken", testkit.Script{Status: 500})
	g := s.start(t)
	key := s.key(t, "alpha")
	eventually(t, "the key is known", func() bool { return g.serves(key, "quick") })
	for n := range 24 {
		model := []string{"quick", "deep", "auto"}[n%3]
		g.ask(key, fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"question %d"}]}`, model, n%2 == 0, n/6))
	}
	g.signal(syscall.SIGTERM)
	g.wait()
	out := done(t, "reprice", "-data", s.data, "-from", "2026-01-01", "-policies", s.policies)
	if !strings.Contains(out, "\n0 corrections entered") || strings.Contains(out, "stay as booked") || !strings.Contains(out, "fake/deep") {
		t.Errorf("said:\n%s", out)
	}
}

// TestRepriceLeavesHolds: what a dead gateway held is still its successor's to book.
func TestRepriceLeavesHolds(t *testing.T) {
	dir := t.TempDir()
	wrongBooks(t, dir)
	l, err := ledger.Open(dir, ledger.Options{})
	must(t, err)
	seed := ledger.Row{ID: "held", Team: "a", Target: "fake/m", Time: time.Now().UnixNano()}
	must(t, l.Hold("held", 12, seed.Encode(nil)))
	must(t, l.Close())
	done(t, "reprice", "-data", dir, "-from", "2026-07-01", "-policies", repricePolicies(t, "1"))
	l, err = ledger.Open(dir, ledger.Options{})
	must(t, err)
	defer l.Close()
	if r := l.Recovered(); len(r.Orphans) != 1 || r.Orphans[0].ID != "held" || r.Orphans[0].Cost != 12 {
		t.Errorf("%+v", r)
	}
}
