package policy

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the .want files of testdata")

// noEnv is an environment with nothing in it.
func noEnv(string) string { return "" }

// TestBroken parses every broken file. Each fault is marked on its line by `# fault: part of the message`; all of them must be
// reported, with a hint, and nothing else. The .want file beside it shows what the author of the file reads.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d broken files, err %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(filepath.Base(path), src, noEnv)
			var problems *Problems
			if p != nil || !errors.As(err, &problems) {
				t.Fatalf("Parse: policy %v, error %v", p, err)
			}
			checkFaults(t, string(src), problems.List)
			golden(t, strings.TrimSuffix(path, ".yaml")+".want", problems.Error()+"\n")
		})
	}
}

func checkFaults(t *testing.T, src string, found []Problem) {
	t.Helper()
	found = slices.Clone(found)
	for i, line := range strings.Split(src, "\n") {
		for _, part := range strings.Split(line, "# fault: ")[1:] {
			part = strings.TrimSpace(part)
			at := slices.IndexFunc(found, func(p Problem) bool { return p.Line == i+1 && strings.Contains(p.Message, part) })
			if at < 0 {
				t.Errorf("line %d: not reported: %s", i+1, part)
				continue
			}
			if p := found[at]; p.Hint == "" || p.Column < 1 {
				t.Errorf("line %d: %q has column %d and hint %q", i+1, p.Message, p.Column, p.Hint)
			}
			found = slices.Delete(found, at, at+1)
		}
	}
	for _, p := range found {
		t.Errorf("not marked, but reported: %d:%d: %s", p.Line, p.Column, p.Message)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test ./policy -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run go test ./policy -update if this is meant:\n%s", diff)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	src, err := os.ReadFile("testdata/broken/29-secrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("policies.yaml", src, noEnv)
	for _, secret := range []string{"not-a-real-key", "0123456789abcdef", "hunter22"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the problems show %s:\n%v", secret, err)
		}
	}
	if masked := regexp.MustCompile(`sk-\*+`); !masked.MatchString(err.Error()) {
		t.Errorf("no masked secret to be seen:\n%v", err)
	}
}
