package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOldSchemas: a ledger of an earlier version is brought up to date when a gateway opens it, and loses nothing; a reader before
// that says what to do.
func TestOldSchemas(t *testing.T) {
	for version := 1; version < schemaVersion; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) { upgradeFrom(t, version) })
	}
}

func upgradeFrom(t *testing.T, version int) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	for n := range 200 {
		r := row(n)
		r.Time += int64(n) * int64(time.Hour)
		must(t, l.Append(r))
	}
	must(t, l.Flush(t.Context()))
	queries := []Query{{By: []string{"day", "team", "rule"}}, {By: []string{"user", "model"}}, {By: []string{"hour", "key"}}, {By: []string{"tag:n"}}}
	ask := func() (all []map[string]Sums) {
		for _, q := range queries {
			s, err := l.Report(t.Context(), q)
			must(t, err)
			all = append(all, linesOf(s))
		}
		return all
	}
	want := ask()
	for _, text := range asOf(version) {
		_, err := l.committer.store.db.Exec(text)
		must(t, err)
	}
	must(t, l.Close())
	if _, err := OpenReader(dir); err == nil || !strings.Contains(err.Error(), "start its gateway once with this version") {
		t.Errorf("a reader of schema %d: %v", version, err)
	}
	l = open(t, dir, Options{})
	verify(t, &l.Reader)
	if diff := cmp.Diff(want, ask()); diff != "" {
		t.Error(diff)
	}
	must(t, l.Append(row(1000)))
	must(t, l.Flush(t.Context()))
	verify(t, &l.Reader)
}

// asOf turns a database back into what an earlier version had made.
func asOf(version int) []string {
	all := []string{"DROP INDEX rows_labels"}
	if version == 4 {
		return append(all, "PRAGMA user_version = 4")
	}
	all = append(all, "ALTER TABLE rows DROP COLUMN facts")
	if version == 3 {
		return append(all, "PRAGMA user_version = 3")
	}
	all = append(all, "DROP TABLE removed")
	for i := range rollups {
		if u := &rollups[i]; u.table != "days" || version == 1 {
			all = append(all, "DROP TABLE "+u.table)
		}
	}
	old := rollup{table: "hours", start: "hour", columns: []string{"team", "project", "key", "user", "target", "tier", "rule"}}
	columns := idents(old.columns, "")
	return append(all, old.create(sqlite),
		"INSERT INTO hours SELECT time - time % 3600000000000, "+columns+", "+sumList(true)+" FROM rows GROUP BY 1, "+columns,
		fmt.Sprintf("PRAGMA user_version = %d", version))
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
