package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	dir := t.TempDir()
	text := policiesFor("http://127.0.0.1:1")
	old := write(t, filepath.Join(dir, "old.yaml"), text)
	if out := done(t, "diff", old, write(t, filepath.Join(dir, "same.yaml"), "# a comment\n"+text)); !strings.Contains(out, "mean the same") {
		t.Errorf("a comment more: %s", out)
	}
	changed := strings.Replace(text, "routes:", "routes:\n  - name: hard work\n    when: { model: auto, complexity: \">= 0.7\" }\n    to: deep\n", 1)
	changed = strings.Replace(changed, "timezone: UTC", "timezone: Europe/Berlin", 1)
	got := world{}.run("diff", old, write(t, filepath.Join(dir, "new.yaml"), changed))
	if got.code != 1 {
		t.Errorf("exit status %d, %s", got.code, got.err)
	}
	for _, want := range []string{"+ routes.hard work.when: model auto, complexity >= 0.7", "+ routes.hard work.to: deep", "sample requests are decided otherwise", "now deep via fake/", "complexity 0.7"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	back := world{}.run("diff", filepath.Join(dir, "new.yaml"), old)
	if back.code != 1 || !strings.Contains(back.out, "- routes.hard work.to: deep") {
		t.Errorf("the other way round: %s", back.out)
	}
	if got := (world{}).run("diff", old); got.code != 2 {
		t.Errorf("one file: %+v", got)
	}
	if got := (world{}).run("diff", old, filepath.Join(dir, "nowhere")); got.code != 1 || !strings.Contains(got.err, "nowhere") {
		t.Errorf("a file that is not there: %+v", got)
	}
}

func TestCompareOrder(t *testing.T) {
	if lines := compareOrder([]string{"a", "b", "c"}, []string{"c", "x", "a"}); len(lines) != 1 || !strings.Contains(lines[0], "a, c -> c, a") {
		t.Errorf("%q", lines)
	}
	if lines := compareOrder([]string{"a", "b"}, []string{"a", "x", "b"}); lines != nil {
		t.Errorf("%q", lines)
	}
}
