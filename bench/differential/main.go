// Command differential compares what Bursar makes of chat completions for providers of other dialects with what Vercel's ai providers make of the same
// conversations: a translation by other people. It needs Node and npm.
//
//	go run ./bench/differential -traces FILE.jsonl
//
// Each line of the file is a conversation, {"id": …, "messages": [...]}; each gives two requests, cut in its middle and before its last answer. Both
// translations are compared member by member, in a normal form in which a text is the block that it stands for. Differences that are known are listed with
// their reason; any other makes the command fail. The last line is JSON.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"bursar/dialect"
)

func main() {
	traces := flag.String("traces", "", "recorded conversations, one JSON object with id and messages per line (required)")
	here := flag.String("dir", "bench/differential", "where vercel.mjs and its package.json are")
	flag.Parse()
	if err := run(*traces, *here); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

// dialects are compared, each at the model that stands in vercel.mjs too.
var dialects = []struct{ name, model string }{
	{"anthropic", "claude-sonnet-4-6"}, {"gemini", "gemini-2.5-flash"}, {"bedrock", "anthropic.claude-sonnet-4-6"},
}

func run(traces, here string) error {
	if traces == "" {
		return errors.New("name recorded conversations: -traces FILE.jsonl")
	}
	chats, err := readChats(traces)
	if err != nil {
		return err
	}
	theirs, err := vercel(here, chats)
	if err != nil {
		return err
	}
	summary := map[string]any{"requests": len(chats)}
	unknown := 0
	for _, d := range dialects {
		spoken, known := dialect.Find(d.name)
		if !known {
			return fmt.Errorf("dialect %q is not spoken", d.name)
		}
		found := differences{}
		equal := 0
		for i, chat := range chats {
			ours, _, fault := spoken.Request(bytes.Replace(chat, []byte(`"MODEL"`), []byte(`"`+d.model+`"`), 1), dialect.Options{})
			if fault != nil {
				return fmt.Errorf("%s: request %d: %s", d.name, i, fault.Message)
			}
			n, err := found.compare(d.name, ours, theirs[i][d.name])
			if err != nil {
				return fmt.Errorf("%s: request %d: %w", d.name, i, err)
			}
			if n == 0 {
				equal++
			}
		}
		unknown += found.print(d.name, equal, len(chats))
		summary[d.name+"_equal"] = equal
	}
	summary["unexplained"] = unknown
	line, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	if unknown > 0 {
		return fmt.Errorf("%d differences have no explanation", unknown)
	}
	return nil
}

// vercel runs the requests through vercel.mjs, with its packages at the versions of the lock file.
func vercel(here string, chats [][]byte) ([]map[string]json.RawMessage, error) {
	cached, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cached, "bursar-differential")
	for _, name := range []string{"package.json", "package-lock.json", "vercel.mjs"} {
		text, err := os.ReadFile(filepath.Join(here, name))
		if err != nil {
			return nil, fmt.Errorf("%w: run it from the top of the repository, or name -dir", err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return nil, err
		}
	}
	for _, command := range [][]string{{"npm", "ci", "--silent", "--no-audit", "--no-fund"}, {"node", "vercel.mjs"}} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Stderr, cmd.Stdin = dir, os.Stderr, bytes.NewReader(append(bytes.Join(chats, []byte("\n")), '\n'))
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
		if command[0] == "node" {
			return readSent(out, len(chats))
		}
	}
	return nil, nil
}

func readSent(out []byte, want int) (all []map[string]json.RawMessage, err error) {
	for line := range bytes.Lines(out) {
		var sent map[string]json.RawMessage
		if err := json.Unmarshal(line, &sent); err != nil {
			return nil, fmt.Errorf("vercel.mjs wrote %.200q: %w", line, err)
		}
		all = append(all, sent)
	}
	if len(all) != want {
		return nil, fmt.Errorf("vercel.mjs wrote %d lines for %d requests", len(all), want)
	}
	return all, nil
}
