package providers

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bursar/internal/testkit"
)

// TestErrorsHoldNoAnswers checks that no error repeats what a provider sent, other than its own words about an error.
func TestErrorsHoldNoAnswers(t *testing.T) {
	const secret = "my diary says"
	fake := testkit.NewUpstream(t)
	n := 0
	f := func(script testkit.Script, stream bool, want string) {
		t.Helper()
		n++
		model := fmt.Sprintf("m%d", n)
		fake.On(model, script)
		u := newUpstream(t, fake, nil)
		answer, err := u.Call(chat(model, stream))
		for err == nil && answer.Stream != nil {
			_, err = answer.Stream.Next()
		}
		if err == nil || errors.Is(err, io.EOF) {
			t.Fatalf("%+v: no error", script)
		}
		if text := err.Error(); strings.Contains(text, secret) || !strings.Contains(text, want) {
			t.Errorf("%+v: %s, want %q", script, text, want)
		}
		if answer != nil {
			answer.Release()
		}
	}
	f(testkit.Script{Body: "<html>" + secret}, false, "(19 bytes)")
	f(testkit.Script{Body: `{"choices":[],"x":"` + secret + `"}`}, false, "without choices")
	f(testkit.Script{Body: `{"error":{"message":"` + secret + `"}}`}, false, "with an error")
	f(testkit.Script{Body: `{"choices":[{"text":"` + secret + `"`}, false, "malformed JSON")
	f(testkit.Script{Header: map[string]string{"Content-Type": "application/json"}, Body: secret}, true, "asked for a stream, it answered 13 bytes")
	f(testkit.Script{Body: `data: {"error":"` + secret + `"}` + "\n\n"}, true, "an error of 25 bytes")
	f(testkit.Script{Body: "data: " + secret + "\n\n"}, true, "an event of 13 bytes is no chunk")
	chunk := `data: {"choices":[{"index":0,"delta":{"content":"x"}}]}` + "\n\n"
	f(testkit.Script{Body: chunk + `data: {"error":"` + secret + `"}` + "\n\n"}, true, "it sent an error of 25 bytes")
	f(testkit.Script{Body: chunk + "event: error\ndata: " + secret + "\n\n"}, true, "it sent an error of 13 bytes")
	f(testkit.Script{Status: http.StatusNotFound, ErrorBody: "<html>" + secret}, false, "it answered 404 with 19 bytes")
	f(testkit.Script{Status: http.StatusBadRequest, ErrorBody: `"` + secret}, false, "it answered 400 with 14 bytes")
	f(testkit.Script{Status: http.StatusBadGateway, ErrorBody: secret}, false, "it answered 502 with 13 bytes")
	f(testkit.Script{Status: 503, ErrorBody: `{"error":{"message":"no\nroom","type":"t","code":7,"param":"` + secret + `"},"x":"` + secret + `"}`}, false,
		`bytes, code 7, type "t", message "no\nroom"`)
	f(testkit.Script{Status: 403, ErrorBody: `{"error":{"message":"` + strings.Repeat("é", 200) + secret + `"}}`}, false, "é...")
	f(testkit.Script{Status: 401, ErrorBody: `{"error":{"message":"` + secret + `","code":"bad_key"}}`}, false, `bytes, code "bad_key"`)
}

func TestMalformedHeadIsNotQuoted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("my diary says\r\n\r\n"))
			_ = c.Close()
		}
	}()
	u, err := New(Config{Name: "p", BaseURL: "http://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	_, err = u.Call(chat("m", false))
	if failure := failureOf(t, err); failure.Cause != CauseLost || !failure.Sent || strings.Contains(err.Error(), "diary") {
		t.Errorf("error is %v", err)
	}
}
