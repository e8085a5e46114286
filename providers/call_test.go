package providers

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"

	"bursar/internal/testkit"
	"bursar/pricing"
)

func TestMain(m *testing.M) {
	// fasthttp's cleaner of idle connections ends by itself, but not before they would have become too old.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

// newUpstream makes an upstream that talks to a fake; its waits are short and have no jitter.
func newUpstream(t testing.TB, fake *testkit.Upstream, edit func(*Config)) *Upstream {
	t.Helper()
	cfg := Config{Name: "fake", BaseURL: fake.URL, Key: "sk-provider", Rand: func() float64 { return 0 }}
	if edit != nil {
		edit(&cfg)
	}
	u, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func chat(model string, stream bool) *Call {
	body := `{"model":"` + model + `","messages":[{"role":"user","content":"hi"}]}`
	if stream {
		body = body[:len(body)-1] + `,"stream":true,"stream_options":{"include_usage":true}}`
	}
	return &Call{Model: model, Target: "fake/" + model, Body: []byte(body), Stream: stream, RequestID: "req-1"}
}

func failureOf(t *testing.T, err error) *Failure {
	t.Helper()
	var failure *Failure
	if !errors.As(err, &failure) {
		t.Fatalf("error is %v (%T), want a *Failure", err, err)
	}
	return failure
}

func TestPlainCall(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("small", testkit.Script{Text: "Hello there, \"you\" \u00e9\U0001F600", PromptTokens: 100, Cached: 60, Reasoning: 3})
	u := newUpstream(t, fake, nil)
	answer, err := u.Call(chat("small", false))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	generated := int64(fake.Last("small").Generated)
	want := pricing.Usage{Input: 40, CacheRead: 60, Output: generated - 3, Reasoning: 3}
	if !answer.HasUsage || answer.Usage != want {
		t.Errorf("usage is %+v, want %+v", answer.Usage, want)
	}
	if answer.Status != 200 || answer.Finish != "stop" || !answer.Complete() || string(answer.Model) != "small" || answer.Attempts != 1 ||
		string(answer.ProviderID) != "req_fake" || string(answer.ContentType) != "application/json" {
		t.Errorf("answer is %+v", answer)
	}
	sent := fake.Last("small")
	if sent.Path != "/v1/chat/completions" || sent.Header.Get("Authorization") != "Bearer sk-provider" || sent.Header.Get("X-Client-Request-Id") != "req-1" ||
		string(sent.Body) != string(chat("small", false).Body) {
		t.Errorf("the provider got %q with %v: %s", sent.Path, sent.Header, sent.Body)
	}
}

// drain reads a stream to its end and returns its bytes.
func drain(t *testing.T, s *Stream) (string, error) {
	t.Helper()
	var all strings.Builder
	for {
		event, err := s.Next()
		if errors.Is(err, io.EOF) {
			return all.String(), nil
		}
		if err != nil {
			return all.String(), err
		}
		all.Write(event.Raw)
	}
}

func TestStreamCall(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("small", testkit.Script{Text: "Hello there, \"you\"", PromptTokens: 100, Cached: 60})
	u := newUpstream(t, fake, nil)
	for range 3 {
		answer, err := u.Call(chat("small", true))
		if err != nil {
			t.Fatal(err)
		}
		s := answer.Stream
		text, err := drain(t, s)
		if err != nil || !strings.HasSuffix(text, "data: [DONE]\n\n") {
			t.Fatalf("stream ended with %v: %s", err, text)
		}
		usage, ok := s.Usage()
		if want := (pricing.Usage{Input: 40, CacheRead: 60, Output: int64(fake.Last("small").Generated)}); !ok || usage != want {
			t.Errorf("usage is %+v, want %+v", usage, want)
		}
		if out, beyond := s.OutputText(); string(out) != `Hello there, "you"` || beyond != 0 {
			t.Errorf("output text is %q", out)
		}
		if s.Finish() != "stop" || !s.Complete() || !s.Done() || string(s.Model()) != "small" || s.Choices() != 1 {
			t.Errorf("finish %q, complete %v, done %v", s.Finish(), s.Complete(), s.Done())
		}
		answer.Release()
	}
	if n := fake.Connections(); n != 1 {
		t.Errorf("%d connections for three streams in a row, want 1", n)
	}
}

// client is a Caller as the proxy's is.
type client struct {
	mu       sync.Mutex
	upstream io.Closer
	gone     bool
}

func (c *client) Attach(up io.Closer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		c.upstream = up
	}
	return !c.gone
}

func (c *client) Detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upstream = nil
}

func (c *client) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

func (c *client) attached() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.upstream != nil
}

func (c *client) leave() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.upstream != nil {
		_ = c.upstream.Close()
	}
	return time.Now()
}

// soon is the time within which a provider must see that a client has left.
const soon = 50 * time.Millisecond

func TestClientLeaves(t *testing.T) {
	fake := testkit.NewUpstream(t)
	f := func(model string, stream bool, script testkit.Script, until func(*Answer)) {
		t.Helper()
		fake.On(model, script)
		u := newUpstream(t, fake, nil)
		caller := new(client)
		call := chat(model, stream)
		call.Caller = caller
		left := make(chan time.Time, 1)
		if until == nil { // it leaves while it waits for the first byte
			go func() {
				fake.WaitRequest(model, time.Second)
				left <- caller.leave()
			}()
		}
		answer, err := u.Call(call)
		if until != nil {
			if err != nil {
				t.Fatal(err)
			}
			until(answer)
			left <- caller.leave()
			for err == nil {
				_, err = answer.Stream.Next()
			}
			answer.Release()
		}
		if !errors.Is(err, ErrClientGone) {
			t.Errorf("error is %v, want %v", err, ErrClientGone)
		}
		seen, ok := fake.WaitHangUp(model, time.Second)
		if !ok {
			t.Fatal("the provider did not see the client leave")
		}
		if took := seen.HungUpAt.Sub(<-left); took > soon {
			t.Errorf("the provider saw the client leave after %v, want at most %v", took, soon)
		}
		if caller.attached() {
			t.Error("the connection is still attached")
		}
		if s := u.State("fake/" + model); s != BreakerClosed || !u.breaker("fake/"+model).quiet() {
			t.Errorf("the breaker took down a client that left (%v)", s)
		}
	}
	f("plain", false, testkit.Script{Latency: time.Minute}, nil)
	f("waiting", true, testkit.Script{Latency: time.Minute}, nil)
	f("streaming", true, testkit.Script{StallAfter: 3}, func(a *Answer) {
		for range 3 {
			if _, err := a.Stream.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestConcurrentCalls checks that calls that run beside each other, on pooled connections and buffers, do not mix.
func TestConcurrentCalls(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, nil)
	var group sync.WaitGroup
	for worker := range 8 {
		model := string(rune('a' + worker))
		text := strings.Repeat(model+" ", 10+50*worker)
		fake.On(model, testkit.Script{Text: text, CloseAfter: worker == 3})
		group.Go(func() {
			for round := range 20 {
				answer, err := u.Call(chat(model, round%2 == 0))
				if err != nil {
					t.Errorf("%s: %v", model, err)
					return
				}
				if s := answer.Stream; s != nil {
					if _, err := drain(t, s); err != nil {
						t.Errorf("%s: %v", model, err)
					}
					if out, _ := s.OutputText(); string(out) != text || string(s.Model()) != model {
						t.Errorf("%s got %q", model, out)
					}
				} else if string(answer.Model) != model || !strings.Contains(string(answer.Body), text) {
					t.Errorf("%s got %s", model, answer.Body)
				}
				answer.Release()
			}
		})
	}
	group.Wait()
}

func TestMoveBody(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("m", testkit.Script{Text: "first"}, testkit.Script{Text: "second"})
	u := newUpstream(t, fake, nil)
	var dst fasthttp.Response
	dst.SetBodyString("old")
	answer, err := u.Call(chat("m", false))
	if err != nil {
		t.Fatal(err)
	}
	answer.MoveBody(&dst)
	answer.Release()
	if answer, err = u.Call(chat("m", false)); err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	if body := string(dst.Body()); !strings.Contains(body, "first") || !strings.Contains(string(answer.Body), "second") {
		t.Errorf("the body moved is %s", body)
	}
}

// TestHeadOutlivesBody checks that what Answer tells of the head holds until Release, also once the body has moved on.
func TestHeadOutlivesBody(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("m", testkit.Script{Header: map[string]string{"X-Request-Id": "req_first"}}, testkit.Script{Header: map[string]string{"X-Request-Id": "req_other"}})
	u := newUpstream(t, fake, nil)
	answer, err := u.Call(chat("m", false))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	var dst fasthttp.Response
	answer.MoveBody(&dst)
	dst.Header.SetBytesV("X-Request-Id", answer.ProviderID)
	dst.SetBodyString(strings.Repeat("z", 4096)) // the buffers that were swapped are written over
	for range 20 {
		other, err := u.Call(chat("m", false))
		if err != nil {
			t.Fatal(err)
		}
		if string(other.ProviderID) != "req_other" {
			t.Errorf("another answer's id is %q", other.ProviderID)
		}
		other.Release()
	}
	if string(answer.ProviderID) != "req_first" || string(answer.ContentType) != "application/json" {
		t.Errorf("id is %q, type %q", answer.ProviderID, answer.ContentType)
	}
}

func TestHeadersPassOn(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, nil)
	for _, stream := range []bool{false, true} {
		call := chat("m", stream)
		call.Headers = []Header{{"openai-beta", "assistants=v2"}, {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"authorization", "Bearer client"}}
		answer, err := u.Call(call)
		if err != nil {
			t.Fatal(err)
		}
		answer.Release()
		got := fake.Last("m").Header
		if got.Get("Openai-Beta") != "assistants=v2" || got.Get("Traceparent") != call.Headers[1].Value || got.Get("Authorization") != "Bearer sk-provider" {
			t.Errorf("stream %v: the provider got %v", stream, got)
		}
	}
}

func TestRequestOnTheWire(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, func(c *Config) { c.BaseURL, c.APIVersion, c.Key = c.BaseURL+"/", "2026 01", "" })
	call := chat("m", true)
	call.Path, call.Headers = "/completions", []Header{{"openai-beta", "x=1\r\nEvil: 1"}, {"traceparent", "00-1"}}
	answer, err := u.Call(call)
	if err != nil {
		t.Fatal(err)
	}
	answer.Release()
	got := fake.Last("m")
	if got.Path != "/v1/completions?api-version=2026+01" || got.Header.Get("Traceparent") != "00-1" || got.Header.Get("Evil") != "" ||
		got.Header.Get("Authorization") != "" || got.Header.Get("Accept") != "text/event-stream" || got.Header.Get("Accept-Encoding") != "" {
		t.Errorf("%s with %v", got.Path, got.Header)
	}
}

// TestNoFreeConnections checks that a full pool fails at once, and is not held against the target.
func TestNoFreeConnections(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("m", testkit.Script{StallAfter: 1})
	u := newUpstream(t, fake, func(c *Config) { c.MaxConns, c.Retries = 1, 3 })
	answer, err := u.Call(chat("m", true))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * openAfterRow {
		_, err = u.Call(chat("m", true))
		if failure := failureOf(t, err); failure.Cause != CausePool || failure.Attempts != 1 {
			t.Fatalf("failure is %v", err)
		}
	}
	answer.Release()
	fake.On("m", testkit.Script{})
	if answer, err = u.Call(chat("m", true)); err != nil {
		t.Fatalf("after the pool has room: %v", err)
	}
	answer.Release()
}

func TestClientGoneBefore(t *testing.T) {
	fake := testkit.NewUpstream(t)
	u := newUpstream(t, fake, nil)
	call := chat("small", false)
	call.Caller = &client{gone: true}
	_, err := u.Call(call)
	if !errors.Is(err, ErrClientGone) || fake.Count("") != 0 {
		t.Errorf("error is %v after %d requests, want %v after none", err, fake.Count(""), ErrClientGone)
	}
}

func TestClientLeavesBetweenAttempts(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("busy", testkit.Script{Status: http.StatusServiceUnavailable, Header: map[string]string{"Retry-After": "60"}})
	u := newUpstream(t, fake, func(c *Config) { c.Retries, c.RetryWait = 3, time.Hour })
	caller := new(client)
	call := chat("busy", false)
	call.Caller = caller
	go func() {
		fake.WaitRequest("busy", time.Second)
		for !caller.attached() {
			time.Sleep(time.Millisecond)
		}
		caller.leave()
	}()
	begun := time.Now()
	_, err := u.Call(call)
	if !errors.Is(err, ErrClientGone) || time.Since(begun) > 5*time.Second {
		t.Errorf("error is %v after %v, want %v at once", err, time.Since(begun), ErrClientGone)
	}
}
