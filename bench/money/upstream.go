package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

var epoch = time.Unix(1_700_000_000, 0) // the price is one for ever; any time will do

// upstream is a provider in this process. It remembers what it generated for each request, whoever was left to read it.
type upstream struct {
	url    string
	server *http.Server
	seed   uint64

	mu   sync.Mutex
	made map[string]*generated // by the gateway's request id
	n    uint64
}

// generated is what the provider did for one request id, and would bill.
type generated struct {
	calls          int
	prompt, output int64
	whole          bool // the answer was handed over to the end
}

func startUpstream(seed uint64) (*upstream, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upstream{url: "http://" + ln.Addr().String() + "/v1", seed: seed, made: map[string]*generated{}}
	u.server = &http.Server{Handler: u, ReadHeaderTimeout: time.Minute}
	go func() { _ = u.server.Serve(ln) }() // ends with ErrServerClosed
	return u, nil
}

func (u *upstream) close() { _ = u.server.Close() }

// call is one request being answered.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	rng      *rand.Rand
	made     *generated
	stream   bool
	prompt   int64
	length   int64 // tokens of the answer
	finish   string
	upstream *upstream
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Stream    bool
		MaxTokens int64 `json:"max_tokens"`
		Messages  []struct{ Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || len(ask.Messages) == 0 || ask.MaxTokens < 1 {
		http.Error(w, fmt.Sprintf(`{"error":{"message":"not understood, %v"}}`, err), http.StatusBadRequest)
		return
	}
	c := &call{w: w, r: r, upstream: u, stream: ask.Stream, prompt: int64(len(strings.Fields(ask.Messages[0].Content))) + 7}
	u.mu.Lock()
	u.n++
	c.rng = rand.New(rand.NewPCG(u.seed, u.n))
	id := r.Header.Get("X-Client-Request-Id")
	if c.made = u.made[id]; c.made == nil {
		c.made = &generated{}
		u.made[id] = c.made
	}
	c.made.calls++
	c.made.prompt += c.prompt
	u.mu.Unlock()
	c.length, c.finish = 1+c.rng.Int64N(ask.MaxTokens+ask.MaxTokens/4), "stop"
	if c.length > ask.MaxTokens {
		c.length, c.finish = ask.MaxTokens, "length"
	}
	if ask.Stream {
		c.answerStream()
	} else {
		c.answerPlain()
	}
}

// generate takes the time that some tokens take. False: the caller has left, and generation stops.
func (c *call) generate(tokens int64, within time.Duration) bool {
	c.upstream.mu.Lock()
	c.made.output += tokens
	c.upstream.mu.Unlock()
	if within <= 0 {
		return c.r.Context().Err() == nil
	}
	select {
	case <-c.r.Context().Done():
		return false
	case <-time.After(within):
		return true
	}
}

func (c *call) whole() {
	c.upstream.mu.Lock()
	c.made.whole = true
	c.upstream.mu.Unlock()
}

func words(n int64) string { return strings.Repeat(" hello", int(n)) }

const chunkTokens = 16

func (c *call) answerPlain() {
	for left := c.length; left > 0; left -= chunkTokens {
		if !c.generate(min(left, chunkTokens), rand.N(time.Millisecond)) {
			return
		}
	}
	c.w.Header().Set("Content-Type", "application/json")
	_, err := fmt.Fprintf(c.w, `{"id":"chatcmpl-m","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,`+
		`"message":{"role":"assistant","content":"%s"},"finish_reason":"%s"}],"usage":%s}`, words(c.length), c.finish, c.usage())
	if err == nil {
		c.whole()
	}
}

func (c *call) usage() string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, c.prompt, c.length, c.prompt+c.length)
}

func (c *call) answerStream() {
	c.w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(c.w).Flush
	say := func(choices, rest string) bool {
		_, err := fmt.Fprintf(c.w, `data: {"id":"chatcmpl-m","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","choices":[%s]%s}`+
			"\n\n", choices, rest)
		return err == nil && flush() == nil
	}
	for left := c.length; left > 0; left -= chunkTokens {
		n := min(left, chunkTokens)
		if !c.generate(n, rand.N(2*time.Millisecond)) || !say(fmt.Sprintf(`{"index":0,"delta":{"content":"%s"},"finish_reason":null}`, words(n)), "") {
			return
		}
	}
	if !say(fmt.Sprintf(`{"index":0,"delta":{},"finish_reason":"%s"}`, c.finish), "") || !say("", `,"usage":`+c.usage()) {
		return
	}
	if _, err := fmt.Fprint(c.w, "data: [DONE]\n\n"); err == nil && flush() == nil {
		c.whole()
	}
}
