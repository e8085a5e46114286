package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// result is what a drill came to.
type result struct {
	alone, success float64 // shares of requests that got a whole answer: of the first provider without a gateway, and of the gateway
	p50, p99       time.Duration
	calls          float64 // upstream calls per request
	twice          int     // requests that both providers generated a whole answer for
	unbooked       int     // requests without exactly one row
	misbooked      int     // requests booked at another cost than what was delivered and wasted
	wasted         pricing.Nano
	why            []string // what failed requests were told, with how many
}

func (d *drill) run(requests, workers int, seed uint64) (r result, err error) {
	first, err := startProvider(d.fault, seed)
	if err != nil {
		return r, err
	}
	defer first.close()
	second, err := startProvider(d.other, seed+1)
	if err != nil {
		return r, err
	}
	defer second.close()
	at := first.url
	if d.base != "" {
		port, err := closedPort()
		if err != nil {
			return r, err
		}
		at = strings.Replace(d.base, "PORT", port, 1)
	}
	r.alone = send(at, "key-0", requests/4, workers).share()
	g, err := startGateway(at, second.url, d.keys)
	if err != nil {
		return r, err
	}
	first.well(true)
	send(g.url, g.key, 4*workers, workers) // until everything is warm, nothing fails
	first.well(false)
	first.forget()
	second.forget()
	got := send(g.url, g.key, requests, workers)
	if err := g.close(); err != nil {
		return r, err
	}
	r.success, r.p50, r.p99, r.why = got.share(), got.at(0.5), got.at(0.99), got.told()
	r.calls = float64(first.calls+second.calls) / float64(requests)
	r.audit(g, got, first, second)
	return r, nil
}

// audit compares what clients got with what was generated and what was booked.
func (r *result) audit(g *gateway, got *load, first, second *provider) {
	for _, a := range got.all {
		rows := g.ended[a.id]
		if len(rows) != 1 {
			r.unbooked++
			continue
		}
		if first.whole[a.id]+second.whole[a.id] > 1 {
			r.twice++
		}
		out := &rows[0].Outcome
		delivered := pricing.Nano(0)
		if a.whole {
			delivered = promptTokens*promptPrice + answerTokens*answerPrice
		}
		switch waste := out.Cost + g.tries[a.id] - delivered; {
		case a.whole && waste < 0, a.whole && out.Attempts == 1 && waste != 0, !a.whole && out.Status != http.StatusOK && out.Reason == exchange.ReasonAnswered:
			r.misbooked++
		default:
			r.wasted += waste
		}
	}
}

// well has the provider answer whatever comes.
func (p *provider) well(is bool) { p.calm.Store(is) }

func (p *provider) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.whole = 0, map[string]int{}
}

// answer is what a client got.
type answer struct {
	id    string
	whole bool
	took  time.Duration
	said  string // of one that failed
}

type load struct{ all []answer }

// send sends requests from several workers at once, each a conversation of its own.
func send(url, key string, requests, workers int) *load {
	l := &load{all: make([]answer, requests)}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < requests; i = int(next.Add(1)) - 1 {
				l.all[i] = ask(client, url, key, i)
			}
		})
	}
	all.Wait()
	return l
}

func ask(client *http.Client, url, key string, n int) (a answer) {
	stream := n%2 == 0
	body := fmt.Sprintf(`{"model":"both","stream":%t,"messages":[{"role":"user","content":"question %d"}]}`, stream, n)
	req, err := http.NewRequest(http.MethodPost, url+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return answer{said: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	begun := time.Now()
	defer func() { a.took = time.Since(begun) }()
	resp, err := client.Do(req)
	if err != nil {
		return answer{said: "no answer"}
	}
	defer resp.Body.Close()
	a.id = resp.Header.Get("X-Bursar-Request-Id")
	text, err := io.ReadAll(resp.Body)
	switch {
	case resp.StatusCode != http.StatusOK:
		a.said = fmt.Sprint(resp.StatusCode)
	case stream:
		a.whole = err == nil && bytes.HasSuffix(bytes.TrimSpace(text), []byte("data: [DONE]"))
		a.said = "a stream that ends with an error event"
		if !bytes.Contains(text, []byte(`data: {"error"`)) {
			a.said = "a stream that breaks off"
		}
	default:
		a.whole = err == nil && bytes.Contains(text, []byte(`"finish_reason":"stop"`))
		a.said = "half an answer"
	}
	return a
}

func (l *load) share() float64 {
	n := 0
	for _, a := range l.all {
		if a.whole {
			n++
		}
	}
	return float64(n) / float64(max(1, len(l.all)))
}

// at is the latency of a quantile of the answers that were whole.
func (l *load) at(q float64) time.Duration {
	var took []time.Duration
	for _, a := range l.all {
		if a.whole {
			took = append(took, a.took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(q*float64(len(took))))]
}

// told counts what clients were told that got no whole answer.
func (l *load) told() (all []string) {
	counts := map[string]int{}
	for _, a := range l.all {
		if !a.whole {
			counts[a.said]++
		}
	}
	for said, n := range counts {
		all = append(all, fmt.Sprintf("%d got %s", n, said))
	}
	slices.Sort(all)
	return all
}
