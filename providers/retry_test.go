package providers

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"bursar/internal/testkit"
)

func TestRetries(t *testing.T) {
	fake := testkit.NewUpstream(t)
	n := 0
	f := func(what string, retries, attempts int, good bool, scripts ...testkit.Script) *Failure {
		t.Helper()
		n++
		model := fmt.Sprintf("m%d", n)
		fake.On(model, scripts...)
		u := newUpstream(t, fake, func(c *Config) { c.Retries = retries })
		answer, err := u.Call(chat(model, false))
		if got := fake.Count(model); got != attempts {
			t.Errorf("%s: %d requests, want %d", what, got, attempts)
		}
		if err == nil {
			if !good || answer.Attempts != attempts {
				t.Errorf("%s: answered after %d attempts", what, answer.Attempts)
			}
			answer.Release()
			return nil
		}
		failure := failureOf(t, err)
		if good || failure.Attempts != attempts {
			t.Errorf("%s: failed after %d attempts: %v", what, failure.Attempts, err)
		}
		return failure
	}
	after := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, status := range []int{408, 429, 500, 502, 503, 504, 529} {
		f(fmt.Sprint(status), 2, 3, true, testkit.Script{Status: status}, testkit.Script{Status: status}, testkit.Script{})
	}
	f("no retries", 0, 1, false, testkit.Script{Status: 503}, testkit.Script{})
	f("too few", 1, 2, false, testkit.Script{Status: 503}, testkit.Script{Status: 503}, testkit.Script{})
	f("501 is for ever", 2, 1, false, testkit.Script{Status: 501}, testkit.Script{})
	f("spent quota", 2, 1, false, testkit.Script{Status: 429, ErrorBody: `{"error":{"type":"insufficient_quota"}}`}, testkit.Script{})
	f("told not to", 2, 1, false, testkit.Script{Status: 503, Header: after("X-Should-Retry", "false")}, testkit.Script{})
	if lost := f("hang-up", 2, 1, false, testkit.Script{HangUp: true}, testkit.Script{}); lost.Cause != CauseLost || !lost.Sent { // it had the whole request
		t.Errorf("hang-up: %+v", lost)
	}
	f("cut answer", 2, 1, false, testkit.Script{CutAfter: 1}, testkit.Script{})
	f("soon", 2, 2, true, testkit.Script{Status: 429, Header: after("Retry-After-Ms", "5")}, testkit.Script{})
	if long := f("late", 2, 1, false, testkit.Script{Status: 429, Header: after("Retry-After", "77")}, testkit.Script{}); long.RetryAfter != 77*time.Second || long.Fault().RetryAfter != 77*time.Second {
		t.Errorf("retry after %v, want 77s", long.RetryAfter)
	}
	if lost := f("cut answer", 0, 1, false, testkit.Script{CutAfter: 1}); lost.Cause != CauseLost || !lost.Sent {
		t.Errorf("cut answer: %+v", lost)
	}
}

func TestBackoff(t *testing.T) {
	u, err := New(Config{Name: "p", BaseURL: "http://127.0.0.1:1", Rand: func() float64 { return 0.5 }})
	if err != nil {
		t.Fatal(err)
	}
	f := func(n int, asked, want time.Duration, ok bool) {
		t.Helper()
		if got, gotOK := u.backoff(n, asked); got != want || gotOK != ok {
			t.Errorf("after attempt %d, asked to wait %v: %v, %v; want %v, %v", n, asked, got, gotOK, want, ok)
		}
	}
	f(1, 0, firstBackoff/2, true)
	f(2, 0, firstBackoff, true)
	f(3, 2*time.Second, 2*time.Second+2*firstBackoff, true)
	f(100, 0, longestBackoff/2, true)
	f(1, 6*time.Second, 0, false)
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	f := func(name, value string, want time.Duration) {
		t.Helper()
		var h fasthttp.ResponseHeader
		h.Set("Retry-After", "9")
		h.Set(name, value)
		if got := retryAfter(&h, nil, now); got != want {
			t.Errorf("%s: %s is %v, want %v", name, value, got, want)
		}
	}
	f("Retry-After", "3", 3*time.Second)
	f("Retry-After", "0.5", 500*time.Millisecond)
	f("Retry-After", "Sun, 01 Nov 2026 12:01:00 GMT", time.Minute)
	f("Retry-After", "Sun, 01 Nov 2026 11:01:00 GMT", 0)
	f("Retry-After", "soon", 0)
	f("Retry-After", "-3", 0)
	f("Retry-After", "1e300", 24*time.Hour)
	f("Retry-After-Ms", "250", 250*time.Millisecond)
	f("Retry-After-Ms", "x", 9*time.Second)
}

// TestStaleConnection checks that a pooled connection that the provider closed costs no retry and fails no call, but counts as an
// attempt.
func TestStaleConnection(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, nil) // no retries
	for i := range 3 {
		answer, err := u.Call(chat("small", i == 1))
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		if want := min(i+1, 2); answer.Attempts != want {
			t.Errorf("call %d took %d attempts, want %d", i, answer.Attempts, want)
		}
		if answer.Stream != nil {
			if _, err := drain(t, answer.Stream); err != nil {
				t.Fatal(err)
			}
		}
		answer.Release()
		fake.DropConnections()
	}
	if n := fake.Connections(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

func TestStaleIsFreeOnce(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("m", testkit.Script{}, testkit.Script{HangUp: true})
	u := newUpstream(t, fake, nil)
	answer, err := u.Call(chat("m", false))
	if err != nil {
		t.Fatal(err)
	}
	answer.Release()
	_, err = u.Call(chat("m", false))
	if failure := failureOf(t, err); failure.Cause != CauseLost || failure.Attempts != 2 || fake.Count("m") != 3 {
		t.Errorf("%v after %d requests, want lost after 3", err, fake.Count("m"))
	}
}

// TestLateLossIsNotStale checks that a request is not sent again when a used connection breaks while the provider works on it.
func TestLateLossIsNotStale(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("m", testkit.Script{}, testkit.Script{BlackHole: true})
	u := newUpstream(t, fake, func(c *Config) { c.Retries = 3 })
	u.staleWithin = 20 * time.Millisecond
	answer, err := u.Call(chat("m", false))
	if err != nil {
		t.Fatal(err)
	}
	answer.Release()
	go func() {
		for fake.Count("m") < 2 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(3 * u.staleWithin) // it lets the time pass that is under test
		fake.DropConnections()
	}()
	_, err = u.Call(chat("m", false))
	if failure := failureOf(t, err); failure.Cause != CauseLost || !failure.Sent || failure.Attempts != 1 || fake.Count("m") != 2 {
		t.Errorf("%+v after %d requests, want it lost after 2", failure, fake.Count("m"))
	}
}

// TestWriteIsRetried checks that a request that did not go out whole is sent again: nobody can work on half of it.
func TestWriteIsRetried(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, func(c *Config) { c.Retries = 1 })
	l, failure := u.acquire(nil)
	if failure != nil {
		t.Fatal(failure)
	}
	if lost := l.failed(io.ErrClosedPipe, false); !lost.retry || lost.stale || lost.Sent {
		t.Errorf("half a request: %+v", lost)
	}
	if l, failure = u.acquire(nil); failure != nil {
		t.Fatal(failure)
	}
	if lost := l.failed(io.ErrClosedPipe, true); lost.retry || lost.stale || !lost.Sent {
		t.Errorf("a whole request on a fresh connection: %+v", lost)
	}
}

func TestConnectionRefused(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	u, err := New(Config{Name: "p", BaseURL: "http://" + address, Retries: 1, Rand: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.Call(chat("m", false))
	failure := failureOf(t, err)
	if failure.Cause != CauseConnect || failure.Attempts != 2 || failure.Sent {
		t.Errorf("failure is %+v", failure)
	}
	if strings.Contains(failure.Fault().Message, address) {
		t.Errorf("the client learns where the provider is: %s", failure.Fault().Message)
	}
}

func TestTimeouts(t *testing.T) {
	fake := testkit.NewUpstream(t)
	short := 30 * time.Millisecond
	f := func(model string, stream bool, script testkit.Script, edit func(*Config)) {
		t.Helper()
		fake.On(model, script)
		u := newUpstream(t, fake, edit)
		answer, err := u.Call(chat(model, stream))
		for err == nil {
			_, err = answer.Stream.Next()
		}
		failure := failureOf(t, err)
		if failure.Cause != CauseTimeout || !failure.Sent || failure.Fault().Status != http.StatusGatewayTimeout {
			t.Errorf("%s: %v", model, err)
		}
		if answer != nil {
			answer.Release()
		}
		if _, ok := fake.WaitHangUp(model, time.Second); !ok {
			t.Errorf("%s: the provider was not told", model)
		}
	}
	f("total", false, testkit.Script{BlackHole: true}, func(c *Config) { c.Total = short })
	f("first byte", true, testkit.Script{BlackHole: true}, func(c *Config) { c.FirstByte = short })
	f("idle", true, testkit.Script{StallAfter: 3}, func(c *Config) { c.Idle = short })
	// A plain answer may take longer than a stream may be silent, and a stream longer than the bound of a plain answer.
	fake.On("slow", testkit.Script{Latency: 3 * short, Pace: short / 3, Tokens: 12})
	u := newUpstream(t, fake, func(c *Config) { c.FirstByte, c.Idle, c.Total = 20*short, 20*short, 5*short })
	for _, stream := range []bool{false, true} {
		answer, err := u.Call(chat("slow", stream))
		if err != nil {
			t.Fatal(err)
		}
		if stream {
			if _, err := drain(t, answer.Stream); err != nil {
				t.Errorf("a slow stream was cut: %v", err)
			}
		}
		answer.Release()
	}
}

// TestPlainBodyIsBoundByTotal checks that first_byte is no bound of a plain answer.
func TestPlainBodyIsBoundByTotal(t *testing.T) {
	pause := make(chan time.Duration, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(<-pause)
		_, _ = w.Write([]byte(`{"choices":[{"index":0,"message":{},"finish_reason":"stop"}]}`))
	}))
	defer server.Close()
	u, err := New(Config{Name: "p", BaseURL: server.URL, FirstByte: 100 * time.Millisecond, Total: 600 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	pause <- 200 * time.Millisecond
	answer, err := u.Call(chat("m", false))
	if err != nil {
		t.Fatalf("a body after first_byte: %v", err)
	}
	answer.Release()
	pause <- time.Second
	_, err = u.Call(chat("m", false))
	if failure := failureOf(t, err); failure.Cause != CauseTimeout || !failure.Sent {
		t.Errorf("a body after total: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, func(c *Config) { c.Retries = 3 })
	for _, status := range []int{400, 404, 409, 413, 422} {
		model := fmt.Sprint(status)
		body := ` {"error":{"message":"no \u00e9","type":"x","param":null,"code":1.0}, "more":[1e2] }` + "\n"
		fake.On(model, testkit.Script{Status: status, ErrorBody: body})
		for i := range 2 * openAfterRow {
			answer, err := u.Call(chat(model, i%2 == 1))
			if err != nil {
				t.Fatal(err)
			}
			if !answer.Refused || answer.Status != status || string(answer.Body) != body || answer.Stream != nil || answer.Complete() {
				t.Errorf("%d: %+v", status, answer)
			}
			answer.Release()
		}
		if n := fake.Count(model); n != 2*openAfterRow {
			t.Errorf("%d: %d requests, want %d", status, n, 2*openAfterRow)
		}
	}
}

func TestNoAnswers(t *testing.T) {
	fake := testkit.NewUpstream(t)
	n := 0
	f := func(script testkit.Script, stream bool, cause Cause) *Failure {
		t.Helper()
		n++
		model := fmt.Sprintf("m%d", n)
		fake.On(model, script)
		u := newUpstream(t, fake, func(c *Config) { c.Retries, c.MaxAnswer = 3, 1000 })
		answer, err := u.Call(chat(model, stream))
		if err == nil {
			t.Fatalf("%+v: an answer: %s", script, answer.Body)
		}
		failure := failureOf(t, err)
		if failure.Cause != cause || failure.Attempts != 1 {
			t.Errorf("%+v: %v, want %v", script, err, cause)
		}
		fault := failure.Fault()
		if fault.Status < 500 || strings.Contains(fault.Message+fault.Hint, "sk-secret") {
			t.Errorf("the client gets %d: %s", fault.Status, fault.Message)
		}
		return failure
	}
	leak := `{"error":{"message":"Incorrect API key provided: sk-secret"}}`
	for _, status := range []int{401, 402, 403} {
		f(testkit.Script{Status: status, ErrorBody: leak}, false, CauseCredential)
		f(testkit.Script{Status: status, ErrorBody: leak}, true, CauseCredential)
	}
	f(testkit.Script{Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, false, CauseAnswer)
	f(testkit.Script{Status: 404, ErrorBody: "<html>not found</html>"}, false, CauseAnswer)
	f(testkit.Script{Body: "<html>hello</html>"}, false, CauseAnswer)
	f(testkit.Script{Body: `{"choices":[{"index":0`}, false, CauseAnswer)
	f(testkit.Script{Body: `{"choices":[]}`}, false, CauseAnswer)
	f(testkit.Script{Body: `[]`}, false, CauseAnswer)
	f(testkit.Script{Body: `{"error":{"message":"sk-secret"},"choices":[{"index":0,"finish_reason":"stop"}]}`}, false, CauseAnswer)
	f(testkit.Script{Tokens: 1000}, false, CauseAnswer) // more than MaxAnswer
	f(testkit.Script{Header: map[string]string{"Content-Encoding": "gzip"}}, false, CauseAnswer)
	f(testkit.Script{Header: map[string]string{"Content-Type": "application/json"}}, true, CauseAnswer)
	f(testkit.Script{Body: "data: {\"error\":{\"message\":\"sk-secret\"}}\n\n"}, true, CauseAnswer)
	f(testkit.Script{Body: "data: hello\n\n"}, true, CauseAnswer)
}

func TestBreakerOfCalls(t *testing.T) {
	fake := testkit.NewUpstream(t)
	clk := newClock()
	u := newUpstream(t, fake, func(c *Config) { c.Now = clk.now })
	fake.On("bad", testkit.Script{Status: 500})
	for range openAfterRow {
		_, err := u.Call(chat("bad", false))
		failureOf(t, err)
	}
	_, err := u.Call(chat("bad", false))
	if failure := failureOf(t, err); failure.Cause != CauseBreaker || failure.Attempts != 0 || failure.RetryAfter != firstOpen || fake.Count("bad") != openAfterRow {
		t.Errorf("%v after %d requests", err, fake.Count("bad"))
	}
	answer, err := u.Call(chat("good", false)) // another target of the same provider
	if err != nil {
		t.Fatal(err)
	}
	answer.Release()
	clk.pass(firstOpen)
	fake.On("bad", testkit.Script{})
	answer, err = u.Call(chat("bad", false))
	if err != nil || u.State("fake/bad") != BreakerClosed {
		t.Fatalf("the probe: %v, then %v", err, u.State("fake/bad"))
	}
	answer.Release()
}

func TestBreakerCountsBrokenStreams(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, nil)
	fake.On("cut", testkit.Script{CutAfter: 4})
	for range 3 * openAfterRow {
		answer, err := u.Call(chat("cut", true))
		if err != nil {
			break
		}
		if _, err := drain(t, answer.Stream); !errors.Is(err, ErrStreamBroken) {
			t.Fatalf("a cut stream ended with %v", err)
		}
		answer.Release()
	}
	if s := u.State("fake/cut"); s != BreakerOpen {
		t.Errorf("after streams that broke, the breaker is %v", s)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"choices":[{"index":0,"message":{},"finish_reason":"stop"}]}`))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the handshake that must fail
	server.StartTLS()
	defer server.Close()
	f := func(edit func(*Config)) error {
		cfg := Config{Name: "p", BaseURL: server.URL, Connect: 5 * time.Second}
		edit(&cfg)
		u, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		for range 2 {
			answer, err := u.Call(chat("m", false))
			if err != nil {
				return err
			}
			answer.Release()
		}
		return nil
	}
	if err := f(func(c *Config) { c.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig }); err != nil {
		t.Errorf("with its authority: %v", err)
	}
	if err := f(func(*Config) {}); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
}

func TestConfigValidate(t *testing.T) {
	f := func(want string, edit func(*Config)) {
		t.Helper()
		cfg := Config{Name: "p", BaseURL: "https://api.example.com/v1"}
		edit(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one about %q", err, want)
		}
	}
	f("name", func(c *Config) { c.Name = "" })
	f("dialect", func(c *Config) { c.Dialect = "telepathy" })
	f("base_url", func(c *Config) { c.BaseURL = "api.example.com" })
	f("base_url", func(c *Config) { c.BaseURL = "ftp://api.example.com" })
	f("query", func(c *Config) { c.BaseURL += "?key=1" })
	f("user", func(c *Config) { c.BaseURL = "https://u:p@api.example.com" })
	f("key", func(c *Config) { c.Key = "sk-1\r\nX: y" })
	f("timeout", func(c *Config) { c.Idle = -1 })
	f("retries", func(c *Config) { c.Retries = 11 })
}
