package main

import (
	"os"
	"strings"
	"testing"
)

// TestKeys: add prints the key alone, list shows all but the key, revoke takes an id or the key itself.
func TestKeys(t *testing.T) {
	dir := t.TempDir() + "/new/data"
	if out := done(t, "keys", "list", "-data", dir); strings.Count(out, "\n") != 1 {
		t.Errorf("list of a folder without keys: %q", out)
	}
	got := world{}.run("keys", "add", "-team", "search", "-project", "ranking", "-user", "ann", "-name", "laptop", "-days", "30", "-data", dir)
	key := strings.TrimSuffix(got.out, "\n")
	if got.code != 0 || !strings.HasPrefix(key, "sk-bursar-search-") || strings.ContainsAny(key, " \n") {
		t.Fatalf("add: %+v", got)
	}
	if strings.Contains(got.err, key) || !strings.Contains(got.err, "shown only this once") {
		t.Errorf("add says %q on standard error", got.err)
	}
	_, id, _ := strings.Cut(got.err, "key ")
	id, _, _ = strings.Cut(id, " ")
	second := strings.TrimSpace(done(t, "keys", "add", "-data", dir, "-team", "research"))
	list := done(t, "keys", "list", "-data", dir)
	for _, want := range []string{id, "search", "ranking", "ann", "laptop", "research"} {
		if !strings.Contains(list, want) {
			t.Errorf("list without %q:\n%s", want, list)
		}
	}
	done(t, "keys", "revoke", "-data", dir, id)
	done(t, "keys", "revoke", second, "-data", dir) // flags may stand behind
	done(t, "keys", "revoke", "-data", dir, id)     // again is no error
	list = done(t, "keys", "list", "-data", dir)
	for _, line := range strings.Split(strings.TrimSpace(list), "\n")[1:] {
		if days := strings.Count(line, "20"); !strings.Contains(line, "k-") || days < 2 {
			t.Errorf("not listed as revoked: %q", line)
		}
	}
	stored, err := os.ReadFile(dir + "/keys.jsonl")
	must(t, err)
	for _, secret := range []string{key, second} {
		if strings.Contains(list, secret) || strings.Contains(string(stored), secret) {
			t.Error("the key is kept in plain text")
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the data folder is open to all: %v %v", info.Mode(), err)
	}
}

// TestKeysRefused: what cannot be stored is refused, with why.
func TestKeysRefused(t *testing.T) {
	dir := t.TempDir()
	f := func(want string, args ...string) {
		t.Helper()
		got := world{}.run(append([]string{"keys"}, append(args, "-data", dir)...)...)
		if got.code != 1 || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("keys %s: without %q: %+v", strings.Join(args, " "), want, got)
		}
	}
	f("lower-case letters", "add", "-team", "Search Team")
	f("at most 200", "add", "-team", "search", "-name", strings.Repeat("x", 201))
	f("keys list", "revoke", "search")
	f("no such key", "revoke", "k-0123456789ab")
	write(t, dir+"/keys.jsonl", "{broken}\n{}\n")
	f(dir+"/keys.jsonl", "list")
	f(dir+"/keys.jsonl", "add", "-team", "search")
}
