package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
)

// hostile is a name that would run if it were not escaped.
const hostile = `<script>alert("x")</script><img src=x onerror=y>&amp;'`

func statement() *ledger.Statement {
	line := func(team string, requests int64, spend, baseline pricing.Nano) *ledger.Line {
		l := &ledger.Line{Group: []string{team}, Sums: ledger.Sums{Requests: requests, Hits: 1, Spend: spend, Baseline: baseline}}
		l.Saved[exchange.LeverRoute] = baseline - spend
		return l
	}
	s := &ledger.Statement{By: []string{"team"}, Lines: []*ledger.Line{line("search", 7, 1_234_567_891, 5_000_000_000), line(hostile, 3, 2, 1)}}
	s.Requests, s.Hits, s.Spend, s.Baseline = 10, 2, 1_234_567_893, 5_000_000_001
	s.Saved[exchange.LeverRoute] = s.Baseline - s.Spend
	return s
}

// house is what the pages of a test show.
func house() Deps {
	return Deps{
		Metrics: NewMetrics(), Version: "v0-" + hostile,
		Policy: func() *policy.Policy { return &policy.Policy{File: hostile, Hash: "0123456789abcdef"} },
		Reload: func() error { return nil },
		Ready:  func(context.Context) error { return nil },
		Report: func(context.Context) (*ledger.Statement, error) { return statement(), nil },
		Budgets: func(context.Context) ([]Budget, error) {
			return []Budget{
				{Name: "search", Window: "2026-11", Spent: 1_000_000_001, Held: 2, Limit: 4_000_000_000, WhenSpent: "block", Renews: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Raised: &Raise{From: 3_000_000_000, Until: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), Why: "launch " + hostile}},
				{Name: hostile, Window: "total", Spent: 3, Held: 2, Limit: 5, WhenSpent: "warn"},
			}, nil
		},
		Limits: func(context.Context) ([]Limit, error) {
			return []Limit{{Name: hostile, Unit: "requests", Used: 7, Limit: 600}, {Name: "search", Unit: "concurrent", Used: 41, Limit: 40, Observed: true}}, nil
		},
	}
}

func ask(t *testing.T, deps Deps, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	New(deps).http.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

// TestPage: the page has the numbers, and no name on it can run.
func TestPage(t *testing.T) {
	w := ask(t, house(), http.MethodGet, "/")
	page := w.Body.String()
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, want := range []string{"0123456789ab", "<td>search<td>7<td>1<td>1.234567891<td>5.00<td>3.765432109", "<th>all<th>10<th>2<th>1.234567893", "1.000000001", "4.00 (raised from 3.00 until 2026-11-30 00:00 UTC: launch ", "<td>requests<td>7<td>600<td>enforce", "<td>search<td>concurrent<td>41<td>40<td>observe", `class="spent">spent`, "2026-11"} {
		if !strings.Contains(page, want) {
			t.Errorf("without %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
		t.Errorf("a name runs:\n%s", page)
	}
	if n := strings.Count(page, "&lt;script&gt;"); n != 6 { // a team, a budget, why it is raised, a limit, the policy's file, the version
		t.Errorf("%d of 6 hostile names are shown", n)
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, "src=") && !strings.Contains(page, "src=x") {
		t.Error("the page loads something from elsewhere")
	}
}

// TestPageOutage: what cannot be read is said, and the rest of the page is there.
func TestPageOutage(t *testing.T) {
	deps := house()
	deps.Budgets = func(context.Context) ([]Budget, error) { return nil, errors.New("budget store is down") }
	if w := ask(t, deps, http.MethodGet, "/"); w.Code != 200 || !strings.Contains(w.Body.String(), "budget store is down") || !strings.Contains(w.Body.String(), "<td>search") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	deps.Report = func(context.Context) (*ledger.Statement, error) { return nil, errors.New("ledger is gone") }
	for _, path := range []string{"/", "/admin/report"} {
		if w := ask(t, deps, http.MethodGet, path); w.Code != 503 || !strings.Contains(w.Body.String(), "ledger is gone") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(t, deps, http.MethodGet, "/admin/budgets"); w.Code != 503 || !strings.Contains(w.Body.String(), "budget store is down") {
		t.Errorf("budgets: %d %s", w.Code, w.Body)
	}
}

// TestHeaders: every answer forbids scripts, frames, sniffing and keeping.
func TestHeaders(t *testing.T) {
	for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/admin/budgets", "/admin/report", "/nowhere"} {
		h := ask(t, house(), http.MethodGet, path).Header()
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: Content-Security-Policy %q without %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "script-src") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// TestRoutes: what is not there is 404, and what changes something takes POST only.
func TestRoutes(t *testing.T) {
	f := func(method, path string, want int) {
		t.Helper()
		if w := ask(t, house(), method, path); w.Code != want {
			t.Errorf("%s %s: %d, want %d", method, path, w.Code, want)
		}
	}
	f(http.MethodGet, "/healthz", 200)
	f(http.MethodHead, "/healthz", 200)
	f(http.MethodPost, "/-/reload", 200)
	f(http.MethodGet, "/-/reload", 405)
	f(http.MethodPost, "/", 405)
	f(http.MethodDelete, "/admin/budgets", 405)
	f(http.MethodGet, "/admin", 404)
	f(http.MethodGet, "/index.html", 404)
	f(http.MethodGet, "/debug/pprof/", 200)
	f(http.MethodGet, "/debug/pprof/cmdline", 404) // may hold the password of Redis
}

// TestReady: a gateway that cannot serve says why.
func TestReady(t *testing.T) {
	deps := house()
	if w := ask(t, deps, http.MethodGet, "/readyz"); w.Code != 200 || w.Body.String() != "ready\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	deps.Ready = func(context.Context) error { return errors.New("draining") }
	if w := ask(t, deps, http.MethodGet, "/readyz"); w.Code != 503 || w.Body.String() != "draining\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(t, deps, http.MethodGet, "/healthz"); w.Code != 200 {
		t.Errorf("a gateway that is not ready is not dead: %d", w.Code)
	}
}

// TestReload: a good policy is named by its hash; of a broken one every problem is told.
func TestReload(t *testing.T) {
	deps := house()
	if w := ask(t, deps, http.MethodPost, "/-/reload"); w.Code != 200 || w.Body.String() != "policy 0123456789ab is in force\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	problems := "p.yaml:1:1: one\n\np.yaml:2:1: two"
	deps.Reload = func() error { return errors.New(problems) }
	if w := ask(t, deps, http.MethodPost, "/-/reload"); w.Code != 422 || w.Body.String() != problems+"\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// TestJSON: budgets in nano-dollars, as integers; the statement in dollars, exactly.
func TestJSON(t *testing.T) {
	f := func(path string, wants ...string) {
		t.Helper()
		w := ask(t, house(), http.MethodGet, path)
		text := strings.ReplaceAll(w.Body.String(), `": `, `":`)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: without %s:\n%s", path, want, text)
			}
		}
	}
	f("/admin/budgets", `"name":"search"`, `"window":"2026-11"`, `"spent_nano":1000000001,`, `"held_nano":2,`, `"limit_nano":4000000000,`,
		`"when_spent":"block"`, `"renews":"2026-12-01T00:00:00Z"`, `"window":"total"`)
	f("/admin/report", `"spend_usd":1.234567893`, `"saved_usd":-0.000000001`, `"requests":7`, `"saved_by_lever":{`)
	f("/admin/budgets", `"raised":{"from_nano":3000000000,"until":"2026-11-30T00:00:00Z","why":"launch `)
	f("/admin/limits", `"unit":"requests","used":7,"limit":600}`, `{"name":"search","unit":"concurrent","used":41,"limit":40,"observed":true}`)
	if n := strings.Count(ask(t, house(), http.MethodGet, "/admin/budgets").Body.String(), `"renews"`); n != 1 {
		t.Errorf("%d budgets renew, want 1: the other never does", n)
	}
}

func TestBudgetState(t *testing.T) {
	f := func(b Budget, want string) {
		t.Helper()
		if got := b.State(); got != want {
			t.Errorf("%+v: %q, want %q", b, got, want)
		}
	}
	f(Budget{Limit: 100}, "0 %")
	f(Budget{Limit: 100, Spent: 30, Held: 20}, "50 %")
	f(Budget{Limit: 100, Spent: 29}, "29 %")
	f(Budget{Limit: 100, Spent: 60, Held: 40}, "spent")
	f(Budget{Limit: 100, Spent: 200}, "spent")
	f(Budget{Limit: 1_000_000, Spent: 999_999}, "99 %") // never 100 % while there is room
	f(Budget{}, "spent")
}

// TestServe: a real listener answers until Shutdown.
func TestServe(t *testing.T) {
	s := New(house())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	response, err := http.Get("http://" + ln.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || string(body) != "ok\n" {
		t.Errorf("%q, %v", body, err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
