package replay

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const rules = `
version: 1
providers: { up: { dialect: openai, base_url: https://up.example/v1 } }
models:
  cheap:   { use: [up/small] }
  premium: { use: [up/large] }
prices: { overrides: { up/small: { input: 1, output: 2, cache_read: 0.1 }, up/large: { input: 10, output: 20, cache_read: 1 } } }
teams: { a: {}, b: {}, c: {} }
budgets:
  - { team: a, daily_usd: 0.01, when_spent: block }
  - { team: b, daily_usd: 0.01, when_spent: downgrade, downgrade_to: cheap }
routes:
  - { name: easy, when: { complexity: "< 0.3" }, to: cheap }
  - { name: careful, when: { team: c, budget_used: ">= 50%" }, to: cheap }
  - { name: rest, to: asked }
default: premium
baseline: premium
cache: { exact: { ttl: 1h } }
output: { default_max_tokens: 100 }
`

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policies.yaml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// asked is a request of 100 prompt tokens that was answered with 50 by the premium model: $0.002 then.
func asked(team string, after time.Duration) *Record {
	return &Record{
		Facts: exchange.Facts{At: noon.Add(after), Team: team, Model: "auto", N: 1, PromptTokens: 100, PromptMethod: exchange.MethodExact},
		Usage: pricing.Usage{Input: 100, Output: 50}, Rule: "rest", Model: "premium", Target: "up/large", Cost: 2_000_000, Baseline: 2_000_000,
	}
}

func TestRun(t *testing.T) {
	s := New(parse(t, rules), Prices{}, NewKnown())
	if got := s.Run(asked("c", 0)); got.Cost != 2_000_000 || got.Model != "premium" || got.Rule != "rest" || got.Saved.Sum() != 0 {
		t.Errorf("as it was: %+v", got)
	}
	easy := asked("c", 0)
	easy.Facts.Complexity = exchange.Complexity{Score: 0.1, Known: true}
	if got := s.Run(easy); got.Cost != 200_000 || got.Model != "cheap" || got.Saved[exchange.LeverRoute] != 1_800_000 {
		t.Errorf("an easy one: %+v", got)
	}

	// $0.01 lets four pass at $0.002 each; what is left is no room for the worst case of a fifth.
	var refused, downgraded int
	for i := range 8 {
		if got := s.Run(asked("a", time.Duration(i)*time.Minute)); got.Refused {
			refused++
			if got.Status != 429 || got.Reason != exchange.ReasonBudgetSpent || got.Cost != 0 {
				t.Errorf("refused: %+v", got)
			}
		}
		if got := s.Run(asked("b", time.Duration(i)*time.Minute)); got.Model == "cheap" {
			downgraded++
			if got.Reason != exchange.ReasonDowngraded || got.Cost != 200_000 {
				t.Errorf("downgraded: %+v", got)
			}
		}
	}
	if refused != 4 || downgraded != 4 {
		t.Errorf("%d refused, %d downgraded of 8", refused, downgraded)
	}
	if got := s.Run(asked("a", 12*time.Hour)); got.Refused {
		t.Errorf("the next day: %+v", got)
	}
}

func TestHits(t *testing.T) {
	s := New(parse(t, rules), Prices{}, NewKnown())
	ask := func(after, took time.Duration, hit bool) Result {
		r := asked("c", after)
		r.Key, r.Took, r.Hit = 7, took, hit
		return s.Run(r)
	}
	for i, c := range []struct {
		after time.Duration
		want  bool
	}{
		{0, false}, {time.Second, true}, // the first one is under way, and its answer is shared
		{3 * time.Second, true}, {59 * time.Minute, true}, {2 * time.Hour, false}, {2*time.Hour + 3*time.Second, true},
	} {
		got := ask(c.after, 2*time.Second, false)
		if got.Hit != c.want || got.Hit && (got.Cost != 0 || got.Saved[exchange.LeverExact] != 2_000_000) {
			t.Errorf("%d, after %s: %+v", i, c.after, got)
		}
	}
	before := asked("c", 0)
	before.Key, before.Hit = 99, true
	if got := s.Run(before); !got.Hit {
		t.Errorf("a hit of an answer from before the replay: %+v", got)
	}
	off := New(parse(t, strings.Replace(rules, "cache: { exact: { ttl: 1h } }", "", 1)), Prices{}, NewKnown())
	if got := off.Run(before); got.Hit || got.Cost != 2_000_000 {
		t.Errorf("without a cache: %+v", got)
	}
}

// TestSwitchLosesPromptCache: what another provider had cached is paid in full.
func TestSwitchLosesPromptCache(t *testing.T) {
	s := New(parse(t, rules), Prices{}, NewKnown())
	r := asked("c", 0)
	r.Usage = pricing.Usage{Input: 20, CacheRead: 80, Output: 50}
	if got := s.Run(r); got.Cost != 20*10_000+80*1_000+50*20_000 {
		t.Errorf("where it was: %d", got.Cost)
	}
	r.Facts.Complexity = exchange.Complexity{Score: 0.1, Known: true}
	if got := s.Run(r); got.Cost != 100*1_000+50*2_000 {
		t.Errorf("elsewhere: %d", got.Cost)
	}
}

func TestCapCutsAnswers(t *testing.T) {
	s := New(parse(t, strings.Replace(rules, "default_max_tokens: 100", "default_max_tokens: 30", 1)), Prices{}, NewKnown())
	if got := s.Run(asked("c", 0)); !got.Cut || got.Cap != 30 || got.Cost != 100*10_000+30*20_000 {
		t.Errorf("%+v", got)
	}
}

// TestReplayHolds checks what is true of any replay.
func TestReplayHolds(t *testing.T) {
	p := parse(t, rules)
	rapid.Check(t, func(t *rapid.T) {
		s, sum := New(p, Prices{}, NewKnown()), NewSummary(p, Prices{}, true)
		spent := map[string]pricing.Nano{}
		at := time.Duration(0)
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			at += time.Duration(rapid.IntRange(0, 3600).Draw(t, "after")) * time.Second
			r := asked(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "team"), at)
			r.Usage.Output = rapid.Int64Range(0, 400).Draw(t, "output")
			r.Key = uint64(rapid.IntRange(0, 5).Draw(t, "key"))
			r.Took = time.Duration(rapid.IntRange(0, 600).Draw(t, "took")) * time.Second
			r.Refused = rapid.Bool().Draw(t, "refused")
			if r.Refused {
				r.Usage, r.Target, r.Model = pricing.Usage{}, "", ""
			}
			now := s.Run(r)
			if now.Saved.Sum() != now.Baseline-now.Cost {
				t.Fatalf("savings do not add up: %+v", now)
			}
			if (now.Refused || now.Hit) && now.Cost != 0 || now.Cost < 0 {
				t.Fatalf("%+v costs", now)
			}
			spent[r.Facts.Team+r.Facts.At.Format(time.DateOnly)] += now.Cost
			before := AsRecorded(r, p)
			sum.Add(r, &before, &now)
		}
		for day, amount := range spent {
			if strings.HasPrefix(day, "a") && amount > 10_000_000 {
				t.Fatalf("%s spends %d, more than its limit", day, amount)
			}
		}
		var spend pricing.Nano
		var requests int64
		for _, team := range sum.Teams {
			spend, requests = spend+team.Spend, requests+team.Requests
		}
		if spend != sum.Total.Spend || requests != sum.Total.Requests {
			t.Fatalf("teams sum to %d over %d requests, the total is %d over %d", spend, requests, sum.Total.Spend, sum.Total.Requests)
		}
		all := sum.Baselines()
		if all[0].Spend > all[len(all)-1].Spend || all[1].Spend < all[0].Spend || all[1].Spend > all[len(all)-1].Spend {
			t.Fatalf("simple routers: %+v", all)
		}
	})
}

func TestFileComesBack(t *testing.T) {
	r := asked("a", 1500*time.Microsecond)
	r.Facts.Tags = []exchange.Tag{{Name: "kind", Value: "batch"}}
	r.Facts.Complexity = exchange.Complexity{Score: 0.123456789, Known: true}
	r.Facts.Conversation, r.Key, r.Took, r.Trimmed = 0xfeed, 0xbeef, 1234*time.Microsecond, 17
	r.Facts.Sticky = exchange.Sticky{Model: "premium", Target: "up/large"}
	r.Facts.Pinned, r.Facts.Tools, r.Facts.N = true, true, 2
	refused := &Record{Facts: exchange.Facts{At: noon, Team: "b", Model: "premium", N: 1, PromptMethod: exchange.MethodEstimate}, Refused: true}
	var file bytes.Buffer
	for _, one := range []*Record{r, refused} {
		if err := Write(&file, one); err != nil {
			t.Fatal(err)
		}
	}
	var got []Record
	if err := Read(&file, func(r *Record) error { got = append(got, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Record{*r, *refused}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFromRow(t *testing.T) {
	row := ledger.Row{
		ID: "req_1", Kind: ledger.KindRequest, Time: noon.UnixNano(), Team: "a", Tags: "kind=1%2C2", Asked: "auto", Rule: "rest", Decision: "default",
		Target: "up/large", Tier: "premium", PromptTokens: 100, PromptMethod: "estimate", Cache: ledger.CacheHit, Facts: "c0.25 t3 k1f",
	}
	r, ok, err := FromRow(&row)
	if err != nil || !ok || r.Facts.Complexity.Score != 0.25 || r.Facts.Turns != 3 || r.Key != 0x1f || !r.Hit || r.Facts.Tags[0].Value != "1,2" ||
		r.Facts.PromptMethod != exchange.MethodEstimate || !r.Facts.At.Equal(noon) {
		t.Errorf("%+v, %v, %v", r, ok, err)
	}
	for _, kind := range []ledger.Kind{ledger.KindOrphan, ledger.KindCorrection} {
		row.Kind = kind
		if _, ok, _ := FromRow(&row); ok {
			t.Errorf("a row of kind %s is no request", kind)
		}
	}
	row.Kind, row.Facts = ledger.KindRequest, "cx"
	if _, _, err := FromRow(&row); err == nil || !strings.Contains(err.Error(), "req_1") {
		t.Errorf("facts that cannot be read: %v", err)
	}
}

func TestPrices(t *testing.T) {
	p := parse(t, rules)
	c := p.Models["premium"].Use[0]
	u := pricing.Usage{Input: 1_000_000}
	for change, want := range map[string]pricing.Nano{
		"price.up/large=+20%": 12_000_000_000, "price.up/*=-5%": 9_500_000_000, "price.*=-100%": 0, "price.up/small=+50%": 10_000_000_000,
		"price.up/large=0.125%": 10_012_500_000,
	} {
		var prices Prices
		if err := prices.Add(change); err != nil {
			t.Fatal(err)
		}
		if got := prices.Cost(c, &u, noon); got != want {
			t.Errorf("%s: %d, want %d", change, got, want)
		}
	}
	for _, bad := range []string{"", "price.x", "price.x=20", "x=+20%", "price.=1%", "price.x=-101%", "price.x=1e3%", "price.[=1%", "price.x=0.0001%", "price.x=1/3%"} {
		var prices Prices
		if prices.Add(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	s := New(parse(b, rules), Prices{}, NewKnown())
	records := make([]Record, 10_000)
	for i := range records {
		r := asked([]string{"a", "b", "c"}[i%3], time.Duration(i)*time.Second)
		r.Key, r.Took, r.Facts.Conversation = uint64(i%5000), time.Second, uint64(i/4)
		r.Facts.User = fmt.Sprint(i % 100)
		records[i] = *r
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Run(&records[i%len(records)])
		i++
	}
}
