package main

import (
	"strings"
	"testing"
)

// TestCacheCommand looks at a running gateway's cache, and takes answers out of it in every way.
func TestCacheCommand(t *testing.T) {
	s := newSite(t)
	p := s.start(t)
	key := s.key(t, "alpha")
	eventually(t, "a new key is known", func() bool { return p.ask(key, hello).status == 200 })
	ask := func(want string) (id, cacheKey string) {
		t.Helper()
		got := p.ask(key, hello)
		if is := got.header.Get("x-bursar-cache"); is != want {
			t.Errorf("%s, want %s", is, want)
		}
		return got.header.Get("x-bursar-request-id"), got.header.Get("x-bursar-cache-key")
	}
	f := func(want string, args ...string) {
		t.Helper()
		if out := done(t, append(append([]string{"cache"}, args...), "-admin", p.admin)...); !strings.Contains(out, want) {
			t.Errorf("%v: %s", args, out)
		}
	}
	hit, cacheKey := ask("hit")
	f("had been answered before", "why", hit)
	f("alpha", "stats")
	f(`"exact_hits":`, "stats", "-json")
	for _, out := range [][]string{
		{"purge", "-team", "alpha"}, {"purge", "-all"}, {"purge", "-model", "fake/quick"}, {"false-hit", cacheKey}, {"false-hit", hit},
	} {
		f("knows within about a second", out...)
		miss, _ := ask("miss")
		f("too old for this one, purged", "why", miss)
		ask("hit")
	}
	f("purged", "purge", "-team", "beta")
	ask("hit")
	for _, args := range [][]string{{"purge"}, {"purge", "-team", "a", "-all"}, {"purge", "-team", "a", "-route", "b"}, {"why"}, {"melt"}} {
		var out, err strings.Builder
		program := program{out: &out, err: &err, env: func(string) string { return "" }}
		if status := program.run(append(append([]string{"cache"}, args...), "-admin", p.admin)); status != 2 {
			t.Errorf("%v: exit status %d: %s", args, status, &err)
		}
	}
	for _, args := range [][]string{{"why", "req_unknown"}, {"false-hit", "req_unknown"}} {
		var out, err strings.Builder
		program := program{out: &out, err: &err, env: func(string) string { return "" }}
		if status := program.run(append(append([]string{"cache"}, args...), "-admin", p.admin)); status != 1 || !strings.Contains(err.String(), "known") && !strings.Contains(err.String(), "remember") {
			t.Errorf("%v: exit status %d: %s", args, status, &err)
		}
	}
}
