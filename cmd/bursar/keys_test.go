package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"bursar/policy"

	"github.com/alicebob/miniredis/v2"
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

// TestKeysLifecycle of a key with bounds, in a folder and in a fleet's Redis: each change is in its history, with who made it.
func TestKeysLifecycle(t *testing.T) {
	for _, where := range [][]string{{"-data", t.TempDir()}, {"-redis", "redis://" + miniredis.RunT(t).Addr(), "-org", "acme"}} {
		keys := func(args ...string) outcome {
			t.Helper()
			got := world{env: map[string]string{"USER": "ann"}}.run(append(append([]string{"keys"}, args...), where...)...)
			if got.code != 0 {
				t.Fatalf("keys %q: %+v", args, got)
			}
			return got
		}
		first := keys("add", "-team", "search", "-models", "cheap, openai/*", "-routes", "everything else", "-pin=false", "-tag", "Feature=titles", "-expires", "2999-01-31")
		_, id, _ := strings.Cut(first.err, "key ")
		id, _, _ = strings.Cut(id, " ")
		keys("move", id, "-team", "support")
		keys("edit", id, "-models", "", "-tag", "feature=", "-tag", "app=web", "-expires", "never", "-by", "bob")
		second := keys("rotate", id, "-grace", "1h")
		if second.out == first.out || !strings.HasPrefix(second.out, "sk-bursar-support-") {
			t.Errorf("rotated: %+v", second)
		}
		keys("revoke", strings.TrimSpace(second.out))

		var row struct {
			ID, Team, Expires string
			Models, Routes    []string
			Pin               bool
			Tags              []struct{ Name, Value string }
			History           []struct{ By, What string }
		}
		must(t, json.Unmarshal([]byte(keys("list", "-json").out), &row))
		if row.ID != id || row.Team != "support" || row.Expires != "" || row.Models != nil || len(row.Routes) != 1 || row.Pin || len(row.Tags) != 1 || row.Tags[0].Name != "app" {
			t.Errorf("listed %+v", row)
		}
		want := []string{"added for team search", "team search -> support", "tags feature=titles -> app=web; models cheap,openai/* -> none; expires 2999-01-31T00:00:00Z -> never", "rotated; earlier secrets work until", "revoked"}
		for i, c := range row.History {
			if by := c.By == "bob"; i >= len(want) || !strings.HasPrefix(c.What, want[i]) || by != (i == 2) || !by && !strings.HasPrefix(c.By, "ann@") {
				t.Errorf("history %d: %+v", i, c)
			}
		}
		if history := keys("list", "-history").out; strings.Count(history, id) != len(want) || strings.Contains(history, "sk-bursar") {
			t.Errorf("history:\n%s", history)
		}
	}
}

// TestKeysOfThePolicy: the rows that hash and add -yaml print load, and name the same key.
func TestKeysOfThePolicy(t *testing.T) {
	terms := []string{"-project", "index", "-user", "ann", "-name", "a: \"b\"", "-models", "cheap,openai/*", "-routes", "all", "-tag", "a=1", "-pin=false", "-expires", "2999-01-31"}
	made := world{}.run(append([]string{"keys", "add", "-yaml", "-team", "search"}, terms...)...)
	hashed := world{in: made.out}.run(append([]string{"keys", "hash"}, terms...)...)
	if made.code != 0 || hashed.code != 0 || made.err != hashed.out || strings.Contains(hashed.out, strings.TrimSpace(made.out)) {
		t.Fatalf("made %+v, hashed %+v", made, hashed)
	}
	p, err := policy.Parse("p", []byte(`version: 1
providers: { openai: { dialect: openai, base_url: https://api.openai.com/v1 } }
models: { cheap: { use: [openai/gpt-5-nano] } }
teams: { search: {} }
routes: [ { name: all, to: asked } ]
default: cheap
keys:
`+hashed.out), func(string) string { return "" })
	must(t, err)
	if k := p.Keys[0]; k.Team != "search" || k.Project != "index" || k.Name != `a: "b"` || !k.Scope.NoPin || len(k.Scope.Models) != 2 || len(k.Scope.Tags) != 1 || k.Expires.Year() != 2999 {
		t.Errorf("loaded %+v", k)
	}
	if got := (world{in: "hunter2"}).run("keys", "hash"); got.code != 1 || strings.Contains(got.err, "hunter2") {
		t.Errorf("hash of no key: %+v", got)
	}
}

// TestKeysCopied from a folder to a fleet.
func TestKeysCopied(t *testing.T) {
	dir, redis := t.TempDir(), "redis://"+miniredis.RunT(t).Addr()
	done(t, "keys", "add", "-team", "search", "-data", dir)
	done(t, "keys", "copy", "-data", dir, "-redis", redis)
	done(t, "keys", "copy", "-data", dir, "-redis", redis)
	if list := done(t, "keys", "list", "-redis", redis); strings.Count(list, "k-") != 1 {
		t.Errorf("listed:\n%s", list)
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
	f("no such key", "move", "k-0123456789ab", "-team", "a")
	f("is past", "add", "-team", "search", "-expires", "2020-01-01")
	f("is negative", "rotate", "k-0123456789ab", "-grace", "-1h")
	f("-redis: ", "list", "-redis", "redis://127.0.0.1:1")
	write(t, dir+"/keys.jsonl", "{broken}\n{}\n")
	f(dir+"/keys.jsonl", "list")
	f(dir+"/keys.jsonl", "add", "-team", "search")
}

// TestEditRefusedChangesNothing: a value that is not understood must not become that of no bound.
func TestEditRefusedChangesNothing(t *testing.T) {
	dir := t.TempDir()
	done(t, "keys", "add", "-team", "search", "-expires", "2100-01-31", "-data", dir)
	id := strings.Fields(strings.Split(done(t, "keys", "list", "-data", dir), "\n")[1])[0]
	before := done(t, "keys", "list", "-json", "-data", dir)
	if got := (world{}).run("keys", "edit", id, "-expires", "2100-31-01", "-team", "support", "-data", dir); got.code != 2 || !strings.Contains(got.err, "-expires") {
		t.Errorf("exit status %d: %s", got.code, got.err)
	}
	if after := done(t, "keys", "list", "-json", "-data", dir); after != before {
		t.Errorf("the key was changed:\n%s%s", before, after)
	}
}
