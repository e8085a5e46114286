package providers

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestRawCalls: any method and path, with the one key that will do; answers and streams come as they are.
func TestRawCalls(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked := r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization") + " " + string(body)
		switch r.URL.Query().Get("as") {
		case "stream":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: any\ndata: "+asked+"\n\ndata: [DONE]\n\nevent: error\ndata: {\"error\":1}\n\n")
		case "refused":
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"message":"`+asked+`"}}`)
		default:
			_, _ = io.WriteString(w, asked)
		}
	}))
	defer server.Close()
	keys := []Key{{Name: "ONE", Value: "1"}, {Name: "TWO", Value: "2"}, {Name: "THREE", Value: "3", Team: "search"}}
	up, err := New(Config{Name: "p", BaseURL: server.URL + "/v1", APIVersion: "7", Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	for range 5 {
		answer, err := up.Call(&Call{Target: "p/m", Method: http.MethodDelete, Path: "/responses/r?x=1", Raw: true, Key: keys[1].number()})
		if err != nil || answer.Refused || string(answer.Body) != "DELETE /v1/responses/r?x=1&api-version=7 Bearer 2 " || answer.Key != keys[1].number() {
			t.Fatalf("%+v, %v", answer, err)
		}
		answer.Release()
	}
	refused, err := up.Call(&Call{Target: "p/m", Method: http.MethodGet, Path: "/r?as=refused", Raw: true, Key: keys[0].number()})
	if err != nil || !refused.Refused || refused.Status != 404 || string(refused.Body) != `{"error":{"message":"GET /v1/r?as=refused&api-version=7 Bearer 1 "}}` {
		t.Fatalf("%+v, %v", refused, err)
	}
	refused.Release()
	stream, err := up.Call(&Call{Target: "p/m", Method: http.MethodGet, Path: "/r?as=stream", Raw: true, Stream: true, Team: "search", Key: 12345})
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for {
		event, err := stream.Stream.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		all = append(all, event.Raw...)
	}
	stream.Release()
	if want := "event: any\ndata: GET /v1/r?as=stream&api-version=7 Bearer 3 \n\ndata: [DONE]\n\nevent: error\ndata: {\"error\":1}\n\n"; string(all) != want {
		t.Errorf("%q", all)
	}
	var failure *Failure
	if _, err := up.Call(&Call{Target: "p/m", Path: "/r", Raw: true, Key: 12345}); !errors.As(err, &failure) || failure.Cause != CauseKeyGone || failure.Attempts != 0 || failure.Fault().Status != 503 {
		t.Errorf("a key that is gone: %v", err)
	}
	if n, ok := up.OnlyKey("search"); !ok || n != keys[2].number() {
		t.Errorf("the only key of a team: %d %t", n, ok)
	}
	if !up.Owns("search", keys[2].number()) || up.Owns("support", keys[2].number()) || up.Owns("search", keys[0].number()) || up.Owns("", keys[0].number()) {
		t.Error("whose the keys are")
	}
	if _, ok := up.OnlyKey("support"); ok {
		t.Error("the only one of two keys")
	}
}
