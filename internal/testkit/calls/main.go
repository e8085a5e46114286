// Command calls turns recorded conversations into the calls that two SDK clients make: for each conversation the real prefix of
// its messages up to a few of the assistant's turns, streamed and plain, with the tools it uses, some aborted midway, some asked
// again so that the cache answers.
//
//	go run ./internal/testkit/calls -conversations FILE -out DIR [-most 100] [-per 2]
//
// FILE has one conversation per line: {"id", "messages": [OpenAI-like], "model": optional}. It writes DIR/node.jsonl and
// DIR/go.jsonl with one Call per line; a client makes the calls of one lane in their order.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	file := flag.String("conversations", "", "file of conversations, one JSON object per line")
	out := flag.String("out", ".", "folder to write node.jsonl and go.jsonl into")
	most := flag.Int("most", 100, "take that many conversations")
	per := flag.Int("per", 2, "calls of each conversation, besides those that are asked again")
	flag.Parse()
	if err := run(*file, *out, *most, *per); err != nil {
		fmt.Fprintln(os.Stderr, "calls:", err)
		os.Exit(1)
	}
}

func run(file, out string, most, per int) error {
	conversations, err := read(file, most)
	if err != nil {
		return err
	}
	var calls [2][]Call
	clients := [2]planner{{per: per}, {per: per}}
	for i, c := range conversations {
		calls[i%2] = append(calls[i%2], clients[i%2].plan(i, &c)...)
	}
	for i, name := range []string{"node.jsonl", "go.jsonl"} {
		if err := write(filepath.Join(out, name), calls[i]); err != nil {
			return err
		}
	}
	fmt.Println(len(conversations))
	return nil
}

// read reads the first conversations of a file. Fewer than most is an error: what was asked to be shown would not be.
func read(file string, most int) ([]Conversation, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Conversation
	for dec := json.NewDecoder(bufio.NewReader(f)); len(all) < most; {
		var c Conversation
		if err := dec.Decode(&c); errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s has %d conversations, fewer than %d", file, len(all), most)
		} else if err != nil {
			return nil, fmt.Errorf("%s: conversation %d: %w", file, len(all)+1, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func write(file string, calls []Call) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(f)
	enc := json.NewEncoder(buffered)
	for i := range calls {
		if err := enc.Encode(&calls[i]); err != nil {
			return err
		}
	}
	return errors.Join(buffered.Flush(), f.Close())
}
