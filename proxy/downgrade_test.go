package proxy

import (
	"fmt"
	"strings"
	"testing"

	"bursar/pricing"
)

const threeTiers = `
models:
  small: { use: [fake/small] }
  big: { use: [fake/big] }
  nano: { use: [fake/nano] }
prices:
  overrides:
    fake/small: { input: 2, output: 4 }
    fake/big: { input: 10, output: 50 }
    fake/nano: { input: 0.1, output: 0.2 }
`

// TestDowngradeFurtherStaysHard: that one budget has sent a request to a cheaper model does not soften another one, in whatever order
// they stand: it sends the request on to its own, still cheaper model.
func TestDowngradeFurtherStaysHard(t *testing.T) {
	const team, all = "{ name: A, team: search, daily_usd: 0.0001, when_spent: downgrade, downgrade_to: small }", "{ name: B, everyone: true, daily_usd: LIMIT, when_spent: downgrade, downgrade_to: nano }"
	for _, limit := range []struct {
		dollars string
		nano    pricing.Nano
	}{{"0.000001", 1_000}, {"0.0008", 800_000}} {
		for _, order := range [][2]string{{team, all}, {all, team}} {
			h := open(t, plan{sections: threeTiers + strings.ReplaceAll("budgets: [ "+order[0]+", "+order[1]+" ]\n", "LIMIT", limit.dollars)})
			var dear pricing.Nano
			var last string
			for i := range 8 {
				got := h.post(chat("big", fmt.Sprint("hi", i)))
				row := h.row(got.id())
				if got.status != 200 || row.Decision != "downgraded" || row.Target == "fake/big" {
					t.Errorf("%v: status %d by %s", order, got.status, row.Target)
				}
				if row.Target != "fake/nano" {
					dear += row.Cost
				}
				last = row.Target
			}
			if last != "fake/nano" || dear > limit.nano {
				t.Errorf("%v: $%s spent on models dearer than the last resort, at last by %s", order, dear.Dollars(), last)
			}
			h.settled0()
		}
	}
}

// TestDowngradeDoesNotSoftenBlocks of other budgets.
func TestDowngradeDoesNotSoftenBlocks(t *testing.T) {
	h := open(t, plan{sections: threeTiers + "budgets: [ { team: search, daily_usd: 0.000001, when_spent: downgrade, downgrade_to: nano }, { name: wall, key: each, daily_usd: 0.0000001 } ]\n"})
	got := h.post(chat("big", "hi"))
	if f := got.fault(t); got.status != 429 || f.Code != "budget_exceeded" || h.up.Count("") != 0 {
		t.Errorf("status %d, %+v", got.status, f)
	}
}

// TestUnavailableDowngradeRefuses as any spent budget does: a provider without its key is no fault of ours.
func TestUnavailableDowngradeRefuses(t *testing.T) {
	h := open(t, plan{sections: pot})
	p := parse(t, h.up, "budgets: [ { team: search, daily_usd: 0.000001, when_spent: downgrade, downgrade_to: small } ]\n")
	for _, c := range p.Models["small"].Use {
		c.Unavailable = "no key"
	}
	must(t, h.Use(p))
	for _, form := range []string{"", streamed} {
		got := h.post(chat("big", "hi", form))
		if f := got.fault(t); got.status != 429 || f.Code != "budget_exceeded" || f.Type != "insufficient_quota" {
			t.Errorf("status %d, %+v", got.status, f)
		}
	}
	h.noBugs()
}

// TestDowngradedQuestionAskedAgainIsAHit: the cheap model has answered it before.
func TestDowngradedQuestionAskedAgainIsAHit(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{stores: kind, sections: cached + "budgets: [ { team: search, daily_usd: 0.000001, when_spent: downgrade, downgrade_to: small } ]\n"})
		first := h.post(chat("big", "why?"))
		h.outcome(first.id())
		h.kept()
		spent := h.spent()
		for _, form := range []string{"", streamed} {
			got := h.post(chat("big", "why?", form))
			row := h.row(got.id())
			if got.status != 200 || got.header.Get("x-bursar-cache") != "hit" || row.Cost != 0 || row.Target != "fake/small" || row.Saved.Sum() != row.Baseline || row.Decision != "downgraded" {
				t.Errorf("status %d, cache %q, row %+v", got.status, got.header.Get("x-bursar-cache"), row)
			}
		}
		if h.up.Count("") != 1 || h.spent() != spent {
			t.Errorf("%d calls, spent %d after %d", h.up.Count(""), h.spent(), spent)
		}
		h.settled()
	})
}
