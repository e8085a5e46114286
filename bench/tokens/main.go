// Command tokens measures the token counter beside those that others use, in one run: tiktoken-go in this process, and the WASM build of
// OpenAI's own tiktoken and gpt-tokenizer on Node, if npm can install them.
//
//	go run ./bench/tokens                      # speed, and the longest that 1 MiB of hostile text takes
//	go run ./bench/tokens -traces FILE.jsonl   # chat from recorded conversations, {"messages":[...]} per line
//	go run ./bench/tokens -ids                 # compares ids with OpenAI's tiktoken over more than 15 MB, then with tiktoken-go
//
// Texts are the Go installation's own sources, JSON and documentation, and Debian's manual pages in other languages, which scripts/texts
// brings. Speed is CPU time, garbage collection included; only the ratios of one run mean anything. The last line is JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"

	"bursar/tokens"
)

func main() {
	var o options
	flag.StringVar(&o.traces, "traces", "", "recorded conversations, one JSON object with messages per line, as the chat text")
	flag.StringVar(&o.texts, "texts", "", "folder of *.txt in other languages; default is what scripts/texts brings, if it can")
	flag.BoolVar(&o.ids, "ids", false, "compare ids instead of speed")
	flag.IntVar(&o.fuzz, "fuzz", 1_000_000, "with -ids: random strings to compare with tiktoken-go")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "tokens:", err)
		os.Exit(1)
	}
}

type options struct {
	traces, texts string
	ids           bool
	fuzz          int
}

func run(o options) error {
	counter, err := tokens.New()
	if err != nil {
		return err
	}
	corpus, err := collect(o)
	if err != nil {
		return err
	}
	reference, err := newReference()
	if err != nil {
		return err
	}
	node, err := openNode()
	if err != nil {
		fmt.Printf("without the references on Node: %v\n\n", err)
	} else {
		defer node.close()
	}
	if o.ids {
		return compare(counter, reference, node, corpus, o.fuzz)
	}
	return race(counter, reference, node, corpus)
}

// race prints the speed of every text and how many times that of the others it is.
func race(counter *tokens.Counter, reference *reference, node *node, corpus []text) error {
	result := map[string]float64{}
	fmt.Printf("o200k_base\n%-10s %8s %12s %14s %14s %16s\n", "text", "KB", "ours MB/s", "x tiktoken-go", "x tiktoken", "x gpt-tokenizer")
	for _, t := range corpus {
		if !t.timed {
			continue
		}
		slice := t.body[:min(len(t.body), 400_000)]
		ours := speed(slice, func(b []byte) { counter.Count(tokens.O200k, b) })
		theirs := speed(slice[:min(len(slice), 60_000)], func(b []byte) { reference.o200k.EncodeOrdinary(string(b)) })
		wasm, gpt := math.NaN(), math.NaN()
		if node != nil {
			speeds, err := node.speeds(slice)
			if err != nil {
				return err
			}
			wasm, gpt = ours/speeds["tiktoken"], ours/speeds["gpt-tokenizer"]
		}
		fmt.Printf("%-10s %8d %12.1f %14.1f %14.1f %16.1f\n", t.name, len(slice)/1000, ours, ours/theirs, wasm, gpt)
		result["ratio_"+t.name] = rounded(ours / theirs)
		if node != nil {
			result["ratio_"+t.name+"_tiktoken"] = rounded(wasm)
		}
	}
	fmt.Printf("\n1 MiB of hostile text, CPU seconds (tiktoken-go: 8 KiB of it, in seconds per MiB if it were linear)\n")
	worst := 0.0
	for _, h := range hostile() {
		seconds := float64(len(h.make(1<<20))) / 1e6 / speed(h.make(1<<20), func(b []byte) { counter.Count(tokens.O200k, b) })
		theirs := 1.048576 / speed(h.make(8<<10), func(b []byte) { reference.o200k.EncodeOrdinary(string(b)) })
		worst = max(worst, seconds)
		fmt.Printf("%-16s %8.3f   (%.1f)\n", h.name, seconds, theirs)
	}
	result["worst_1mib_seconds"] = rounded(worst)
	fmt.Println()
	return json.NewEncoder(os.Stdout).Encode(result)
}

func rounded(f float64) float64 { return math.Round(f*1000) / 1000 }
