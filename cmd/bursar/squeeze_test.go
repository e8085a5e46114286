package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSqueeze: what is proposed can be put into a policy as it is printed, and then counts for the very prompt that it was made from.
func TestSqueeze(t *testing.T) {
	const request = `{"model":"auto","messages":[{"role":"system","content":"# Desk\n=======\n\nYou    are the desk of a hotel.\n\n\n\nNever promise a room: \"none\".   \n"},{"role":"user","content":"hi"}]}`
	policy := `version: 1
providers: { rack: { dialect: openai, base_url: "http://127.0.0.1:9/v1" } }
models: { small: { use: rack/llama } }
prices: { overrides: { rack/llama: { input: 1, output: 2 } } }
default: small
routes:
  - name: all
    to: asked
`
	file := filepath.Join(t.TempDir(), "policies.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(policy)
	got := world{in: request}.run("squeeze", "-policies", file, "-")
	if got.code != 0 || !strings.Contains(got.out, "- sha256: ") || !strings.Contains(got.out, "less per million requests") {
		t.Fatalf("%+v", got)
	}
	row := ""
	for line := range strings.Lines(strings.Replace(got.out, `reviewed: ""`, "reviewed: ann, 2026-11-26", 1)) {
		if !strings.HasPrefix(line, "#") {
			row += "    " + line
		}
	}
	write(policy + row)
	if told := (world{in: request}).run("check", file); told.code != 0 {
		t.Fatalf("%+v\n%s", told, row)
	}
	if told := (world{in: request}).run("trim", "-policies", file, "-route", "all", "-"); told.code != 0 || !strings.Contains(told.out, "message 1: system prompt, a reviewed text in its place") {
		t.Errorf("%+v", told)
	}
	if told := (world{in: strings.Replace(request, "hotel", "motel", 1)}).run("trim", "-policies", file, "-route", "all", "-"); strings.Contains(told.out, "reviewed") {
		t.Errorf("another prompt: %+v", told)
	}
	if told := (world{in: request}).run("squeeze", "-policies", file, "-json", "-"); told.code != 0 || !strings.Contains(told.out, `"to":"# Desk\n\nYou are the desk of a hotel.\n\nNever promise a room: \"none\"."`) {
		t.Errorf("%+v", told)
	}
	own := filepath.Join(t.TempDir(), "own.txt")
	if err := os.WriteFile(own, []byte("You are a hotel's desk.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if told := (world{in: request}).run("squeeze", "-policies", file, "-to", own, "-json", "-"); told.code != 0 || !strings.Contains(told.out, `"to":"You are a hotel's desk."`) {
		t.Errorf("a text of one's own: %+v", told)
	}
	for _, args := range [][]string{{"squeeze", "-policies", file}, {"trim", "-policies", file, "-route", "nosuch", "-"}} {
		if told := (world{in: request}).run(args...); told.code == 0 {
			t.Errorf("%v: %+v", args, told)
		}
	}
	if told := (world{in: `{"model":"auto","messages":[{"role":"user","content":"hi"}]}`}).run("squeeze", "-policies", file, "-"); told.code != 1 || !strings.Contains(told.err, "no system prompt") {
		t.Errorf("%+v", told)
	}
}
