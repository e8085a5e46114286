package keys

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"bursar/exchange"

	"github.com/alicebob/miniredis/v2"
)

// TestEditKeepsTheKey: its id, its secret and its history; only the terms are others.
func TestEditKeepsTheKey(t *testing.T) {
	dir := t.TempDir()
	store := File(dir)
	store.By = "ann@desk"
	secret, key, err := store.Add(t.Context(), Terms{Team: "search", Models: []string{"cheap"}, Tags: []exchange.Tag{{Name: "B", Value: "2"}, {Name: "a", Value: "1"}}, NoPin: true})
	if err != nil {
		t.Fatal(err)
	}
	store.By = "bob@desk"
	edited, err := store.Edit(t.Context(), secret.Reveal(), func(terms *Terms) { terms.Team, terms.Models = "support", nil })
	if err != nil || edited.ID != key.ID || edited.Team != "support" {
		t.Fatalf("edited %+v, %v", edited, err)
	}
	if _, err := store.Edit(t.Context(), key.ID, func(*Terms) {}); err != nil { // nothing to do, and no record of it
		t.Fatal(err)
	}
	who, err := open(t, dir, RingOptions{}).Find([]byte(secret.Reveal()))
	want := exchange.KeyScope{NoPin: true, Tags: []exchange.Tag{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}}
	if err != nil || who.KeyID != key.ID || who.Team != "support" || !reflect.DeepEqual(*who.Scope, want) {
		t.Errorf("found %+v, scope %+v, %v", who, who.Scope, err)
	}
	all, err := store.List(t.Context())
	if err != nil || len(all) != 1 || len(all[0].Changes) != 2 {
		t.Fatalf("listed %+v, %v", all, err)
	}
	if first, second := all[0].Changes[0], all[0].Changes[1]; first.By != "ann@desk" || second.By != "bob@desk" || second.At.IsZero() ||
		second.What != "team search -> support; models cheap -> none" {
		t.Errorf("history %+v", all[0].Changes)
	}
}

func TestEditRefuses(t *testing.T) {
	store := File(t.TempDir())
	_, key, err := store.Add(t.Context(), Terms{Team: "a"})
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, edit func(*Terms)) {
		t.Helper()
		if _, err := store.Edit(t.Context(), key.ID, edit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("lower-case", func(t *Terms) { t.Team = "A" })
	f("is past", func(t *Terms) { t.Expires = time.Now().Add(-time.Hour) })
	f("stands twice", func(t *Terms) { t.Tags = []exchange.Tag{{Name: "x", Value: "1"}, {Name: "X", Value: "2"}} })
	f("at most 100", func(t *Terms) { t.Models = strings.Split(strings.Repeat("m,", 101), ",") })
	f("a model is empty", func(t *Terms) { t.Models = []string{""} })
	if err := store.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	f("revoked", func(t *Terms) { t.Team = "b" })
	if _, _, err := store.Rotate(t.Context(), key.ID, time.Hour); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a revoked key was given a new secret: %v", err)
	}
}

// TestRotate: both secrets work until the grace is over, then only the new one; a revocation ends both.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	store := File(dir)
	store.Now = func() time.Time { return now }
	first, key, err := store.Add(t.Context(), Terms{Team: "search"})
	if err != nil {
		t.Fatal(err)
	}
	find := func(s Secret, want error) {
		t.Helper()
		who, err := open(t, dir, RingOptions{Now: store.Now}).Find([]byte(s.Reveal()))
		if !errors.Is(err, want) || err == nil && who.KeyID != key.ID {
			t.Errorf("at %s: %+v, %v; want %v", now.Format(time.TimeOnly), who, err, want)
		}
	}
	rotate := func(grace time.Duration) Secret {
		t.Helper()
		s, same, err := store.Rotate(t.Context(), key.ID, grace)
		if err != nil || same.ID != key.ID {
			t.Fatalf("rotated %+v, %v", same, err)
		}
		return s
	}
	second := rotate(24 * time.Hour)
	now = now.Add(24*time.Hour - time.Second)
	find(first, nil)
	find(second, nil)
	now = now.Add(time.Second)
	find(first, ErrReplaced)
	find(second, nil)
	third := rotate(time.Hour)
	fourth := rotate(0) // in a hurry: what was still in its grace ends as well
	find(second, ErrReplaced)
	find(third, ErrReplaced)
	find(fourth, nil)
	if _, err := store.Edit(t.Context(), fourth.Reveal(), func(t *Terms) { t.Name = "x" }); err != nil {
		t.Errorf("a later secret does not name the key: %v", err)
	}
	if err := store.Revoke(t.Context(), second.Reveal()); err != nil { // an old secret was found somewhere
		t.Fatal(err)
	}
	find(fourth, ErrRevoked)
	if _, _, err := store.Rotate(t.Context(), key.ID, -time.Second); err == nil {
		t.Error("a negative grace")
	}
}

// TestDeclare: keys of the policy come and go with it, and one that the file has revoked stays revoked.
func TestDeclare(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir, RingOptions{Poll: time.Hour}) // polled by hand
	made, key, err := Make(Terms{Team: "search", Models: []string{"cheap"}})
	if err != nil {
		t.Fatal(err)
	}
	revoked, other := add(t, dir, Terms{Team: "search"})
	if err := File(dir).Revoke(t.Context(), other.ID); err != nil {
		t.Fatal(err)
	}
	r.pollFile(t.Context())
	r.Declare([]Declared{{SHA256: made.digest(), Terms: key.Terms}, {SHA256: revoked.digest(), Terms: other.Terms}})
	if who, err := r.Find([]byte(made.Reveal())); err != nil || who.KeyID != key.ID || who.Scope.Models[0] != "cheap" {
		t.Errorf("declared: %+v, %v", who, err)
	}
	if _, err := r.Find([]byte(revoked.Reveal())); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked in the file: %v", err)
	}
	r.Declare([]Declared{{ID: "k-0123456789ab", SHA256: made.digest(), Terms: key.Terms}})
	if who, _ := r.Find([]byte(made.Reveal())); who.KeyID != "k-0123456789ab" {
		t.Errorf("a given id: %+v", who)
	}
	r.Declare(nil)
	if _, err := r.Find([]byte(made.Reveal())); !errors.Is(err, ErrUnknown) {
		t.Errorf("after its row was removed: %v", err)
	}
	if again, err := Of(" "+made.Reveal()+"\n", Terms{Team: TeamOf(made.Reveal())}); err != nil || again.SHA256() != key.SHA256() || again.Team != "search" {
		t.Errorf("read again: %+v, %v", again, err)
	}
	if _, err := Of("sk-bursar-search-x", Terms{Team: "search"}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a mistyped key: %v", err)
	}
}

// TestEndedAnywhere: a key that was copied to the fleet and got another secret in the file ends with it all the same when it is revoked in
// the fleet; and a secret that was replaced in one of the two does not go on to work by the other.
func TestEndedAnywhere(t *testing.T) {
	dir, shared := t.TempDir(), fleet(t, miniredis.RunT(t).Addr())
	leaked, rotated := add(t, dir, Terms{Team: "a"})
	first, revoked := add(t, dir, Terms{Team: "a"})
	if _, err := shared.Take(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir, RingOptions{Fleet: shared, Poll: 5 * time.Millisecond})
	fresh, _, err := File(dir).Rotate(t.Context(), rotated.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	within(t, r, fresh, nil)
	within(t, r, leaked, ErrReplaced)
	second, _, err := File(dir).Rotate(t.Context(), revoked.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	within(t, r, second, nil)
	if err := shared.Store().Revoke(t.Context(), revoked.ID); err != nil {
		t.Fatal(err)
	}
	within(t, r, first, ErrRevoked)
	within(t, r, second, ErrRevoked)
}

// TestRotateByOtherClocks: operators' machines disagree about the time. What was done later counts later, and at once is at once.
func TestRotateByOtherClocks(t *testing.T) {
	dir := t.TempDir()
	real := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	by := func(fast time.Duration) *Store {
		store := File(dir)
		store.Now = func() time.Time { return real.Add(fast) }
		return store
	}
	find := func(s Secret, want error) {
		t.Helper()
		if _, err := open(t, dir, RingOptions{Now: by(0).Now}).Find([]byte(s.Reveal())); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	rotate := func(fast, grace time.Duration, id string) Secret {
		t.Helper()
		s, _, err := by(fast).Rotate(t.Context(), id, grace)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, key, err := by(0).Add(t.Context(), Terms{Team: "search"})
	if err != nil {
		t.Fatal(err)
	}
	second := rotate(time.Hour, 0, key.ID)
	find(first, ErrReplaced)
	find(second, nil)
	third := rotate(0, 0, key.ID) // ten minutes later, it may be
	real = real.Add(2 * time.Hour)
	find(second, ErrReplaced)
	find(third, nil)
	if _, err := by(-24*time.Hour).Edit(t.Context(), key.ID, func(t *Terms) { t.Name = "one" }); err != nil {
		t.Fatal(err)
	}
	if all, err := by(0).List(t.Context()); err != nil || all[0].Name != "one" || len(all[0].Changes) != 4 || all[0].Changes[3].What != "name none -> one" {
		t.Errorf("%+v, %v", all, err)
	}
}
