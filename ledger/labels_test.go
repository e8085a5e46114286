package ledger

import (
	"context"
	"slices"
	"testing"
	"time"
)

// appendLabels appends requests, and a judgement of every third, and returns the ids of the judgements.
func appendLabels(t testing.TB, l *Ledger, name string) (ids []string) {
	t.Helper()
	for n := range 30 {
		r := row(n)
		r.ID = name + r.ID
		must(t, l.Append(r))
		if n%3 == 0 {
			label := &Row{ID: "label:" + r.ID, Kind: KindLabel, Time: r.Time + 1, Team: r.Team, Rule: r.Rule, Facts: `{"of":"` + r.ID + `"}`}
			must(t, l.Append(label))
			must(t, l.Append(label)) // the same again
			ids = append(ids, label.ID)
		}
	}
	return ids
}

type labelReader interface {
	Labels(ctx context.Context, since time.Time, do func(*Row) error) error
}

func labelsOf(t testing.TB, from labelReader, since time.Time) (ids []string) {
	t.Helper()
	must(t, from.Labels(t.Context(), since, func(r *Row) error {
		if r.Kind != KindLabel || r.Facts == "" {
			t.Errorf("%+v", r)
		}
		ids = append(ids, r.ID)
		return nil
	}))
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TestLabels: judgements are found, whether they are committed or only journalled, and count as no requests.
func TestLabels(t *testing.T) {
	l := open(t, t.TempDir(), Options{CommitEvery: time.Hour})
	want := appendLabels(t, l, "")
	slices.Sort(want)
	if got := labelsOf(t, l, time.Time{}); !slices.Equal(got, want) {
		t.Errorf("journalled: %v, want %v", got, want)
	}
	must(t, l.Flush(t.Context()))
	if got := labelsOf(t, l, time.Time{}); !slices.Equal(got, want) {
		t.Errorf("committed: %v, want %v", got, want)
	}
	last := time.Unix(0, row(29).Time)
	if got := labelsOf(t, l, last.Add(time.Hour)); len(got) != 0 {
		t.Errorf("of later: %v", got)
	}
	s, err := l.Report(t.Context(), Query{By: []string{"team"}})
	must(t, err)
	if s.Requests != 30 {
		t.Errorf("%d requests", s.Requests)
	}
	verify(t, &l.Reader)
}

// TestLabelsOfAFleet: each gateway's judgements are found in Postgres, and any gateway's requests.
func TestLabelsOfAFleet(t *testing.T) {
	url := newFleet(t)
	var want []string
	for _, name := range []string{"one-", "two-"} {
		l := open(t, t.TempDir(), Options{})
		want = append(want, appendLabels(t, l, name)...)
		s := ship(t, l, url, name)
		must(t, l.Flush(t.Context()))
		must(t, s.Close(t.Context()))
	}
	slices.Sort(want)
	f, err := OpenFleet(t.Context(), url)
	must(t, err)
	defer f.Close()
	if got := labelsOf(t, f, time.Time{}); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if r, found, err := f.Find(t.Context(), "two-"+row(4).ID); err != nil || !found || r.Team != row(4).Team {
		t.Errorf("find: %+v, %v, %v", r, found, err)
	}
	if _, found, err := f.Find(t.Context(), "three"); err != nil || found {
		t.Errorf("find what is not there: %v, %v", found, err)
	}
}
