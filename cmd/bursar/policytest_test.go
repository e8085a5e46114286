package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSampleTests: the tests that the repository ships pass, and leave no route untested.
func TestSampleTests(t *testing.T) {
	text := done(t, "test", "../../policies_test.yaml")
	if !strings.Contains(text, " 0 failed") || strings.Contains(text, "decided by no test") {
		t.Error(text)
	}
}

func TestTestFails(t *testing.T) {
	dir := t.TempDir()
	policies := write(t, filepath.Join(dir, "policies.yaml"), policiesFor("http://127.0.0.1:1"))
	tests := write(t, filepath.Join(dir, "policies_test.yaml"), `
tests:
  - name: right
    given: { team: alpha, model: quick }
    want: { model: quick }
  - name: wrong in everything
    given: { team: alpha, model: quick, spent: { nobody: 5 } }
    want: { rule: other, model: deep, target: fake/deep, cap: 1, cache: refresh, reason: pinned, status: 429, observed: [x], baseline: none }
`)
	junit := filepath.Join(dir, "junit.xml")
	got := world{}.run("test", tests, "-policies", policies, "-junit", junit)
	if got.code != 1 {
		t.Errorf("exit status %d: %s", got.code, got.err)
	}
	for _, want := range []string{
		"ok", "right", "FAIL", "policies_test.yaml:6", "rule: want other", "model: want deep, got quick", "cap: want 1", "cache: want refresh", "reason: want pinned, got asked",
		"status: want 429, got 200", "observed: want [x], got []", `there is no budget "nobody"`, "└─ quick, because asked", "2 tests, 1 failed",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	var report junitSuites
	source, err := os.ReadFile(junit)
	must(t, err)
	must(t, xml.Unmarshal(source, &report))
	if s := report.Suites[0]; s.Tests != 2 || s.Failures != 1 || s.Cases[0].Failure != nil || s.Cases[1].Failure == nil || s.Cases[1].Line != 6 {
		t.Errorf("%s", source)
	}
}

func TestTestRefuses(t *testing.T) {
	dir := t.TempDir()
	f := func(text, want string) {
		t.Helper()
		path := write(t, filepath.Join(dir, "t.yaml"), text)
		got := world{}.run("test", path)
		if got.code != 1 || !strings.Contains(got.err, want) {
			t.Errorf("%s\nexit status %d, %s\nwant %q", text, got.code, got.err, want)
		}
	}
	f("", "begin with tests:")
	f("tests: []", "there is no test")
	f("tests:\n  - { name: a, given: { team: x, complxity: 1 }, want: { model: y } }", `did you mean "complexity"?`)
	f("tests:\n  - { name: a, given: { team: x }, want: {} }", "wants nothing")
	f("tests:\n  - { name: a, given: { team: x }, want: { cache: of } }", `did you mean "off"?`)
	f("tests:\n  - { name: a, given: { team: x, complexity: 3 }, want: { cap: 1 } }", "scores go from 0 to 1")
	f("tests:\n  - { name: a, given: { team: x, text: hello, complexity: 0.3 }, want: { cap: 1 } }", "keep one of the two")
	f("tests:\n  - { name: a, given: { team: x, spent: { b: -1 } }, want: { cap: 1 } }", "a percentage of the limit")
	f("tests:\n  - { name: a, given: { team: x }, want: { cap: 1 } }\n  - { name: a, given: { team: x }, want: { cap: 1 } }", "already called")
	f("policies: nowhere.yaml\ntests:\n  - { name: a, given: { team: x }, want: { cap: 1 } }", "name the policy file with -policies")
	if got := (world{}).run("test"); got.code != 2 || !strings.Contains(got.err, "name at least one file") {
		t.Errorf("no file: %+v", got)
	}
}
