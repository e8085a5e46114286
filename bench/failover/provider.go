package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// provider is a mock that speaks chat completions, fails as it is told, and keeps a list of what it would bill.
type provider struct {
	url    string
	server *http.Server
	fault  fault
	seed   uint64
	calm   atomic.Bool // nothing fails

	mu    sync.Mutex
	calls int
	whole map[string]int // requests whose answers were generated to the end, by the gateway's id
}

// Of every answer.
const (
	promptTokens = 100
	answerTokens = 20
	thinks       = 10 * time.Millisecond // before the first byte
	pace         = time.Millisecond      // between two tokens
)

func startProvider(f fault, seed uint64) (*provider, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if f == nil {
		f = some(0, answers)
	}
	p := &provider{url: "http://" + ln.Addr().String() + "/v1", fault: f, seed: seed, whole: map[string]int{}}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(ln) }() // until it is closed
	return p, nil
}

func (p *provider) close() { _ = p.server.Close() }

// ServeHTTP answers a chat completion, or does not.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var ask struct {
		Stream bool `json:"stream"`
	}
	_ = json.Unmarshal(body, &ask) // the gateway sends none but objects
	p.mu.Lock()
	p.calls++
	n := p.calls
	p.mu.Unlock()
	id := r.Header.Get("X-Client-Request-Id")
	do := answers
	if !p.calm.Load() {
		do = p.fault(p.chance(id, n), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	wait := thinks
	switch do {
	case limits:
		w.Header().Set("Retry-After", "2")
		refuse(w, http.StatusTooManyRequests)
		return
	case breaks, unwell, overload:
		refuse(w, map[deed]int{breaks: 500, unwell: 503, overload: 529}[do])
		return
	case hangsUp:
		panic(http.ErrAbortHandler)
	case swallows:
		<-r.Context().Done()
		return
	case dawdles:
		wait = slow
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		return
	}
	if p.answer(w, r, ask.Stream, do == cuts) {
		p.mu.Lock()
		p.whole[id]++
		p.mu.Unlock()
	}
}

// chance is another number for every attempt, but the same in every run of a seed.
func (p *provider) chance(id string, n int) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, p.seed, n, len(id)) // ids themselves are random
	return float64(h.Sum64()%1_000_003) / 1_000_003
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":{"message":"drill","type":"drill","param":null,"code":null}}`)
}

const (
	usage = `{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}`
	text  = "twenty tokens of an answer, all of them alike"
)

// answer sends an answer, half of it if it is cut. True: all of it was generated.
func (p *provider) answer(w http.ResponseWriter, r *http.Request, stream, cut bool) bool {
	if !stream {
		body := `{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"` + text + `"},"finish_reason":"stop"}],"usage":` + usage + `}`
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		if cut {
			_, _ = io.WriteString(w, body[:len(body)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, err := io.WriteString(w, body)
		return err == nil && r.Context().Err() == nil
	}
	w.Header().Set("Content-Type", "text/event-stream")
	chunk := func(delta, finish string) {
		_, _ = fmt.Fprintf(w, "data: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]}\n\n", delta, finish)
		_ = http.NewResponseController(w).Flush()
	}
	chunk(`{"role":"assistant","content":""}`, "null")
	for i := range answerTokens {
		if cut && i == answerTokens/2 {
			panic(http.ErrAbortHandler)
		}
		if r.Context().Err() != nil {
			return false
		}
		time.Sleep(pace)
		chunk(`{"content":"a "}`, "null")
	}
	chunk(`{}`, `"stop"`)
	_, err := io.WriteString(w, "data: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":"+usage+"}\n\ndata: [DONE]\n\n")
	return err == nil
}
