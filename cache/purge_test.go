package cache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// ofSearch are the labels of team search's requests.
func ofSearch() []string { return []string{Label(LabelTeam, "search")} }

// A purge by label reaches what carries the label, on every gateway and on those that start later, and nothing else.
func TestPurgeByLabel(t *testing.T) {
	each(t, func(t *testing.T, s store, again func() store, pass func(time.Duration)) {
		labels := map[string][]string{
			"search cheap": {Label(LabelTeam, "search"), Label(LabelRoute, "cheap"), Label(LabelTag, "feature=titles")},
			"search dear":  {Label(LabelTeam, "search"), Label(LabelRoute, "dear")},
			"sales cheap":  {Label(LabelTeam, "sales"), Label(LabelRoute, "cheap")},
			"none":         nil,
		}
		put := func() {
			for name, l := range labels {
				a := answerOf(name)
				a.Labels = l
				s.Put(t.Context(), keyOf("a", name), a, time.Hour)
			}
			flush(t, s)
		}
		check := func(s store, want ...string) {
			t.Helper()
			for name := range labels {
				_, ok := s.Get(t.Context(), keyOf("a", name))
				if wanted := strings.Contains(strings.Join(want, ","), name); ok != wanted {
					t.Errorf("%s: found %v, want %v", name, ok, wanted)
				}
			}
		}
		f := func(label string, want ...string) {
			t.Helper()
			put()
			var other store
			if again != nil {
				other = again()
				check(other, "search cheap", "search dear", "sales cheap", "none")
			}
			if err := s.Purge(t.Context(), label); err != nil {
				t.Fatal(err)
			}
			check(s, want...)
			if again != nil {
				pass(rereadEpoch)
				check(other, want...)
				check(again(), want...)
			}
		}
		f(Label(LabelTeam, "search"), "sales cheap", "none")
		f(Label(LabelRoute, "cheap"), "search dear", "none")
		f(Label(LabelTag, "feature=titles"), "search dear", "sales cheap", "none")
		f(Label(LabelAnswer, keyOf("a", "none").String()), "search cheap", "search dear", "sales cheap")
		f(Label(LabelModel, "nobody's"), "search cheap", "search dear", "sales cheap", "none")
	})
}

// An answer that was asked for before a purge, and stored after it, is purged too.
func TestPurgeReachesWhatIsUnderWay(t *testing.T) {
	each(t, func(t *testing.T, s store, _ func() store, _ func(time.Duration)) {
		key := keyOf("a", "b")
		_, seat := s.Join(t.Context(), &Ask{Key: key, Labels: ofSearch})
		if err := s.Purge(t.Context(), Label(LabelTeam, "search")); err != nil {
			t.Fatal(err)
		}
		seat.Land(answerOf("old"), time.Hour)
		flush(t, s)
		if _, ok := s.Get(t.Context(), key); ok {
			t.Error("a hit for what was asked for before the purge")
		}
	})
}

// Purges that Redis has lost do not let come back what they hid.
func TestLostPurges(t *testing.T) {
	server := miniredis.RunT(t)
	now := newFakeTime()
	r := newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(now.Now))
	a := answerOf("x")
	a.Labels = []string{Label(LabelTeam, "search")}
	r.Put(t.Context(), keyOf("a"), a, time.Hour)
	flush(t, r)
	if err := r.Purge(t.Context(), a.Labels...); err != nil {
		t.Fatal(err)
	}
	server.Del(r.purgesName())
	now.pass(rereadEpoch)
	if _, ok := r.Get(t.Context(), keyOf("a")); ok {
		t.Error("a hit for what was purged")
	}
	r.Put(t.Context(), keyOf("b"), answerOf("y"), time.Hour)
	flush(t, r)
	if _, ok := r.Get(t.Context(), keyOf("b")); !ok {
		t.Error("a miss for what was put after it")
	}
}

// Purges of single answers are forgotten, oldest first, before they are too many; the others are not.
func TestPurgesAreBounded(t *testing.T) {
	server := miniredis.RunT(t)
	m, r := newMemory(t, MemoryOptions{}), newRedis(t, clientOf(t, server.Addr(), 0), "acme", patient(nil))
	many := make([]string, mostPurged)
	for i := range many {
		many[i] = Label(LabelAnswer, fmt.Sprintf("%064x", i))
	}
	for _, s := range []store{m, r} {
		for _, labels := range [][]string{{Label(LabelTeam, "search")}, many} {
			if err := s.Purge(t.Context(), labels...); err != nil {
				t.Fatal(err)
			}
		}
		table := m.hidden.current()
		if s == store(r) {
			table = r.hidden.current()
		}
		if n := len(table.last); n > mostPurged || n < mostPurged/4 || table.last["team=search"] != 1 || table.count != 2 {
			t.Errorf("%T remembers %d labels, team=search as %d of %d", s, n, table.last["team=search"], table.count)
		}
	}
}

// Single answers stay purged however many others are purged after them, though only so many purges are remembered.
func TestPurgesOfAnswersThatAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, s store, again func() store, pass func(time.Duration)) {
		key := keyOf("a", "wrong")
		s.Put(t.Context(), key, answerOf("wrong"), time.Hour)
		flush(t, s)
		if err := s.Purge(t.Context(), Label(LabelAnswer, key.String())); err != nil {
			t.Fatal(err)
		}
		others := make([]string, mostPurged)
		for i := range others {
			others[i] = Label(LabelAnswer, keyOf("b", fmt.Sprint(i)).String())
		}
		if err := s.Purge(t.Context(), others...); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Get(t.Context(), key); ok {
			t.Error("what was purged is back")
		}
		if again == nil {
			return
		}
		pass(rereadEpoch)
		if _, ok := again().Get(t.Context(), key); ok {
			t.Error("what was purged is back, for another gateway")
		}
	})
}
