package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/pricing"

	"github.com/google/go-cmp/cmp"
)

// month30 are rows of thirty days, one an hour and a little more.
func month30() (rows []*Row) {
	for n := range 800 {
		r := row(n)
		r.Time = morning.Add(time.Duration(n) * 54 * time.Minute).UnixNano()
		rows = append(rows, r)
	}
	return rows
}

// TestPrune: rows go, and every statement of whole days stays what it was, by whatever it is grouped; the books still balance. What
// cannot be told any more is refused.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	must(t, Import(dir, slices.Values(month30())))
	day := func(n int) time.Time { return morning.Truncate(24*time.Hour).AddDate(0, 0, n) }
	queries := []Query{{}}
	for _, by := range append(Dimensions(), "tag:n", "user,project,key,rule", "user,day,tag:feature", "project,tier,month") {
		if by == "hour" {
			continue
		}
		queries = append(queries, Query{By: strings.Split(by, ",")}, Query{By: strings.Split(by, ","), Filter: Filter{From: day(3), To: day(25), Project: "project1"}})
	}
	ask := func() (all []map[string]Sums) {
		r, err := OpenReader(dir)
		must(t, err)
		defer func() { must(t, r.Close()) }()
		for _, q := range queries {
			s, err := r.Report(t.Context(), q)
			must(t, err)
			all = append(all, linesOf(s))
		}
		return all
	}
	want := ask()
	for _, before := range []int{5, 5, 12} {
		r, err := OpenReader(dir)
		must(t, err)
		last, err := r.Last(t.Context())
		must(t, err)
		must(t, r.Close())
		gone, err := Prune(t.Context(), dir, time.Time{}, day(before).Add(7*time.Hour), last)
		must(t, err)
		t.Logf("%d rows removed from before day %d", gone, before)
		if diff := cmp.Diff(want, ask()); diff != "" {
			t.Fatalf("after rows from before day %d went: %s", before, diff)
		}
	}
	l := open(t, dir, Options{})
	audit := verify(t, &l.Reader)
	if audit.Removed != 800-audit.Rows || audit.Removed < 250 {
		t.Errorf("%+v", audit)
	}
	f := func(q Query) {
		t.Helper()
		if _, err := l.Report(t.Context(), q); err == nil || !strings.Contains(err.Error(), "were removed") {
			t.Errorf("%+v: %v", q, err)
		}
	}
	f(Query{By: []string{"user", "hour"}})
	f(Query{By: []string{"user"}, Filter: Filter{From: day(2).Add(time.Hour)}})
	if err := l.Rows(t.Context(), Filter{}, func(*Row) error { return nil }); err == nil || !strings.Contains(err.Error(), "were removed") {
		t.Error(err)
	}
	must(t, l.Rows(t.Context(), Filter{From: day(12)}, func(*Row) error { return nil }))
	if s, err := l.Report(t.Context(), Query{By: []string{"team", "hour"}}); err != nil || len(s.Lines) < 500 {
		t.Errorf("%v", err) // a table of hours has it
	}
	late := row(10_000) // a correction of a day whose rows are gone
	late.Time, late.Kind = day(1).UnixNano(), KindCorrection
	must(t, l.Append(late))
	must(t, l.Flush(t.Context()))
	verify(t, &l.Reader)
}

// TestRetain: a gateway removes only what is old, shipped, and not wanted, and never its newest row.
func TestRetain(t *testing.T) {
	url := newFleet(t)
	l := open(t, t.TempDir(), Options{})
	now := time.Now().UTC().Truncate(24 * time.Hour)
	var spend pricing.Nano
	for n := range 400 {
		r := row(n)
		r.Time = now.Add(-time.Duration(n) * time.Hour).UnixNano() // the newest row is the oldest request
		spend += r.Cost
		must(t, l.Append(r))
	}
	must(t, l.Flush(t.Context()))
	keep := now.AddDate(0, 0, -12)
	s, err := l.Ship(ShipOptions{URL: url, Gateway: "one", Every: time.Millisecond, Retain: 5 * 24 * time.Hour, Keep: func() time.Time { return keep }})
	must(t, err)
	left := func() (rows int64) {
		must(t, l.db.QueryRow("SELECT count(*) FROM rows").Scan(&rows))
		return rows
	}
	want := int64(12*24 + 1 + 1) // twelve days, the hour at the begin of today, and the last row, which tells where to go on
	eventually(t, "old rows go", func() bool { return left() == want })
	must(t, s.Close(t.Context()))
	for range 20 {
		s.retired = time.Time{} // not a minute later, but now
		must(t, s.retire(t.Context()))
	}
	if n := left(); n != want {
		t.Errorf("%d rows are left, want %d", n, want)
	}
	if audit := verify(t, &l.Reader); audit.Removed != 400-want {
		t.Errorf("%+v", audit)
	}
	fleet := fleetOf(t, url)
	if found, err := l.CompareFleet(t.Context(), fleet, "one", time.Time{}); err != nil || found.Unshipped != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if spent, err := fleet.Spent(t.Context(), Filter{}); err != nil || spent != spend {
		t.Errorf("$%s in Postgres, %v; want $%s", spent.Dollars(), err, spend.Dollars())
	}
	if spent, err := l.Spent(t.Context(), Filter{User: "user1"}); err != nil || spent == 0 {
		t.Errorf("$%s, %v", spent.Dollars(), err)
	}
}

// TestReofferedAfterPrune: rows that were removed from Postgres, and that their gateway still has, are not booked there a second time when
// the gateway offers all of its rows again; and those that Postgres never had are.
func TestReofferedAfterPrune(t *testing.T) {
	url := newFleet(t)
	l := open(t, t.TempDir(), Options{Warn: func(string, error) {}})
	var spend pricing.Nano
	all := month30()
	enter := func(rows []*Row) {
		for _, r := range rows {
			must(t, l.Append(r))
			spend += r.Cost
		}
		must(t, l.Flush(t.Context()))
	}
	enter(all[:700])
	shipped(t, ship(t, l, url, "one"))
	fleet := fleetOf(t, url)
	before, proven := morning.AddDate(0, 0, 10), map[int64]int64{}
	must(t, fleet.Rows(t.Context(), Filter{To: before.Truncate(24 * time.Hour)}, func(r *Row) error { proven[floorTo(r.Time, hourNanos)]++; return nil }))
	gone, err := fleet.Prune(t.Context(), before, proven)
	if err != nil || gone < 200 {
		t.Fatalf("%d rows removed, %v", gone, err)
	}
	enter(all[700:])
	f := func(what string) {
		t.Helper()
		s, err := fleet.Report(t.Context(), Query{})
		must(t, err)
		if s.Requests != 800 || s.Spend != spend {
			t.Errorf("%s: %d requests and $%s, want 800 and $%s", what, s.Requests, s.Spend.Dollars(), spend.Dollars())
		}
		if audit, err := fleet.Verify(t.Context()); err != nil || audit.Rows != 800-gone || audit.Removed != gone {
			t.Errorf("%s: %+v, %v", what, audit, err)
		}
	}
	_, err = fleet.db.Exec("UPDATE bursar.gateways SET position = 7, id = (SELECT id FROM bursar.rows LIMIT 1)") // as after a vacuumed ledger.db
	must(t, err)
	crashed := &Shipper{ledger: l, fleet: fleet, options: ShipOptions{Gateway: "one", Batch: 100, Timeout: time.Minute}, batch: 100}
	for range 2 { // in the middle of it
		if n, err := crashed.shipSome(t.Context()); n != 100 || err != nil {
			t.Fatalf("%d rows, %v", n, err)
		}
	}
	shipped(t, ship(t, l, url, "one"))
	f("offered again")
	shipped(t, ship(t, l, url, "one"))
	f("and once more")
}
