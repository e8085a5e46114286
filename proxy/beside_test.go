package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/keys"
	"bursar/ledger"
	"bursar/pricing"
	"bursar/providers"
)

// TestBesideWithinTheKey: a second opinion is asked of no model that the key may not use, and of none that a spent budget would put in its place: it
// would agree with itself.
func TestBesideWithinTheKey(t *testing.T) {
	const spent = "  - { tag: { bursar-aside: \"second:checked\" }, daily_usd: 0.000001, when_spent: downgrade, downgrade_to: small }\n"
	sections := cascading(", agree_with: other")
	h := open(t, plan{sections: strings.ReplaceAll(strings.Replace(sections, "daily_usd: 1 }\n", "daily_usd: 1 }\n"+spent, 1), "fake/other: { input: 2, output: 4 }", "fake/other: { input: 3, output: 5 }")})
	h.up.On("small", testkit.Script{Text: "42"})
	h.up.On("other", testkit.Script{Text: "42"})
	h.up.On("big", able)
	f := func(secret, question string, small int) {
		t.Helper()
		got := h.post(chat("auto", question), "Authorization", "Bearer "+secret)
		if word := got.header.Get("x-bursar-cascade"); word != "escalated; failed=agree_with" || h.up.Count("other") != 0 || h.up.Count("small") != small {
			t.Errorf("%s: %q; other was asked %d times, small %d times: %s", question, word, h.up.Count("other"), h.up.Count("small"), got.body)
		}
	}
	f(h.secret, "without money", 1)
	must(t, h.Use(parse(t, h.up, sections)))
	narrow, _ := h.scoped(keys.Terms{Team: "search", Models: []string{"small", "big"}})
	f(narrow, "with a key that may not", 2)
	h.settled()
}

// TestBesideWithTheKeyInTheURL: clients of Google's API may send their key there, and a second opinion is theirs, too. A draft is in the form that they
// have asked for.
func TestBesideWithTheKeyInTheURL(t *testing.T) {
	h := open(t, plan{sections: cascading(", agree_with: other")})
	h.up.On("small", testkit.Script{Text: "42"})
	h.up.On("other", testkit.Script{Text: "42"})
	h.up.On("big", testkit.Script{Status: 500})
	f := func(question, word string) {
		t.Helper()
		got := h.say("/v1beta/models/auto:streamGenerateContent?key="+h.secret, `{"contents":[{"role":"user","parts":[{"text":"`+question+`"}]}]}`, "x-api-key", "")
		if got.header.Get("x-bursar-cascade") != word || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v %s", question, got.status, got.header, got.body)
		}
	}
	f("Six times seven?", "kept")
	h.up.On("small", refusing)
	f("Seven times six?", "served; failed=not_refused")
	h.settled()
}

// TestCascadeLargeEvent: an event that is too large to be kept outgrows the buffer, and fails no check.
func TestCascadeLargeEvent(t *testing.T) {
	h := open(t, plan{sections: cascading("")})
	var long strings.Builder
	for n := 0; long.Len() < mostKept; n++ {
		fmt.Fprintf(&long, "%d, ", n)
	}
	h.up.On("small", testkit.Script{Body: `data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"` + long.String() + `"},"finish_reason":null}]}` + "\n\n" +
		`data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" + `data: {"id":"c","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":100}}` + "\n\ndata: [DONE]\n\n"})
	got := h.post(chat("auto", "a long one", streamed))
	if got.header.Get("x-bursar-cascade") != "unchecked" || got.header.Get("x-bursar-model") != "fake/small" || !strings.HasSuffix(got.body, "[DONE]\n\n") {
		t.Errorf("%d %v, %d bytes", got.status, got.header, len(got.body))
	}
	h.row(got.id())
	h.settled()
}

// TestStreamUsageHasItsRegion: what a stream has used, told or not, is priced where it was served: also where a cascade throws it away.
func TestStreamUsageHasItsRegion(t *testing.T) {
	p := parseRegions(t)
	x := &trip{using: &generation{policy: p}}
	x.Outcome.Served = p.Models["eu"].Use[0]
	r := &relay{server: &Server{counter: counter()}, trip: x, answer: &providers.Answer{Stream: new(providers.Stream)}}
	if usage, _ := r.used(false); usage != (pricing.Usage{Region: "eu"}) {
		t.Errorf("used %+v", usage)
	}
}

// TestSecondOpinionNobodyWaitsFor: a client that leaves before the second model has answered pays for the first one's answer, and its money is held no
// longer. The second one's call has its own row when it ends, and nothing is escalated.
func TestSecondOpinionNobodyWaitsFor(t *testing.T) {
	for _, form := range []string{"", streamed} {
		h := open(t, plan{sections: cascading(", agree_with: other")})
		release := make(chan struct{})
		h.up.On("small", testkit.Script{Text: "42"})
		h.up.On("other", testkit.Script{Do: func(w http.ResponseWriter, _ *http.Request) {
			<-release
			w.WriteHeader(http.StatusBadGateway)
		}})
		conn, _ := h.dial(h.raw(chat("auto", "who waits", form)))
		h.up.WaitRequest("small", patience)
		h.up.WaitRequest("other", patience)
		must(t, conn.Close())
		x := h.await("the request's end", func(x *exchange.Exchange) bool { return x.Aside == exchange.AsideNone })
		row := h.row(x.ID)
		if row.Reason != "client_gone" || row.Target != "fake/small" || row.Cost <= 0 || h.spent() != row.Cost || h.standing().Spent != row.Cost {
			t.Errorf("%s: %+v", form, row)
		}
		close(release)
		if second := h.row(x.ID + "-second"); second.Kind != ledger.KindAside || h.up.Count("big") != 0 {
			t.Errorf("%s: the second's row %+v, big was asked %d times", form, second, h.up.Count("big"))
		}
		h.settled()
		h.close()
	}
}
