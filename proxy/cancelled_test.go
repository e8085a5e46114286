package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/internal/testkit"
	"bursar/pricing"
)

// TestCancelledStreams aborts a thousand streams at random points, before the first byte too, against a provider that knows what it has
// generated. Each is billed once, none is free, and what is billed of the answer is within one chunk of what the provider had written by
// then. What is billed is checked in money as well.
func TestCancelledStreams(t *testing.T) {
	eachStore(t, func(t *testing.T, kind func(testing.TB) stores) {
		streams := 1000
		if strings.HasSuffix(t.Name(), "miniredis") { // a slow double of what comes next
			streams = 200
		}
		// A model whose tokens are counted exactly, so that tokens can be told in chunks.
		h := open(t, plan{stores: kind, sections: `providers:
  openai: { dialect: openai, base_url: "UP", retries: 0, timeouts: { connect: 5s, first_byte: 20s, idle: 20s } }
models: { small: { use: [openai/gpt-4o-mini] }, big: { use: [openai/gpt-4o] } }
prices: { overrides: { openai/gpt-4o-mini: { input: 2, output: 4 } } }
` + pot100})
		made := newGenerator()
		h.up.On("gpt-4o-mini", testkit.Script{Do: made.stream})
		var wg sync.WaitGroup
		numbers := make(chan int)
		for worker := range 16 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(42, uint64(worker)))
				for n := range numbers {
					h.abort(n, r)
				}
			})
		}
		begun := time.Now()
		for n := range streams {
			numbers <- n
		}
		close(numbers)
		wg.Wait()
		h.compare(t, made, streams, begun)
	})
}

const pot100 = "budgets: [ { everyone: true, daily_usd: 100 } ]\n"

// abort begins a stream and leaves: after some time, or after some chunks, or never.
func (h *house) abort(n int, r *rand.Rand) {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	req := h.request(ctx, chat("small", "Count, please.", streamed, `,"max_tokens":400`), "x-bursar-tag-n", strconv.Itoa(n), "traceparent", strconv.Itoa(n))
	chunks := -1
	switch r.IntN(10) {
	case 0: // stays to the end
	case 1, 2, 3, 4:
		timer := time.AfterFunc(time.Duration(r.IntN(120_000))*time.Microsecond, leave)
		defer timer.Stop()
	default:
		chunks = 1 + r.IntN(25)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	buf := make([]byte, 4096)
	for seen := 0; chunks < 0 || seen < chunks; {
		k, err := resp.Body.Read(buf)
		seen += strings.Count(string(buf[:k]), `"content"`)
		if err != nil {
			return
		}
	}
}

// generator is a provider that generates chunk by chunk, and knows what it had generated when the connection was closed.
type generator struct {
	mu   sync.Mutex
	made map[int]*generated
}

type generated struct {
	calls  int
	tokens []int       // of each chunk that was written
	at     []time.Time // when
}

func newGenerator() *generator { return &generator{made: map[int]*generated{}} }

// stream answers with up to 40 chunks of one to four tokens, one each 1 to 4 ms.
func (g *generator) stream(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.Header.Get("traceparent"))
	if err != nil {
		panic(err)
	}
	own := &generated{}
	g.mu.Lock()
	if g.made[n] == nil {
		g.made[n] = own
	}
	own = g.made[n]
	own.calls++
	g.mu.Unlock()
	draw := rand.New(rand.NewPCG(7, uint64(n)))
	pause := func() bool {
		select {
		case <-r.Context().Done():
			return false
		case <-time.After(time.Duration(1000+draw.IntN(3000)) * time.Microsecond):
			return true
		}
	}
	write := func(text string) bool {
		if r.Context().Err() != nil { // both were due, and select took the pause
			return false
		}
		_, err := w.Write([]byte("data: " + text + "\n\n"))
		w.(http.Flusher).Flush()
		return err == nil
	}
	w.Header().Set("Content-Type", "text/event-stream")
	total := 0
	for range 1 + draw.IntN(40) {
		if !pause() {
			return
		}
		tokens := 1 + draw.IntN(4)
		if !write(`{"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"` + strings.Repeat(" hello", tokens) + `"},"finish_reason":null}]}`) {
			return
		}
		total += tokens
		g.mu.Lock()
		own.tokens, own.at = append(own.tokens, tokens), append(own.at, time.Now())
		g.mu.Unlock()
	}
	if !pause() {
		return
	}
	write(`{"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`)
	write(fmt.Sprintf(`{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":%d,"total_tokens":%d}}`, total, 10+total))
	write("[DONE]")
}

// until returns the chunks that were generated before a moment. On a busy machine a provider may need a while to see that nobody listens
// any more, and what it writes then reaches nobody.
func (g *generated) until(end time.Time) []int {
	n := 0
	for n < len(g.at) && !g.at[n].After(end) {
		n++
	}
	return g.tokens[:n]
}

// compare puts what was billed beside what was generated, and logs the figures.
func (h *house) compare(t *testing.T, made *generator, streams int, begun time.Time) {
	byNumber := func() map[string][]exchange.Exchange {
		h.mu.Lock()
		defer h.mu.Unlock()
		all := map[string][]exchange.Exchange{}
		for _, x := range h.ended {
			for _, tag := range x.Facts.Tags {
				all[tag.Value] = append(all[tag.Value], x)
			}
		}
		return all
	}
	until(t, "every request to end", func() bool {
		made.mu.Lock()
		defer made.mu.Unlock()
		ended := byNumber()
		for n := range made.made {
			if len(ended[strconv.Itoa(n)]) == 0 {
				return false
			}
		}
		return true
	})
	took := time.Since(begun)
	ended := byNumber()
	var aborted, whole, free, double, wrong, late int
	var billed, generated int64
	off := map[int]int{} // chunks billed more than were generated
	for n := range streams {
		own, rows := made.made[n], ended[strconv.Itoa(n)]
		if own == nil {
			continue // left before the gateway had called
		}
		switch {
		case len(rows) == 0:
			free++
			continue
		case len(rows) > 1 || own.calls != 1:
			double++
			continue
		}
		row := h.row(rows[0].ID)
		if row.Cost == 0 {
			free++
		}
		if want := pricing.Nano(row.Usage.Input*2000 + row.Usage.Output*4000); row.Cost != want {
			t.Errorf("stream %d: billed $%s for %+v", n, row.Cost.Dollars(), row.Usage)
		}
		delivered := own.until(rows[0].Start.Add(rows[0].Outcome.Duration))
		chunks := chunksOf(own.tokens, row.Usage.Output)
		off[chunks-len(delivered)]++
		late += len(own.tokens) - len(delivered)
		billed += row.Usage.Output
		for _, k := range delivered {
			generated += int64(k)
		}
		if row.Reason == "answered" {
			whole++
		} else {
			aborted++
		}
		if chunks < len(delivered)-1 || chunks > len(delivered)+1 {
			t.Logf("stream %d: %d chunks of %v, billed %+v, first byte %s, %s", n, chunks, delivered, row.Usage, row.FirstByte, row.Reason)
			wrong++
		}
	}
	spent := h.settled()
	t.Logf("%d streams in %s: %d aborted, %d whole, %d left before the provider was called; %d free, %d double; chunks billed beyond those generated: %v; %d tokens billed of %d generated; %d chunks written after the gateway had closed; $%s, budget and ledger agree",
		streams, took.Round(time.Millisecond), aborted, whole, streams-len(made.made), free, double, off, billed, generated, late, spent.Dollars())
	if free+double+wrong > 0 || aborted < streams/5 {
		t.Errorf("%d free, %d double, %d off by more than a chunk, %d aborted", free, double, wrong, aborted)
	}
}

// chunksOf returns how many chunks so many tokens are, counting a part of one as one.
func chunksOf(chunks []int, tokens int64) int {
	for i, n := range chunks {
		if tokens <= 0 {
			return i
		}
		tokens -= int64(n)
	}
	if tokens > 0 { // more than was generated
		return len(chunks) + 1 + int(tokens)
	}
	return len(chunks)
}
