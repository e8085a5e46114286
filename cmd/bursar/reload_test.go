package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// withModel is the site's policy with another model, by which tests see that it is in force.
func (s *site) withModel(name string) string {
	return strings.Replace(policiesFor(s.up.URL), "models:\n", "models:\n  "+name+": { use: [fake/quick] }\n", 1)
}

// serves tells whether the gateway's policy has a model.
func (p *gatewayProcess) serves(key, model string) bool {
	p.t.Helper()
	r, err := http.NewRequest(http.MethodGet, p.api+"/v1/models", nil)
	must(p.t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	must(p.t, err)
	return strings.Contains(drained(p.t, response), `"id":"`+model+`"`)
}

// TestReload: a changed policy is taken into use on SIGHUP and on POST /-/reload. The file is reached by a symbolic link in a
// folder that the gateway does not watch, so that nothing but the asking can do it.
func TestReload(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	version := func(n int, text string) {
		must(t, os.MkdirAll(fmt.Sprintf("%s/v%d", dir, n), 0o700))
		write(t, fmt.Sprintf("%s/v%d/policies.yaml", dir, n), text)
		must(t, os.MkdirAll(dir+"/unwatched", 0o700))
		must(t, os.Symlink(fmt.Sprintf("%s/v%d/policies.yaml", dir, n), dir+"/unwatched/next"))
		must(t, os.Rename(dir+"/unwatched/next", dir+"/unwatched/policies.yaml"))
	}
	must(t, os.Remove(s.policies))
	must(t, os.Symlink(dir+"/unwatched/policies.yaml", s.policies))
	version(1, s.withModel("first"))
	key := s.key(t, "alpha")
	p := s.start(t)
	if !p.serves(key, "first") {
		t.Fatal("the policy is not the one of the file")
	}

	version(2, s.withModel("second"))
	p.signal(syscall.SIGHUP)
	eventually(t, "SIGHUP reloads", func() bool { return p.serves(key, "second") && !p.serves(key, "first") })

	version(3, s.withModel("third"))
	if status, body := p.reload(); status != 200 || !strings.Contains(body, "is in force") || !p.serves(key, "third") {
		t.Errorf("reload: %d %s", status, body)
	}

	version(4, strings.NewReplacer("baseline: deep", "baseline: dep", "default: quick", "default: quikc").Replace(s.withModel("fourth")))
	for range 2 { // asked again, it says so again
		status, body := p.reload()
		if status != 422 || !strings.Contains(body, `"dep"`) || !strings.Contains(body, `"quikc"`) || strings.Count(body, "did you mean") != 2 {
			t.Errorf("reload of a broken policy: %d %s", status, body)
		}
	}
	p.signal(syscall.SIGHUP)
	if p.metric("bursar_policy_last_reload_successful") != "0" || !p.serves(key, "third") {
		t.Error("the last good policy is not in force, or the metric does not tell of the broken one")
	}
	if got := p.ask(key, hello); got.status != 200 {
		t.Errorf("a request under the last good policy: %d %s", got.status, got.body)
	}
	must(t, os.Remove(dir+"/unwatched/policies.yaml"))
	if status, body := p.reload(); status != 422 || !strings.Contains(body, "no such file") {
		t.Errorf("reload without a file: %d %s", status, body)
	}

	version(5, s.withModel("third"))
	if status, body := p.reload(); status != 200 || p.metric("bursar_policy_last_reload_successful") != "1" {
		t.Errorf("back to the last good policy: %d %s", status, body)
	}
	if n := p.metric(`bursar_policy_reloads_total{result="ok"}`); n != "4" {
		t.Errorf("%s good loads, want 4", n)
	}
}

// TestReloadWatch: a policy renamed over the old one is taken into use by itself; so is one written in place; a broken one is not.
func TestReloadWatch(t *testing.T) {
	s := newSite(t)
	key := s.key(t, "alpha")
	p := s.start(t)
	must(t, os.Rename(write(t, s.policies+".new", s.withModel("renamed")), s.policies))
	eventually(t, "a renamed policy is seen", func() bool { return p.serves(key, "renamed") })
	write(t, s.policies, s.withModel("written"))
	eventually(t, "a written policy is seen", func() bool { return p.serves(key, "written") })
	must(t, os.Rename(write(t, s.policies+".new", "version: 1\n"), s.policies))
	eventually(t, "a broken policy is told of", func() bool { return p.metric("bursar_policy_last_reload_successful") == "0" })
	if !p.serves(key, "written") {
		t.Error("a broken policy replaced the good one")
	}
}

// TestReloadUnusable: a policy that loads but cannot be taken into use, here because the ledger is gone, is no success, however
// often it is asked for; the old one stays, and the page shows it.
func TestReloadUnusable(t *testing.T) {
	s := newSite(t)
	var log bytes.Buffer
	logger, flush := newLogger(&log)
	g, err := openGateway(gatewayOptions{policies: s.policies, listen: "127.0.0.1:0", admin: "127.0.0.1:0", data: s.data, logger: logger})
	must(t, err)
	g.start()
	good := g.proxy.Policy()
	must(t, g.ledger.Close())
	// With a budget that is new, so that the ledger is asked what was spent in its window.
	write(t, s.policies, strings.Replace(s.withModel("late"), "budgets:\n", "budgets:\n  - { project: late, daily_usd: 1, when_spent: warn }\n", 1))
	for range 2 {
		response, err := http.Post("http://"+g.adminAddr()+"/-/reload", "", nil)
		must(t, err)
		if body := drained(t, response); response.StatusCode != 422 || !strings.Contains(body, "restore budget") {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	}
	if g.proxy.Policy() != good {
		t.Error("the old policy is not in force")
	}
	g.unwatch()
	<-g.watcher.Done()
	_ = g.close(t.Context()) // its ledger is closed already
	flush()
	if !strings.Contains(log.String(), "the last good one stays") {
		t.Errorf("the log is silent:\n%s", log.String())
	}
}
