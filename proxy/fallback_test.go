package proxy

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/ledger"
)

// pair is a model with two targets, on two providers.
const pair = pot + `
providers:
  fake: { dialect: openai, base_url: "UP", retries: 0, timeouts: { connect: 300ms, first_byte: 300ms, total: 800ms } }
  other: { dialect: openai, base_url: "UP", key_env: KEY, retries: 2 }
  dead: { dialect: openai, base_url: "http://127.0.0.1:DEAD/v1", retries: 0 }
models:
  both: { use: [fake/first, other/second] }
  late: { use: [dead/first, other/second] }
  one: { use: [fake/first] }
  again: { use: [other/second] }
baseline: both
default: both
prices: { unknown: assume, assume_usd: { input: 2, output: 4 } }
`

// deadPort is a port that nobody listens on.
func deadPort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	must(t, err)
	return port
}

func openPair(t testing.TB) *house {
	return open(t, plan{sections: strings.Replace(pair, "DEAD", deadPort(t), 1)})
}

// TestFallbackFromLeftToRight whatever is wrong with the first.
func TestFallbackFromLeftToRight(t *testing.T) {
	for name, script := range map[string]testkit.Script{
		"500": {Status: 500}, "429": {Status: 429}, "401": {Status: 401}, "hang-up": {HangUp: true},
		"no answer": {BlackHole: true}, "no JSON": {Body: "<html>"}, "cut": {CutAfter: 1},
	} {
		for _, form := range []string{"", streamed} {
			if form == streamed && (name == "cut" || name == "no JSON") {
				continue // that shows after the first byte
			}
			t.Run(name+form, func(t *testing.T) {
				h := openPair(t)
				h.up.On("first", script)
				got := h.post(chat("both", "hi", form))
				row := h.row(got.id())
				if got.status != 200 || got.header.Get("x-bursar-model") != "other/second" || row.Reason != "fallback" || row.Attempts < 2 {
					t.Errorf("status %d, row %+v: %s", got.status, row, got.body)
				}
				if h.up.Last("second").Header.Get("Authorization") != "Bearer sk-of-the-provider" || h.up.Last("first").Header.Get("Authorization") != "" {
					t.Error("the keys of the providers are mixed up")
				}
				first, _, err := h.ledger.Find(t.Context(), ledger.TryID(got.id(), 1)) // what it may bill, if it may
				must(t, err)
				if spent := h.settled(); spent != first.Cost+row.Cost {
					t.Errorf("spent %d, cost %d and %d", spent, first.Cost, row.Cost)
				}
			})
		}
	}
	h := openPair(t)
	if got := h.post(chat("late", "hi")); got.status != 200 || got.header.Get("x-bursar-model") != "other/second" {
		t.Errorf("connection refused: status %d: %s", got.status, got.body)
	}
}

// TestAllFail: the client hears of the last failure, in our words, and pays nothing.
func TestAllFail(t *testing.T) {
	h := openPair(t)
	const secret = "org-123 sk-of-the-provider"
	h.up.On("first", testkit.Script{Status: 401, ErrorBody: `{"error":{"message":"` + secret + `"}}`})
	got := h.post(chat("one", "hi"))
	f := got.fault(t)
	if got.status != 502 || f.Code != "provider_refuses_gateway" || strings.Contains(got.body, "sk-of") || strings.Contains(got.body, "org-123") {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if !strings.Contains(f.Message, got.id()) {
		t.Errorf("the message does not name the request: %s", f.Message)
	}
	h.up.On("first", testkit.Script{Status: 503, Header: map[string]string{"Retry-After": "7"}})
	h.up.On("second", testkit.Script{Status: 500})
	got = h.post(chat("both", "hi", streamed))
	if f := got.fault(t); got.status != 503 || f.Code != "provider_overloaded" {
		t.Errorf("status %d, %+v", got.status, f)
	}
	row := h.row(got.id())
	if row.Reason != "provider_failed" || row.Cost != 0 || row.Attempts != 4 { // the second has two retries
		t.Errorf("row %+v", row)
	}
	if spent := h.settled(); spent != 0 {
		t.Errorf("spent %d", spent)
	}
}

// TestProvidersRefusalIsPassedOn byte for byte: it is about the request, and no other target is asked.
func TestProvidersRefusalIsPassedOn(t *testing.T) {
	h := openPair(t)
	const refusal = "{ \"error\":{\"message\":\"too long\",\"code\":\"invalid_value\",\"extra\":[1]}}\n"
	h.up.On("first", testkit.Script{Status: 400, ErrorBody: refusal})
	got := h.post(chat("both", "hi"))
	row := h.row(got.id())
	if got.status != 400 || got.body != refusal || h.up.Count("second") != 0 || row.Cost != 0 || row.Reason != "provider_refused" {
		t.Errorf("status %d: %s, row %+v", got.status, got.body, row)
	}
	h.settled()
}

// TestRetriesOnTheSameTarget before the first byte.
func TestRetriesOnTheSameTarget(t *testing.T) {
	h := openPair(t)
	h.up.On("second", testkit.Script{Status: 503}, testkit.Script{HangUp: true}, testkit.Script{})
	got := h.post(chat("again", "hi"))
	// A pooled connection that turns out to be dead is replaced for free: it counts, but not against the retries.
	if got.status != 200 || h.up.Count("second") != 3 || got.header.Get("x-bursar-attempts") != "3" || h.outcome(got.id()).Outcome.Reason != exchange.ReasonAnswered {
		t.Errorf("status %d after %s attempts: %s", got.status, got.header.Get("x-bursar-attempts"), got.body)
	}
}

// TestStreamThatBreaksOff ends with an error event, is not tried anew, and what came is booked.
func TestStreamThatBreaksOff(t *testing.T) {
	for name, script := range map[string]testkit.Script{
		"cut": {Tokens: 40, CutAfter: 20}, "error event": {Tokens: 40, ErrorAfter: 20}, "ended early": {Body: hello + world},
		"garbage": {Body: hello + "data: {\"choices\":[\n\n"}, "stalled": {Tokens: 40, StallAfter: 20},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, plan{sections: pair2})
			h.up.On("first", script)
			got := h.post(chat("both", "hi", usageAsked))
			if got.status != 200 || strings.Contains(got.body, "[DONE]") || got.err != nil {
				t.Errorf("status %d, %v: %s", got.status, got.err, got.body)
			}
			events := strings.Split(strings.TrimSpace(got.body), "\n\n")
			if last := events[len(events)-1]; !strings.HasPrefix(last, `data: {"error":{"message":"fake/first broke off`) || !strings.Contains(last, `"code":"stream_broken"`) {
				t.Errorf("the last event is %s", last)
			}
			if strings.Count(got.body, `"error"`) != 1 || strings.Contains(got.body, "scripted") {
				t.Errorf("the provider's words: %s", got.body)
			}
			row := h.row(got.id())
			if row.Reason != "stream_broken" || row.UsageMethod != "estimate" || row.Usage.Output < 1 || row.Cost == 0 || h.up.Count("second") != 0 {
				t.Errorf("row %+v", row)
			}
			if spent := h.settled(); spent != row.Cost {
				t.Errorf("spent %d, cost %d", spent, row.Cost)
			}
		})
	}
}

const pair2 = pot + `
providers:
  fake: { dialect: openai, base_url: "UP", retries: 1, timeouts: { idle: 300ms } }
models: { both: { use: [fake/first, fake/second] } }
baseline: both
default: both
prices: { unknown: assume, assume_usd: { input: 2, output: 4 } }
`

// TestBreakerOpens after repeated failures: then the first target is not even called, and the second answers at once.
func TestBreakerOpens(t *testing.T) {
	h := openPair(t)
	h.up.On("first", testkit.Script{Status: 500})
	for i := range 5 { // conversations of their own: one stays with the target that answered
		h.post(chat("both", fmt.Sprint("question ", i)))
	}
	called := h.up.Count("first")
	got := h.post(chat("both", "one more question"))
	if got.status != 200 || called != 5 || h.up.Count("first") != called {
		t.Errorf("status %d, called %d times", got.status, h.up.Count("first"))
	}
	got = h.post(chat("one", "hi"))
	if f := got.fault(t); got.status != 503 || f.Code != "provider_unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("status %d, %+v, %v", got.status, f, got.header)
	}
	h.up.On("first", testkit.Script{})
	begun := time.Now()
	until(t, "the breaker to close", func() bool { return h.post(chat("one", "hi")).status == 200 })
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("closed after %s", took)
	}
	h.settled()
}
