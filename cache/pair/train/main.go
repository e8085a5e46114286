// Command train makes the trees of the pair verifier from pairs of questions with labels.
//
//	go run ./cache/pair/train -pairs train_pairs.jsonl.gz -out cache/pair/trees.bin
//
// A pair is a line {"a","b","label","kind","source"}. Pairs of weak kinds (same intent, same answer, synonyms) count for less. The pairs come in
// two halves by a hash of the smaller text: the embedder is trained on the even one and the trees on the odd one, because on pairs that
// the embedder has learned by heart its cosine looks more telling than it is. A tenth of the odd half is kept out and reported on.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	files := flag.String("pairs", "", "files of labelled pairs, separated by commas, .gz or not")
	out := flag.String("out", "cache/pair/trees.bin", "where the trees go")
	count := flag.Int("trees", 260, "how many trees")
	rate := flag.Float64("rate", 0.1, "how much each tree counts")
	seed := flag.Uint64("seed", 1, "for which pairs and features each tree sees")
	hold := flag.String("hold", "", "groups of sources (a,b;c) to keep out in turn and report on instead: how the trees do where they have seen nothing")
	traps := flag.Float64("traps", 0.2, "how much pairs that were made to look the same count")
	weakly := flag.Float64("weak", 0.2, "how much pairs of weak kinds count")
	without := flag.String("without", "", "features that the trees may not ask for, separated by commas")
	flag.Parse()
	if *files == "" {
		flag.Usage()
		os.Exit(2)
	}
	pairs, err := read(strings.Split(*files, ","))
	if err != nil {
		log.Fatal(err)
	}
	all := measure(slices.Concat(pairs, strangers(pairs, *seed), reopened(pairs, *seed)), *traps, *weakly)
	o := options{trees: *count, rate: *rate, seed: *seed, without: strings.Split(*without, ",")}
	if *hold != "" {
		for group := range strings.SplitSeq(*hold, ";") {
			train, test := all.part(func(i int) bool { return slices.Contains(strings.Split(group, ","), all.pairs[i].Source) })
			fmt.Printf("without %s: %s\n", group, report(boost(train, o), test)[0])
		}
		return
	}
	train, test := all.part(func(i int) bool { return half(all.pairs[i])/2%10 == 0 })
	fmt.Printf("%d pairs to learn from, %d to test on\n", len(train.labels), len(test.labels))
	forest := boost(train, o)
	for _, line := range report(forest, test) {
		fmt.Println(line)
	}
	file := forest.File()
	if err := os.WriteFile(*out, file, 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d bytes\n", *out, len(file))
}
