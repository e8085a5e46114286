package proxy

import (
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/ledger"
)

// TestRefusalsThatAnotherTargetMayTake: a prompt too long for one goes to the next, what a filter objects to only where the policy says so, and what
// was billed on the way is booked.
func TestRefusalsThatAnotherTargetMayTake(t *testing.T) {
	h := open(t, plan{sections: strings.Replace(strings.Replace(pair, "DEAD", deadPort(t), 1),
		"one: {", "past: { use: [fake/first, other/second], fallback_on_content_filter: true }\n  one: {", 1)})
	const (
		tooLong  = `{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}`
		filtered = `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"content_filter"}}`
		withheld = `{"choices":[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"content_filter"}],"usage":{"prompt_tokens":1000,"completion_tokens":0}}`
	)
	f := func(model string, script testkit.Script, status int, served string) {
		t.Helper()
		h.up.On("first", script)
		got := h.post(chat(model, "hi "+model+script.ErrorBody+script.Body))
		if got.status != status || got.header.Get("x-bursar-model") != served {
			t.Errorf("%s, %s%s: status %d by %q: %s", model, script.ErrorBody, script.Body, got.status, got.header.Get("x-bursar-model"), got.body)
		}
		row := h.row(got.id())
		if want := status == 200 && served == "other/second"; want != (row.Reason == "fallback") {
			t.Errorf("%s: row %+v", model, row)
		}
	}
	f("both", testkit.Script{Status: 400, ErrorBody: tooLong}, 200, "other/second")
	f("one", testkit.Script{Status: 400, ErrorBody: tooLong}, 400, "fake/first")
	f("both", testkit.Script{Status: 400, ErrorBody: filtered}, 400, "fake/first")
	f("past", testkit.Script{Status: 400, ErrorBody: filtered}, 200, "other/second")
	f("both", testkit.Script{Body: withheld}, 200, "fake/first")
	before := h.settled()
	f("past", testkit.Script{Body: withheld}, 200, "other/second")
	if paid := h.settled() - before; paid < 2_000_000 { // 1000 tokens of the first, at $2 a million, and the answer of the second
		t.Errorf("$%s were booked", paid.Dollars())
	}
	const untold = `{"choices":[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"content_filter"}]}`
	h.up.On("first", testkit.Script{Body: untold})
	if first := h.row(ledger.TryID(h.post(chat("past", "whose usage nobody tells")).id(), 1)); first.Target != "fake/first" || first.Cost <= 0 {
		t.Errorf("the prompt of an answer that was withheld is not booked: %+v", first)
	}
}
