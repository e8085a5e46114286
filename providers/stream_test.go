package providers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/testkit"
	"bursar/pricing"
)

// TestRecordings replays what a real llama.cpp server (b11669) sent, in pieces of all sizes.
func TestRecordings(t *testing.T) {
	fake := testkit.NewUpstream(t)
	f := func(name string, n int64, finish string, usage pricing.Usage, hasUsage bool) {
		t.Helper()
		wire := testkit.Wire(t, filepath.Join("testdata", "llama-"+name+".txt"))
		for _, piece := range []int{0, 1, 7, 100, 1000} {
			fake.On(name, testkit.Script{Wire: wire, WirePiece: piece})
			u := newUpstream(t, fake, nil)
			call := chat(name, true)
			call.N = n
			answer, err := u.Call(call)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s := answer.Stream
			text, err := drain(t, s)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got, ok := s.Usage()
			if s.Finish() != finish || !s.Done() || int64(s.Choices()) != n || string(s.Model()) != "tiny" || ok != hasUsage || got != usage {
				t.Errorf("%s: finish %q, %d choices, model %q, usage %+v (%v)", name, s.Finish(), s.Choices(), s.Model(), got, ok)
			}
			if events := strings.Count(text, "data: "); events != bytes.Count(wire, []byte("data: ")) {
				t.Errorf("%s: %d events", name, events)
			}
			answer.Release()
		}
	}
	f("stream", 1, "length", pricing.Usage{Input: 1, CacheRead: 25, Output: 12}, true)
	f("n2", 2, "length", pricing.Usage{Input: 1, CacheRead: 25, Output: 8}, true) // one chunk of usage per choice
	f("logprobs", 1, "length", pricing.Usage{}, false)
	f("stop", 1, "stop", pricing.Usage{}, false)

	fake.On("plain", testkit.Script{Wire: testkit.Wire(t, "testdata/llama-plain.txt"), WirePiece: 100})
	fake.On("error", testkit.Script{Wire: testkit.Wire(t, "testdata/llama-error.txt"), WirePiece: 100})
	u := newUpstream(t, fake, nil)
	answer, err := u.Call(chat("plain", false))
	if err != nil {
		t.Fatal(err)
	}
	if want := (pricing.Usage{Input: 18, CacheRead: 8, Output: 12}); answer.Finish != "length" || answer.Usage != want {
		t.Errorf("plain: finish %q, usage %+v", answer.Finish, answer.Usage)
	}
	answer.Release()
	answer, err = u.Call(chat("error", true))
	if err != nil || !answer.Refused || answer.Status != 400 {
		t.Fatalf("error: %+v, %v", answer, err)
	}
	answer.Release()
}

// streamOf calls for a stream with a body of its own, in chunks of random sizes.
func streamOf(t *testing.T, fake *testkit.Upstream, n int64, body string, edit func(*Config)) *Answer {
	t.Helper()
	var wire strings.Builder
	wire.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	for body != "" {
		size := min(len(body), 1+rand.IntN(60))
		fmt.Fprintf(&wire, "%x;ext=1\r\n%s\r\n", size, body[:size])
		body = body[size:]
	}
	wire.WriteString("0\r\nX-Trailer: 1\r\n\r\n")
	fake.On("m", testkit.Script{Wire: []byte(wire.String())})
	u := newUpstream(t, fake, edit)
	call := chat("m", true)
	call.N = n
	answer, err := u.Call(call)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	t.Cleanup(answer.Release)
	return answer
}

func event(choices string, more ...string) string {
	return `data: {"id":"c","choices":[` + choices + `]` + strings.Join(more, "") + "}\n\n"
}

func TestStreamEnds(t *testing.T) {
	fake := testkit.NewUpstream(t)
	const (
		start = `{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}`
		stop  = `{"index":0,"delta":{},"finish_reason":"stop"}`
		stop1 = `{"index":1,"delta":{},"finish_reason":"length"}`
		done  = "data: [DONE]\n\n"
	)
	f := func(what string, n int64, body string, good bool, finish string) {
		t.Helper()
		s := streamOf(t, fake, n, body, nil).Stream
		text, err := drain(t, s)
		if good && err != nil || !good && !errors.Is(err, ErrStreamBroken) {
			t.Errorf("%s: ended with %v", what, err)
		}
		if s.Finish() != finish || s.Complete() != (good && finish == "stop") {
			t.Errorf("%s: finish %q, complete %v, want %q", what, s.Finish(), s.Complete(), finish)
		}
		if good && (!strings.HasSuffix(text, "\n\n") || strings.Contains(text, "error")) {
			t.Errorf("%s: its last event has no end: %q", what, text)
		}
		if _, again := s.Next(); !good && !errors.Is(again, ErrStreamBroken) || good && !errors.Is(again, io.EOF) {
			t.Errorf("%s: Next after the end is %v", what, again)
		}
	}
	f("whole", 1, event(start)+event(stop)+done, true, "stop")
	f("whole, with a byte order mark", 1, "\ufeff"+event(start)+event(stop)+done, true, "stop")
	f("no [DONE]", 1, event(start)+event(stop), true, "stop")
	f("no [DONE], usage last", 1, event(start)+event(stop)+event("", `,"usage":{"prompt_tokens":1,"completion_tokens":1}`), true, "stop")
	f("no blank line at the end", 1, event(start)+event(stop)+"data: [DONE]", true, "stop")
	f("one line end at the end", 1, event(start)+event(stop)+"data: [DONE]\n", true, "stop")
	f("no finish", 1, event(start)+done, true, "")
	f("neither", 1, event(start), false, "")
	f("half an event", 1, event(start)+`data: {"id":"c","choi`, false, "")
	f("one of two choices", 2, event(start)+event(stop), false, "")
	f("two choices", 2, event(start)+event(stop1)+event(stop), true, "length")
	f("an error", 1, event(start)+"data: {\"error\":{\"message\":\"x\"}}\n\n", false, "")
	f("an error by name", 1, event(start)+"event: error\ndata: {\"message\":\"x\"}\n\n", false, "")
	f("an error after the end", 1, event(start)+event(stop)+"data: {\"error\":{\"message\":\"x\"}}\n\n", false, "stop")
	f("no JSON", 1, event(start)+"data: hello\n\n"+done, false, "")
	f("comments", 1, ": a\n\n"+event(start)+": b\n\n"+event(stop)+done+": c\n\n", true, "stop")
	f("nothing but a comment", 1, ": a\n\n", false, "")
	f("an error after [DONE]", 1, event(start)+event(stop)+done+"data: {\"error\":{\"message\":\"x\"}}\n\n", true, "stop")
	f("filtered", 1, event(start)+event(`{"index":0,"delta":{},"finish_reason":"content_filter"}`)+done, true, "content_filter")
}

func TestStreamReadsAsItFlies(t *testing.T) {
	fake := testkit.NewUpstream(t)
	body := event(`{"index":0,"delta":{"role":"assistant","content":"A\u00e9\ud83d\ude00\n"}}`, `,"model":"m-1","usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}`) +
		event(`{"index":0,"delta":{"reasoning_content":"think","reasoning":"think"}},{"index":1,"delta":{"refusal":"no"},"finish_reason":"stop"}`) +
		event(`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}]}}`, `,"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}`) +
		event(`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}`, `,"service_tier":"fast","usage":null`) +
		event(``, `,"usage":{"prompt_tokens":5,"completion_tokens":9,"total_tokens":14}`) + "data: [DONE]\n\n"
	s := streamOf(t, fake, 2, body, nil).Stream
	var kinds []Kind
	for {
		e, err := s.Next()
		if err != nil {
			break
		}
		kinds = append(kinds, e.Kind)
	}
	if want := []Kind{KindChunk, KindChunk, KindChunk, KindChunk, KindUsage, KindDone}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("kinds are %v, want %v", kinds, want)
	}
	if text, beyond := s.OutputText(); string(text) != "Aé😀\nthinknof{\"a\":1}" || beyond != 0 {
		t.Errorf("output text is %q and %d bytes", text, beyond)
	}
	usage, ok := s.Usage()
	if want := (pricing.Usage{Input: 5, Output: 9, Tier: "priority"}); !ok || usage != want {
		t.Errorf("usage is %+v, want the last one told", usage)
	}
	if !s.Complete() || s.Finish() == "" || s.Choices() != 2 || string(s.Model()) != "m-1" {
		t.Errorf("finish %q, %d choices, model %q", s.Finish(), s.Choices(), s.Model())
	}
}

func TestStreamBounds(t *testing.T) {
	fake := testkit.NewUpstream(t)
	long := strings.Repeat("x", 5000)
	body := event(`{"index":0,"delta":{"content":"ab"}}`) + event(`{"index":0,"delta":{"content":"`+long+`"}}`) + "data: [DONE]\n\n"
	s := streamOf(t, fake, 1, body, func(c *Config) { c.MaxOutputText = 100 }).Stream
	if _, err := drain(t, s); err != nil {
		t.Fatal(err)
	}
	if text, beyond := s.OutputText(); string(text) != "ab" || beyond != 5000 {
		t.Errorf("output text is %q and %d bytes, want ab and 5000", text, beyond)
	}
	s = streamOf(t, fake, 1, body+event(strings.Repeat(" ", 20<<10)), func(c *Config) { c.MaxEvent = 10 << 10 }).Stream
	if _, err := drain(t, s); err != nil {
		t.Errorf("junk after [DONE]: %v", err)
	}
	s = streamOf(t, fake, 1, body[:len(body)-len("data: [DONE]\n\n")]+event(strings.Repeat(" ", 20<<10)), func(c *Config) { c.MaxEvent = 10 << 10 }).Stream
	if _, err := drain(t, s); !errors.Is(err, ErrStreamBroken) || !strings.Contains(err.Error(), "longer than 10240 bytes") {
		t.Errorf("an event beyond the bound: %v", err)
	}
}

// TestBuffered checks that the events of one packet are all there at once, and that the last one of them is not held back.
func TestBuffered(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("m", testkit.Script{Tokens: 5, StallAfter: 4})
	u := newUpstream(t, fake, nil)
	answer, err := u.Call(chat("m", true))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	for i := range 4 {
		event, err := answer.Stream.Next()
		if err != nil || !bytes.HasSuffix(event.Raw, []byte("}\n\n")) {
			t.Fatalf("event %d: %q, %v", i, event.Raw, err)
		}
		if more := answer.Stream.Buffered(); more != (i < 3) {
			t.Errorf("after event %d, buffered is %v", i, more)
		}
	}
}

// TestReleaseStopsStream checks that a stream that is given up stops its provider, and one that was read is kept for the next.
func TestReleaseStopsStream(t *testing.T) {
	fake := testkit.NewUpstream(t)
	fake.On("m", testkit.Script{Tokens: 1000, Pace: 10 * time.Millisecond})
	u := newUpstream(t, fake, nil)
	answer, err := u.Call(chat("m", true))
	if err != nil {
		t.Fatal(err)
	}
	left := time.Now()
	answer.Release()
	seen, ok := fake.WaitHangUp("m", time.Second)
	if !ok || seen.HungUpAt.Sub(left) > soon {
		t.Errorf("the provider saw it: %v, after %v", ok, seen.HungUpAt.Sub(left))
	}
}

func TestFramings(t *testing.T) {
	fake := testkit.NewUpstream(t)
	body := event(`{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}`) + "data: [DONE]\n\n"
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	f := func(wire string, good bool) {
		t.Helper()
		fake.On("m", testkit.Script{Wire: []byte(wire), WirePiece: 10})
		u := newUpstream(t, fake, nil)
		answer, err := u.Call(chat("m", true))
		if err == nil {
			defer answer.Release()
			var text string
			if text, err = drain(t, answer.Stream); err == nil && text != body {
				t.Errorf("%q is read as %q", wire, text)
			}
		}
		if good != (err == nil) {
			t.Errorf("%q ends with %v", wire, err)
		}
	}
	f(head+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))+body, true)
	f(head+"\r\n"+body, true)
	f("HTTP/1.1 103 Early Hints\r\n\r\n"+head+"\r\n"+body, true)
	f(head+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)+20)+body, true) // cut, but not before its end
	f(head+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)+20)+body[:40], false)
	f(head+"Content-Length: 0\r\n\r\n", false)
	f(head+"Transfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%X \r\n%s\r\n0\r\n\r\n", len(body), body), true)
	f(head+"Transfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%x\r\n%s", len(body), body[:40]), false)
	f(head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n"+body, false)
	f(head+"Transfer-Encoding: chunked\r\n\r\n5\r\n"+body, false)
	f(head+"Transfer-Encoding: chunked\r\n\r\n-5\r\n"+body, false)
	f(head+"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n"+body, false)
}
