package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/ledger"
	"bursar/pricing"
)

// TestAudit: books in order exit with 0, in text and in JSON; edited books with 1 and the first difference.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	sum := fill(t, dir)
	if out := done(t, "audit", "-data", dir); !strings.Contains(out, "300 rows") || !strings.Contains(out, sum.Dollars()) || !strings.HasSuffix(out, "ok\n") {
		t.Errorf("said:\n%s", out)
	}
	var a audit
	must(t, json.Unmarshal([]byte(done(t, "audit", "-data", dir, "-json")), &a))
	if !a.OK || len(a.Ledgers) != 1 || a.Ledgers[0].Spend != sum || a.Ledgers[0].Rows != 300 || a.Windows != nil {
		t.Errorf("%+v", a)
	}
	// The flag wins over the environment.
	if got := (world{env: map[string]string{"BURSAR_DATA": "/nowhere"}}).run("audit", "-data", dir); got.code != 0 {
		t.Errorf("%+v", got)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "ledger.db"))
	must(t, err)
	_, err = db.Exec("UPDATE rows SET cost = cost + 1 WHERE id = 'request-7'")
	must(t, err)
	must(t, db.Close())
	got := world{}.run("audit", "-data", dir)
	if got.code != 1 || !strings.Contains(got.out, "somebody has edited the database") || !strings.Contains(got.out, "DO NOT BALANCE") {
		t.Errorf("%+v", got)
	}
}

// TestAuditGateway compares a running gateway's counters with its ledger.
func TestAuditGateway(t *testing.T) {
	s := newSite(t)
	s.up.On("quick", testkit.Script{Tokens: 20, PromptTokens: 30})
	g := s.start(t)
	key := s.key(t, "alpha")
	eventually(t, "the key is known", func() bool { return g.serves(key, "quick") })
	for n := range 10 {
		if r := g.ask(key, fmt.Sprintf(`{"model":"quick","messages":[{"role":"user","content":"question %d"}]}`, n)); r.status != 200 {
			t.Fatalf("%+v", r)
		}
	}
	var a audit
	must(t, json.Unmarshal([]byte(done(t, "audit", "-data", s.data, "-admin", strings.TrimPrefix(g.admin, "http://"), "-json")), &a))
	if !a.OK || len(a.Windows) != 3 || a.Windows[0].Counter == 0 || a.Windows[0].Counter != a.Ledgers[0].Spend || a.Windows[1].Ledger != a.Windows[0].Ledger {
		t.Errorf("%+v", a)
	}
	if got := (world{}).run("audit", "-data", s.data, "-data", s.data, "-admin", g.admin); got.code != 1 || !strings.Contains(got.err, "counts for itself only") {
		t.Errorf("%+v", got)
	}
}

// TestAuditFleet: two gateways on one Redis are compared together, and only then.
func TestAuditFleet(t *testing.T) {
	flags := redisFlags(t)
	first, second := newSite(t, flags...), newSite(t, flags...)
	var gateways []*gatewayProcess
	for _, s := range []*site{first, second} {
		s.up.On("quick", testkit.Script{Tokens: 20, PromptTokens: 30})
		g := s.start(t)
		key := s.key(t, "alpha")
		eventually(t, "the key is known", func() bool { return g.serves(key, "quick") })
		if r := g.ask(key, `{"model":"quick","messages":[{"role":"user","content":"`+s.data+`"}]}`); r.status != 200 {
			t.Fatalf("%+v", r)
		}
		gateways = append(gateways, g)
	}
	if out := done(t, "audit", "-data", first.data, "-admin", gateways[0].admin); !strings.Contains(out, "not compared") || strings.Contains(out, "drift") {
		t.Errorf("one of two:\n%s", out)
	}
	if out := done(t, "audit", "-data", first.data, "-data", second.data, "-admin", gateways[1].admin); !strings.Contains(out, "drift") {
		t.Errorf("both:\n%s", out)
	}
	if got := (world{}).run("audit", "-data", first.data, "-whole", "-admin", gateways[0].admin); got.code != 1 {
		t.Errorf("the other one's rows are missing, and the audit did not see it: %+v", got)
	}
}

// TestAuditDrift: one nano-dollar too many in a counter is found, and named with its budget.
func TestAuditDrift(t *testing.T) {
	dir := t.TempDir()
	sum := fill(t, dir)
	l, err := ledger.OpenReader(dir)
	must(t, err)
	defer l.Close()
	search, err := l.Spent(t.Context(), ledger.Filter{Team: "search"})
	must(t, err)
	f := func(code int, want string, everyone, team pricing.Nano) {
		t.Helper()
		counters := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `[{"name":"all","window":"total","spent_nano":%d},{"name":"search","window":"2026-11","spent_nano":%d,"scope":{"team":"search"},`+
				`"starts":"2026-11-01T00:00:00Z","renews":"2026-12-01T00:00:00Z"}]`, everyone, team)
		}))
		defer counters.Close()
		got := world{}.run("audit", "-data", dir, "-admin", counters.URL)
		if got.code != code || !strings.Contains(got.out, want) {
			t.Errorf("exit status %d, without %q:\n%s%s", got.code, want, got.out, got.err)
		}
	}
	f(0, "ok\n", sum, search)
	f(1, "0.000000001", sum, search+1)
	f(1, "-0.000000001", sum-1, search)
}

// TestAuditUnreachable: a gateway that is not there, or answers with something else, is a failure and not a verdict.
func TestAuditUnreachable(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	f := func(want, url string) {
		t.Helper()
		if got := (world{}).run("audit", "-data", dir, "-admin", url); got.code != 1 || !strings.Contains(got.err, want) || got.out != "" {
			t.Errorf("%s: %+v", url, got)
		}
	}
	f("404", other.URL)
	f("is a gateway running", "127.0.0.1:1")
}
