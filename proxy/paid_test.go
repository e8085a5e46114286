package proxy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/keys"
	"bursar/ledger"
	"bursar/pricing"

	"pgregory.net/rapid"
)

// perModel has a route that escalates, models that fall back, and a budget of everything that a call can be charged to.
const perModel = `models:
  small: { use: [fake/small] }
  spare: { use: [fake/torn, fake/small] }
  big: { use: [fake/big, fake/huge] }
prices:
  overrides:
    fake/small: { input: 2, output: 4 }
    fake/torn: { input: 3, output: 6 }
    fake/big: { input: 10, output: 50 }
    fake/huge: { input: 11, output: 51 }
    fake/other: { input: 1, output: 1 }
budgets:
  - { name: search, team: search, daily_usd: 10 }
  - { name: everyone, everyone: true, monthly_usd: 20 }
  - { name: small, model: small, daily_usd: 5 }
  - { name: fake/small, model: fake/small, monthly_usd: 5 }
  - { name: spare, model: spare, daily_usd: 5 }
  - { name: fake/torn, model: fake/torn, daily_usd: 5 }
  - { name: big, model: big, daily_usd: 5 }
  - { name: fake/huge, model: fake/huge, daily_usd: 5 }
  - { name: titles, tag: { feature: titles }, daily_usd: 5 }
  - { name: rejected, tag: { bursar-aside: "rejected:checked" }, daily_usd: 5, when_spent: warn }
  - { name: failed, tag: { bursar-aside: "failed:checked" }, daily_usd: 5, when_spent: warn }
cache: { exact: { ttl: 1h } }
routes:
  - name: checked
    when: { model: auto }
    to: small
    escalate: { to: big, unless: [complete, not_refused] }
  - { name: as asked, to: asked }
`

// torn breaks off a call that may be billed.
var torn = testkit.Script{HangUp: true}

// TestPaidCallsAreTheirModels: whatever a request goes on from is charged and booked at the model that was called, and at no other, in every kind of
// store; and a gateway that starts again knows as much.
func TestPaidCallsAreTheirModels(t *testing.T) {
	none, refuses := testkit.Script{Status: 503}, strings.Replace(perModel, "unless:", "otherwise: refuse, unless:", 1)
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		for _, test := range []struct {
			name, sections, model string
			small, big, huge      testkit.Script
			want                  string
			tries                 []string
		}{
			{"kept", perModel, "auto", fine, able, able, "fake/small", nil},
			{"escalated", perModel, "auto", refusing, able, able, "fake/big", []string{"fake/small"}},
			{"escalated past a failure", perModel, "auto", refusing, torn, able, "fake/huge", []string{"fake/small", "fake/big"}},
			{"escalated past an overload", perModel, "auto", refusing, none, able, "fake/huge", []string{"fake/small"}},
			{"served after all", perModel, "auto", refusing, none, none, "fake/small", []string{"fake/small"}},
			{"served after failures", perModel, "auto", refusing, torn, torn, "fake/small", []string{"fake/small", "fake/big", "fake/huge"}},
			{"refused", refuses, "auto", refusing, torn, none, "", []string{"fake/small", "fake/big"}},
			{"fallen back", perModel, "spare", fine, able, able, "fake/small", []string{"fake/torn"}},
			{"all failed", perModel, "big", fine, torn, torn, "", []string{"fake/big", "fake/huge"}},
		} {
			if !memory(t) && len(test.tries) < 2 {
				continue // nothing is settled there before the next hold that those with more do not settle, too
			}
			p := plan{sections: test.sections, stores: kind, dir: t.TempDir(), up: testkit.NewUpstream(t)}
			h := open(t, p)
			h.up.On("small", test.small)
			h.up.On("torn", torn)
			h.up.On("big", test.big)
			h.up.On("huge", test.huge)
			for _, form := range []string{"", streamed} {
				before, name := h.spent(), test.name+form
				got := h.post(chat(test.model, name, form, `,"max_tokens":50`), "x-bursar-tag-feature", "titles")
				row := h.row(got.id())
				h.balanced()
				spent, tries := h.spent()-before, []string{}
				rest := spent
				for _, try := range h.triesOf(got.id()) {
					tries, rest = append(tries, try.Target), rest-try.Cost
				}
				if row.Target != test.want || row.Saved.Sum() != row.Baseline-row.Cost || row.Cost != rest || !slices.Equal(tries, test.tries) {
					t.Errorf("%s: %d spent, %v were paid before: %+v", name, spent, tries, row)
				}
				if told := got.header.Get("x-bursar-cost-usd"); form == "" && told != spent.Dollars() {
					t.Errorf("%s: the client is told of $%s, $%s were booked", name, told, spent.Dollars())
				}
				// In a fleet the header is what is left for sure: the store may hear later of what was paid.
				if room := got.header.Get("x-bursar-budget-left-usd"); form == "" && h.stores.embedded && !h.hasRoom(room) {
					t.Errorf("%s: the client is told of $%s left in its budgets, which stand at %+v", name, room, spentOf(h))
				}
			}
			st, err := h.ledger.Report(t.Context(), ledger.Query{})
			must(t, err)
			if st.Requests != 2 || st.Saved.Sum() != st.Baseline-st.Spend {
				t.Errorf("%s: the statement has %d requests: %+v", test.name, st.Requests, st.Sums)
			}
			h.noBugs()
			before := spentOf(h)
			h.close()
			if h.stores.embedded && len(test.tries) == 3 {
				if after := spentOf(open(t, p)); !maps.Equal(after, before) {
					t.Errorf("%s: after a restart the budgets stand at %v, stood at %v", test.name, after, before)
				}
			}
		}
	})
}

// TestNobodyToEscalateTo: an answer that fails its checks while nobody may answer instead is the request's own, or is refused, and paid.
func TestNobodyToEscalateTo(t *testing.T) {
	for _, form := range []string{"", streamed} {
		h := open(t, plan{sections: perModel})
		h.up.On("small", refusing)
		narrow, _ := h.scoped(keys.Terms{Team: "search", Models: []string{"small"}})
		f := func(name, target, method, word string, tries int) {
			t.Helper()
			got := h.post(chat("auto", name, form), "Authorization", "Bearer "+narrow)
			row, paid := h.row(got.id()), h.triesOf(got.id())
			h.balanced()
			if row.Target != target || row.UsageMethod != method || (row.Cost > 0) != (tries == 0) || len(paid) != tries || row.Saved.Sum() != row.Baseline-row.Cost || got.header.Get("x-bursar-cascade") != word {
				t.Errorf("%s%s: %v, %d paid before: %+v", name, form, got.header, len(paid), row)
			}
		}
		f("served", "fake/small", "reported", "served; failed=not_refused", 0)
		must(t, h.Use(parse(t, h.up, strings.Replace(perModel, "unless:", "otherwise: refuse, unless:", 1))))
		f("refused", "", "none", "refused; failed=not_refused", 1)
		h.noBugs()
		h.close()
	}
}

// TestMoneyIsSplit: what a request costs is split into rows of which each has what one call has cost, whatever the models do; no budget counts more
// or less than the rows that are of it.
func TestMoneyIsSplit(t *testing.T) {
	const provider = "\nproviders: { fake: { dialect: openai, base_url: \"UP\", retries: 0, timeouts: { total: %dms } } }\n"
	sections := strings.Replace(perModel, "name: big, model: big, daily_usd: 5", "name: big, model: big, daily_usd: 0.05", 1) + provider
	calm := 60_000
	h := open(t, plan{sections: fmt.Sprintf(sections, calm)})
	scripts := map[string]testkit.Script{
		"fine": fine, "able": able, "refusing": refusing, "torn": torn, "overloaded": {Status: 503}, "unwilling": {Status: 400}, "no JSON": {Body: "<html>"},
		"broken off": {Tokens: 30, CutAfter: 4}, "cut": {Tokens: 30, Finish: "length"}, "untold": {Text: able.Text, NoUsage: true},
	}
	names := slices.Sorted(maps.Keys(scripts))
	rapid.Check(t, func(rt *rapid.T) {
		if calm++; calm%4 == 0 { // a provider that nobody knows any harm of
			must(t, h.Use(parse(t, h.up, fmt.Sprintf(sections, calm))))
		}
		for _, model := range []string{"small", "torn", "big", "huge"} {
			h.up.On(model, scripts[rapid.SampledFrom(names).Draw(rt, model)])
		}
		before := h.spent()
		got := h.post(chat(rapid.SampledFrom([]string{"auto", "auto", "spare", "big"}).Draw(rt, "asked"), rapid.StringMatching(`[a-z ]{0,99}`).Draw(rt, "text"),
			rapid.SampledFrom([]string{"", streamed, usageAsked}).Draw(rt, "form")), "Cache-Control", "no-store")
		row := h.row(got.id())
		if calm%10 == 0 { // what is off stays off
			h.balanced()
		}
		sum, saved, baseline := row.Cost, row.Saved.Sum(), row.Baseline
		for _, try := range h.triesOf(got.id()) {
			if try.Cost <= 0 || try.Baseline != 0 || try.Saved.Sum() != -try.Cost || try.Usage.Prompt() == 0 {
				rt.Fatalf("a call that was paid before: %+v", try)
			}
			sum, saved = sum+try.Cost, saved+try.Saved.Sum()
		}
		if booked := h.spent() - before; sum != booked || saved != baseline-booked || row.Cost < 0 {
			rt.Fatalf("%d are booked, and %d in the rows of the request, which save %d of %d: %+v", booked, sum, saved, baseline, row)
		}
		if told := got.header.Get("x-bursar-cost-usd"); told != "" && told != sum.Dollars() {
			rt.Fatalf("$%s were paid, the client is told of $%s", sum.Dollars(), told)
		}
	})
	h.balanced()
	if _, err := h.ledger.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// memory tells whether a test of eachStore is at the store in memory.
func memory(t *testing.T) bool { return strings.HasSuffix(t.Name(), "/memory") }

// balanced waits until no money is held, and checks that each budget has spent what the ledger has of it.
func (h *house) balanced() {
	h.Helper()
	until(h, "all holds to be settled", func() bool {
		return !slices.ContainsFunc(mustStanding(h), func(s Standing) bool { return s.Held != 0 })
	})
	for _, s := range mustStanding(h) {
		filter := ledger.Filter{From: s.Window.Start, To: s.Window.End, Team: s.Budget.Scope.Team, Model: s.Budget.Scope.Model}
		if s.Budget.Scope.Tag.Name != "" {
			filter.Tag = &s.Budget.Scope.Tag
		}
		booked, err := h.ledger.Spent(h.Context(), filter)
		must(h, err)
		if s.Spent != booked {
			h.Errorf("budget %s has spent $%s, the ledger has $%s", s.Budget.Name, s.Spent.Dollars(), booked.Dollars())
		}
	}
}

// triesOf are the rows of what a request has paid before the call that it ended with, in that order.
func (h *house) triesOf(id string) (tries []ledger.Row) {
	h.Helper()
	must(h, h.ledger.Rows(h.Context(), ledger.Filter{}, func(r *ledger.Row) error {
		if strings.HasPrefix(r.ID, id+"-") {
			tries = append(tries, *r)
		}
		return nil
	}))
	slices.SortFunc(tries, func(a, b ledger.Row) int { return strings.Compare(a.ID, b.ID) })
	return tries
}

// hasRoom tells whether some budget that is not everybody's has just this room.
func (h *house) hasRoom(dollars string) bool {
	return slices.ContainsFunc(mustStanding(h), func(s Standing) bool { return !s.Budget.Scope.Everyone && (s.Limit-s.Spent).Dollars() == dollars })
}

func spentOf(h *house) map[string]pricing.Nano {
	h.Helper()
	all := map[string]pricing.Nano{}
	for _, s := range mustStanding(h) {
		all[s.Budget.Name] = s.Spent
	}
	return all
}
