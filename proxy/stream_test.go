package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bursar/internal/testkit"
)

// events is the answer of a scripted stream: each is written when the test says so.
type events struct {
	next chan string // what to write next; closed: end
}

func (e *events) script() testkit.Script {
	return testkit.Script{Do: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case text, more := <-e.next:
				if !more {
					return
				}
				_, _ = io.WriteString(w, text)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}}
}

const (
	hello     = `data: {"id":"c","object":"chat.completion.chunk","model":"small","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel","new":{"a":[1.0]}},"finish_reason":null}],"later":"\u00e9"}` + "\n\n"
	world     = `data: {"id":"c","object":"chat.completion.chunk","model":"small","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}` + "\n\n"
	stop      = `data: {"id":"c","object":"chat.completion.chunk","model":"small","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usageOnly = `data: {"id":"c","object":"chat.completion.chunk","model":"small","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}` + "\n\n"
	done      = "data: [DONE]\n\n"
)

// readEvent reads one event off a stream.
func readEvent(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	var event string
	for {
		line, err := r.ReadString('\n')
		event += line
		if err != nil {
			t.Fatalf("the stream ended after %q: %v", event, err)
		}
		if line == "\n" {
			return event
		}
	}
}

// TestStreamPassesEventForEvent as each arrives: the next is only sent when the one before has reached the client.
func TestStreamPassesEventForEvent(t *testing.T) {
	h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 1 } ]\n"})
	source := &events{next: make(chan string)}
	h.up.On("small", source.script())
	feed := func(text string) {
		select {
		case source.next <- text:
		case <-time.After(patience):
			t.Error("the provider is not read")
		}
	}
	go feed(hello)
	resp, err := h.client.Do(h.request(t.Context(), chat("small", "hi", streamed)))
	must(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	expect := func(want string) {
		t.Helper()
		if got := readEvent(t, r); got != want {
			t.Errorf("event %q, want %q", got, want)
		}
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	if resp.Header.Get("x-bursar-cost-usd") != "" {
		t.Error("the head of a stream cannot know its cost")
	}
	expect(hello)
	feed(world + world) // together: both must arrive, although no third follows
	expect(world)
	expect(world)
	feed(world[:40]) // an event in pieces
	feed(world[40:])
	expect(world)
	feed(": a comment\n\n" + stop + usageOnly)
	expect(": a comment\n\n")
	expect(stop) // the usage was not asked for by the client
	feed(done)
	expect(done)
	close(source.next)
	if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	row := h.row(resp.Header.Get("x-bursar-request-id"))
	if row.Cost != 1000*2000+500*4000 || row.UsageMethod != "reported" || row.Finish != "stop" || !row.Stream || row.Reason != "answered" {
		t.Errorf("row %+v", row)
	}
	if spent := h.settled(); spent != row.Cost {
		t.Errorf("spent %d, cost %d", spent, row.Cost)
	}
}

// TestStreamTellsUsageAndCostWhenAsked in one and the same chunk.
func TestStreamTellsUsageAndCostWhenAsked(t *testing.T) {
	h := open(t, plan{})
	h.up.On("small", testkit.Script{Body: hello + stop + usageOnly + done})
	want := hello + stop + strings.Replace(usageOnly, `"total_tokens":1500`, `"total_tokens":1500,"cost":0.004`, 1) + done
	if got := h.post(chat("small", "hi", usageAsked)); got.body != want {
		t.Errorf("%s\nwant\n%s", got.body, want)
	}
	if got := h.post(chat("small", "hi", streamed)); got.body != hello+stop+done {
		t.Errorf("usage that was not asked for: %s", got.body)
	}
}

// TestUsageBesideChoicesStays: vendors that send it there do so unasked, and it is booked all the same.
func TestUsageBesideChoicesStays(t *testing.T) {
	h := open(t, plan{})
	last := strings.Replace(stop, `]}`, `],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`, 1)
	h.up.On("small", testkit.Script{Body: hello + last + done})
	got := h.post(chat("small", "hi", streamed))
	if got.body != hello+last+done {
		t.Errorf("%s", got.body)
	}
	if row := h.row(got.id()); row.Cost != 10*2000+5*4000 {
		t.Errorf("cost %d", row.Cost)
	}
}

// TestStreamAskedButPlainRefusal: a provider that finds fault with a streamed request answers plainly.
func TestStreamAskedButPlainRefusal(t *testing.T) {
	h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 1 } ]\n"})
	const refusal = `{"error" : {"message":"bad tool","type":"invalid_request_error","param":"tools","code":null}}`
	h.up.On("small", testkit.Script{Status: 400, ErrorBody: refusal})
	for _, body := range []string{chat("small", "hi", streamed), chat("small", "hi")} {
		got := h.post(body)
		row := h.row(got.id())
		if got.status != 400 || got.body != refusal || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("status %d, body %s", got.status, got.body)
		}
		if row.Cost != 0 || row.Baseline != 0 || row.Reason != "provider_refused" || row.Status != 400 {
			t.Errorf("row %+v", row)
		}
	}
	if spent := h.settled(); spent != 0 {
		t.Errorf("spent %d", spent)
	}
}

// TestManyStreamsAtOnce: nothing of one gets into another.
func TestManyStreamsAtOnce(t *testing.T) {
	h := open(t, plan{sections: "budgets: [ { team: search, daily_usd: 1 } ]\n"})
	for i := range 8 {
		h.up.On(fmt.Sprint("m", i), testkit.Script{Text: strings.Repeat(fmt.Sprint("<", i, ">"), 60), Pace: 100 * time.Microsecond})
	}
	must(t, h.Use(parse(t, h.up, "budgets: [ { team: search, daily_usd: 1 } ]\nprices: { unknown: assume, assume_usd: { input: 2, output: 4 } }\nbaseline: small\n")))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 8)
	for i := range 8 {
		go func() {
			for range 10 {
				resp, err := h.client.Do(h.request(ctx, chat(fmt.Sprint("fake/m", i), "hi", streamed)))
				if err != nil {
					ended <- err
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if n := strings.Count(string(body), "\"content\""); err != nil || n < 40 || !strings.HasSuffix(string(body), done) {
					ended <- fmt.Errorf("%d chunks, %w: %s", n, err, body)
					return
				}
				for j := range 8 {
					if j != i && strings.Contains(string(body), fmt.Sprintf(`"model":"m%d"`, j)) {
						ended <- fmt.Errorf("stream %d holds chunks of %d", i, j)
						return
					}
				}
			}
			ended <- nil
		}()
	}
	for range 8 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if len(h.up.Requests("")) != 80 {
		t.Errorf("%d requests upstream", len(h.up.Requests("")))
	}
	if h.settled() == 0 {
		t.Error("nothing was spent")
	}
}
