package replay

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
	"bursar/router/samples"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const cascading = `
version: 1
providers: { up: { dialect: openai, base_url: https://up.example/v1 } }
models:
  cheap:   { use: [up/small] }
  second:  { use: [up/other] }
  premium: { use: [up/large] }
prices: { overrides: { up/small: { input: 1, output: 2 }, up/other: { input: 1, output: 2 }, up/large: { input: 10, output: 20 } } }
teams: { a: {}, b: {} }
budgets:
  - { team: b, daily_usd: 0.001, when_spent: block }
routes:
  - name: plain
    when: { model: auto, tools: false }
    to: cheap
    escalate: { to: premium, unless: [complete, not_refused] }
  - name: twice
    when: { model: auto }
    to: cheap
    escalate: { to: premium, unless: [complete], agree_with: second }
  - { name: rest, to: asked }
default: premium
output: { default_max_tokens: 100 }
`

// The cheap answer costs $0.0002, the second opinion as much, and the premium answer $0.002: see asked.
const cheapCost, premiumCost = 200_000, 2_000_000

// tried is a request that the route's cascade has looked at.
func tried(team string, after time.Duration, route string, t Tried) *Record {
	r := asked(team, after)
	r.Rule, r.Tried = route, &t
	r.Model, r.Target = "premium", "up/large"
	if t.Word == exchange.CascadeKept {
		r.Model, r.Target = "cheap", "up/small"
	}
	return r
}

func TestCascade(t *testing.T) {
	p := parse(t, cascading)
	digest := p.Routes[0].Cascade.Digest()
	f := func(name string, r *Record, known *Known, escalated bool, by Source, cost pricing.Nano) {
		t.Helper()
		got := New(p, Prices{}, known).Run(r)
		model := map[bool]string{true: "premium", false: "cheap"}[escalated]
		if got.Checked.Escalated != escalated || got.Checked.Source != by || got.Cost != cost || got.Model != model {
			t.Errorf("%s: %s, $%s: %+v", name, got.Model, got.Cost.Dollars(), got.Checked)
		}
		if got.Saved.Sum() != got.Baseline-got.Cost {
			t.Errorf("%s: savings %v do not add up to %s - %s", name, got.Saved, got.Baseline.Dollars(), got.Cost.Dollars())
		}
	}
	nothing := NewKnown()
	f("kept then", tried("a", 0, "plain", Tried{Word: "kept", Cheap: "up/small"}), nothing, false, Recorded, cheapCost)
	f("escalated then, at what the cheap answer had cost", tried("a", 0, "plain", Tried{Word: "escalated", Failed: "not_refused", Cheap: "up/small", Cost: 300_000}), nothing, true, Recorded, premiumCost+300_000)
	f("for what is no longer looked at", tried("a", 0, "plain", Tried{Word: "escalated", Failed: "valid_schema", Cheap: "up/small"}), nothing, true, Assumed, premiumCost+cheapCost)
	f("by another route", tried("a", 0, "other", Tried{Word: "kept", Cheap: "up/small"}), nothing, true, Assumed, premiumCost+cheapCost)
	f("with another model", tried("a", 0, "plain", Tried{Word: "kept", Cheap: "up/tiny"}), nothing, true, Assumed, premiumCost+cheapCost)
	f("nothing is known", asked("a", 0), nothing, true, Assumed, premiumCost+cheapCost)

	sampled := asked("a", 0)
	sampled.Sample = &Sample{Terms: digest, Cheap: "up/small", Other: "up/large", Passed: true, Score: 1, OtherScore: 1}
	f("a sample that passed", sampled, nothing, false, Sampled, cheapCost)
	failed := *sampled.Sample
	failed.Passed = false
	sampled.Sample = &failed
	f("and one that did not", sampled, nothing, true, Sampled, premiumCost+cheapCost)

	twice := tried("a", 0, "twice", Tried{Word: "kept", Cheap: "up/small", Second: 50_000})
	twice.Facts.Tools = true
	f("a second opinion at what it had cost", twice, nothing, false, Recorded, cheapCost+50_000)
	twice.Tried.Second = 0
	f("one that was not asked then", twice, nothing, true, Assumed, premiumCost+2*cheapCost)

	stream := asked("a", 0)
	stream.Facts.Stream = true
	passing := parse(t, strings.Replace(cascading, "not_refused] }", "not_refused], streams: pass }", 1))
	if got := New(passing, Prices{}, nothing).Run(stream); got.Checked.Escalated || got.Model != "cheap" {
		t.Errorf("a stream that passes: %+v", got)
	}

	broke := New(p, Prices{}, nothing)
	if got := broke.Run(asked("b", 0)); got.Refused || got.Checked.Escalated || got.Model != "cheap" || got.Cost != cheapCost {
		t.Errorf("a budget with room for the cheap answer alone: %+v", got)
	}
	refusing := parse(t, strings.Replace(cascading, "not_refused] }", "not_refused], otherwise: refuse }", 1))
	if got := New(refusing, Prices{}, nothing).Run(asked("b", 0)); !got.Refused || got.Status != 429 || got.Cost != cheapCost || got.Saved.Sum() != got.Baseline-got.Cost {
		t.Errorf("which is not to be served: %+v", got)
	}
}

// TestEstimates: the share of like requests comes out, to the request, and rests on the nearest that are enough.
func TestEstimates(t *testing.T) {
	p := parse(t, cascading)
	rapid.Check(t, func(t *rapid.T) {
		known := NewKnown()
		seen := rapid.IntRange(enoughLike, 60).Draw(t, "seen")
		failed := rapid.IntRange(0, seen).Draw(t, "failed")
		for i := range seen {
			known.count("plain", "a", "up/small", i < failed)
			known.count("plain", "z", "up/small", true) // of another team
		}
		s, n, escalated := New(p, Prices{}, known), rapid.IntRange(1, 200).Draw(t, "requests"), 0
		for i := range n {
			got := s.Run(asked("a", time.Duration(i)*time.Second))
			if got.Checked.Source != Estimated {
				t.Fatalf("%+v", got.Checked)
			}
			if got.Checked.Escalated {
				escalated++
			}
		}
		if want := n * failed / seen; escalated != want {
			t.Fatalf("%d of %d escalated, want %d: %d of %d like ones did", escalated, n, want, failed, seen)
		}
	})
}

// TestKnown: rows of a ledger, old and new, say what came of cascades and of samples.
func TestKnown(t *testing.T) {
	digest := parse(t, cascading).Routes[0].Cascade.Digest()
	row := func(id string, kind ledger.Kind, target, facts, tag string, cost pricing.Nano) *ledger.Row {
		r := &ledger.Row{
			ID: id, Kind: kind, Time: noon.UnixNano(), Team: "a", Asked: "auto", Rule: "plain", Decision: "rule", Target: target, Facts: facts, Cost: cost,
			PromptTokens: 100, Usage: pricing.Usage{Input: 100, Output: 50},
		}
		if tag != "" {
			r.Tags = ledger.TagText([]exchange.Tag{{Name: exchange.AsideTag, Value: tag + ":plain"}})
		}
		return r
	}
	score := func(v float64) *float64 { return &v }
	label := func(id string, said samples.Said) *ledger.Row {
		return row(id, ledger.KindLabel, "up/small", said.Text(), "", 0)
	}
	rows := []*ledger.Row{
		row("kept", ledger.KindRequest, "up/small", "ekept", "", cheapCost),
		row("old", ledger.KindRequest, "up/large", "eescalated xup/small=300000=complete", "", premiumCost+300_000),
		row("new", ledger.KindRequest, "up/large", "eescalated fnot_refused", "", premiumCost),
		row("new-try1", ledger.KindAside, "up/small", "fnot_refused Anew", "rejected", 250_000),
		row("kept-second", ledger.KindAside, "up/other", "Akept", "second", 70_000),
		row("kept-shadow", ledger.KindAside, "up/large", "Akept", "shadow", premiumCost),
		row("wait", ledger.KindRequest, "up/large", "", "", premiumCost),
		row("wait-shadow", ledger.KindAside, "up/small", "Await", "shadow", cheapCost),
		label("label:kept", samples.Said{Of: "kept", Source: "shadow", Pair: &samples.Pair{Terms: digest, Served: true, Agree: true, Same: "unclear"}}),
		label("label:kept:j", samples.Said{Of: "kept", Source: "j", Score: score(0.5)}),
		label("label:kept-shadow:j", samples.Said{Of: "kept-shadow", Source: "j", Score: score(0.8)}),
		label("label:wait", samples.Said{Of: "wait", Source: "shadow", Pair: &samples.Pair{Terms: digest, Failed: true, Same: "unclear"}}),
	}
	known := NewKnown()
	for _, r := range rows {
		if err := known.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	known.Settle()
	if got := known.likes[like{"plain", "a", "up/small"}]; got == nil || *got != (outcomes{seen: 4, failed: 3}) {
		t.Errorf("like requests: %+v", got)
	}
	var file bytes.Buffer
	want := map[string]Record{}
	for _, r := range rows {
		record, ok, err := FromRow(r)
		if err != nil || !ok {
			continue
		}
		known.Join(r.ID, &record)
		want[r.ID] = record
		if err := Write(&file, &record); err != nil {
			t.Fatal(err)
		}
	}
	for id, c := range map[string]struct {
		tried  *Tried
		sample *Sample
		beside pricing.Nano
	}{
		"kept": {
			&Tried{Word: "kept", Cheap: "up/small", Second: 70_000},
			&Sample{Terms: digest, Cheap: "up/small", Other: "up/large", Served: true, Passed: true, Score: 0.5, OtherScore: 0.8}, 70_000 + premiumCost,
		},
		"old":  {&Tried{Word: "escalated", Failed: "complete", Cheap: "up/small", Cost: 300_000}, nil, 0},
		"new":  {&Tried{Word: "escalated", Failed: "not_refused", Cheap: "up/small", Cost: 250_000}, nil, 250_000},
		"wait": {nil, &Sample{Terms: digest, Cheap: "up/small", Other: "up/large", Score: 0, OtherScore: 1}, cheapCost},
	} {
		r := want[id]
		if diff := cmp.Diff(c.tried, r.Tried) + cmp.Diff(c.sample, r.Sample); diff != "" || r.Beside != c.beside {
			t.Errorf("%s: beside %d\n%s", id, r.Beside, diff)
		}
	}

	again := NewKnown()
	var back []Record
	if err := Read(&file, func(r *Record) error { again.Learn(r); back = append(back, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(known.likes, again.likes, cmp.AllowUnexported(like{}, outcomes{})); diff != "" || len(back) != len(want) {
		t.Errorf("a file says something else:\n%s", diff)
	}
}

func TestQuality(t *testing.T) {
	p := parse(t, cascading)
	digest := p.Routes[0].Cascade.Digest()
	s, sum := New(p, Prices{}, NewKnown()), NewSummary(p, Prices{}, false)
	run := func(r *Record) {
		before, now := AsRecorded(r, p), s.Run(r)
		sum.Add(r, &before, &now)
	}
	at := time.Duration(0)
	kept := func(n int, score float64, sample bool) {
		for range n {
			at += time.Second
			r := tried("a", at, "plain", Tried{Word: "kept", Cheap: "up/small"})
			if sample {
				r.Sample = &Sample{Terms: digest, Cheap: "up/small", Other: "up/large", Served: true, Passed: true, Score: score, OtherScore: 1}
			}
			run(r)
		}
	}
	if e := sum.Quality.Estimate(""); e != (Estimate{}) {
		t.Errorf("nothing was seen: %+v", e)
	}
	kept(700, 0, false)
	if e := sum.Quality.Estimate("a"); e != (Estimate{Unknown: 700}) {
		t.Errorf("no sample: %+v", e)
	}
	for range 10 {
		kept(29, 1, true)
		kept(1, 0, true)
	}
	for range 1_000 { // these the premium model answers
		at += time.Second
		run(tried("a", at, "plain", Tried{Word: "escalated", Failed: "complete", Cheap: "up/small", Cost: cheapCost}))
	}
	named := asked("c", at)
	named.Facts.Model, named.Facts.Pinned = "cheap", true // nobody knows how good that is
	run(named)

	e := sum.Quality.Estimate("a")
	if want := (1 + 290.0/300) / 2; math.Abs(e.Share-want) > 1e-9 || e.Samples != 300 || e.Unknown != 0 || e.Requests != 2_000 {
		t.Errorf("%+v, want a share of %v", e, want)
	}
	if e.Lower95 < 0.95 || e.Lower95 >= e.Share {
		t.Errorf("at least %v of %v", e.Lower95, e.Share)
	}
	if of := sum.Quality.Estimate("c"); of != (Estimate{Unknown: 1}) {
		t.Errorf("a team that nothing is known of: %+v", of)
	}
	if all := sum.Quality.Estimate(""); all.Unknown != 1 || all.Share != e.Share {
		t.Errorf("all together: %+v", all)
	}
	if before := sum.QualityBefore.Estimate("a"); math.Abs(before.Share-e.Share) > 1e-9 || before.Lower95 != e.Lower95 {
		t.Errorf("as recorded: %+v", before)
	}
}

// TestQualityBoundHolds: of many draws of samples, the bound is above the truth in no more than one of twenty.
func TestQualityBoundHolds(t *testing.T) {
	for _, truth := range []float64{0.7, 0.9, 0.98} {
		above := 0
		const draws = 300
		for seed := range uint64(draws) {
			x := seed*0x9E3779B97F4A7C15 + uint64(truth*1e6) + 1
			pairs := make([]scored, 200)
			for i := range pairs {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
				pairs[i] = scored{of: 1, weight: 1}
				if float64(x>>11)/(1<<53) < truth {
					pairs[i].got = 1
				}
			}
			if lowerBound(pairs) > truth {
				above++
			}
		}
		if above > draws/20+10 {
			t.Errorf("a truth of %v: %d of %d bounds are above it", truth, above, draws)
		}
	}
}

func TestClopperPearson(t *testing.T) {
	for _, c := range []struct {
		k, n      int64
		low, high float64
	}{{0, 10, 0, 0.308497}, {5, 10, 0.187086, 0.812914}, {10, 10, 0.691503, 1}, {24, 300, 0.051937, 0.116709}, {1, 1000, 0.0000253, 0.00555924}} {
		if low, high := clopperPearson(c.k, c.n, 0.05); math.Abs(low-c.low) > 2e-4 || math.Abs(high-c.high) > 2e-4 {
			t.Errorf("%d of %d: %v to %v", c.k, c.n, low, high)
		}
	}
}

// TestKeptTurns: a turn that stays because moving costs more shows what that saves on the lever of prompt caches.
func TestKeptTurns(t *testing.T) {
	text := strings.Replace(rules, "output: 20, cache_read: 1 }", "output: 20, cache_read: 0.5 }", 1)
	p, err := policy.Parse("p.yaml", []byte(strings.Replace(text, `">= 50%"`, `">= 0%"`, 1)+"conversations: { turns_ahead: 1 }\n"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s := New(p, Prices{}, NewKnown())
	turn := func(after time.Duration, model string, u pricing.Usage) Result {
		r := asked("c", after)
		r.Facts.Conversation, r.Facts.Model, r.Facts.Pinned, r.Facts.PromptTokens, r.Usage = 7, model, model != "auto", u.Prompt(), u
		return s.Run(r)
	}
	turn(0, "premium", pricing.Usage{Input: 2_000, Output: 5})
	// Here: 2,000 read at $0.5, 10 at $10 and 5 answered at $20 a million. There: 2,010 at $1, and 5 at $2.
	got := turn(time.Minute, "auto", pricing.Usage{Input: 10, CacheRead: 2_000, Output: 5})
	if !got.Kept || got.Model != "premium" || got.Reason != exchange.ReasonSwitchCost || got.Cost != 1_200_000 || got.NotMoved != 820_000 ||
		got.Saved[exchange.LeverPromptCache] != got.NotMoved || got.Saved.Sum() != got.Baseline-got.Cost {
		t.Errorf("%+v", got)
	}
	// An hour later nothing is warm.
	if got = turn(time.Hour, "auto", pricing.Usage{Input: 10, CacheRead: 2_000, Output: 5}); got.Kept || got.Model != "cheap" {
		t.Errorf("after an hour: %+v", got)
	}
}
