package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCheckBroken: every fault of every broken policy is printed with its place and a hint, and the exit status is 1. What the
// messages say is the policy room's own test.
func TestCheckBroken(t *testing.T) {
	files, err := filepath.Glob("../../policy/testdata/broken/*.yaml")
	must(t, err)
	if len(files) < 20 {
		t.Fatalf("%d broken policies; there should be at least 20", len(files))
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		must(t, err)
		got := world{}.run("check", file)
		if got.code != 1 || got.err != "" {
			t.Errorf("check %s: exit status %d, standard error %q", file, got.code, got.err)
		}
		place := regexp.MustCompile(`^` + regexp.QuoteMeta(file) + `:[1-9]\d*:[1-9]\d*: \S`)
		problems := strings.Split(strings.TrimSuffix(got.out, "\n"), "\n\n")
		for _, problem := range problems {
			if !place.MatchString(problem) || !regexp.MustCompile(`(?m)^ +(?:\d )?= \S`).MatchString(problem) {
				t.Errorf("check %s: a problem without a place or a hint:\n%s", file, problem)
			}
		}
		if marked := strings.Count(string(src), "# fault: "); len(problems) < max(1, marked) {
			t.Errorf("check %s: %d problems printed, %d marked in the file:\n%s", file, len(problems), marked, got.out)
		}
	}
}

// TestCheckGood: a policy that loads exits with 0 and says so in one line, after its warnings.
func TestCheckGood(t *testing.T) {
	files, err := filepath.Glob("../../policy/testdata/good/*.yaml")
	must(t, err)
	for _, file := range append(files, "../../policies.yaml", "../../internal/simulate/policies.yaml") {
		lines := strings.Split(strings.TrimSpace(done(t, "check", file)), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, file+": ok: ") {
			t.Errorf("check %s ends with %q", file, last)
		}
	}
	t.Setenv("OPENAI_API_KEY", "")
	if out := done(t, "check", "../../policies.yaml"); !strings.Contains(out, "warning: ../../policies.yaml:18:14: ") || !strings.Contains(out, ", 1 warnings\n") {
		t.Errorf("a key that is not set is no warning:\n%s", out)
	}
	t.Setenv("OPENAI_API_KEY", "sk-none")
	if out := done(t, "check", "../../policies.yaml"); !strings.Contains(out, "ok: 3 models, 4 budgets, 5 routes, 0 warnings\n") {
		t.Errorf("check policies.yaml:\n%s", out)
	}
}
