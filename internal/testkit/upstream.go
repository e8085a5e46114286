// Package testkit is what tests of several rooms share: a provider that does as it is told.
// It is separate so that the proxy, the providers and the benchmarks are tested against one and the same fake.
//
//	up := testkit.NewUpstream(t)                                      // http://127.0.0.1:PORT/v1 in up.URL
//	up.On("small", testkit.Script{Text: "Hi there", PromptTokens: 12}) // what model small answers, plain or streamed as asked
//	up.On("flaky", testkit.Script{Status: 503}, testkit.Script{})      // first 503, then and ever after an answer
//	up.On("slow", testkit.Script{Latency: time.Second, Pace: 50 * time.Millisecond})
//	up.On("cut", testkit.Script{Tokens: 100, CutAfter: 3})
//	...
//	up.Count("small"), up.Last("small").Body, up.WaitHangUp("slow", time.Second)
//
// A model without a script answers with eight tokens.
package testkit

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// Upstream is a fake provider on 127.0.0.1 that speaks OpenAI's chat completions. It is safe for concurrent use.
type Upstream struct {
	URL string // base URL, with /v1

	server *httptest.Server
	closed chan struct{}

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever a request comes or ends
	scripts  map[string][]Script
	requests []*Request
	conns    int
}

// Request is one request that arrived, and what became of it.
type Request struct {
	Model        string
	Path         string // with the query
	Header       http.Header
	Body         []byte
	Stream       bool
	IncludeUsage bool
	At           time.Time

	Ended        bool
	HungUp       bool      // the client closed its connection before the answer was whole
	HungUpAt     time.Time // when that was noticed
	PromptTokens int       // what usage said, or would have said
	Generated    int       // tokens generated, per answer times answers; what a real provider would bill
	Sent         int       // tokens that were sent before the answer was whole or cut
}

// NewUpstream starts a fake provider that is stopped when the test ends.
func NewUpstream(t testing.TB) *Upstream {
	t.Helper()
	u := StartUpstream()
	t.Cleanup(u.Close)
	return u
}

// StartUpstream starts a fake provider; the caller closes it.
func StartUpstream() *Upstream {
	u := &Upstream{scripts: map[string][]Script{}, changed: make(chan struct{}), closed: make(chan struct{})}
	u.server = httptest.NewUnstartedServer(http.HandlerFunc(u.serve))
	u.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			u.mu.Lock()
			u.conns++
			u.mu.Unlock()
		}
	}
	u.server.Start()
	u.URL = u.server.URL + "/v1"
	return u
}

// Close stops it; answers under way are cut.
func (u *Upstream) Close() {
	select {
	case <-u.closed:
		return
	default:
		close(u.closed)
	}
	u.server.CloseClientConnections()
	u.server.Close()
}

// DropConnections closes every connection, idle ones included, as a provider does that restarts.
func (u *Upstream) DropConnections() { u.server.CloseClientConnections() }

// On sets what a model answers: the scripts in turn, and the last of them ever after.
func (u *Upstream) On(model string, scripts ...Script) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.scripts[model] = slices.Clone(scripts)
}

// Count returns how many requests came for a model; "" counts all.
func (u *Upstream) Count(model string) int { return len(u.Requests(model)) }

// Connections returns how many connections were made.
func (u *Upstream) Connections() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conns
}

// Requests returns copies of the requests for a model, oldest first; "" is every model.
func (u *Upstream) Requests(model string) []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []Request
	for _, r := range u.requests {
		if model == "" || r.Model == model {
			all = append(all, *r)
		}
	}
	return all
}

// Last returns the newest request for a model, the zero Request if there was none.
func (u *Upstream) Last(model string) Request {
	all := u.Requests(model)
	if len(all) == 0 {
		return Request{}
	}
	return all[len(all)-1]
}

// Generated returns the tokens generated for a model; "" is every model.
func (u *Upstream) Generated(model string) int {
	sum := 0
	for _, r := range u.Requests(model) {
		sum += r.Generated
	}
	return sum
}

// WaitHangUp waits until a client of the model has hung up, and returns that request; false if none did in time.
func (u *Upstream) WaitHangUp(model string, patience time.Duration) (Request, bool) {
	return u.wait(model, patience, func(r Request) bool { return r.HungUp })
}

// WaitRequest waits until a request for the model has arrived; false if none did in time.
func (u *Upstream) WaitRequest(model string, patience time.Duration) (Request, bool) {
	return u.wait(model, patience, func(Request) bool { return true })
}

func (u *Upstream) wait(model string, patience time.Duration, good func(Request) bool) (Request, bool) {
	timeout := time.After(patience)
	for {
		u.mu.Lock()
		changed := u.changed
		u.mu.Unlock()
		for _, r := range u.Requests(model) {
			if good(r) {
				return r, true
			}
		}
		select {
		case <-changed:
		case <-timeout:
			return Request{}, false
		}
	}
}

// change edits what is known of requests and wakes those who wait for it.
func (u *Upstream) change(edit func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	edit()
	close(u.changed)
	u.changed = make(chan struct{})
}

// asked is the part of a request's body that the fake acts upon.
type asked struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	N                   int `json:"n"`
	MaxTokens           int `json:"max_tokens"`
	MaxCompletionTokens int `json:"max_completion_tokens"`
}

func (u *Upstream) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var ask asked
	_ = json.Unmarshal(body, &ask) // what cannot be read is a request without a model
	req := &Request{
		Model: ask.Model, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body, Stream: ask.Stream,
		IncludeUsage: ask.StreamOptions.IncludeUsage, At: time.Now(),
	}
	var script Script
	u.change(func() {
		u.requests = append(u.requests, req)
		if list := u.scripts[ask.Model]; len(list) > 0 {
			script = list[0]
			if len(list) > 1 {
				u.scripts[ask.Model] = list[1:]
			}
		}
	})
	p := &play{up: u, w: w, r: r, req: req, ask: &ask, script: script}
	defer func() {
		gone := r.Context().Err() != nil
		u.change(func() {
			req.Ended = true
			if gone && !p.whole {
				req.HungUp, req.HungUpAt = true, time.Now()
			}
		})
	}()
	p.run()
}
