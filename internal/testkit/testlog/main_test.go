package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPrint: a log is whole if something passed, nothing failed, and nothing was skipped that a server of CI's would have let run.
func TestPrint(t *testing.T) {
	const passed = `{"Action":"pass","Package":"a","Test":"TestFine"}` + "\n"
	skip := func(said string) string {
		return `{"Action":"output","Package":"a","Test":"TestIdle","Output":"=== RUN   TestIdle\n"}
{"Action":"output","Package":"a","Test":"TestIdle","Output":"    a_test.go:7: ` + said + `\n"}
{"Action":"output","Package":"a","Test":"TestIdle","Output":"--- SKIP: TestIdle (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestIdle"}
`
	}
	for _, c := range []struct {
		name, without string
		logs          []string
		want          bool
	}{
		{"all passed", "", []string{passed}, true},
		{"nothing ran", "", []string{""}, false},
		{"one failed", "", []string{passed + `{"Action":"fail","Package":"a","Test":"TestBad"}` + "\n"}, false},
		{"a package that failed outside of its tests", "", []string{passed + `{"Action":"fail","Package":"a"}` + "\n"}, false},
		{"what failed passes when it is run again", "", []string{`{"Action":"fail","Package":"a","Test":"TestFine"}` + "\n", passed}, true},
		{"skipped for a reason of its own", "", []string{passed + skip("this system has no /dev/full")}, true},
		{"skipped for want of a server", "", []string{passed + skip("set BURSAR_TEST_REDIS to run against a real Redis")}, false},
		{"the same in other words", "", []string{passed + skip("BURSAR_TEST_LLM is not set")}, false},
		{"a server that cannot be had", "LLM", []string{passed + skip("set BURSAR_TEST_LLM to run")}, true},
		{"another server than the one that cannot be had", "LLM", []string{passed + skip("set BURSAR_TEST_REDIS to run")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := results{}
			for i, log := range c.logs {
				name := filepath.Join(t.TempDir(), string(rune('a'+i)))
				if err := os.WriteFile(name, []byte(log), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := r.read(name); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.print(false, c.without); got != c.want {
				t.Errorf("whole: %v, want %v", got, c.want)
			}
		})
	}
}
