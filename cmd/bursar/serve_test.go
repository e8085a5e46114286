package main

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/testkit"
	"bursar/ledger"
)

const (
	hello       = `{"model":"quick","messages":[{"role":"user","content":"Hello"}]}`
	helloStream = `{"model":"quick","stream":true,"messages":[{"role":"user","content":"Hello, stream"}]}`
)

// TestServe starts a gateway that has no keys yet, and goes through what a newcomer does with it.
func TestServe(t *testing.T) {
	s := newSite(t)
	p := s.start(t)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "bursar_policy_last_reload_successful 1"} {
		if status, body := p.get(path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if got := p.ask("sk-none", hello); got.status != 401 || !strings.Contains(got.body, "bursar keys add") {
		t.Errorf("a key that nobody issued: %d %s", got.status, got.body)
	}

	key := s.key(t, "alpha")
	took := eventually(t, "a new key is known", func() bool { return p.ask(key, hello).status == 200 })
	if took > 2*time.Second { // twice what is promised, for slow machines
		t.Errorf("a new key is known after %s", took)
	}
	s.up.On("deep", testkit.Script{Text: "Deep thought", PromptTokens: 100})
	got := p.ask(key, `{"model":"fake/deep","messages":[{"role":"user","content":"Think"}]}`)
	if got.status != 200 || !strings.Contains(got.body, "Deep thought") || got.header.Get("x-bursar-model") != "fake/deep" || got.header.Get("x-bursar-request-id") == "" {
		t.Errorf("a request: %d %v %s", got.status, got.header, got.body)
	}
	if sent := s.up.Last("deep"); sent.Path != "/v1/chat/completions" || strings.Contains(sent.Header.Get("Authorization"), key) {
		t.Errorf("the provider got %s with our client's key: %v", sent.Path, sent.Header)
	}
	if got := p.ask(key, helloStream); got.status != 200 || !strings.Contains(got.body, "data: [DONE]") {
		t.Errorf("a stream: %d %s", got.status, got.body)
	}
	t.Run("explain", func(t *testing.T) { explainAgrees(t, s, p, key) })
	t.Run("report", func(t *testing.T) { reportBeside(t, s, p) })

	list := done(t, "keys", "list", "-data", s.data)
	_, id, _ := strings.Cut(list, "\n")
	done(t, "keys", "revoke", "-data", s.data, strings.Fields(id)[0])
	if took := eventually(t, "a revoked key is refused", func() bool { return p.ask(key, hello).status == 401 }); took > 2*time.Second {
		t.Errorf("a revoked key is refused after %s", took)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if strings.Contains(p.said(), key) || strings.Contains(p.said(), "Deep thought") {
		t.Error("a key or an answer is in the log")
	}
}

// explainAgrees: explain tells the rule and the reason that the running gateway told in its headers.
func explainAgrees(t *testing.T, s *site, p *gatewayProcess, key string) {
	for _, model := range []string{"auto", "quick", "deep", "fake/deep"} {
		body := `{"model":"` + model + `","messages":[{"role":"user","content":"Say ` + model + `"}]}`
		got := p.ask(key, body)
		var told struct{ Rule, Reason string }
		out := world{in: body}.run("explain", "-policies", s.policies, "-team", "alpha", "-body", "-", "-json").out
		must(t, json.Unmarshal([]byte(out), &told))
		if rule, reason := got.header.Get("x-bursar-rule"), got.header.Get("x-bursar-reason"); told.Rule != rule || told.Reason != reason || rule == "" {
			t.Errorf("%s: the gateway says %q, %q; explain says %q, %q", model, rule, reason, told.Rule, told.Reason)
		}
	}
}

// reportBeside: the report of another process has every request whose answer a client has, and agrees with the gateway's own.
func reportBeside(t *testing.T, s *site, p *gatewayProcess) {
	var before, after, own statement
	must(t, json.Unmarshal([]byte(done(t, "report", "-data", s.data, "-format", "json")), &before))
	key := s.key(t, "beta")
	eventually(t, "the key is known", func() bool {
		response, err := http.NewRequest(http.MethodGet, p.api+"/v1/models", nil)
		must(t, err)
		response.Header.Set("Authorization", "Bearer "+key)
		answer, err := http.DefaultClient.Do(response)
		must(t, err)
		drained(t, answer)
		return answer.StatusCode == 200
	})
	for range 5 {
		if got := p.ask(key, hello); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	must(t, json.Unmarshal([]byte(done(t, "report", "-data", s.data, "-format", "json")), &after))
	if after.Requests != before.Requests+5 {
		t.Errorf("the report counts %d requests, 5 requests after it counted %d", after.Requests, before.Requests)
	}
	_, text := p.get("/admin/report")
	must(t, json.Unmarshal([]byte(text), &own))
	if own.Spend != after.Spend || own.Requests != after.Requests {
		t.Errorf("the gateway's report: %d requests, $%s; beside it: %d, $%s", own.Requests, own.Spend, after.Requests, after.Spend)
	}
	after.sumsUp(t)
}

// TestServeDrains: SIGTERM lets a stream under way come to its end and settles it; the exit status is 0.
func TestServeDrains(t *testing.T) {
	s := newSite(t)
	key := s.key(t, "alpha")
	p := s.start(t)
	s.up.On("quick", testkit.Script{Tokens: 40, Pace: 20 * time.Millisecond})
	response := p.begin(key, helloStream)
	p.signal(syscall.SIGTERM)
	eventually(t, "the gateway drains", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.api, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	body := drained(t, response)
	if !strings.Contains(body, "data: [DONE]") || strings.Count(body, `"content":"w`) != 40 {
		t.Errorf("the stream was cut:\n%s", body)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	reader, err := ledger.OpenReader(s.data)
	must(t, err)
	defer func() { must(t, reader.Close()) }()
	row, found, err := reader.Find(t.Context(), response.Header.Get("x-bursar-request-id"))
	if err != nil || !found || row.Usage.Completion() != 40 || row.UsageMethod != "reported" {
		t.Errorf("its row: %+v, found %v, %v", row, found, err)
	}
}

// TestServeDrainEnds: a stream that never ends is cut when -drain is over, and is in the ledger all the same.
func TestServeDrainEnds(t *testing.T) { drainEnds(t, newSite(t, "-drain", "100ms")) }

// TestServeDrainEndsRedis: also when its hold is in Redis.
func TestServeDrainEndsRedis(t *testing.T) {
	drainEnds(t, newSite(t, append(redisFlags(t), "-drain", "100ms")...))
}

func drainEnds(t *testing.T, s *site) {
	key := s.key(t, "alpha")
	p := s.start(t)
	s.up.On("quick", testkit.Script{Tokens: 40, StallAfter: 5})
	response := p.begin(key, helloStream)
	defer response.Body.Close()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 1 || !strings.Contains(p.said(), "drain: ") {
		t.Errorf("exit status %d\n%s", code, p.said())
	}
	if said := p.said(); strings.Contains(said, "panic") {
		t.Errorf("it panicked:\n%s", said)
	}
	p = s.start(t) // what was under way is an orphan now, if it has no row
	reader, err := ledger.OpenReader(s.data)
	must(t, err)
	defer func() { must(t, reader.Close()) }()
	statement, err := reader.Report(t.Context(), ledger.Query{})
	counters, countersErr := budgetsAt(t.Context(), p.admin)
	if err != nil || countersErr != nil || statement.Requests != 1 || statement.Spend == 0 || counters[0].Spent != statement.Spend || counters[0].Held != 0 {
		t.Errorf("%d requests, $%s, %v; %+v, %v", statement.Requests, statement.Spend.Dollars(), err, counters, countersErr)
	}
}

// TestServeTwice: a second gateway on the same data folder, or on a taken port, says so and ends; the first one goes on.
func TestServeTwice(t *testing.T) {
	s := newSite(t)
	p := s.start(t)
	f := func(second *site, wants []string, flags ...string) {
		t.Helper()
		q, _ := second.launch(t, flags...)
		if code := q.wait(); code != 1 {
			t.Errorf("exit status %d", code)
		}
		for _, want := range wants {
			if !strings.Contains(q.said(), want) {
				t.Errorf("without %q:\n%s", want, q.said())
			}
		}
	}
	free := "127.0.0.1:0"
	f(s, []string{s.data, "another"}, "-listen", free, "-admin", free)
	other := newSite(t)
	f(other, []string{"-listen", "address already in use", "choose another"}, "-listen", strings.TrimPrefix(p.api, "http://"), "-admin", free)
	f(other, []string{"-admin", "address already in use", "choose another"}, "-listen", free, "-admin", strings.TrimPrefix(p.admin, "http://"))
	f(other, []string{"-listen", "choose another"}, "-listen", "nowhere", "-admin", free)
	if status, body := p.get("/readyz"); status != 200 {
		t.Errorf("the first one: %d %s", status, body)
	}
	other.start(t) // nothing is left of the attempts
}

// TestServeBroken: a policy that does not load ends the start, with every problem told once.
func TestServeBroken(t *testing.T) {
	s := newSite(t)
	write(t, s.policies, "version: 1\nroutse: []\nmodles: {}\n")
	p, _ := s.launch(t)
	if code := p.wait(); code != 1 {
		t.Errorf("exit status %d", code)
	}
	for _, want := range []string{":2:1: ", ":3:1: "} {
		if strings.Count(p.said(), filepath.Base(s.policies)+want) != 1 {
			t.Errorf("not told once: %q\n%s", want, p.said())
		}
	}
}

// TestServeInterrupted: Ctrl-C drains as SIGTERM does, and a second one ends at once; SIGHUP meanwhile does neither.
func TestServeInterrupted(t *testing.T) {
	s := newSite(t)
	key := s.key(t, "alpha")
	p := s.start(t)
	s.up.On("quick", testkit.Script{Tokens: 40, StallAfter: 5})
	response := p.begin(key, helloStream)
	defer response.Body.Close()
	p.signal(syscall.SIGINT)
	eventually(t, "the gateway drains", func() bool {
		status, body := p.get("/readyz")
		return status == 503 && strings.Contains(body, "draining")
	})
	p.signal(syscall.SIGHUP)
	if status, _ := p.get("/healthz"); status != 200 {
		t.Errorf("healthz while draining: %d", status)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 1 || !strings.Contains(p.said(), "drain: ") {
		t.Errorf("exit status %d\n%s", code, p.said())
	}
}

// TestServeWithoutRedis: a gateway starts though its Redis is down, says that it is not ready, and refuses requests with the reason.
func TestServeWithoutRedis(t *testing.T) {
	s := newSite(t, "-redis", "redis://:hunter2@127.0.0.1:1/0")
	key := s.key(t, "alpha")
	p := s.start(t)
	if status, body := p.get("/readyz"); status != 503 || !strings.Contains(body, "budget store") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if got := p.ask(key, hello); got.status != 503 || !strings.Contains(got.body, "budget_store_down") || got.header.Get("Retry-After") == "" {
		t.Errorf("a request: %d %v %s", got.status, got.header, got.body)
	}
	if status, body := p.get("/admin/budgets"); status != 503 || !strings.Contains(body, "down") {
		t.Errorf("/admin/budgets: %d %s", status, body)
	}
	if status, body := p.get("/"); status != 200 || !strings.Contains(body, "down") {
		t.Errorf("the page: %d %s", status, body)
	}
	if got := p.metric("bursar_holds_open"); got != "-1" {
		t.Errorf("bursar_holds_open is %q", got)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 || strings.Contains(p.said(), "hunter2") {
		t.Errorf("exit status %d\n%s", code, p.said())
	}
}

// TestServeHoldLease: a stream that is longer than the lease keeps its hold, because the gateway lives; it is booked once, at its
// true cost.
func TestServeHoldLease(t *testing.T) {
	s := newSite(t, append(redisFlags(t), "-hold-lease", "1s")...)
	key := s.key(t, "alpha")
	p := s.start(t)
	s.up.On("quick", testkit.Script{Tokens: 30, Pace: 100 * time.Millisecond})
	if got := p.ask(key, helloStream); !strings.Contains(got.body, "[DONE]") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	eventually(t, "the hold is settled", func() bool { return p.metric("bursar_holds_open") == "0" })
	var booked struct {
		statement
		Orphans int64
	}
	must(t, json.Unmarshal([]byte(done(t, "report", "-data", s.data, "-format", "json")), &booked))
	counters, err := budgetsAt(t.Context(), p.admin)
	must(t, err)
	if booked.Requests != 1 || booked.Orphans != 0 || counters[0].Spent != nano(t, booked.Spend.String()) {
		t.Errorf("%d requests, %d orphans, $%s spent; %+v", booked.Requests, booked.Orphans, booked.Spend, counters)
	}
}
