package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRows: every row once and whole, in order of time, on either side of the commit, while more are appended.
func TestRows(t *testing.T) {
	l := open(t, t.TempDir(), Options{CommitEvery: time.Hour})
	var want []Row
	for n := range 300 {
		r := row(n * 7919 % 300) // times out of order
		r.Time -= r.Time % int64(30*time.Second)
		want = append(want, *r)
		must(t, l.Append(r))
		if n == 200 {
			must(t, l.Flush(t.Context()))
		}
	}
	slices.SortFunc(want, compareRows)
	var have []Row
	must(t, l.Rows(t.Context(), Filter{}, func(r *Row) error {
		have = append(have, *r)
		more := *r
		more.ID, more.Kind = r.ID+".more", KindCorrection
		return l.Append(&more)
	}))
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	must(t, l.Flush(t.Context()))
	have = nil
	f := Filter{Team: "team1", From: morning.Add(10 * time.Minute), To: morning.Add(20 * time.Minute)}
	must(t, l.Rows(t.Context(), f, func(r *Row) error {
		have = append(have, *r)
		return nil
	}))
	count := 0
	for _, r := range want {
		if r.Team == "team1" && r.Time >= f.From.UnixNano() && r.Time < f.To.UnixNano() {
			count += 2 // and its correction
		}
	}
	if len(have) != count || count == 0 {
		t.Errorf("%d rows, want %d", len(have), count)
	}
	enough := errors.New("enough")
	seen := 0
	err := l.Rows(t.Context(), Filter{}, func(*Row) error {
		if seen++; seen == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 3 {
		t.Errorf("%v after %d rows", err, seen)
	}
}
