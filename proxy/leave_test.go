package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"
)

// soon is how quickly a hang-up must reach the provider: the tests' machines are slow, and it should be a few milliseconds.
const soon = 500 * time.Millisecond

const pot = "budgets: [ { team: search, daily_usd: 1 } ]\n"

// TestClientLeavesWhileWaiting for the first byte: the provider is told at once, and the prompt it had is booked.
func TestClientLeavesWhileWaiting(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		for _, form := range []string{"", streamed} {
			h := open(t, plan{sections: pot, stores: kind})
			h.up.On("small", testkit.Script{BlackHole: true})
			conn, _ := h.dial(h.raw(chat("small", "hi", form)))
			h.up.WaitRequest("small", patience)
			if held := h.standing().Held; held == 0 {
				t.Error("nothing is held")
			}
			left := time.Now()
			_ = conn.Close()
			up, ok := h.up.WaitHangUp("small", patience)
			if took := up.HungUpAt.Sub(left); !ok || took > soon {
				t.Fatalf("the provider was told after %s, %v", took, ok)
			}
			x := h.await("the request's end", func(*exchange.Exchange) bool { return true })
			row := h.row(x.ID)
			if row.Reason != "client_gone" || row.Status != 499 || row.UsageMethod != "estimate" || row.Usage.Input != row.PromptTokens || row.Usage.Output != 0 {
				t.Errorf("row %+v", row)
			}
			if spent := h.settled(); spent != row.Cost || spent == 0 {
				t.Errorf("spent %d, cost %d", spent, row.Cost)
			}
		}
	})
}

// TestClientLeavesInMidStream: what it received is booked, and hardly more.
func TestClientLeavesInMidStream(t *testing.T) {
	h := open(t, plan{sections: pot + cached})
	h.up.On("small", testkit.Script{Tokens: 5000, Pace: 2 * time.Millisecond})
	conn, r := h.dial(h.raw(chat("small", "hi", streamed, `,"max_tokens":5000`)))
	received := 0
	for received < 20 {
		line, err := r.ReadString('\n')
		must(t, err)
		received += strings.Count(line, `"content":"w`)
	}
	left := time.Now()
	_ = conn.Close()
	up, ok := h.up.WaitHangUp("small", patience)
	if took := up.HungUpAt.Sub(left); !ok || took > soon {
		t.Fatalf("the provider was told after %s, %v", took, ok)
	}
	x := h.await("the request's end", func(*exchange.Exchange) bool { return true })
	row := h.row(x.ID)
	// Each scripted token is two by count; what is on its way when the client leaves may be booked or not.
	if row.Reason != "client_gone" || row.UsageMethod != "estimate" || row.Usage.Output < 20 || row.Usage.Output > int64(4*up.Sent) || row.Status != 200 {
		t.Errorf("row %+v after %d of %d", row, received, up.Sent)
	}
	if spent := h.settled(); spent != row.Cost {
		t.Errorf("spent %d, cost %d", spent, row.Cost)
	}
	h.up.On("small", testkit.Script{})
	if got := h.post(chat("small", "hi", streamed, `,"max_tokens":5000`)); got.header.Get("x-bursar-cache") != "miss" {
		t.Error("half an answer was kept")
	}
}

// TestClientLeavesAfterUsageWasTold: then it is booked as reported. As nothing but [DONE] was to come, it may count as answered.
func TestClientLeavesAfterUsageWasTold(t *testing.T) {
	h := open(t, plan{sections: pot})
	source := &events{next: make(chan string, 1)}
	source.next <- hello + stop + usageOnly
	h.up.On("small", source.script())
	conn, r := h.dial(h.raw(chat("small", "hi", usageAsked)))
	for !strings.Contains(mustLine(t, r), "prompt_tokens") {
	}
	_ = conn.Close()
	x := h.await("the request's end", func(*exchange.Exchange) bool { return true })
	if row := h.row(x.ID); row.UsageMethod != "reported" || row.Cost != 1000*2000+500*4000 || row.Reason != "client_gone" && row.Reason != "answered" {
		t.Errorf("row %+v", row)
	}
	h.settled()
}

func mustLine(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	must(t, err)
	return line
}

// TestClientThatDoesNotReadIsCutOff, and its request settled.
func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	h := open(t, plan{sections: pot, options: Options{SlowClient: 200 * time.Millisecond}})
	h.up.On("small", testkit.Script{Text: strings.Repeat("0123456789abcdef", 1<<18)}) // 4 MB, in a million events
	conn, _ := h.dial(h.raw(chat("small", "hi", streamed, `,"max_tokens":10000000`)))
	must(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	x := h.await("the request's end", func(*exchange.Exchange) bool { return true })
	if _, ok := h.up.WaitHangUp("small", patience); !ok {
		t.Error("the provider goes on")
	}
	if row := h.row(x.ID); row.Reason != "client_gone" || row.Cost == 0 {
		t.Errorf("row %+v", row)
	}
	h.settled()
}

// TestSlowRequestIsCutOff: neither a head nor a body may take for ever to arrive.
func TestSlowRequestIsCutOff(t *testing.T) {
	h := open(t, plan{options: Options{ReadTimeout: 150 * time.Millisecond}})
	raw := h.raw(chat("small", "hi"))
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	for _, part := range []string{raw[:len(raw)-5], head[:len(head)/2]} {
		_, r := h.dial(part)
		answer, err := io.ReadAll(r)
		if err != nil {
			t.Errorf("%v after %q", err, answer)
		}
		if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
			t.Errorf("answer %q", answer)
		}
	}
	if h.up.Count("") != 0 {
		t.Error("half a request was sent on")
	}
}

// TestPipelinedRequestsAreAnsweredInTurn: the client's next bytes are no hang-up.
func TestPipelinedRequestsAreAnsweredInTurn(t *testing.T) {
	h := open(t, plan{})
	h.up.On("small", testkit.Script{Text: "one", Latency: 20 * time.Millisecond}, testkit.Script{Text: "two"})
	raw := h.raw(chat("small", "hi"))
	_, r := h.dial(raw + raw)
	for _, want := range []string{"one", "two"} {
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("status %d: %s", resp.StatusCode, body)
		}
	}
}
