package proxy

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/budget"
	"bursar/internal/testkit"
	"bursar/policy"
	"bursar/pricing"
)

// TestSpentBudgetRefuses with all that the client needs to know.
func TestSpentBudgetRefuses(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: "budgets: [ { name: search pot, team: search, daily_usd: 0.01 }, { everyone: true, total_usd: 100 } ]\n", stores: kind})
		h.up.On("small", testkit.Script{PromptTokens: 4984}) // with the eight tokens of the answer $0.01
		if got := h.post(chat("small", "hi")); got.status != 200 || got.header.Get("x-bursar-budget-left-usd") != "0.00" {
			t.Fatalf("status %d, left %q", got.status, got.header.Get("x-bursar-budget-left-usd"))
		}
		h.settled()
		for _, form := range []string{"", streamed} {
			got := h.post(chat("small", "hi", form))
			f := got.fault(t)
			if got.status != 429 || f.Type != "insufficient_quota" || f.Code != "budget_exceeded" {
				t.Errorf("status %d, %+v", got.status, f)
			}
			for _, part := range []string{`"search pot"`, "$0.01 spent", "$0.00 held", "of $0.01 daily", "renews at " + tomorrow().Format(time.RFC3339)} {
				if !strings.Contains(f.Message, part) {
					t.Errorf("no %q in %q", part, f.Message)
				}
			}
			want := `"budget":{"name":"search pot","period":"daily","needed_usd":"0.00`
			if rest := `,"spent_usd":"0.01","held_usd":"0.00","limit_usd":"0.01","renews":"` + tomorrow().Format(time.RFC3339) + `"}`; !strings.Contains(got.body, want) || !strings.Contains(got.body, rest) {
				t.Errorf("for programs: %s, want %s...%s", got.body, want, rest)
			}
			retry, err := strconv.Atoi(got.header.Get("Retry-After"))
			if err != nil || retry < 1 || time.Duration(retry)*time.Second > time.Until(tomorrow())+2*time.Second || got.header.Get("x-should-retry") != "false" {
				t.Errorf("head %v", got.header)
			}
			row := h.row(got.id())
			if row.Reason != "budget_spent" || row.Status != 429 || row.Cost != 0 || row.Attempts != 0 {
				t.Errorf("row %+v", row)
			}
		}
		if h.up.Count("") != 1 {
			t.Errorf("%d calls upstream", h.up.Count(""))
		}
		if other := h.asOther("support", chat("small", "hi")); other.status != 200 {
			t.Errorf("another team: status %d", other.status)
		}
	})
}

func tomorrow() time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC)
}

// asOther asks with a new key of a team.
func (h *house) asOther(team, body string) reply {
	h.Helper()
	secret := h.key(team)
	until(h, "the key to be known", func() bool {
		_, err := h.keys.Find([]byte(secret))
		return err == nil
	})
	return h.post(body, "Authorization", "Bearer "+secret)
}

// TestCapShrinksToWhatIsAffordable: at most what is left, at least 64 tokens.
func TestCapShrinksToWhatIsAffordable(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 0.001 } ]\n", stores: kind})
		got := h.post(chat("small", "hi", `,"max_tokens":5000`)) // $0.02 at most
		x := h.outcome(got.id())
		if got.status != 200 || x.Outcome.Capped < 64 || x.Outcome.Capped > 250 {
			t.Fatalf("status %d, cap %d: %s", got.status, x.Outcome.Capped, got.body)
		}
		if sent := fmt.Sprintf(`"max_tokens":%d}`, x.Outcome.Capped); !strings.HasSuffix(string(h.up.Last("small").Body), sent) {
			t.Errorf("sent %s, want %s", h.up.Last("small").Body, sent)
		}
		if x.Outcome.Held > pricing.Dollar/1000 || x.Outcome.Held < pricing.Dollar*9/10000 {
			t.Errorf("held %s", x.Outcome.Held.Dollars())
		}
		h.settled()
		// Two answers share what is left.
		got = h.post(chat("small", "hi", `,"max_tokens":5000,"n":2`))
		y := h.outcome(got.id())
		if got.status != 200 || y.Outcome.Capped < 64 || y.Outcome.Capped > x.Outcome.Capped/2 {
			t.Errorf("status %d, cap %d for two", got.status, y.Outcome.Capped)
		}
	})
}

// TestSpentBudgetDowngrades to the cheaper model, which it does not bound.
func TestSpentBudgetDowngrades(t *testing.T) {
	h := open(t, plan{sections: cached + "budgets: [ { team: search, daily_usd: 0.01, when_spent: downgrade, downgrade_to: small } ]\n"})
	h.up.On("big", testkit.Script{PromptTokens: 1000})
	got := h.post(chat("big", "one"))
	if got.status != 200 || got.header.Get("x-bursar-model") != "fake/big" {
		t.Fatalf("status %d by %s", got.status, got.header.Get("x-bursar-model"))
	}
	for _, form := range []string{"", streamed} {
		got = h.post(chat("big", "two", form), "Cache-Control", "no-cache")
		row := h.row(got.id())
		if got.status != 200 || row.Target != "fake/small" || row.Decision != "downgraded" || got.header.Get("x-bursar-reason") != "downgraded" {
			t.Errorf("status %d, row %+v", got.status, row)
		}
		if row.Saved.Sum() != row.Baseline-row.Cost || row.Saved.Sum() <= 0 {
			t.Errorf("saved %v of %d", row.Saved, row.Baseline)
		}
	}
	// What the cheap model said is not given to those who may have the dear one again.
	must(t, h.Use(parse(t, h.up, cached+"budgets: [ { team: search, daily_usd: 1, when_spent: downgrade, downgrade_to: small } ]\n")))
	if got = h.post(chat("big", "two")); got.header.Get("x-bursar-model") != "fake/big" || got.header.Get("x-bursar-cache") != "miss" {
		t.Errorf("the downgraded answer is a hit: %v", got.header)
	}
	if got = h.post(chat("small", "two")); got.header.Get("x-bursar-cache") != "hit" {
		t.Errorf("asked for by its own name it is none: %v", got.header)
	}
}

// TestWarnAndObserveNeverRefuse but count.
func TestWarnAndObserveNeverRefuse(t *testing.T) {
	for _, kind := range []string{"when_spent: warn", "when_spent: observe", "when_spent: block, mode: observe", "when_spent: downgrade, downgrade_to: small, mode: observe"} {
		h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 0.000001, " + kind + " } ]\n"})
		for range 2 {
			if got := h.post(chat("big", "hi")); got.status != 200 || got.header.Get("x-bursar-model") != "fake/big" || got.header.Get("x-bursar-budget-left-usd") != "" {
				t.Errorf("%s: status %d, %v", kind, got.status, got.header)
			}
		}
		if h.settled() == 0 {
			t.Errorf("%s: nothing counted", kind)
		}
	}
}

// TestAffordableCandidateIsTaken when the first is too dear for what is left.
func TestAffordableCandidateIsTaken(t *testing.T) {
	h := open(t, plan{sections: "models: { both: { use: [fake/big, fake/small] } }\nbaseline: both\ndefault: both\nbudgets: [ { team: search, daily_usd: 0.002 } ]\n"})
	got := h.post(chat("both", "hi")) // 64 tokens of big are more than that
	if got.status != 200 || got.header.Get("x-bursar-model") != "fake/small" {
		t.Errorf("status %d by %q: %s", got.status, got.header.Get("x-bursar-model"), got.body)
	}
	h.settled()
}

// TestUnknownPriceIsDenied, never free.
func TestUnknownPriceIsDenied(t *testing.T) {
	h := open(t, plan{})
	got := h.post(chat("fake/unpriced", "hi"))
	if f := got.fault(t); got.status != 503 || f.Code != "unknown_price" || h.up.Count("") != 0 {
		t.Errorf("status %d, %+v", got.status, f)
	}
}

// TestBudgetUsedRoutes: a rule on budget_used sees what was spent a moment ago.
func TestBudgetUsedRoutes(t *testing.T) {
	h := open(t, plan{sections: `
budgets: [ { team: search, daily_usd: 0.02 } ]
routes:
  - { name: save, when: { budget_used: ">= 40%" }, to: small }
  - { name: spend, to: big }
`})
	h.up.On("big", testkit.Script{PromptTokens: 960}) // a cent
	if got := h.post(chat("auto", "hi")); got.header.Get("x-bursar-rule") != "spend" {
		t.Errorf("first by %q", got.header.Get("x-bursar-rule"))
	}
	until(t, "the budget's use to be seen", func() bool { return h.post(chat("auto", "hi")).header.Get("x-bursar-rule") == "save" })
}

// TestPerRequestPriceIsNotChargedForRefusals: nothing was served.
func TestPerRequestPriceIsNotChargedForRefusals(t *testing.T) {
	h := open(t, plan{sections: "prices: { overrides: { fake/small: { input: 2, output: 4, per_request: 0.5 } } }\nmodels: { small: { use: [fake/small] } }\nbaseline: small\nbudgets: [ { team: search, daily_usd: 100 } ]\n"})
	h.up.On("small", testkit.Script{Status: 400}, testkit.Script{Status: 500}, testkit.Script{})
	for _, want := range []pricing.Nano{0, 0, pricing.Dollar / 2} {
		row := h.row(h.post(chat("small", "hi")).id())
		if row.Cost < want || row.Cost > want+pricing.Dollar/1000 {
			t.Errorf("status %d costs $%s", row.Status, row.Cost.Dollars())
		}
	}
	h.settled()
}

// TestRaisedBudget lets more pass for a while, says so when it is spent too, and keeps what is spent when the raise is over.
func TestRaisedBudget(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		raise := "raises: [ { to_usd: 0.02, until: 2100-11-30, why: launch week } ] } ]\n"
		h := open(t, plan{stores: kind, sections: "budgets: [ { team: search, daily_usd: 0.01, " + raise})
		h.up.On("small", testkit.Script{PromptTokens: 4984}) // with the eight tokens of the answer $0.01
		for range 2 {
			if got := h.post(chat("small", "hi")); got.status != 200 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			h.settled()
		}
		got := h.post(chat("small", "hi"))
		if f := got.fault(t); got.status != 429 || !strings.Contains(f.Message, "of $0.02 daily (raised from $0.01 until 2100-12-01T00:00:00Z: launch week), and") || !strings.Contains(got.body, `"raised":"raised from $0.01 until 2100-12-01T00:00:00Z: launch week"`) {
			t.Errorf("status %d: %s", got.status, got.body)
		}
		if s := h.standing(); s.Limit != pricing.Dollar/50 || s.Spent != pricing.Dollar/50 {
			t.Errorf("standing %+v", s)
		}
		must(t, h.Use(parse(t, h.up, "budgets: [ { team: search, daily_usd: 0.01, "+strings.ReplaceAll(raise, "2100-11-30", "2020-11-30"))))
		if s := h.standing(); s.Limit != pricing.Dollar/100 || s.Spent != pricing.Dollar/50 {
			t.Errorf("standing %+v after the raise", s)
		}
		if f := h.post(chat("small", "hi")).fault(t); f.Code != "budget_exceeded" || !strings.Contains(f.Message, "$0.02 spent and $0.00 held of $0.01 daily, and") {
			t.Errorf("%+v", f)
		}
	})
}

// TestLeastUsefulAnswer: a cap that is too small to be useful is not sent; a cheaper model that affords a useful one is tried first.
func TestLeastUsefulAnswer(t *testing.T) {
	const sections = "output: { default_max_tokens: 1000, least_useful_tokens: LEAST }\nbudgets: [ { team: search, daily_usd: 0.005 } ]\n" +
		"models: { small: { use: [fake/small] }, big: { use: [fake/big, fake/small] } }\n"
	for _, test := range []struct {
		least      int
		model      string // that serves
		from, upTo int64  // the cap
	}{{20, "fake/big", 20, 99}, {100, "fake/small", 1000, 1000}, {5000, "fake/small", 1000, 1000}} {
		h := open(t, plan{sections: strings.Replace(sections, "LEAST", strconv.Itoa(test.least), 1)})
		got := h.post(chat("big", "hi")) // the cap of 1000 costs $0.05 there, and $0.004 on the small model
		x := h.outcome(got.id())
		if got.status != 200 || got.header.Get("x-bursar-model") != test.model || x.Outcome.Capped < test.from || x.Outcome.Capped > test.upTo {
			t.Errorf("least %d: status %d by %s, cap %d", test.least, got.status, got.header.Get("x-bursar-model"), x.Outcome.Capped)
		}
		h.settled()
	}
}

// TestThresholdsOfARaise: a raise has thresholds of its own, each told once, though those of the usual limit were told before.
func TestThresholdsOfARaise(t *testing.T) {
	line := &budgetLine{budget: &policy.Budget{WarnAt: []float64{0.5, 0.8}}}
	var told []string
	at := func(spent, limit pricing.Nano) {
		for range 2 {
			line.watch(&budget.Charge{Key: "team=search/monthly/2026-11"}, budget.State{Spent: spent, Limit: limit}, false, "search", func(e BudgetEvent) {
				told = append(told, fmt.Sprintf("%g of %d", e.Share, e.Limit))
			})
		}
	}
	at(60, 100)
	at(100, 100)
	at(100, 300)
	at(150, 300)
	at(300, 300)
	if got, want := strings.Join(told, ", "), "0.5 of 100, 0.8 of 100, 1 of 100, 0.5 of 300, 0.8 of 300, 1 of 300"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}
