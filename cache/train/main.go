// Command train makes the embedding model that package embed ships: from pairs of texts that ask the same or not, and from running text.
//
//	go run ./cache/train -pairs train_pairs.jsonl.gz -text text_corpus.txt.gz -out cache/embed
//
// It needs no network, no accelerator and some minutes. The same inputs give the same file to the byte, however many cores there are, on
// machines of one architecture. MODEL.md beside the model tells what the shipped one was made from.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	s := settings{}
	flag.StringVar(&s.pairs, "pairs", "", `pairs to learn from: one JSON object a line, with "a", "b", "label" (1: they ask the same, or 0), "kind" and "source"; may be gzipped`)
	flag.StringVar(&s.text, "text", "", "running text to learn from: one paragraph a line; may be gzipped")
	flag.StringVar(&s.out, "out", "", "folder that model.bin is written to")
	flag.StringVar(&s.without, "without", "", "sources of pairs, with commas between, that are not learned from but reported on: tune on these, never on what is held back to measure with")
	report := flag.String("report", "", `instead of training: files of pairs, or of questions as {"text":…,"intent":…}, with commas between, to report on with the model in -out`)
	flag.Parse()
	run := func() error { return train(s) }
	if *report != "" {
		run = func() error { return reportFiles(filepath.Join(s.out, modelName), strings.Split(*report, ",")) }
	}
	if s.out == "" || *report == "" && (s.pairs == "" || s.text == "") || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "train: want -pairs, -text and -out, or -report and -out")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct{ pairs, text, out, without string }

func (s settings) heldOut(p pair) bool {
	return s.without != "" && slices.Contains(strings.Split(s.without, ","), p.Source)
}

const modelName = "model.bin"
