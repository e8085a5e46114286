package proxy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/testkit"
	"bursar/pricing"
)

const tight = "output: { hold: p99, default_max_tokens: 1000, least_useful_tokens: 10 }\n"

// knowing is a house that has seen answers of 20 tokens on its route.
func knowing(t *testing.T, p plan) *house {
	h := open(t, p)
	for range 400 {
		h.lengths.Note(kindOf("as asked", "fake/small"), 20, true)
	}
	return h
}

// TestTightHolds: as long as a budget has room each request holds its whole cap. Where it has not, one takes what its kind needs and leaves the rest to
// others, and its cap is lowered to what it holds, so that the longest answer costs no more. Without the key the first takes all.
func TestTightHolds(t *testing.T) {
	price := "prices: { overrides: { fake/small: { input: 100, output: 200 }, fake/big: { input: 1, output: 2 } } }\n"
	f := func(output string, wantServed int) {
		t.Helper()
		h := knowing(t, plan{sections: output + price + "budgets: [ { team: search, daily_usd: 0.3 } ]\n"}) // one answer of 1000 tokens, and less than half of one
		h.up.On("small", testkit.Script{Tokens: 5000, PromptTokens: 20, StallAfter: 1})
		var served int
		for served < 8 {
			conn, r := h.dial(h.raw(chat("small", fmt.Sprint("hi", served), streamed)))
			line, err := r.ReadString('\n')
			must(t, err)
			if !strings.Contains(line, " 200 ") {
				must(t, conn.Close())
				break
			}
			served++
			if s := h.standing(); s.Spent+s.Held > s.Limit {
				t.Errorf("stands at %+v", s)
			}
			defer conn.Close()
		}
		if served < wantServed || wantServed == 2 && served != 2 {
			t.Errorf("%q: %d at a time, want %d", output, served, wantServed)
		}
	}
	f(tight, 4)
	f(strings.Replace(tight, "p99", "worst", 1), 2)
}

// TestTightHoldsNeverOverspend: whatever lengths were learned and whatever lengths come, also where every answer is as long as its cap allows, a budget is
// never overspent and no answer costs more than was held for it.
func TestTightHoldsNeverOverspend(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		h := knowing(t, plan{stores: kind, sections: tight + "budgets: [ { team: search, daily_usd: 0.3 } ]\n" +
			"limits: [ { team: search, tokens_per_minute: 1000000 } ]\nprices: { overrides: { fake/small: { input: 100, output: 200 } } }\n"})
		h.up.On("small", testkit.Script{Tokens: 2000, PromptTokens: 20}, testkit.Script{Tokens: 20, PromptTokens: 20}, testkit.Script{Tokens: 15, PromptTokens: 20, Latency: time.Millisecond})
		var crowd sync.WaitGroup
		var refused, answered atomic.Int64
		for i := range 8 {
			crowd.Go(func() {
				dice := rand.New(rand.NewPCG(uint64(i), 3))
				for j := range 8 {
					form := ""
					if dice.IntN(2) == 0 {
						form = streamed
					}
					switch h.try(t.Context(), chat("small", fmt.Sprint("question ", i, j), form)) {
					case 200:
						answered.Add(1)
					case 429:
						refused.Add(1)
					}
					if s := h.standing(); s.Spent+s.Held > s.Limit {
						t.Errorf("stands at %+v", s)
					}
				}
			})
		}
		crowd.Wait()
		spent := h.settled()
		if spent > 3*pricing.Dollar/10 || answered.Load() < 4 || refused.Load() == 0 || h.told("more than was held") > 0 {
			t.Errorf("spent $%s, %d answered, %d refused, %d overruns", spent.Dollars(), answered.Load(), refused.Load(), h.told("more than was held"))
		}
		h.noBugs()
	})
}

// TestLengthsOutliveTheGateway: one that is started anew knows from its ledger how long answers get.
func TestLengthsOutliveTheGateway(t *testing.T) {
	sections := tight
	h := open(t, plan{sections: sections})
	h.up.On("small", testkit.Script{Tokens: 9})
	for i := range 300 {
		h.try(t.Context(), chat("small", fmt.Sprint("hi", i)))
	}
	h.settled0()
	known, ok := h.lengths.P99(kindOf("as asked", "fake/small"))
	h.close()
	again := open(t, plan{sections: sections, dir: h.dir, up: h.up})
	until(t, "the lengths to be read", func() bool {
		n, sure := again.lengths.P99(kindOf("as asked", "fake/small"))
		return ok && sure && n == known
	})
}
