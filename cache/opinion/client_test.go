package opinion

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers as embedders do, with a vector of three coordinates for each text: how many a, b and c it has.
type server struct {
	*httptest.Server
	asked atomic.Int64
	texts atomic.Int64
	hold  chan struct{} // answers wait until it is closed; nil: they do not
	reply func(w http.ResponseWriter)
}

func serve(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		raw, _ := io.ReadAll(r.Body)
		if s.hold != nil {
			<-s.hold
		}
		if s.reply != nil {
			s.reply(w)
			return
		}
		var q struct {
			Model string
			Input []string
		}
		if err := json.Unmarshal(raw, &q); err != nil || q.Model != "m" || r.URL.Path != "/v1/embeddings" || r.Header.Get("Authorization") != "Bearer k" {
			http.Error(w, "not as wanted", http.StatusBadRequest)
			return
		}
		s.texts.Add(int64(len(q.Input)))
		var rows []string
		for i := len(q.Input) - 1; i >= 0; i-- { // out of order, as the API allows
			count := func(c string) int { return strings.Count(q.Input[i], c) }
			rows = append(rows, fmt.Sprintf(`{"index":%d,"embedding":[%d,%d,%d]}`, i, count("a"), count("b"), count("c")))
		}
		fmt.Fprintf(w, `{"data":[%s],"usage":{"total_tokens":%d}}`, strings.Join(rows, ","), 7)
	}))
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, s *server, o Options) *Client {
	o.URL, o.Key, o.Model = s.URL+"/v1", "k", "m"
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// soon asks until an answer is there: a busy machine may miss the deadline at first, and a late answer is kept.
func soon(t *testing.T, c *Client, a, b string) float32 {
	t.Helper()
	for range 200 {
		if x, ok := c.Cosine(t.Context(), a, b); ok {
			return x
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no cosine of %q and %q", a, b)
	return 0
}

func TestCosineOfTexts(t *testing.T) {
	s := serve(t)
	var spent atomic.Int64
	c := client(t, s, Options{Spent: func(n int64) { spent.Add(n) }})
	for _, w := range []struct {
		a, b string
		want float64
	}{{"aab", "aab", 1}, {"a", "b", 0}, {"ab", "a", 1 / math.Sqrt2}, {"aaaa", "a", 1}} {
		if got := soon(t, c, w.a, w.b); math.Abs(float64(got)-w.want) > 1e-6 {
			t.Errorf("cosine of %q and %q is %v, want %v", w.a, w.b, got, w.want)
		}
	}
	if asked := s.asked.Load(); spent.Load() != 7*asked {
		t.Errorf("%d tokens accounted for after %d requests of 7", spent.Load(), asked)
	}
	if s.texts.Load() != 5 {
		t.Errorf("%d texts were embedded, want each of 5 once", s.texts.Load())
	}
}

func TestALateAnswerIsKeptAndNotWaitedFor(t *testing.T) {
	s := serve(t)
	s.hold = make(chan struct{})
	c := client(t, s, Options{Deadline: time.Millisecond, AtOnce: 1})
	began := time.Now()
	if x, ok := c.Cosine(t.Context(), "a", "b"); ok {
		t.Errorf("an embedder that does not answer gave %v", x)
	}
	if waited := time.Since(began); waited > slowest/2 {
		t.Errorf("it was waited for %s", waited)
	}
	close(s.hold)
	c.turns <- struct{}{} // the request has ended
	<-c.turns
	soon(t, c, "a", "b")
	if s.asked.Load() != 1 {
		t.Errorf("asked %d times, want once: the late answer serves", s.asked.Load())
	}
}

func TestTheCallersEndEndsTheWait(t *testing.T) {
	s := serve(t)
	s.hold = make(chan struct{})
	defer close(s.hold)
	c := client(t, s, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := c.Cosine(ctx, "a", "b"); ok {
		t.Error("a cosine for a caller that has gone")
	}
}

func TestNoMoreAtOnceThanAllowed(t *testing.T) {
	s := serve(t)
	s.hold = make(chan struct{})
	c := client(t, s, Options{Deadline: time.Millisecond, AtOnce: 2})
	for i := range 10 {
		c.Cosine(t.Context(), "a", fmt.Sprint("b", i))
	}
	close(s.hold)
	if n := s.asked.Load(); n > 2 {
		t.Errorf("%d requests at once, want at most 2", n)
	}
	for range cap(c.turns) { // both requests have ended
		c.turns <- struct{}{}
	}
}

func TestAnswersOfNoUse(t *testing.T) {
	for name, reply := range map[string]string{
		"no JSON":         `<html>`,
		"a text missing":  `{"data":[{"index":0,"embedding":[1]}]}`,
		"numbered wrong":  `{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`,
		"numbered twice":  `{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`,
		"a zero vector":   `{"data":[{"index":0,"embedding":[0,0]},{"index":1,"embedding":[1,0]}]}`,
		"no coordinates":  `{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[]}]}`,
		"unequal lengths": `{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,0]}]}`,
		"too long":        `{"data":"` + strings.Repeat("x", maxAnswer) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.reply = func(w http.ResponseWriter) { fmt.Fprint(w, reply) }
			c := client(t, s, Options{})
			if x, ok := c.Cosine(t.Context(), "a", "b"); ok {
				t.Errorf("gave a cosine of %v", x)
			}
			c.turns <- struct{}{}
		})
	}
}

func TestAnEmbedderThatFailsIsLeftAlone(t *testing.T) {
	s := serve(t)
	s.reply = func(w http.ResponseWriter) { http.Error(w, "no", http.StatusTooManyRequests) }
	c := client(t, s, Options{AtOnce: 1})
	clock := time.Unix(0, 0)
	c.breaker.now = func() time.Time { return clock }
	fail := func() {
		c.Cosine(t.Context(), "a", "b")
		c.turns <- struct{}{} // the request has ended
		<-c.turns
	}
	for range 2 * failures {
		fail()
	}
	if n := s.asked.Load(); n != failures {
		t.Errorf("asked %d times, want %d and no more", n, failures)
	}
	clock = clock.Add(pause)
	fail()
	fail()
	if n := s.asked.Load(); n != failures+1 {
		t.Errorf("asked %d times after the pause, want once more", n-failures)
	}
	s.reply = nil
	clock = clock.Add(pause)
	soon(t, c, "a", "b")
}

func TestOldVectorsMakeRoom(t *testing.T) {
	s := newVectors(10 * (4 + overhead))
	for i := range 1000 {
		s.put(fmt.Sprint(i), []float32{1})
	}
	if len(s.by) != 10 || s.bytes > s.most || len(s.queue) > 40 {
		t.Errorf("%d vectors of %d bytes and %d in the queue, want 10", len(s.by), s.bytes, len(s.queue))
	}
	if s.get("999") == nil || s.get("0") != nil {
		t.Error("the latest are kept")
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	good := Options{URL: "https://api.example.com/v1", Model: "m"}
	for want, change := range map[string]func(*Options){
		"url":      func(o *Options) { o.URL = "api.example.com" },
		"no user":  func(o *Options) { o.URL = "https://me:secret@api.example.com/v1" },
		"a model":  func(o *Options) { o.Model = "" },
		"dims":     func(o *Options) { o.Dims = -1 },
		"deadline": func(o *Options) { o.Deadline = time.Second },
		"negative": func(o *Options) { o.AtOnce = -1 },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: error is %v, want one on %q", o, err, want)
		}
	}
	c, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if v := c.Version(); v != "https://api.example.com/v1/embeddings m 0" {
		t.Errorf("version is %q", v)
	}
}
