package proxy

import (
	"context"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"
)

// TestFailuresThatMayBeBilledAreBooked: a provider that had the whole prompt and gave no usable answer may bill it. The prompt is
// booked, once for each such candidate, and counters and ledger agree.
func TestFailuresThatMayBeBilledAreBooked(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		for _, test := range []struct {
			name   string
			script testkit.Script
			billed bool
		}{
			{"no answer in time", testkit.Script{BlackHole: true}, true},
			{"no JSON", testkit.Script{Body: "<html>busy</html>", Header: map[string]string{"Content-Type": "text/html"}}, true},
			{"half an answer", testkit.Script{Wire: []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"id\":")}, true},
			{"overloaded", testkit.Script{Status: 503}, false},
			{"limited", testkit.Script{Status: 429}, false},
			{"no credit", testkit.Script{Status: 402}, false},
		} {
			for _, form := range []string{"", streamed} {
				name := test.name + " " + form
				h := open(t, plan{sections: strings.Replace(pair, "DEAD", deadPort(t), 1), stores: kind})
				h.up.On("first", test.script)
				question := chat("both", strings.Repeat("word ", 500), form)
				got := h.post(question)
				x, row := h.outcome(got.id()), h.row(got.id())
				var wasted pricing.Nano
				if test.billed {
					wasted = x.Decision.Candidates[0].Price.Cost(&pricing.Usage{Input: x.Facts.PromptTokens}, x.Start)
				}
				served := x.Decision.Candidates[1].Price.Cost(&row.Usage, x.Start)
				if got.status != 200 || row.Reason != "fallback" || row.Target != "other/second" || row.Cost != served || served <= 0 {
					t.Errorf("%s: status %d, cost %d, want %d served; %+v", name, got.status, row.Cost, served, row)
				}
				checkSavings(t, name, &x)
				h.wasted(name, &row, wasted)
				h.settled()

				// With no one left to fall back on, the client hears of the failure, and the cost is booked all the same.
				got = h.post(strings.Replace(question, "both", "one", 1))
				x, row = h.outcome(got.id()), h.row(got.id())
				if got.status < 429 || row.Cost != 0 || row.Target != "" || got.header.Get("x-bursar-cost-usd") != wasted.Dollars() {
					t.Errorf("%s, alone: status %d, %v; %+v", name, got.status, got.header, row)
				}
				checkSavings(t, name+", alone", &x)
				h.wasted(name+", alone", &row, wasted)
				h.settled()
				h.noBugs()
			}
		}
	})
}

// wasted checks the row of what a request's first candidate may bill; 0: it must have none.
func (h *house) wasted(name string, of *ledger.Row, wasted pricing.Nano) {
	h.Helper()
	row, found, err := h.ledger.Find(context.Background(), ledger.TryID(of.ID, 1))
	must(h, err)
	if wasted == 0 {
		if found {
			h.Errorf("%s: nothing was paid, and is booked: %+v", name, row)
		}
		return
	}
	recorded, err := exchange.ParseRecorded(row.Facts)
	must(h, err)
	if row.Kind != ledger.KindAside || row.Target != "fake/first" || row.Cost != wasted || row.Saved != (exchange.Savings{exchange.LeverRoute: -wasted}) || row.Reason != "provider_failed" ||
		row.Tags != "bursar-aside=failed:"+of.Rule || row.Usage.Input != of.PromptTokens || row.Time != of.Time || recorded.Of != of.ID {
		h.Errorf("%s: what the candidate that failed may bill: %+v", name, row)
	}
}

func checkSavings(t *testing.T, name string, x *exchange.Exchange) {
	t.Helper()
	if out := &x.Outcome; out.Saved.Sum() != out.Baseline-out.Cost {
		t.Errorf("%s: saved %v of %d, cost %d", name, out.Saved, out.Baseline, out.Cost)
	}
}
