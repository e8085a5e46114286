package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSchemaOne: a ledger of the version before days is brought up to date when a gateway opens it, and loses nothing; a reader
// before that says what to do.
func TestSchemaOne(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	for n := range 200 {
		r := row(n)
		r.Time += int64(n) * int64(time.Hour)
		must(t, l.Append(r))
	}
	must(t, l.Flush(t.Context()))
	query := Query{By: []string{"day", "team", "rule"}}
	want, err := l.Report(t.Context(), query)
	must(t, err)
	for _, text := range []string{"DROP TABLE days", "PRAGMA user_version = 1"} {
		_, err := l.committer.store.db.Exec(text)
		must(t, err)
	}
	must(t, l.Close())
	if _, err := OpenReader(dir); err == nil || !strings.Contains(err.Error(), "start its gateway once with this version") {
		t.Errorf("a reader of schema 1: %v", err)
	}
	l = open(t, dir, Options{})
	verify(t, &l.Reader)
	have, err := l.Report(t.Context(), query)
	must(t, err)
	if diff := cmp.Diff(linesOf(want), linesOf(have)); diff != "" {
		t.Error(diff)
	}
	must(t, l.Append(row(1000)))
	must(t, l.Flush(t.Context()))
	verify(t, &l.Reader)
}

// TestImport: rows that are imported are as good as rows that were appended; those that are there are passed over.
func TestImport(t *testing.T) {
	appended, imported := t.TempDir(), t.TempDir()
	var rows []*Row
	l := open(t, appended, Options{})
	for n := range 500 {
		rows = append(rows, row(n))
		must(t, l.Append(rows[n]))
	}
	must(t, Import(imported, slices.Values(rows[:300])))
	must(t, Import(imported, slices.Values(rows[200:])))
	m := open(t, imported, Options{})
	verify(t, &m.Reader)
	query := Query{By: []string{"team", "day", "user", "model"}}
	want, err := l.Report(t.Context(), query)
	must(t, err)
	have, err := m.Report(t.Context(), query)
	must(t, err)
	if diff := cmp.Diff(linesOf(want), linesOf(have)); diff != "" {
		t.Error(diff)
	}
	if err := Import(imported, slices.Values(rows)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("beside a gateway: %v", err)
	}
}

// TestLevels: a span is cut into days, hours and rows without a gap or an overlap, whatever its ends.
func TestLevels(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	for n := range 400 {
		r := row(n)
		r.Time = morning.Add(time.Duration(n) * 17 * time.Minute).UnixNano()
		must(t, l.Append(r))
	}
	must(t, l.Flush(t.Context()))
	ends := []time.Duration{-48 * time.Hour, 0, 17 * time.Minute, 3 * time.Hour, 16 * time.Hour, 16*time.Hour + 1, 40 * time.Hour, 41*time.Hour + 30*time.Minute, 90 * time.Hour, 400 * time.Hour}
	for i, from := range ends {
		for _, to := range ends[i+1:] {
			q := Query{Filter: Filter{From: morning.Add(from), To: morning.Add(to)}, By: []string{"team"}}
			coarse, err := l.Report(t.Context(), q)
			must(t, err)
			q.By = []string{"team", "user"}
			fine, err := l.Report(t.Context(), q)
			must(t, err)
			var count int64
			must(t, l.db.QueryRow("SELECT count(*) FROM rows WHERE time >= ? AND time < ?", q.From.UnixNano(), q.To.UnixNano()).Scan(&count))
			if coarse.Sums != fine.Sums || coarse.Requests != count {
				t.Errorf("%v to %v: %d requests by days, %d by hours, %d rows", from, to, coarse.Requests, fine.Requests, count)
			}
		}
	}
}
