package proxy

import (
	"strings"
	"testing"

	"bursar/internal/testkit"
)

// TestRepetitionIsEnded: a stream that says one thing over and over ends where the route wants it to, in a way that clients understand; its provider is hung
// up on, what it had generated is booked, and nothing of it is given to anybody again. Without the key, and for a sensible answer, nothing happens.
func TestRepetitionIsEnded(t *testing.T) {
	guarded := cached + pot + "routes: [ { name: all, to: asked, stop_repetition_after: 20 } ]\n"
	h := open(t, plan{sections: guarded})
	again := strings.Repeat("I am sorry. ", 1000)
	h.up.On("small", testkit.Script{Text: again, StallAfter: 1000})
	got := h.post(chat("small", "hi", `,"stream":true,"stream_options":{"include_usage":true},"max_tokens":8000`))
	if _, ok := h.up.WaitHangUp("small", patience); !ok {
		t.Error("the provider was not told")
	}
	row := h.row(got.id())
	events := strings.Split(strings.TrimSpace(got.body), "\n\n")
	if n := len(events); n > 900 || !strings.Contains(events[n-3], `"finish_reason":"length"}],"bursar":{"ended":"repetition"}`) || !strings.Contains(events[n-2], `"completion_tokens":`) || events[n-1] != "data: [DONE]" {
		t.Errorf("%d events, at last %q", n, events[max(0, n-3):])
	}
	if row.Reason != "repetition" || row.Finish != "repetition" || row.Status != 200 || row.UsageMethod != "estimate" || row.Usage.Output < 400 || row.Cost <= 0 || row.Cost > row.Held {
		t.Errorf("row %+v", row)
	}
	if spent := h.settled(); spent != row.Cost {
		t.Errorf("spent $%s, cost $%s", spent.Dollars(), row.Cost.Dollars())
	}
	h.up.On("small", testkit.Script{Text: "A sensible answer."})
	if row = h.row(h.post(chat("small", "hi", `,"stream":true,"stream_options":{"include_usage":true},"max_tokens":8000`)).id()); row.Cache != "miss" || row.Reason != "answered" || row.Finish != "stop" {
		t.Errorf("a sensible one: %+v", row)
	}
	must(t, h.Use(parse(t, h.up, cached+pot)))
	h.up.On("small", testkit.Script{Text: again})
	if got = h.post(chat("small", "unguarded", streamed, `,"max_tokens":8000`)); h.row(got.id()).Reason != "answered" || strings.Contains(got.body, "repetition") {
		t.Error("ended without a word of the policy")
	}
	h.noBugs()
}
