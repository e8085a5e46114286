package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bursar/exchange"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("KEYS_TEST_APPEND"); dir != "" { // the other process of TestTwoProcessesAppend
		for range 20 {
			if _, _, err := File(dir).Add(context.Background(), Terms{Team: "other"}); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, dir string, o RingOptions) *Ring {
	t.Helper()
	r, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func add(t *testing.T, dir string, terms Terms) (Secret, Key) {
	t.Helper()
	s, k, err := File(dir).Add(t.Context(), terms)
	if err != nil {
		t.Fatal(err)
	}
	return s, k
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	good, goodKey := add(t, dir, Terms{Team: "data-science", Project: "churn", User: "ann", Name: "notebook"})
	then := File(dir)
	then.Now = clock
	brief, _, err := then.Add(t.Context(), Terms{Team: "search", Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	gone, goneKey := add(t, dir, Terms{Team: "search"})
	if err := File(dir).Revoke(t.Context(), goneKey.ID); err != nil {
		t.Fatal(err)
	}
	if err := File(dir).Revoke(t.Context(), goneKey.ID); err != nil {
		t.Fatalf("a second revocation: %v", err)
	}
	r := open(t, dir, RingOptions{Now: clock})
	f := func(key string, team string, want error) {
		t.Helper()
		who, err := r.Find([]byte(key))
		if !errors.Is(err, want) || who.Team != team {
			t.Errorf("got %+v, %v; want team %q, %v", who, err, team, want)
		}
	}
	f(good.Reveal(), "data-science", nil)
	f(brief.Reveal(), "search", nil)
	f(gone.Reveal(), "", ErrRevoked)
	f(newSecret("search").Reveal(), "", ErrUnknown)
	f(good.Reveal()[:20], "", ErrMalformed)
	f("", "", ErrMalformed)
	f("sk-proj-abc", "", ErrMalformed)
	f(strings.ToUpper(good.Reveal()), "", ErrMalformed)
	now = now.Add(time.Hour)
	f(brief.Reveal(), "", ErrExpired)

	want := exchange.Identity{KeyID: goodKey.ID, Team: "data-science", Project: "churn", User: "ann"}
	if who, _ := r.Find([]byte(good.Reveal())); who != want {
		t.Errorf("got %+v, want %+v", who, want)
	}
	if r.Len() != 3 {
		t.Errorf("got %d keys, want 3", r.Len())
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	dir := t.TempDir()
	good, _ := add(t, dir, Terms{Team: "search", Expires: time.Now().Add(time.Hour)})
	r := open(t, dir, RingOptions{})
	for _, key := range [][]byte{[]byte(good.Reveal()), []byte(newSecret("search").Reveal()), []byte("nonsense")} {
		if n := testing.AllocsPerRun(100, func() { _, _ = r.Find(key) }); n != 0 {
			t.Errorf("%g allocations", n)
		}
	}
}

// Every key that differs from an issued one in one character is told as mistyped, not as unknown.
func TestTyposAreTold(t *testing.T) {
	good := []byte(newSecret("search").Reveal())
	if !wellFormed(good) {
		t.Fatal("a new key is not well formed")
	}
	for i := range good {
		for _, c := range []byte("aZ0-") {
			bad := bytes.Clone(good)
			bad[i] = c
			if c != good[i] && wellFormed(bad) {
				t.Errorf("byte %d as %q goes unnoticed", i, c)
			}
		}
	}
}

func TestSecretsDiffer(t *testing.T) {
	seen := map[string]bool{}
	var used [256]bool
	for range 2000 {
		s := newSecret("a-b").Reveal()
		random, ok := strings.CutPrefix(s, "sk-bursar-a-b-")
		if !ok || len(random) != randomChars+checkedChars || seen[s] {
			t.Fatalf("key of a wrong shape, or drawn twice")
		}
		seen[s] = true
		for _, c := range []byte(random[:randomChars]) {
			used[c] = true
		}
	}
	for _, c := range []byte(base62) {
		if !used[c] {
			t.Errorf("%q is never drawn", c)
		}
	}
}

// The text of a key is nowhere: not in the file, not in an error, not in what prints or marshals.
func TestKeyTextNeverLeaks(t *testing.T) {
	dir := t.TempDir()
	secret, key := add(t, dir, Terms{Team: "search"})
	text := secret.Reveal()
	random := text[len("sk-bursar-search-"):]
	var shown []string
	shown = append(shown, secret.String(), fmt.Sprintf("%v %+v %#v %s %q %x %d", secret, secret, secret, secret, secret, secret, secret),
		fmt.Sprintf("%v %#v", struct{ S *Secret }{&secret}, key))
	marshalled, _ := secret.MarshalText()
	shown = append(shown, string(marshalled))
	fails := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("no error")
			return
		}
		shown = append(shown, err.Error())
	}
	_, _, err := File(dir).Add(t.Context(), Terms{Team: text})
	fails(err)
	for _, terms := range []Terms{{Team: "x", Name: text}, {Team: "x", User: "a " + text}, {Team: "x", Project: text}, {Team: "x", Models: []string{text}}} {
		_, _, err = File(dir).Add(t.Context(), terms)
		fails(err)
	}
	fails(File(dir).Revoke(t.Context(), random))
	fails(File(dir).Revoke(t.Context(), text+"x"))
	r := open(t, dir, RingOptions{})
	_, err = r.Find([]byte(text + "x"))
	fails(err)
	file, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	shown = append(shown, string(file))
	fails(os.WriteFile(filepath.Join(dir, fileName, "x"), nil, 0o600))
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text+"\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = File(dir).List(t.Context())
	fails(err)
	for _, s := range shown {
		if strings.Contains(s, random) || strings.Contains(s, random[:12]) {
			t.Errorf("the key shows in %q", s)
		}
	}
}

func TestRevokeByKeyText(t *testing.T) {
	dir := t.TempDir()
	secret, key := add(t, dir, Terms{Team: "search"})
	if err := File(dir).Revoke(t.Context(), secret.Reveal()); err != nil {
		t.Fatal(err)
	}
	all, err := File(dir).List(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != key.ID || all[0].Revoked.IsZero() {
		t.Errorf("got %+v, %v", all, err)
	}
	if err := File(dir).Revoke(t.Context(), "k-000000000000"); err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("got %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	now := time.Now()
	f := func(terms Terms, want string) {
		t.Helper()
		if _, _, err := File(t.TempDir()).Add(t.Context(), terms); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, team := range []string{"", "Search", "a b", "-a", "a-", "ü", "a/b", "a.b", strings.Repeat("a", 64)} {
		f(Terms{Team: team}, "lower-case letters")
	}
	f(Terms{Team: "a", Name: "x\ny"}, "control characters")
	f(Terms{Team: "a", User: "\xff"}, "UTF-8")
	f(Terms{Team: "a", Project: strings.Repeat("p", 201)}, "201 bytes")
	f(Terms{Team: "a", Expires: now.Add(-time.Second)}, "is past")
}

func TestListWithoutFile(t *testing.T) {
	if all, err := File(t.TempDir()).List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
	if r := open(t, t.TempDir(), RingOptions{}); r.Len() != 0 {
		t.Errorf("got %d keys", r.Len())
	}
}

func TestFileMode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	add(t, dir, Terms{Team: "a"})
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want 0600", info.Mode(), err)
	}
}

// A ring sees within a second what other processes do to the file: added, revoked, replaced, broken and mended.
func TestRingFollowsFile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []error
		r, err := Open(dir, RingOptions{Changed: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err)
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		find := func(s Secret, want error) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			if _, err := r.Find([]byte(s.Reveal())); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		first, _ := add(t, dir, Terms{Team: "a"})
		find(first, nil)
		second, key := add(t, dir, Terms{Team: "b"})
		find(second, nil)
		if err := File(dir).Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		find(second, ErrRevoked)

		path := filepath.Join(dir, fileName)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		onlyFirst := good[:bytes.IndexByte(good, '\n')+1]
		replace(t, path, onlyFirst)
		find(second, ErrUnknown)
		find(first, nil)

		mu.Lock()
		told = nil
		mu.Unlock()
		replace(t, path, append([]byte("rubbish\n"), good...))
		find(first, nil) // the last good reading
		find(first, nil)
		mu.Lock()
		if r.Problem() == nil || len(told) != 1 || told[0] == nil {
			t.Errorf("problem %v, told %v; want one error, told once", r.Problem(), told)
		}
		mu.Unlock()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		find(first, nil)
		replace(t, path, good)
		find(second, ErrRevoked)
		mu.Lock()
		defer mu.Unlock()
		if r.Problem() != nil || told[len(told)-1] != nil {
			t.Errorf("problem %v, told %v after mending", r.Problem(), told)
		}
	})
}

func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestTornLastLine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	add(t, dir, Terms{Team: "a"})
	add(t, dir, Terms{Team: "b"})
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(src, '\n') + 1
	for cut := first; cut < len(src)-1; cut++ {
		if keys, whole, err := read(src[:cut]); err != nil || len(keys) != 1 || whole != first {
			t.Fatalf("cut at %d: %d keys, %d whole bytes, %v", cut, len(keys), whole, err)
		}
	}
	if err := os.WriteFile(path, src[:len(src)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, dir, Terms{Team: "c"}) // cuts the torn line off
	if all, err := File(dir).List(t.Context()); err != nil || len(all) != 2 || all[1].Team != "c" {
		t.Errorf("got %+v, %v", all, err)
	}
	// A last line that is whole but for its end stays.
	src, _ = os.ReadFile(path)
	if err := os.WriteFile(path, src[:len(src)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, dir, Terms{Team: "d"})
	if all, err := File(dir).List(t.Context()); err != nil || len(all) != 3 || all[1].Team != "c" {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestReadRefuses(t *testing.T) {
	digest := strings.Repeat("0", 64)
	added := `{"op":"added","at":"2026-01-01T00:00:00Z","id":"k-000000000000","sha256":"` + digest + `","team":"a"}` + "\n"
	f := func(src, want string) {
		t.Helper()
		if _, _, err := read([]byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("x\n", "line 1: not a JSON object")
	f("\n\n{}\n", "line 3: a record needs op, id and at")
	f(added+strings.Replace(added, `"a"`, `"b"`, 1), "key k-000000000000 was added twice")
	f(strings.Replace(added, "k-0", "k-1", 1), "id is not k-000000000000")
	f(strings.Replace(added, digest, "00", 1), "64 hexadecimal digits")
	f(strings.Replace(added, `"a"`, `"A"`, 1), "lower-case letters")
	f(strings.Replace(added, `"team"`, `"tier":1,"team"`, 1), "line 1: not a JSON object with the members")
	f(strings.Replace(added, "}\n", "}{}\n", 1), "more than one")
	f(`{"op":"revoked"}`+"\n", "needs op, id and at")
	f(`{"op":"moved","at":"2026-01-02T00:00:00Z","id":"k-000000000000"}`+"\n", "op is not one of")
	f(`{"op":"rotated","at":"2026-01-02T00:00:00Z","id":"k-000000000000","sha256":"00"}`+"\n", "64 hexadecimal digits")

	keys, _, err := read([]byte(`{"op":"revoked","at":"2026-01-02T00:00:00Z","id":"k-000000000000"}` + "\n" + added))
	if err != nil || len(keys) != 1 || keys[0].Revoked.IsZero() {
		t.Errorf("a revocation before its key: %+v, %v", keys, err)
	}
}

func TestGoroutinesAppend(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 10 {
				_, k, err := File(dir).Add(t.Context(), Terms{Team: "a"})
				if err == nil && i%2 == 0 {
					err = File(dir).Revoke(t.Context(), k.ID)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	expect(t, dir, 80, 40)
}

func TestTwoProcessesAppend(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 2 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "KEYS_TEST_APPEND="+dir)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for range 20 {
		add(t, dir, Terms{Team: "mine"})
	}
	wg.Wait()
	expect(t, dir, 60, 0)
}

func expect(t *testing.T, dir string, keys, revoked int) {
	t.Helper()
	all, err := File(dir).List(t.Context())
	if err != nil || len(all) != keys {
		t.Fatalf("%d keys, %v; want %d", len(all), err, keys)
	}
	for _, k := range all {
		if !k.Revoked.IsZero() {
			revoked--
		}
	}
	if revoked != 0 {
		t.Errorf("%d revocations are missing", revoked)
	}
}

func TestParse(t *testing.T) {
	f := func(authorization, x, api, goog, want string) {
		t.Helper()
		if got := string(Parse([]byte(authorization), []byte(x), []byte(api), []byte(goog))); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("", "", "", "", "")
	f("Bearer sk-bursar-a-1", "", "", "", "sk-bursar-a-1")
	f("  bEARER   sk-bursar-a-1 ", "", "", "", "sk-bursar-a-1")
	f("", "sk-bursar-a-1", "", "", "sk-bursar-a-1")
	f("", "", " sk-bursar-a-1", "", "sk-bursar-a-1")
	f("", "", "", "sk-bursar-a-1\t", "sk-bursar-a-1")
	f("Bearer dummy", "sk-bursar-a-1", "", "", "sk-bursar-a-1")
	f("Bearer sk-bursar-a-1", "sk-bursar-b-2", "", "", "sk-bursar-a-1")
	f("Basic sk-bursar-a-1", "other", "", "", "other")
	f("Bearer", "", "", "", "")
	f("Bearer ", "", "", "", "")
	f("sk-bursar-a-1", "", "", "", "")
	if n := testing.AllocsPerRun(100, func() { Parse([]byte("Bearer sk-bursar-a-1"), nil, nil, nil) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func FuzzRead(f *testing.F) {
	added := `{"op":"added","at":"2026-01-01T00:00:00Z","id":"k-000000000000","sha256":"` + strings.Repeat("0", 64) + `","team":"a"}`
	revoked := `{"op":"revoked","at":"2026-01-02T00:00:00Z","id":"k-000000000000"}`
	f.Add([]byte(added + "\n" + revoked + "\n"))
	f.Add([]byte(revoked + "\n" + added))
	f.Add([]byte(added + "\n" + revoked[:20]))
	f.Fuzz(func(t *testing.T, src []byte) {
		keys, whole, err := read(src)
		if err != nil {
			if keys != nil {
				t.Error("keys beside an error")
			}
			return
		}
		if whole > len(src) {
			t.Fatalf("%d whole bytes of %d", whole, len(src))
		}
		again, rest, err := read(src[:whole])
		if err != nil || len(again) != len(keys) || rest != whole {
			t.Errorf("the whole lines read differently: %d and %d keys, %d and %d bytes, %v", len(keys), len(again), whole, rest, err)
		}
		for i, k := range keys {
			if !reflect.DeepEqual(k, again[i]) || k.ID != idOf(k.secrets[0].digest) || validTeam(k.Team) != nil {
				t.Errorf("key %d: %+v, then %+v", i, k, again[i])
			}
		}
	})
}

func FuzzWellFormed(f *testing.F) {
	f.Add([]byte(newSecret("search").Reveal()))
	f.Fuzz(func(t *testing.T, key []byte) {
		if wellFormed(key) && len(key) < len(prefix)+randomChars+checkedChars+2 {
			t.Error("too short, but well formed")
		}
	})
}

func BenchmarkFind(b *testing.B) {
	dir := b.TempDir()
	secret, _, err := File(dir).Add(b.Context(), Terms{Team: "data-science", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		b.Fatal(err)
	}
	r, err := Open(dir, RingOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	key := []byte(secret.Reveal())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Find(key); err != nil {
			b.Fatal(err)
		}
	}
}
