// Command testlog reads the output of `go test -json` and says what counts: how many tests passed, failed and were skipped. It fails
// when a test was skipped for want of a server ("set BURSAR_TEST_..."): in CI they are all running.
//
//	go test -json ./... >log; go run ./internal/testkit/testlog [-failed] log
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
)

// event is one line of go test -json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// missesServer tells whether a test was skipped for want of a server that it should have had.
func missesServer(output, without string) bool {
	return strings.Contains(output, "set BURSAR_TEST_") && (without == "" || !strings.Contains(output, "set BURSAR_TEST_"+without))
}

func main() {
	failed := flag.Bool("failed", false, "print the output of failed tests too")
	without := flag.String("without", "", "a server that cannot be had here, as in BURSAR_TEST_NAME: tests that want it may be skipped")
	flag.Parse()
	file, err := os.Open(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(2)
	}
	defer file.Close()
	count := map[string]int{}
	output := map[string]*strings.Builder{}
	var skipped []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // a build failure is no JSON
			continue
		}
		name := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if output[name] == nil {
				output[name] = &strings.Builder{}
			}
			output[name].WriteString(e.Output)
		case "pass", "fail", "skip":
			if e.Test != "" {
				count[e.Action]++
			}
			if e.Action == "fail" && *failed && output[name] != nil {
				fmt.Printf("--- %s\n%s\n", name, output[name])
			}
			if e.Action == "skip" && e.Test != "" && output[name] != nil && missesServer(output[name].String(), *without) {
				skipped = append(skipped, fmt.Sprintf("%s: %s", name, strings.TrimSpace(output[name].String())))
			}
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(2)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	for _, s := range skipped {
		fmt.Println("skipped, though CI has what it needs:", s)
	}
	if count["fail"] > 0 || len(skipped) > 0 || count["pass"] == 0 {
		os.Exit(1)
	}
}
