package main

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"bursar/internal/testkit"
	"bursar/pricing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx
)

// newPostgres makes an empty database in the Postgres of the tests and returns its URL.
func newPostgres(t *testing.T) string {
	t.Helper()
	at := os.Getenv("BURSAR_TEST_POSTGRES")
	if at == "" {
		t.Skip("set BURSAR_TEST_POSTGRES to run against a real Postgres")
	}
	server, err := sql.Open("pgx", at)
	must(t, err)
	name := "test_" + strings.ToLower(rand.Text())
	_, err = server.Exec("CREATE DATABASE " + name)
	must(t, err)
	t.Cleanup(func() {
		_, err := server.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		must(t, err)
		must(t, server.Close())
	})
	u, err := url.Parse(at)
	must(t, err)
	u.Path = "/" + name
	return u.String()
}

// TestServePostgres: the rows of two gateways come together in Postgres; statement, audit and metrics say so. A row that is changed
// there is found by the command and by the gateway itself.
func TestServePostgres(t *testing.T) {
	postgres := newPostgres(t)
	flags := append(redisFlags(t), "-postgres", postgres, "-audit", "300ms")
	var sites []*site
	var gateways []*gatewayProcess
	for range 2 {
		s := newSite(t, flags...)
		s.up.On("quick", testkit.Script{Tokens: 20, PromptTokens: 30})
		g := s.start(t)
		key := s.key(t, "alpha")
		eventually(t, "the key is known", func() bool { return g.serves(key, "quick") })
		for n := range 30 {
			if r := g.ask(key, fmt.Sprintf(`{"model":"quick","messages":[{"role":"user","content":"%s question %d"}]}`, s.data, n)); r.status != 200 {
				t.Fatalf("%+v", r)
			}
		}
		sites, gateways = append(sites, s), append(gateways, g)
	}
	for _, g := range gateways {
		eventually(t, "all rows are shipped", func() bool { return g.metric("bursar_ledger_shipping_lag_rows") == "0" })
		if g.metric("bursar_ledger_shipping_healthy") != "1" || g.metric("bursar_ledger_shipping_lag_seconds") != "0" {
			t.Errorf("metrics are not those of shipped rows")
		}
	}
	var a audit
	must(t, json.Unmarshal([]byte(done(t, "audit", "-data", sites[0].data, "-data", sites[1].data, "-postgres", postgres, "-admin", gateways[0].admin, "-json")), &a))
	if !a.OK || len(a.Windows) != 3 || a.Windows[0].Counter != a.Postgres.Spend || a.Postgres.Spend != a.Ledgers[0].Spend+a.Ledgers[1].Spend || len(a.Postgres.Gateways) != 2 {
		t.Errorf("%+v, %+v", a, a.Postgres)
	}
	if out := done(t, "audit", "-postgres", postgres, "-admin", gateways[1].admin); !strings.Contains(out, "of 2 gateways") || !strings.HasSuffix(out, "ok\n") {
		t.Errorf("said:\n%s", out)
	}
	lines := columns(t, done(t, "report", "-postgres", postgres, "-by", "team,key,hour", "-format", "csv"))
	var sum pricing.Nano
	for _, cell := range lines["spend_usd"] {
		sum += nano(t, cell)
	}
	if sum != a.Postgres.Spend || !slices.Contains(lines["team"], "alpha") {
		t.Errorf("the statement from Postgres sums to %s, the ledgers to %s", sum.Dollars(), a.Postgres.Spend.Dollars())
	}

	eventually(t, "the gateway has audited itself", func() bool { return gateways[0].metric(`bursar_ledger_audit_ok{books="postgres"}`) == "1" })
	db, err := sql.Open("pgx", postgres)
	must(t, err)
	defer db.Close()
	_, err = db.Exec("UPDATE bursar.rows SET cost = cost + 1, baseline = baseline + 1")
	must(t, err)
	eventually(t, "the gateway finds what was changed", func() bool { return gateways[0].metric(`bursar_ledger_drift_nano{books="postgres"}`) != "0" })
	if gateways[0].metric(`bursar_ledger_drift_nano{books="sums"}`) != "0" || gateways[0].metric(`bursar_ledger_audit_ok{books="sums"}`) != "1" {
		t.Error("its own sums are found to drift as well")
	}
	for _, args := range [][]string{{"-postgres", postgres}, {"-data", sites[0].data, "-postgres", postgres}} {
		if got := (world{}).run(append([]string{"audit"}, args...)...); got.code != 1 || !strings.Contains(got.out, "DO NOT BALANCE") {
			t.Errorf("audit %v: %+v", args, got)
		}
	}
}

// TestServeWithoutPostgres: a gateway whose Postgres is not there serves, says so, and ends in time; its rows are shipped later.
func TestServeWithoutPostgres(t *testing.T) {
	s := newSite(t, "-postgres", "postgres://bursar:hidden@127.0.0.1:1/bursar")
	s.up.On("quick", testkit.Script{Tokens: 20, PromptTokens: 30})
	g := s.start(t)
	key := s.key(t, "alpha")
	eventually(t, "the key is known", func() bool { return g.serves(key, "quick") })
	eventually(t, "the fault is told", func() bool { return g.metric("bursar_ledger_shipping_healthy") == "0" })
	g.signal(os.Interrupt)
	if code := g.wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if said := g.said(); strings.Contains(said, "hidden") || !strings.Contains(said, "rows wait here until Postgres takes them") {
		t.Errorf("said:\n%s", said)
	}
	got := world{env: map[string]string{"BURSAR_POSTGRES": "postgres://bursar:hidden@127.0.0.1:1/bursar"}}.run("report")
	if got.code != 1 || strings.Contains(got.err, "hidden") {
		t.Errorf("%+v", got)
	}
	if got := (world{}).run("serve", "-retain", "400d"); got.code != 2 || !strings.Contains(got.err, "-postgres") {
		t.Errorf("%+v", got)
	}
}

// auditOfAll audits killed and restarted gateways with the fleet's Postgres: counters = Postgres = ledgers.
func auditOfAll(t *testing.T, postgres string, gateways []*running) {
	t.Helper()
	args := []string{"audit", "-postgres", postgres, "-admin", gateways[0].admin, "-json"}
	for _, g := range gateways {
		args = append(args, "-data", g.data)
	}
	var a audit
	eventually(t, "all rows are shipped", func() bool {
		return !slices.ContainsFunc(gateways, func(g *running) bool { return g.metric("bursar_ledger_shipping_lag_rows") != "0" })
	})
	got := world{}.run(args...)
	must(t, json.Unmarshal([]byte(got.out), &a))
	if got.code != 0 || !a.OK || len(a.Windows) == 0 || a.Windows[0].Counter != a.Postgres.Spend {
		t.Fatalf("the books do not balance: %s\n%s", got.out, got.err)
	}
	t.Logf("Postgres: %d rows, $%s", a.Postgres.Rows, a.Postgres.Spend.Dollars())
}
