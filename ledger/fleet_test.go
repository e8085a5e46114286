package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	neturl "net/url"
	"os"
	"strings"
	"testing"
	"time"

	"bursar/exchange"
	"bursar/pricing"

	"github.com/google/go-cmp/cmp"
)

// newFleet makes an empty database in the Postgres of the tests and returns its URL.
func newFleet(t testing.TB) string {
	t.Helper()
	url := os.Getenv("BURSAR_TEST_POSTGRES")
	if url == "" {
		t.Skip("set BURSAR_TEST_POSTGRES to run against a real Postgres")
	}
	return newDatabase(t, url)
}

// newDatabase makes an empty database beside the one of a URL. It is dropped after the test.
func newDatabase(t testing.TB, url string) string {
	t.Helper()
	server, err := connectFleet(url)
	must(t, err)
	name := "test_" + strings.ToLower(rand.Text())
	_, err = server.db.Exec("CREATE DATABASE " + name)
	must(t, err)
	t.Cleanup(func() {
		_, err := server.db.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		must(t, err)
		must(t, server.Close())
	})
	beside, err := neturl.Parse(url)
	must(t, err)
	beside.Path = "/" + name
	return beside.String()
}

// ship ships a ledger until ctx of the test ends, or it is closed.
func ship(t testing.TB, l *Ledger, url, gateway string) *Shipper {
	t.Helper()
	s, err := l.Ship(ShipOptions{URL: url, Gateway: gateway, Every: 5 * time.Millisecond, Batch: 100})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s
}

// shipped closes a shipper after all rows are in Postgres.
func shipped(t testing.TB, s *Shipper) {
	t.Helper()
	must(t, s.Close(t.Context()))
}

func fleetOf(t testing.TB, url string) *Fleet {
	t.Helper()
	f, err := OpenFleet(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestShip: what Postgres says is what the ledger says, whatever is asked.
func TestShip(t *testing.T) {
	url := newFleet(t)
	l := open(t, t.TempDir(), Options{})
	var rows []*Row
	for n := range 700 {
		r := row(n)
		r.Time = morning.Add(time.Duration(n*n%997) * 11 * time.Minute).UnixNano()
		r.Kind = Kind(n % 7 % 4)
		rows = append(rows, r)
		must(t, l.Append(r))
	}
	s := ship(t, l, url, "one")
	shipped(t, s)
	if lag := s.Lag(t.Context()); lag != (Lag{}) {
		t.Errorf("after all is shipped: %+v", lag)
	}
	fleet := fleetOf(t, url)
	for _, q := range []Query{
		{},
		{By: []string{"team"}},
		{By: []string{"user", "model"}},
		{By: []string{"hour", "key"}},
		{By: []string{"tag:n", "day"}},
		{By: []string{"rule", "month"}},
		{By: []string{"user", "key"}, Filter: Filter{From: morning.Add(90 * time.Minute), To: morning.Add(77 * time.Hour)}},
		{Filter: Filter{Tag: &exchange.Tag{Name: "feature", Value: "a,b"}, From: morning.Add(time.Minute), Model: "cheap"}},
		{By: []string{"tag:n"}, Filter: Filter{Tag: &exchange.Tag{Name: "feature", Value: "a,b"}, Team: "team1"}},
	} {
		want, err := l.Report(t.Context(), q)
		must(t, err)
		have, err := fleet.Report(t.Context(), q)
		must(t, err)
		if diff := cmp.Diff(linesOf(want), linesOf(have)); diff != "" {
			t.Errorf("by %v of %+v: %s", q.By, q.Filter, diff)
		}
	}
	var want, have []Row
	must(t, l.Rows(t.Context(), Filter{}, func(r *Row) error { want = append(want, *r); return nil }))
	must(t, fleet.Rows(t.Context(), Filter{}, func(r *Row) error { have = append(have, *r); return nil }))
	if diff := cmp.Diff(want, have); diff != "" || len(have) != len(rows) {
		t.Errorf("%d rows of %d: %.2000s", len(have), len(rows), diff)
	}
}

// TestShipTwice: what is offered again, by whomever, changes nothing.
func TestShipTwice(t *testing.T) {
	url := newFleet(t)
	l := open(t, t.TempDir(), Options{})
	spend := fillLedger(t, l, 0, 350)
	shipped(t, ship(t, l, url, "one"))
	fleet := fleetOf(t, url)
	f := func(what string, rows int64, spend pricing.Nano) {
		t.Helper()
		s, err := fleet.Report(t.Context(), Query{})
		must(t, err)
		if s.Requests != rows || s.Spend != spend {
			t.Errorf("%s: %d requests and $%s, want %d and $%s", what, s.Requests, s.Spend.Dollars(), rows, spend.Dollars())
		}
		audit, err := fleet.Verify(t.Context())
		if err != nil || audit.Rows != rows {
			t.Errorf("%s: %+v, %v", what, audit, err)
		}
	}
	f("shipped", 350, spend)
	for _, text := range []string{
		"UPDATE bursar.gateways SET position = 7, id = (SELECT id FROM bursar.rows LIMIT 1)", // as after a restored or vacuumed ledger.db
		"DELETE FROM bursar.gateways",
		"UPDATE bursar.gateways SET position = 1000000",
	} {
		_, err := fleet.db.Exec(text)
		must(t, err)
		l.options.Warn = func(string, error) {}
		shipped(t, ship(t, l, url, "one"))
		f("after "+text, 350, spend)
	}
	spend += fillLedger(t, l, 350, 360)
	shipped(t, ship(t, l, url, "one"))
	f("with ten more", 360, spend)
}

func fillLedger(t testing.TB, l *Ledger, from, to int) (spend pricing.Nano) {
	t.Helper()
	for n := from; n < to; n++ {
		must(t, l.Append(row(n)))
		spend += row(n).Cost
	}
	must(t, l.Flush(t.Context()))
	return spend
}

// TestShipOrphanOfTwo: an orphan that two gateways have entered counts once, and is known to be of both.
func TestShipOrphanOfTwo(t *testing.T) {
	url := newFleet(t)
	orphan := *row(1000)
	orphan.Kind, orphan.Saved, orphan.Baseline = KindOrphan, exchange.Savings{}, orphan.Cost
	var spend pricing.Nano
	var all []*Ledger
	for i, name := range []string{"one", "two"} {
		l := open(t, t.TempDir(), Options{})
		all = append(all, l)
		spend += fillLedger(t, l, 100*i, 100*i+100)
		must(t, l.Append(&orphan))
		shipped(t, ship(t, l, url, name))
	}
	fleet := fleetOf(t, url)
	s, err := fleet.Report(t.Context(), Query{})
	must(t, err)
	if s.Spend != spend+orphan.Cost || s.Orphans != 1 || s.Requests != 201 {
		t.Errorf("%d requests, %d orphans, $%s; want 201, 1 and $%s", s.Requests, s.Orphans, s.Spend.Dollars(), (spend + orphan.Cost).Dollars())
	}
	for i, name := range []string{"one", "two"} {
		found, err := all[i].CompareFleet(t.Context(), fleet, name, time.Time{})
		must(t, err)
		if found.Rows != 101 || found.Unshipped != 0 || found.Twins != int64(i) {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if audit, err := fleet.Verify(t.Context()); err != nil || audit.Rows != 201 {
		t.Errorf("%+v, %v", audit, err)
	}
	_, err = fleet.db.Exec("UPDATE bursar.twins SET cost = cost + 1, baseline = baseline + 1")
	must(t, err)
	if _, err := fleet.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "has it too") {
		t.Errorf("twins of different cost: %v", err)
	}
}

// TestShipSameName: two gateways that run under one name, since somebody has copied a data folder, hinder each other, but all their rows
// are in Postgres once.
func TestShipSameName(t *testing.T) {
	url := newFleet(t)
	var all []*Ledger
	var shippers []*Shipper
	for i := range 2 {
		l := open(t, t.TempDir(), Options{Warn: func(string, error) {}})
		fillLedger(t, l, 0, 100) // of the folder that was copied
		fillLedger(t, l, 1000*i+100, 1000*i+500)
		all, shippers = append(all, l), append(shippers, ship(t, l, url, "one"))
	}
	for n := range 100 {
		must(t, all[n%2].Append(row(5000+n)))
		time.Sleep(time.Millisecond)
	}
	for i, l := range all { // one after the other, and then each has its turn
		must(t, l.Flush(t.Context()))
		_ = shippers[i].Close(t.Context())
	}
	for _, l := range all {
		shipped(t, ship(t, l, url, "one"))
	}
	audit, err := fleetOf(t, url).Verify(t.Context())
	if err != nil || audit.Rows != 100+2*400+100 {
		t.Errorf("%+v, %v", audit, err)
	}
}

// TestShipTexts: what is no text to Postgres is shipped all the same.
func TestShipTexts(t *testing.T) {
	url := newFleet(t)
	l := open(t, t.TempDir(), Options{})
	r := row(1)
	r.User, r.Tags, r.Asked = "a\x00b", "feature=\xff\xfe", strings.Repeat("ü", 4000)
	must(t, l.Append(r))
	shipped(t, ship(t, l, url, "one"))
	var have Row
	must(t, fleetOf(t, url).Rows(t.Context(), Filter{}, func(r *Row) error { have = *r; return nil }))
	if have.User != "a\uFFFDb" || have.Tags != "feature=\uFFFD" || have.Cost != r.Cost {
		t.Errorf("%+v", have)
	}
}

// TestCompareFleet: one nano-dollar that is in Postgres and not in the ledger, or the other way round, is found.
func TestCompareFleet(t *testing.T) {
	url := newFleet(t)
	l := open(t, t.TempDir(), Options{CommitEvery: time.Hour})
	fillLedger(t, l, 0, 200)
	shipped(t, ship(t, l, url, "one"))
	for n := 200; n < 210; n++ {
		must(t, l.Append(row(n))) // in the journal only
	}
	fleet := fleetOf(t, url)
	found, err := l.CompareFleet(t.Context(), fleet, "one", time.Time{})
	must(t, err)
	if found.Rows != 200 || found.Unshipped != 10 {
		t.Errorf("%+v", found)
	}
	if found, err = l.CompareFleet(t.Context(), fleet, "one", time.Unix(0, row(150).Time)); err != nil || found.Rows != 200 {
		t.Errorf("since the day's begin: %+v, %v", found, err)
	}
	f := func(want string, drift pricing.Nano, db *sql.DB, edit, undo string) {
		t.Helper()
		_, err := db.Exec(edit)
		must(t, err)
		_, err = l.CompareFleet(t.Context(), fleet, "one", time.Time{})
		var found *Imbalance
		if !errors.As(err, &found) || found.Drift != drift || !strings.Contains(err.Error(), want) {
			t.Errorf("after %s: %v", edit, err)
		}
		_, err = db.Exec(undo)
		must(t, err)
	}
	id := row(7).ID
	f("Postgres has", 1, fleet.db, "UPDATE bursar.rows SET cost = cost + 1 WHERE id = '"+id+"'", "UPDATE bursar.rows SET cost = cost - 1 WHERE id = '"+id+"'")
	f("Postgres has", 1, l.committer.store.db, "UPDATE rows SET cost = cost + 1 WHERE id = '"+id+"'", "UPDATE rows SET cost = cost - 1 WHERE id = '"+id+"'")
	f("Postgres has", row(7).Cost, fleet.db, "UPDATE bursar.rows SET gateway = 'x' WHERE id = '"+id+"'", "UPDATE bursar.rows SET gateway = 'one' WHERE id = '"+id+"'")
	f("is not", 0, fleet.db, "UPDATE bursar.gateways SET id = 'x'", "UPDATE bursar.gateways SET id = '"+row(199).ID+"'")
	if _, err := l.CompareFleet(t.Context(), fleet, "one", time.Time{}); err != nil {
		t.Error(err)
	}
	if _, err := l.CompareFleet(t.Context(), fleet, "stranger", time.Time{}); err != nil {
		t.Error(err)
	}
}

// TestOpenFleet: what is no ledger of a fleet is told from one that cannot be reached, and no error tells the password.
func TestOpenFleet(t *testing.T) {
	f := func(want, url string) {
		t.Helper()
		_, err := OpenFleet(t.Context(), url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("is not a URL", "postgres://bursar:secret@host:port/")
	f("ask Postgres", "postgres://bursar:secret@127.0.0.1:1/bursar")
	url := newFleet(t)
	f("has no ledger of a fleet", url)
	l := open(t, t.TempDir(), Options{})
	shipped(t, ship(t, l, url, "one"))
	fleet := fleetOf(t, url)
	_, err := fleet.db.Exec("UPDATE bursar.version SET version = 99")
	must(t, err)
	f("use the version of its gateways", url)
}
