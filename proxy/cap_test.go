package proxy

import (
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/pricing"
)

// TestAbsurdCapsNeverOverspend: whatever cap and number of answers a client asks for, no product of them overflows: the cap is lowered
// to what the budget affords, and a provider that goes to its limits costs no more than was held.
func TestAbsurdCapsNeverOverspend(t *testing.T) {
	for _, more := range []string{
		`,"n":128,"max_tokens":144115188075855936`,
		`,"max_tokens":9007199254740991`,
		`,"max_completion_tokens":144115188075855936`,
		`,"n":64,"max_tokens":36028797018963968,"max_completion_tokens":900719925474`,
	} {
		for _, form := range []string{"", streamed} {
			h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 0.1 } ]\n"})
			h.up.On("small", testkit.Script{Tokens: 1_000_000}) // cut at the cap
			got := h.post(chat("small", "hi", more, form))
			row := h.row(got.id())
			if got.status != 200 || row.Held <= 0 || row.Held > pricing.Dollar/10 || row.Cost > row.Held || row.Cost < pricing.Dollar/12 || row.Finish != "length" {
				t.Errorf("%s %s: status %d, held $%s, cost $%s, %s", more, form, got.status, row.Held.Dollars(), row.Cost.Dollars(), row.Finish)
			}
			if spent := h.settled(); spent > pricing.Dollar/10 {
				t.Errorf("%s %s: spent $%s", more, form, spent.Dollars())
			}
			// Where no budget bounds them they are served all the same.
			h.up.On("small")
			if got = h.asOther("support", chat("small", "hi", more, form)); got.status != 200 {
				t.Errorf("%s %s: status %d without a budget: %s", more, form, got.status, got.body)
			}
			h.settled0()
			h.noBugs()
		}
	}
}

// TestUnknownTokenizersAreHeldByBytes: of a model that nobody knows the provider may count up to a token per byte.
func TestUnknownTokenizersAreHeldByBytes(t *testing.T) {
	h := open(t, plan{sections: pot})
	for _, text := range []string{"hi", strings.Repeat("0", 3000), strings.Repeat("word ", 1000), strings.Repeat("語", 1000), strings.Repeat("\u200b\U0001F469\u200d", 500)} {
		for _, form := range []string{"", streamed} {
			body := chat("small", text, form)
			h.up.On("small", testkit.Script{PromptTokens: len(body), Tokens: 1000})
			row := h.row(h.post(body).id())
			if row.Cost > row.Held || row.Usage.Prompt() != int64(len(body)) || row.Usage.Completion() != 100 {
				t.Errorf("%.10q: held $%s for $%s, usage %+v", text, row.Held.Dollars(), row.Cost.Dollars(), row.Usage)
			}
		}
	}
	h.settled()
	h.noBugs()
}

// noBugs checks that nothing was told that says of itself that it is a bug: overruns, panics.
func (h *house) noBugs() {
	h.Helper()
	if n := h.told("BUG"); n > 0 {
		h.Errorf("told of a bug: %v", h.warns)
	}
}

// told counts the warnings that have a word.
func (h *house) told(word string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.warns {
		if strings.Contains(w, word) {
			n++
		}
	}
	return n
}
