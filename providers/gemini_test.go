package providers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bursar/internal/jsonspan"
	"bursar/pricing"
)

// google serves generateContent: each model's name is a script.
func google(t *testing.T) (u *Upstream, last *http.Request) {
	t.Helper()
	last = new(http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r
		_, _ = io.Copy(io.Discard, r.Body)
		refuse := func(status int, body string) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
		switch script := r.URL.Path; {
		case strings.Contains(script, "limited"):
			refuse(429, `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay": "34.4s"}]}}`)
		case strings.Contains(script, "badkey"):
			refuse(400, `{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}`)
		case strings.Contains(script, "refuses"):
			refuse(400, `[{"error":{"code":400,"message":"The input token count exceeds the maximum","status":"INVALID_ARGUMENT"}}]`)
		case strings.Contains(script, "overloaded"):
			refuse(503, `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}`)
		case strings.HasSuffix(script, ":streamGenerateContent"):
			w.Header().Set("Content-Type", "text/event-stream")
			events := strings.SplitAfter(googleStream, "\n\n")
			if strings.Contains(script, "early") { // a proper end of the body, without an end of the answer
				events = events[:1]
			}
			for i, b := range []byte(strings.Join(events, "")) {
				if strings.Contains(script, "cut") && i == len(events[0])+20 {
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write([]byte{b})
				if i%7 == 0 {
					w.(http.Flusher).Flush()
				}
			}
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]},"finishReason":"STOP"}],`+
				`"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":4,"thoughtsTokenCount":30,"totalTokenCount":134},"modelVersion":"gemini-x","responseId":"r1"}`)
		}
	}))
	t.Cleanup(server.Close)
	u, err := New(Config{Name: "google", Dialect: "gemini", BaseURL: server.URL + "/v1beta", Key: "AIza", Rand: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u, last
}

const googleStream = `data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hé"}]},"index":0}],"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":75},"modelVersion":"gemini-x","responseId":"r1"}

data: {"candidates":[{"content":{"role":"model","parts":[{"text":"llo"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":75,"candidatesTokenCount":3,"thoughtsTokenCount":4,"totalTokenCount":107},"modelVersion":"gemini-x","responseId":"r1"}

`

// to makes a chat completion carried over for a model, which such targets have in their path.
func to(t *testing.T, u *Upstream, model string, stream bool) *Call {
	t.Helper()
	c := asked(t, u, model, stream)
	c.Model = model
	return c
}

func TestGeminiPlain(t *testing.T) {
	u, last := google(t)
	answer, err := u.Call(to(t, u, "gemini-x", false))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	want := pricing.Usage{Input: 40, CacheRead: 60, Output: 4, Reasoning: 30}
	if answer.Usage != want || answer.Finish != "stop" || !answer.Complete() || string(answer.Model) != "gemini-x" {
		t.Errorf("usage %+v, finish %s, model %s: %s", answer.Usage, answer.Finish, answer.Model, answer.Body)
	}
	if last.URL.Path != "/v1beta/models/gemini-x:generateContent" || last.Header.Get("x-goog-api-key") != "AIza" || last.Header.Get("Authorization") != "" {
		t.Errorf("asked %s with %v", last.URL.Path, last.Header)
	}
}

func TestGeminiStream(t *testing.T) {
	u, last := google(t)
	answer, err := u.Call(to(t, u, "gemini-x", true))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Release()
	sse, err := drain(t, answer.Stream)
	usage, ok := answer.Stream.Usage()
	if want := (pricing.Usage{Input: 25, CacheRead: 75, Output: 3, Reasoning: 4}); err != nil || !ok || usage != want || !answer.Stream.Complete() || !answer.Stream.Done() {
		t.Errorf("%v, usage %+v, finish %q: %s", err, usage, answer.Stream.Finish(), sse)
	}
	plain, err := PlainOf([]byte(sse), nil)
	if text, ok := jsonspan.Get(plain, "choices", "0", "message", "content"); err != nil || !ok || string(text.Of(plain)) != `"Héllo"` {
		t.Errorf("assembled %v: %s", err, plain)
	}
	if last.URL.Path != "/v1beta/models/gemini-x:streamGenerateContent" || last.URL.RawQuery != "alt=sse" {
		t.Errorf("asked %s", last.URL)
	}
}

// TestGeminiStreamCut: whether the connection breaks or the body ends too early, the stream is broken, and the prompt is billed as told.
func TestGeminiStreamCut(t *testing.T) {
	u, _ := google(t)
	for _, model := range []string{"cut", "early"} {
		answer, err := u.Call(to(t, u, model, true))
		if err != nil {
			t.Fatal(err)
		}
		sse, err := drain(t, answer.Stream)
		usage, ok := answer.Stream.Usage()
		if !errors.Is(err, ErrStreamBroken) || !ok || usage.Input != 25 || usage.CacheRead != 75 || answer.Stream.Complete() || strings.Contains(sse, "[DONE]") {
			t.Errorf("%s: %v, usage %+v, %v: %s", model, err, usage, ok, sse)
		}
		answer.Release()
	}
}

func TestGeminiErrors(t *testing.T) {
	u, _ := google(t)
	answer, err := u.Call(to(t, u, "refuses", false))
	if err != nil || !answer.Refused || answer.Status != 400 || !strings.HasPrefix(string(answer.Body), `{"error":{"message":"The input token count exceeds`) {
		t.Fatalf("%v: %+v", err, answer)
	}
	answer.Release()
	f := func(model string, cause Cause, wait time.Duration) {
		t.Helper()
		for _, stream := range []bool{false, true} {
			var failure *Failure
			if _, err := u.Call(to(t, u, fmt.Sprint(model, stream), stream)); !errors.As(err, &failure) || failure.Cause != cause || failure.RetryAfter != wait {
				t.Errorf("%s: %v, want %s and to wait %v", model, err, cause, wait)
			}
		}
	}
	f("limited", CauseLimited, 34400*time.Millisecond)
	f("badkey", CauseCredential, 0)
	f("overloaded", CauseOverload, 0)
}

func TestGeminiPath(t *testing.T) {
	f := func(base, version, model string, stream bool, want string) {
		t.Helper()
		u, err := New(Config{Name: "g", Dialect: "gemini", BaseURL: "http://127.0.0.1:1" + base, APIVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		if got := u.path(&Call{Model: model, Stream: stream}); got != want {
			t.Errorf("%s, %s: %s, want %s", base, model, got, want)
		}
	}
	f("", "", "m", false, "/v1beta/models/m:generateContent")
	f("/v1beta/", "", "m", true, "/v1beta/models/m:streamGenerateContent?alt=sse")
	f("/v1/projects/p/locations/global/publishers/google", "", "m x", false, "/v1/projects/p/locations/global/publishers/google/models/m%20x:generateContent")
	f("/v1beta", "7", "tunedModels/t", true, "/v1beta/tunedModels/t:streamGenerateContent?alt=sse&api-version=7")
}
