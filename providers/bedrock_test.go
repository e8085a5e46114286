package providers

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"bursar/internal/jsonspan"
	"bursar/pricing"
)

// frame makes a frame of Amazon's.
func frame(t testing.TB, messageType, kind, body string) []byte {
	t.Helper()
	named := ":event-type"
	if messageType == "exception" {
		named = ":exception-type"
	}
	m := eventstream.Message{Payload: []byte(body)}
	m.Headers.Set(":message-type", eventstream.StringValue(messageType))
	m.Headers.Set(named, eventstream.StringValue(kind))
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	var out bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// converseStream is a stream of Converse, frame by frame.
func converseStream(t testing.TB) [][]byte {
	return [][]byte{
		frame(t, "event", "messageStart", `{"p":"abc","role":"assistant"}`),
		frame(t, "event", "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hé"}}`),
		frame(t, "event", "contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"llo"}}`),
		frame(t, "event", "contentBlockStop", `{"contentBlockIndex":0}`),
		frame(t, "event", "messageStop", `{"stopReason":"end_turn"}`),
		frame(t, "event", "metadata", `{"usage":{"inputTokens":25,"outputTokens":7,"totalTokens":107,"cacheReadInputTokens":75},"metrics":{"latencyMs":9}}`),
	}
}

// amazon serves Converse: each model's name is a script.
func amazon(t *testing.T) (u *Upstream, last *http.Request) {
	t.Helper()
	last = new(http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("x-amzn-requestid", "req-1")
		refuse := func(status int, kind, body string) {
			w.Header().Set("x-amzn-ErrorType", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
		switch script := r.URL.Path; {
		case strings.Contains(script, "throttled"):
			refuse(429, "ThrottlingException", `{"message":"Too many requests"}`)
		case strings.Contains(script, "denied"):
			refuse(403, "AccessDeniedException", `{"message":"You don't have access"}`)
		case strings.Contains(script, "model-error"):
			refuse(424, "ModelErrorException", `{"message":"The model failed"}`)
		case strings.Contains(script, "refuses"):
			refuse(400, "ValidationException", `{"message":"Input is too long for requested model."}`)
		case strings.HasSuffix(script, "/converse-stream"):
			w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
			frames := converseStream(t)
			wire := bytes.Join(frames, nil)
			begun := len(frames[0]) + len(frames[1])
			switch {
			case strings.Contains(script, "cut"): // the body ends properly, in the middle of a frame
				wire = wire[:begun+9]
			case strings.Contains(script, "corrupt"):
				wire[begun+20] ^= 1
			case strings.Contains(script, "exception"):
				wire = append(wire[:begun], frame(t, "exception", "throttlingException", `{"message":"slow down"}`)...)
			}
			for i, b := range wire {
				_, _ = w.Write([]byte{b})
				if i%11 == 0 {
					w.(http.Flusher).Flush()
				}
			}
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn",`+
				`"usage":{"inputTokens":10,"outputTokens":4,"totalTokens":9514,"cacheReadInputTokens":9000,"cacheWriteInputTokens":500,"cacheDetails":[{"inputTokens":100,"ttl":"1h"},{"inputTokens":400,"ttl":"5m"}]}}`)
		}
	}))
	t.Cleanup(server.Close)
	u, err := New(Config{
		Name: "aws", Dialect: "bedrock", BaseURL: server.URL, Region: "eu-central-1", Rand: func() float64 { return 0 },
		Keys: []Key{{Value: "AKIDEXAMPLE:secret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u, last
}

func TestBedrockPlain(t *testing.T) {
	u, last := amazon(t)
	answer, err := u.Call(to(t, u, "anthropic.claude-x-v1:0", false))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	want := pricing.Usage{Input: 10, CacheRead: 9000, CacheWrite: 400, CacheWrite1h: 100, Output: 4}
	if answer.Usage != want || answer.Finish != "stop" || string(answer.Model) != "anthropic.claude-x-v1:0" || string(answer.ProviderID) != "req-1" {
		t.Errorf("usage %+v, finish %s, model %s, id %s: %s", answer.Usage, answer.Finish, answer.Model, answer.ProviderID, answer.Body)
	}
	if last.URL.EscapedPath() != "/model/anthropic.claude-x-v1%3A0/converse" || !strings.Contains(last.Header.Get("Authorization"), "/eu-central-1/bedrock/aws4_request") || last.Header.Get("X-Amz-Date") == "" {
		t.Errorf("asked %s with %v", last.URL.EscapedPath(), last.Header)
	}
}

func TestBedrockStream(t *testing.T) {
	u, _ := amazon(t)
	answer, err := u.Call(to(t, u, "m", true))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	sse, err := drain(t, answer.Stream)
	usage, ok := answer.Stream.Usage()
	if want := (pricing.Usage{Input: 25, CacheRead: 75, Output: 7}); err != nil || !ok || usage != want || !answer.Stream.Complete() || !answer.Stream.Done() {
		t.Errorf("%v, usage %+v, finish %q: %s", err, usage, answer.Stream.Finish(), sse)
	}
	plain, err := PlainOf([]byte(sse), nil)
	if text, ok := jsonspan.Get(plain, "choices", "0", "message", "content"); err != nil || !ok || string(text.Of(plain)) != `"Héllo"` {
		t.Errorf("assembled %v: %s", err, plain)
	}
}

// TestBedrockStreamBreaks: a frame that is cut or corrupt, and an exception in the middle, break the stream.
func TestBedrockStreamBreaks(t *testing.T) {
	u, _ := amazon(t)
	for _, model := range []string{"cut", "corrupt", "exception"} {
		answer, err := u.Call(to(t, u, model, true))
		if err != nil {
			t.Fatal(err)
		}
		sse, err := drain(t, answer.Stream)
		if !errors.Is(err, ErrStreamBroken) || answer.Stream.Complete() || !strings.Contains(sse, "Hé") || strings.Contains(sse, "[DONE]") {
			t.Errorf("%s: %v: %s", model, err, sse)
		}
		answer.Release()
	}
}

func TestBedrockErrors(t *testing.T) {
	u, _ := amazon(t)
	answer, err := u.Call(to(t, u, "refuses", false))
	if err != nil || !answer.Refused || answer.Status != 400 || string(answer.Body) != `{"error":{"message":"Input is too long for requested model.","type":"invalid_request_error","param":null,"code":null}}` {
		t.Fatalf("%v: %+v", err, answer)
	}
	answer.Release()
	f := func(model string, cause Cause, words string) {
		t.Helper()
		var failure *Failure
		if _, err := u.Call(to(t, u, model, false)); !errors.As(err, &failure) || failure.Cause != cause || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %s", model, err, cause)
		}
	}
	f("throttled", CauseLimited, "Too many requests")
	f("denied", CauseCredential, "have access")
	f("model-error", CauseOverload, "The model failed")
}

// TestBedrockAPIKey goes along as a bearer token, unsigned.
func TestBedrockAPIKey(t *testing.T) {
	u, err := New(Config{Name: "aws", Dialect: "bedrock", BaseURL: "http://127.0.0.1:1", Keys: []Key{{Value: "bedrock-api-key-YmVk="}}})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	got, err := u.keys[0].headers(outgoing{now: time.Now()})
	if err != nil || len(got) != 1 || got[0].Value != "Bearer bedrock-api-key-YmVk=" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := New(Config{Name: "aws", Dialect: "bedrock", BaseURL: "http://127.0.0.1:1", Keys: []Key{{Name: "AWS", Value: "A:S"}}}); err == nil || !strings.Contains(err.Error(), "write region") {
		t.Errorf("a pair of keys without a region: %v", err)
	}
}

// cutFrames feeds a splitter pieces of a wire that ends at the given places, and returns the events that come out.
func cutFrames(wire []byte, ends ...int) (events []string, err error) {
	var s splitter
	var scratch []byte
	at := 0
	for _, end := range append(ends, len(wire)) {
		s.buf = append(s.room(), wire[at:end]...)
		at = end
		for {
			var data []byte
			if data, scratch, err = s.nextFrame(1<<20, scratch); data == nil {
				break
			}
			events = append(events, string(data))
		}
		if err != nil {
			return events, err
		}
	}
	if len(s.rest()) > 0 {
		err = errFrameCut
	}
	return events, err
}

// TestFramesAtEveryBoundary: wherever a stream of frames is split, once or twice, the same events come out.
func TestFramesAtEveryBoundary(t *testing.T) {
	wire := bytes.Join(converseStream(t), nil)
	want, err := cutFrames(wire)
	if err != nil || len(want) != 6 || want[1] != `{"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"Hé"}}}` {
		t.Fatalf("%v: %q", err, want)
	}
	for i := range wire {
		got, err := cutFrames(wire, i)
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("split at %d: %v: %q", i, err, got)
		}
		if got, err := cutFrames(wire, i, min(i+3, len(wire))); err != nil || len(got) != len(want) {
			t.Fatalf("split at %d and 3 bytes later: %v: %q", i, err, got)
		}
		if _, err := cutFrames(wire[:i]); i > 0 && err == nil {
			whole := 0
			for _, f := range converseStream(t) {
				if whole += len(f); whole == i {
					break
				}
			}
			if whole != i {
				t.Fatalf("cut at %d, it seems whole", i)
			}
		}
	}
}

// FuzzFrames: whatever comes in whatever pieces, nothing panics, and how it was split makes no difference.
func FuzzFrames(f *testing.F) {
	wire := bytes.Join(converseStream(f), nil)
	f.Add(wire, uint16(5))
	f.Add(wire[:40], uint16(17))
	f.Add([]byte{0, 0, 0, 16, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, uint16(9))
	f.Fuzz(func(t *testing.T, wire []byte, at uint16) {
		want, err := cutFrames(wire)
		got, err2 := cutFrames(wire, int(at)%(len(wire)+1))
		if strings.Join(got, "\n") != strings.Join(want, "\n") || (err == nil) != (err2 == nil) {
			t.Errorf("%q, %v; split at %d %q, %v", want, err, at, got, err2)
		}
	})
}
