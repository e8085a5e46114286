// Command semantic measures the semantic cache on files of questions, with the very code that the gateway runs. Nothing was tuned on what it
// is meant to be run on; docs/semantic-cache.md has the figures.
//
//	go run ./bench/semantic -stream FILE -target 0.05 -orders 10   rows {"text","intent"}: a cold cache and a stream of questions
//	go run ./bench/semantic -traps FILE                            rows {"a","b","label","category"}: what must not be served, and what should
//	go run ./bench/semantic -generated 5000                        the same with traps and paraphrases made on the spot
//	go run ./bench/semantic -pairs FILE                            rows {"a","b","label"}: how well the verifier orders pairs
//	go run ./bench/semantic -opinions FILE                         rows {"a","b","label","sim_te3small"}: what another embedder's cosine adds to what is learned
//	go run ./bench/semantic -latency -text FILE                    a text of one paragraph a line: times of a scope of a million entries
//
// The last line of each is JSON.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	streams := flag.String("stream", "", "file of questions with intents; the intent stands for the answer")
	target := flag.Float64("target", 0.05, "wrong answers per hit that the policy tolerates (max_false_hits)")
	orders := flag.Int("orders", 10, "random orders of the stream, or of the pairs with opinions")
	traps := flag.String("traps", "", "file of traps and paraphrases")
	generated := flag.Int("generated", 0, "how many traps, and as many paraphrases, to make")
	pairs := flag.String("pairs", "", "file of labelled pairs")
	opinions := flag.String("opinions", "", "file of labelled pairs with the cosine of another embedder")
	timings := flag.Bool("latency", false, "measure embedding, lookup and verification: times, recall, memory; needs -text")
	l := latency{nearest: 16} // as the cache looks at
	flag.StringVar(&l.text, "text", "", "running text, one paragraph a line, whose sentences are the entries; may be gzipped")
	flag.IntVar(&l.entries, "entries", 1_000_000, "entries in the one scope")
	flag.IntVar(&l.asked, "asked", 2_000, "questions asked; a full scan for each tells what the right answer is")
	flag.IntVar(&l.judged, "judged", 2, "candidates that the verifier is asked about in a lookup: the cache asks about two, and about a third if its classifier names another answer")
	flag.Parse()
	var err error
	switch {
	case *streams != "":
		err = runStream(*streams, *target, *orders)
	case *traps != "":
		err = runTraps(*traps, *target)
	case *generated > 0:
		err = runGenerated(*generated, *target)
	case *pairs != "":
		err = runPairs(*pairs)
	case *opinions != "":
		err = runOpinions(*opinions, *target, *orders)
	case *timings:
		err = l.run()
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// readRows reads one JSON value per line.
func readRows[T any](name string) ([]T, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var row T
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s has no rows", name)
	}
	return rows, nil
}

// last prints the result as the last line.
func last(result any) error {
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}
