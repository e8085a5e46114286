package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bursar/internal/testkit"
)

// listener keeps the events that it gets, by id.
type listener struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]int
	all []map[string]any
}

func listen(t *testing.T) *listener {
	l := &listener{got: map[string]int{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e map[string]any
		if json.Unmarshal(body, &e) != nil || !strings.HasPrefix(r.Header.Get("X-Bursar-Signature"), "v1=") {
			w.WriteHeader(400)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got[r.Header.Get("X-Bursar-Event-Id")]++
		l.all = append(l.all, e)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) events() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]map[string]any{}, l.all...)
}

const eventPolicies = `
events:
  webhooks: [ { name: finance, url_env: TEST_WEBHOOK, secret_env: TEST_WEBHOOK_SECRET, teams: [beta] } ]
`

// TestEvents: a budget that fills up is told of at its thresholds and when it is spent, each once: by one gateway or by one of two, and
// not again by a restart.
func TestEvents(t *testing.T) {
	run := func(t *testing.T, gateways int, flags ...string) {
		l := listen(t)
		t.Setenv("TEST_WEBHOOK", l.URL)
		t.Setenv("TEST_WEBHOOK_SECRET", "s")
		var sites []*site
		var running []*gatewayProcess
		text := strings.Replace(policiesFor("UPSTREAM"), "total_usd: 0.03,", "total_usd: 0.03, warn_at: [50%, 80%],", 1) + eventPolicies
		for i := range gateways {
			s := newSite(t, flags...)
			if i > 0 {
				s.up = sites[0].up
			}
			write(t, s.policies, strings.Replace(text, "UPSTREAM", s.up.URL, 1))
			sites, running = append(sites, s), append(running, s.start(t))
		}
		s := sites[0]
		s.up.On("deep", testkit.Script{Tokens: 100, PromptTokens: 100})
		keys := make([]string, gateways)
		for i := range sites {
			keys[i] = sites[i].key(t, "beta")
			eventually(t, "the key is known", func() bool { return running[i].ask(keys[i], hello).status != 401 })
		}
		spend := func() (status int) {
			for n := range 40 {
				i := n % gateways
				body := fmt.Sprintf(`{"model":"fake/deep","max_tokens":100,"messages":[{"role":"user","content":"Think %d"}]}`, n)
				if status = running[i].ask(keys[i], body).status; status == 429 {
					break
				}
				time.Sleep(5 * time.Millisecond) // so that a settle is seen by the next reserve
			}
			return status
		}
		if status := spend(); status != 429 {
			t.Fatalf("the budget is not spent: %d", status)
		}
		for i := range running {
			running[i].ask(keys[i], `{"model":"fake/deep","messages":[{"role":"user","content":"Once more"}]}`) // each gateway has noticed
		}
		eventually(t, "three events", func() bool { return len(l.events()) >= 3 })
		for i := range running {
			running[i].signal(syscall.SIGTERM)
			if code := running[i].wait(); code != 0 {
				t.Errorf("exit status %d\n%s", code, running[i].said())
			}
			running[i] = sites[i].start(t)
		}
		for i := range running {
			eventually(t, "the key is known", func() bool { return running[i].ask(keys[i], hello).status != 401 })
			running[i].ask(keys[i], `{"model":"fake/deep","messages":[{"role":"user","content":"Again"}]}`)
		}
		time.Sleep(300 * time.Millisecond)
		kinds := map[any]int{}
		for _, e := range l.events() {
			kinds[e["kind"]]++
			if e["team"] != "beta" || e["budget"].(map[string]any)["limit_usd"] != "0.03" {
				t.Errorf("event %v", e)
			}
		}
		if len(l.events()) != 3 || kinds["budget-threshold"] != 2 || kinds["budget-spent"] != 1 {
			t.Errorf("told %v", l.events())
		}
		if status, text := running[0].get("/metrics"); status != 200 || !strings.Contains(text, `bursar_events_total{outcome="dropped",webhook="finance"} 0`) {
			t.Error("no metrics of the webhooks")
		}
		if said := running[0].said(); strings.Contains(said, l.URL) {
			t.Error("the webhook's address is in the log")
		}
	}
	t.Run("alone", func(t *testing.T) { run(t, 1) })
	t.Run("fleet", func(t *testing.T) { run(t, 2, redisFlags(t)...) })
}

// TestEventsTest tells how each webhook took a test.
func TestEventsTest(t *testing.T) {
	l := listen(t)
	s := newSite(t)
	write(t, s.policies, policiesFor(s.up.URL)+eventPolicies)
	if got := (world{}).run("events", "test", "-policies", s.policies); got.code != 1 || !strings.Contains(got.err, "no webhook that can be used") {
		t.Errorf("without its variables: %+v", got)
	}
	t.Setenv("TEST_WEBHOOK", l.URL)
	t.Setenv("TEST_WEBHOOK_SECRET", "s")
	if got := (world{}).run("events", "test", "-policies", s.policies); got.code != 0 || got.out != "finance took it\n" || len(l.events()) != 1 {
		t.Errorf("a test: %+v", got)
	}
	t.Setenv("TEST_WEBHOOK", "http://127.0.0.1:1/SECRET")
	if got := (world{}).run("events", "test", "-policies", s.policies, "-wait", "300ms"); got.code != 1 || !strings.Contains(got.err, "connection refused") || strings.Contains(got.err, "SECRET") {
		t.Errorf("a webhook that is down: %+v", got)
	}
}
