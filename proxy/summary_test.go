package proxy

import (
	"fmt"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
)

// TestSummaries: what is dropped of a long conversation is summed up once, by the model of the policy, and each turn after it begins alike; the call is booked beside the
// request, as a loss of trimming; where the summarizer fails, or sums up nothing that pays, turns are dropped as they always were.
func TestSummaries(t *testing.T) {
	const sections = pot + "trim: { max_prompt_tokens: 6000, summary: { model: big, max_tokens: 60 } }\n" +
		"prices: { overrides: { fake/small: { input: 20, output: 40, cache_read: 2 }, fake/big: { input: 1, output: 5 } } }\n"
	turns := func(n int, word string) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, `{"role":"user","content":"%s %d %s"},{"role":"assistant","content":"yes"},`, word, i, strings.Repeat("and so on ", 300))
		}
		return `{"model":"small","messages":[{"role":"system","content":"Be brief."},` + text.String() + `{"role":"user","content":"And now?"}]}`
	}
	h := open(t, plan{sections: sections})
	h.up.On("big", testkit.Script{Text: "They talked of trips."})
	first := h.post(turns(9, "trip"))
	sent := string(h.up.Last("small").Body)
	row := h.row(first.id())
	if first.status != 200 || !strings.Contains(sent, `{"role":"user","content":"[The conversation so far, in short]\nThey talked of trips."},{"role":"user","content":"trip `) || row.Trimmed < 2000 {
		t.Fatalf("%d, trimmed %d, sent %.400s", first.status, row.Trimmed, sent)
	}
	asked := string(h.up.Last("big").Body)
	if !strings.Contains(asked, "user: trip 0 and so on") || strings.Contains(asked, "And now?") || strings.Contains(asked, "Be brief.") {
		t.Errorf("summed up %.300s", asked)
	}
	aside := h.row(first.id() + "-summary")
	if aside.Kind != ledger.KindAside || aside.Cost <= 0 || aside.Saved[exchange.LeverTrim] != -aside.Cost || aside.Team != "search" {
		t.Errorf("%+v", aside)
	}
	again := h.post(strings.Replace(turns(9, "trip"), `"And now?"`, `"And now?"},{"role":"assistant","content":"no"},{"role":"user","content":"Sure?"`, 1))
	if next := string(h.up.Last("small").Body); again.status != 200 || h.up.Count("big") != 1 || next[:len(sent)-100] != sent[:len(sent)-100] {
		t.Errorf("%d, summed up %d times, sent %.200s", again.status, h.up.Count("big"), next)
	}
	h.up.On("big", testkit.Script{Status: 500})
	if got := h.post(turns(9, "other")); got.status != 200 || strings.Contains(string(h.up.Last("small").Body), "in short") || h.row(got.id()).Trimmed == 0 {
		t.Errorf("without a summarizer: %d %s", got.status, got.body)
	}
	if spent := h.settled(); spent <= 0 {
		t.Error("nothing was spent")
	}
	must(t, h.Use(parse(t, h.up, strings.Replace(sections, "cache_read: 2", "cache_read: 0.001", 1)+"")))
	before := h.up.Count("big")
	if got := h.post(turns(9, "third")); got.status != 200 || h.up.Count("big") != before {
		t.Errorf("a summary that never pays: %d, summed up %d times", got.status, h.up.Count("big")-before)
	}
	h.noBugs()
}
