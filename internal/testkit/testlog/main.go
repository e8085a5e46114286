// Command testlog reads what `go test -json` printed and says what counts: how many tests passed, failed and were skipped, and why those were.
// Of a test that is in several logs the last one counts. It fails when a test failed, or was skipped for want of a server, which is one whose
// reason names a variable BURSAR_TEST_...: in CI they are all running.
//
//	go test -json ./... >log; go run ./internal/testkit/testlog [-failed] [-without LLM] log [log of what was run again]
//	go run ./internal/testkit/testlog -again log    # for each package that failed, a line: its path, and -run's pattern of its failed tests
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	failed := flag.Bool("failed", false, "print the output of failed tests too")
	again := flag.Bool("again", false, "print what to run again, and nothing else")
	without := flag.String("without", "", "a server that cannot be had here, as in BURSAR_TEST_NAME: tests that want it may be skipped")
	flag.Parse()
	r := results{}
	for _, name := range flag.Args() {
		if err := r.read(name); err != nil {
			fmt.Fprintln(os.Stderr, "testlog:", err)
			os.Exit(2)
		}
	}
	if *again {
		r.printAgain()
		return
	}
	if !r.print(*failed, *without) {
		os.Exit(1)
	}
}

// results holds how tests ended. The result of a package has an empty test.
type results map[test]*result

type test struct{ Package, Test string }

type result struct {
	Action string // pass, fail or skip
	output strings.Builder
}

// read adds the results of a log.
func (r results) read(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	started := results{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct {
			test
			Action, Output, ImportPath string
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(os.Stderr, lines.Text()) // a build failure is no JSON
			continue
		}
		if e.Action == "build-output" {
			fmt.Fprint(os.Stderr, e.Output)
			continue
		}
		one := started[e.test]
		if one == nil {
			one = &result{}
			started[e.test] = one
		}
		switch e.Action {
		case "output":
			one.output.WriteString(e.Output)
		case "pass", "fail", "skip":
			one.Action = e.Action
			r[e.test] = one
		}
	}
	return lines.Err()
}

// printAgain prints, by package, the tests that failed; all of a package that failed outside of them.
func (r results) printAgain() {
	patterns := map[string][]string{}
	for t, one := range r {
		if one.Action != "fail" || strings.Contains(t.Test, "/") {
			continue
		}
		if t.Test != "" {
			patterns[t.Package] = append(patterns[t.Package], t.Test)
		} else if _, known := patterns[t.Package]; !known {
			patterns[t.Package] = nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(patterns)) {
		pattern := "."
		if names := patterns[name]; len(names) > 0 {
			slices.Sort(names)
			pattern = "^(" + strings.Join(names, "|") + ")$"
		}
		fmt.Println(name, pattern)
	}
}

// print prints the sums and what was skipped, and tells whether all is as it should be.
func (r results) print(failed bool, without string) bool {
	count := map[string]int{}
	skipped := map[string][]string{} // tests by the reason they gave
	for t, one := range r {
		if t.Test != "" || one.Action == "fail" {
			count[one.Action]++
		}
		switch {
		case one.Action == "fail" && failed:
			fmt.Printf("--- %s %s\n%s\n", t.Package, t.Test, one.output.String())
		case one.Action == "skip" && t.Test != "":
			skipped[one.reason()] = append(skipped[one.reason()], t.Package+" "+t.Test)
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	whole := count["fail"] == 0 && count["pass"] > 0
	for _, reason := range slices.Sorted(maps.Keys(skipped)) {
		tests := skipped[reason]
		if missesServer(reason, without) {
			whole = false
			fmt.Println("skipped, though CI has what it needs:", reason)
		} else {
			fmt.Println("skipped:", reason)
		}
		slices.Sort(tests)
		for _, name := range tests {
			fmt.Println("   ", name)
		}
	}
	return whole
}

// reason is what a skipped test said last before it left.
func (r *result) reason() string {
	for _, line := range slices.Backward(strings.Split(strings.TrimSpace(r.output.String()), "\n")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "=== ") {
			continue
		}
		if _, said, ok := strings.Cut(line, ".go:"); ok { // file.go:12: what it said
			_, line, _ = strings.Cut(said, ": ")
		}
		return line
	}
	return "no reason given"
}

// missesServer tells whether a test that gave this reason was skipped for want of a server that it should have had.
func missesServer(reason, without string) bool {
	const variable = "BURSAR_TEST_"
	return strings.Contains(reason, variable) && (without == "" || !strings.Contains(reason, variable+without))
}
