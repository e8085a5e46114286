package events

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"bursar/pricing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a real HTTP server that answers as it is told, and keeps what it got.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	got     []delivery
	answers []int         // one for each delivery; 200 when there are no more
	slow    time.Duration // before it answers
}

type delivery struct {
	header http.Header
	body   string
	at     time.Time
}

func receive(t *testing.T, answers ...int) *receiver {
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got = append(r.got, delivery{req.Header, string(body), time.Now()})
	status, slow := 200, r.slow
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	r.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-req.Context().Done():
	}
	if status == 302 {
		w.Header().Set("Location", "http://127.0.0.1:1/")
	}
	if status == 429 {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
}

func (r *receiver) deliveries() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivery{}, r.got...)
}

// wait waits until so many deliveries have come.
func (r *receiver) wait(t *testing.T, n int) []delivery {
	t.Helper()
	until(t, fmt.Sprintf("%d deliveries", n), func() bool { return len(r.deliveries()) >= n })
	return r.deliveries()
}

func until(t *testing.T, what string, good func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !good(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// sender makes a sender that is quick to try again.
func sender(t *testing.T, o Options, hooks ...Hook) *Sender {
	t.Helper()
	if o.First == 0 {
		o.First, o.Longest = 2*time.Millisecond, 10*time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	o.Gateway = "gw"
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Use(hooks)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s
}

// spentEvent is one of a budget that is spent.
func spentEvent(id string) Event {
	return Event{
		ID: id, Kind: BudgetSpent, At: time.Now(), Team: "search", Text: "Budget <company> & more is spent.", Matters: time.Now().Add(time.Hour),
		Budget: &Budget{Name: "company", Window: "everyone/monthly/2026-11", Share: 1, Spent: 100 * pricing.Dollar, Held: 1, Limit: 100 * pricing.Dollar},
	}
}

// verify checks a delivery as docs/events.md tells receivers to.
func verify(secret string, d delivery, now time.Time) bool {
	sent, err := strconv.ParseInt(d.header.Get("X-Bursar-Timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(d.header.Get("X-Bursar-Timestamp") + "." + d.body))
	return hmac.Equal([]byte("v1="+hex.EncodeToString(mac.Sum(nil))), []byte(d.header.Get("X-Bursar-Signature")))
}

func TestDelivery(t *testing.T) {
	r, chat := receive(t), receive(t)
	s := sender(t, Options{}, Hook{Name: "json", URL: r.URL, Secret: "s3cret"}, Hook{Name: "chat", URL: chat.URL, Format: Slack})
	s.Send(spentEvent("a"))
	d := r.wait(t, 1)[0]
	var p struct {
		ID, Kind, Gateway, Team, Text string
		Budget                        struct {
			Name, Window, Spent_usd, Held_usd, Limit_usd string
			Share                                        float64
		}
	}
	if err := json.Unmarshal([]byte(d.body), &p); err != nil {
		t.Fatal(err)
	}
	if p.ID != "a" || p.Kind != "budget-spent" || p.Gateway != "gw" || p.Team != "search" || p.Budget.Spent_usd != "100.00" || p.Budget.Held_usd != "0.000000001" || p.Budget.Share != 1 {
		t.Errorf("body %s", d.body)
	}
	if d.header.Get("X-Bursar-Event") != "budget-spent" || d.header.Get("X-Bursar-Event-Id") != "a" || d.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", d.header)
	}
	if !verify("s3cret", d, time.Now()) || verify("other", d, time.Now()) {
		t.Error("the signature does not tell right from wrong")
	}
	if verify("s3cret", d, time.Now().Add(6*time.Minute)) {
		t.Error("a recording passes for new")
	}
	later := d
	later.header = d.header.Clone()
	later.header.Set("X-Bursar-Timestamp", strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10))
	if verify("s3cret", later, time.Now()) {
		t.Error("the time is not signed")
	}
	c := chat.wait(t, 1)[0]
	if c.body != `{"text":"*budget-spent* Budget \u0026lt;company\u0026gt; \u0026amp; more is spent."}` || c.header.Get("X-Bursar-Signature") != "" {
		t.Errorf("Slack got %s", c.body)
	}
}

func TestKindsAndTeams(t *testing.T) {
	r := receive(t)
	s := sender(t, Options{}, Hook{Name: "h", URL: r.URL, Kinds: []Kind{BudgetSpent}, Teams: []string{"search"}})
	other, everyone, anomaly := spentEvent("other"), spentEvent("everyone"), spentEvent("anomaly")
	other.Team, everyone.Team, anomaly.Kind = "support", "", Anomaly
	for _, e := range []Event{other, everyone, anomaly, spentEvent("good")} {
		s.Send(e)
	}
	until(t, "quiet", func() bool { return s.waiting() == 0 })
	if got := r.deliveries(); len(got) != 1 || got[0].header.Get(IDHeader) != "good" {
		t.Errorf("%d deliveries", len(got))
	}
}

// TestRetries: what may pass is tried again, with longer and longer pauses, each time with a new signature; what cannot is not.
func TestRetries(t *testing.T) {
	f := func(want, sent, failed int, answers ...int) []delivery {
		t.Helper()
		r := receive(t, answers...)
		s := sender(t, Options{Patience: time.Minute}, Hook{Name: "h", URL: r.URL, Secret: "x"})
		s.Send(spentEvent("a"))
		until(t, "the end", func() bool { return s.waiting() == 0 })
		if got := s.Tallies()["h"]; got.Sent != int64(sent) || got.Failed != int64(failed) || got.Retried != int64(want-1) || len(r.deliveries()) != want {
			t.Errorf("%v: %d deliveries, %+v", answers, len(r.deliveries()), got)
		}
		return r.deliveries()
	}
	f(1, 1, 0)
	f(4, 1, 0, 500, 503, 408, 204)
	f(1, 0, 1, 404)
	f(1, 0, 1, 302)
	f(2, 0, 1, 500, 410)
	two := f(2, 1, 0, 429)
	if wait := two[1].at.Sub(two[0].at); wait < time.Second {
		t.Errorf("Retry-After: 1, and tried again after %s", wait)
	}
	if !verify("x", two[1], time.Now()) {
		t.Error("the second try is not signed")
	}
}

// TestGivesUp: an event that is too old is not told for ever, and the URL shows in no warning.
func TestGivesUp(t *testing.T) {
	var mu sync.Mutex
	var warned []string
	s := sender(t, Options{Patience: 20 * time.Millisecond, Warn: func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		warned = append(warned, fmt.Sprintf("%s: %v", what, err))
	}}, Hook{Name: "down", URL: "http://127.0.0.1:1/T0/SECRET"}, Hook{Name: "odd", URL: "ht tp://SECRET"})
	s.Send(spentEvent("a"))
	until(t, "the end", func() bool { return s.waiting() == 0 })
	if got := s.Tallies(); got["down"].Failed != 1 || got["down"].Retried == 0 || got["odd"].Failed != 1 {
		t.Errorf("tallies %+v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if all := strings.Join(warned, "\n"); strings.Contains(all, "SECRET") || !strings.Contains(all, "webhook down") || !strings.Contains(all, "connection refused") {
		t.Errorf("warned:\n%s", all)
	}
}

// TestSlowReceiver: it holds up nobody but itself, its queue is bounded, and what does not fit is counted.
func TestSlowReceiver(t *testing.T) {
	slow, quick := receive(t), receive(t)
	slow.slow = time.Hour
	s := sender(t, Options{Queue: 4, Timeout: 200 * time.Millisecond}, Hook{Name: "slow", URL: slow.URL}, Hook{Name: "quick", URL: quick.URL})
	begun := time.Now()
	for i := range 100 {
		s.Send(spentEvent(strconv.Itoa(i)))
		if i%3 == 0 {
			quick.wait(t, i+1)
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("100 events took %s", took)
	}
	quick.wait(t, 100)
	if got := s.Tallies(); got["slow"].Dropped < 90 || got["slow"].Dropped+got["slow"].Waiting+got["slow"].Failed != 100 || got["quick"].Dropped != 0 {
		t.Errorf("tallies %+v", got)
	}
}

// TestToldOnce: not again while it waits, not when it is noticed again, not after a restart; but what was not told is told then.
func TestToldOnce(t *testing.T) {
	r, dir := receive(t), t.TempDir()
	hook := Hook{Name: "h", URL: r.URL}
	run := func(hook Hook, ids ...string) {
		t.Helper()
		s := sender(t, Options{Dir: dir}, hook)
		for _, id := range append(ids, ids...) {
			s.Send(spentEvent(id))
		}
		until(t, "quiet", func() bool { return s.waiting() == 0 })
		for _, id := range ids {
			s.Send(spentEvent(id))
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	ids := func() (all string) {
		for _, d := range r.deliveries() {
			all += d.header.Get(IDHeader)
		}
		return all
	}
	run(hook, "a", "b")
	run(hook, "a", "b", "c")
	if ids() != "abc" {
		t.Errorf("told %s", ids())
	}
	r.mu.Lock()
	r.answers = []int{404}
	r.mu.Unlock()
	run(hook, "d") // refused, so noticed once more: told then
	if ids() != "abcdd" {
		t.Errorf("told %s", ids())
	}
	run(Hook{Name: "other", URL: r.URL}, "a") // another webhook has not heard of it
	if ids() != "abcdda" {
		t.Errorf("told %s", ids())
	}
	// What does not matter any more is forgotten, and a torn line harms nothing.
	if err := os.WriteFile(dir+"/"+toldFile, []byte(`{"hook":"h","id":"old","at":"2020-01-01T00:00:00Z","until":"2020-01-02T00:00:00Z"}`+"\n"+`{"hook":"h","id`), 0o600); err != nil {
		t.Fatal(err)
	}
	run(hook, "old")
	kept, err := os.ReadFile(dir + "/" + toldFile)
	if err != nil || ids() != "abcddaold" || strings.Contains(string(kept), "2020") {
		t.Errorf("told %s, kept %s, %v", ids(), kept, err)
	}
}

// TestUse: a webhook that stays keeps its queue; one that goes leaves nothing running.
func TestUse(t *testing.T) {
	r := receive(t)
	r.slow = 30 * time.Millisecond
	stays, goes := Hook{Name: "stays", URL: r.URL}, Hook{Name: "goes", URL: "http://127.0.0.1:1"}
	s := sender(t, Options{First: time.Hour}, stays, goes)
	s.Send(spentEvent("a"))
	s.Send(spentEvent("b"))
	s.Use([]Hook{stays})
	r.wait(t, 2)
	until(t, "what it leaves to be counted", func() bool { return s.Tallies()["goes"].Dropped == 2 })
}

// connection is a Redis with an org of the test's own.
type connection struct {
	client redis.UniversalClient
	org    string
}

func eachRedis(t *testing.T, test func(t *testing.T, c *connection)) {
	on := func(t *testing.T, addr string) {
		c := &connection{redis.NewClient(&redis.Options{Addr: addr, DB: 9, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1}), rand.Text()}
		t.Cleanup(func() {
			for keys := c.client.Scan(context.Background(), 0, "bursar:{"+c.org+"}:*", 1000).Iterator(); keys.Next(context.Background()); {
				c.client.Del(context.Background(), keys.Val())
			}
			_ = c.client.Close()
		})
		test(t, c)
	}
	t.Run("miniredis", func(t *testing.T) { on(t, miniredis.RunT(t).Addr()) })
	t.Run("redis", func(t *testing.T) {
		addr := os.Getenv("BURSAR_TEST_REDIS")
		if addr == "" {
			t.Skip("set BURSAR_TEST_REDIS to run against a real Redis")
		}
		on(t, addr)
	})
}

// TestFleetTellsOnce: of gateways that notice the same thing at once, one tells; when it dies of it, another does.
func TestFleetTellsOnce(t *testing.T) {
	eachRedis(t, func(t *testing.T, c *connection) {
		r := receive(t)
		hook := Hook{Name: "h", URL: r.URL}
		var all []*Sender
		for i := range 5 {
			all = append(all, sender(t, Options{Fleet: NewClaims(c.client, c.org, strconv.Itoa(i))}, hook))
		}
		for n := range 20 {
			for _, s := range all {
				s.Send(spentEvent(strconv.Itoa(n)))
			}
		}
		r.wait(t, 20)
		time.Sleep(50 * time.Millisecond)
		if got := len(r.deliveries()); got != 20 {
			t.Errorf("%d deliveries of 20 events", got)
		}
		// A gateway that has never heard of them.
		late := sender(t, Options{Fleet: NewClaims(c.client, c.org, "late")}, hook)
		late.Send(spentEvent("3"))
		until(t, "it to be left alone", func() bool { return late.waiting() == 0 })
		if got := len(r.deliveries()); got != 20 {
			t.Errorf("told again by a new gateway: %d", got)
		}
		// One that fails gives the event back.
		broken := sender(t, Options{Fleet: NewClaims(c.client, c.org, "broken")}, Hook{Name: "h", URL: r.URL + "/x"})
		r.mu.Lock()
		r.answers = []int{403}
		r.mu.Unlock()
		broken.Send(spentEvent("new"))
		until(t, "the refusal", func() bool { return broken.waiting() == 0 })
		late.Send(spentEvent("new"))
		r.wait(t, 22)
		until(t, "the tally", func() bool { return late.Tallies()["h"].Sent == 1 })
	})
}

// TestFleetWithoutRedis: better twice than never.
func TestFleetWithoutRedis(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = client.Close() })
	server.Close()
	r := receive(t)
	s := sender(t, Options{Fleet: NewClaims(client, "acme", "a")}, Hook{Name: "h", URL: r.URL})
	s.Send(spentEvent("a"))
	r.wait(t, 1)
}

// TestCloseSaysWhatIsLeft, in bounded time.
func TestCloseSaysWhatIsLeft(t *testing.T) {
	s := sender(t, Options{First: time.Hour}, Hook{Name: "down", URL: "http://127.0.0.1:1"})
	s.Send(spentEvent("a"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 events were not told") {
		t.Errorf("closed with %v", err)
	}
}

// TestAnyNameIsTold: clients choose the users in the names of windows, and what no header can hold must not keep a webhook from being told.
func TestAnyNameIsTold(t *testing.T) {
	r := receive(t)
	s := sender(t, Options{}, Hook{Name: "a", URL: r.URL})
	for _, id := range []string{"budget/user=a\r\nb\x00/daily/2026-11-26", "budget/user=\u00fc\xff%/daily/2026-11-26", "budget/user=" + strings.Repeat("x", 2<<20), "plain"} {
		s.Send(spentEvent(id))
	}
	got := r.wait(t, 4)
	for i, want := range []string{"budget/user=a%0D%0Ab%00/daily/2026-11-26~", "budget/user=%C3%BC%FF%/daily/2026-11-26~", "budget/user=xxx", "plain"} {
		id, body := got[i].header.Get(IDHeader), payload{}
		if err := json.Unmarshal([]byte(got[i].body), &body); err != nil || body.ID != id || !strings.HasPrefix(id, want) || len(id) > longestID {
			t.Errorf("id %q, in the body %q, %v; want %q", id, body.ID, err, want)
		}
	}
	if one, other := plainID("a\n"), plainID("a%0A"); one == other || plainID(strings.Repeat("x", 999)) == plainID(strings.Repeat("x", 998)) {
		t.Errorf("%q and %q are the same", one, other)
	}
}

// TestNoErrorTellsTheAddress: with some services the host itself is the secret.
func TestNoErrorTellsTheAddress(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	client := secure.Client() // trusts its certificate, which is not for localhost
	client.Timeout = 5 * time.Second
	_, port, _ := strings.Cut(strings.TrimPrefix(secure.URL, "https://"), ":")
	for _, address := range []string{"http://hush.invalid/hush", "http://127.0.0.1:1/hush", "https://localhost:" + port + "/hush", "http://hush:x\x7f/"} {
		err := (&Hook{Name: "a", URL: address}).post(t.Context(), client, &Event{ID: "x"}, time.Now())
		if err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "localhost") {
			t.Errorf("%v", err)
		}
	}
}

// TestAllGetOld: an event that waits behind one that is not taken gets old as well, so that a webhook that is away for long is not told of
// the past one event after the other.
func TestAllGetOld(t *testing.T) {
	r := receive(t, slices.Repeat([]int{500}, 10_000)...)
	const patience = 500 * time.Millisecond
	s := sender(t, Options{Patience: patience}, Hook{Name: "a", URL: r.URL})
	begun := time.Now()
	for n := range 8 {
		s.Send(spentEvent(strconv.Itoa(n)))
	}
	until(t, "all to be given up", func() bool { return s.Tallies()["a"].Failed == 8 })
	if took := time.Since(begun); took < patience/2 || took > 4*patience {
		t.Errorf("given up after %s, with a patience of %s", took, patience)
	}
}
