package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text is one file of the corpus.
type text struct {
	name  string
	body  []byte
	timed bool // its speed is measured; else only its ids are compared
}

const mostOfOne = 1_500_000 // bytes of one text

// collect reads the corpus.
func collect(o options) ([]text, error) {
	root, err := output("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	code, docs, err := sources(src, "net", "go", "crypto", "encoding", "runtime")
	if err != nil {
		return nil, err
	}
	pretty, err := output("go", "list", "-json", "std")
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	decoder := json.NewDecoder(bytes.NewReader(pretty))
	for decoder.More() {
		var one json.RawMessage
		if err := decoder.Decode(&one); err != nil {
			return nil, err
		}
		if err := json.Compact(&compact, one); err != nil {
			return nil, err
		}
	}
	chat := conversations(docs)
	if o.traces != "" {
		if chat, err = recorded(o.traces); err != nil {
			return nil, err
		}
	}
	corpus := []text{
		{"chat", chat, true},
		{"json", clip(pretty), true},
		{"json_min", clip(compact.Bytes()), true},
		{"code", code, true},
		{"english", clip(bytes.Join(docs, []byte("\n"))), true},
	}
	languages, err := foreign(o.texts)
	if err != nil {
		return nil, err
	}
	corpus = append(corpus, languages...)
	return append(corpus, text{"scalars", scalars("%c\n"), false}, text{"scalars_in_context", scalars("a%[1]cB %[1]c1%[1]c\n%[1]c.%[1]c"), false}), nil
}

func output(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, nil
}

// sources reads Go files: as they are, and the documentation in them.
func sources(src string, packages ...string) (code []byte, docs [][]byte, err error) {
	for _, pkg := range packages {
		files, err := filepath.Glob(filepath.Join(src, pkg, "*.go"))
		if err != nil {
			return nil, nil, err
		}
		nested, err := filepath.Glob(filepath.Join(src, pkg, "*", "*.go"))
		if err != nil {
			return nil, nil, err
		}
		for _, file := range append(files, nested...) {
			body, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, err
			}
			code = append(code, body...)
			parsed, err := parser.ParseFile(token.NewFileSet(), file, body, parser.ParseComments)
			if err != nil {
				continue // testdata may be broken on purpose
			}
			for _, group := range parsed.Comments {
				if words := group.Text(); len(words) > 200 {
					docs = append(docs, []byte(words))
				}
			}
		}
	}
	return clip(code), docs, nil
}

// conversations makes chats of documentation: what a user asks for and what an assistant answers, as their JSON goes over the wire.
func conversations(docs [][]byte) []byte {
	var out []byte
	for i := 0; i+1 < len(docs) && len(out) < mostOfOne; i += 2 {
		question, _ := json.Marshal("What does this mean, and when would I use it?\n\n" + string(docs[i]))
		answer, _ := json.Marshal(string(docs[i+1]))
		out = fmt.Appendf(out, `{"role": "user", "content": %s}, {"role": "assistant", "content": %s}, `, question, answer)
	}
	return clip(out)
}

// recorded reads the messages of recorded conversations.
func recorded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []byte
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() && len(out) < mostOfOne {
		var row struct {
			Messages json.RawMessage `json:"messages"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, row.Messages...)
	}
	return clip(out), lines.Err()
}

// foreign reads texts in other languages from a folder, or has scripts/texts bring them.
func foreign(dir string) ([]text, error) {
	if dir == "" {
		out, err := output("scripts/texts")
		if err != nil {
			fmt.Printf("without texts in other languages: %v\n", err)
			return nil, nil
		}
		dir = strings.TrimSpace(string(out))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no *.txt: name a folder of texts in other languages, such as zh.txt", dir)
	}
	var all []text
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, text{strings.TrimSuffix(filepath.Base(file), ".txt"), clip(body), true})
	}
	return all, nil
}

// scalars writes every Unicode scalar value in a form.
func scalars(form string) []byte {
	var out []byte
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			out = fmt.Appendf(out, form, r)
		}
	}
	return out
}

// clip bounds a text without cutting a character.
func clip(b []byte) []byte {
	if len(b) <= mostOfOne {
		return b
	}
	return bytes.ToValidUTF8(b[:mostOfOne], nil)
}
