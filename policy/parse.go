package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// mostBytes is the largest file that is read.
const mostBytes = 1 << 20

// Parse compiles the text of a policies.yaml. name is used in messages; env reads the environment (key_env). On failure the
// error is a *Problems that lists everything wrong with the file.
func Parse(name string, src []byte, env func(string) string) (*Policy, error) {
	d := &decoder{notes: notes{file: name}}
	root := d.document(src)
	if root == nil {
		return nil, d.err()
	}
	var file fileEntry
	d.object(root, &file, field{})
	sum := sha256.Sum256(src)
	c := &compiler{notes: &d.notes, file: &file, env: env, now: time.Now(), policy: &Policy{File: name, Hash: hex.EncodeToString(sum[:])}}
	c.compile()
	if err := d.err(); err != nil {
		return nil, err
	}
	c.policy.Warnings = d.illustrated(d.warnings)
	return c.policy, nil
}

// document reads the one YAML document of a file, nil if that failed.
func (d *decoder) document(src []byte) *yaml.Node {
	if len(src) > mostBytes {
		d.problem(place{1, 1}, "check that this is the right file", "the file has more than %d bytes", mostBytes)
		return nil
	}
	d.lines = strings.Split(strings.ToValidUTF8(strings.TrimPrefix(string(src), "\uFEFF"), "\uFFFD"), "\n")
	for i := range d.lines {
		d.lines[i] = strings.TrimSuffix(d.lines[i], "\r")
	}
	if !d.readable(src) {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithV4Defaults())
	if err != nil {
		d.problem(place{1, 1}, "", "YAML cannot be read: %v", err)
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF), err == nil && (len(doc.Content) == 0 || isNull(doc.Content[0])):
		d.problem(place{1, 1}, cmp.Or(d.opening, "begin with `version: 1`, providers, models, routes and default"), "the file is empty")
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err)
	default:
		d.problem(placeOf(&second), "the file is one document: put it all above the ---", "a second YAML document begins here")
	}
	return doc.Content[0]
}

// readable reports bytes that no YAML file may have, and line breaks that YAML knows but editors do not count, so that every line
// number after them would be wrong.
func (d *decoder) readable(src []byte) bool {
	before := len(d.problems)
	for i, line := range bytes.Split(src, []byte("\n")) {
		column := 1
		for len(line) > 0 {
			r, size := utf8.DecodeRune(line)
			if r == utf8.RuneError && size == 1 {
				d.problem(place{i + 1, column}, "save the file as UTF-8", "byte 0x%02x is not UTF-8 text", line[0])
				break
			}
			last := len(line) == size
			if r < ' ' && r != '\t' && (r != '\r' || !last) || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
				d.problem(place{i + 1, column}, "remove it; lines end with a line feed", "control character U+%04X", r)
				break
			}
			line, column = line[size:], column+1
		}
	}
	return len(d.problems) == before
}

// syntax reports what the YAML parser could not read, in our own words where its own are unclear.
func (d *decoder) syntax(err error) {
	var fault *yaml.LoadError
	if !errors.As(err, &fault) {
		d.problem(place{1, 1}, "", "YAML cannot be read: %v", err)
		return
	}
	at := place{max(1, fault.Mark.Line), max(1, fault.Mark.Column)}
	if begun := fault.ContextMark.Line; begun > 0 && at.line > len(d.lines)-1 {
		at = place{begun, max(1, fault.ContextMark.Column)} // an end that never comes: show the beginning
	}
	if strings.Contains(fault.Message, "tab") || strings.HasPrefix(strings.TrimLeft(d.line(at.line), " "), "\t") {
		d.tabs(at)
		return
	}
	message := "YAML: " + fault.Message
	if fault.ContextMsg != "" && fault.ContextMark.Line > 0 {
		message += fmt.Sprintf(" (%s that begins on line %d)", fault.ContextMsg, fault.ContextMark.Line)
	}
	d.problem(at, syntaxHint(fault, d.line(at.line)), "%s", message)
}

func (d *decoder) line(number int) string {
	if number < 1 || number > len(d.lines) {
		return ""
	}
	return d.lines[number-1]
}

// tabs reports every line that is indented with tabs, where the parser stumbles over the first one only.
func (d *decoder) tabs(at place) {
	const hint = "indent with spaces"
	before := len(d.problems)
	for i, line := range d.lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.TrimSpace(line) != "" {
			d.problem(place{i + 1, tab + 1}, hint, "the line is indented with a tab")
		}
	}
	if len(d.problems) == before {
		d.problem(at, hint, "a tab stands where YAML wants spaces")
	}
}

func syntaxHint(fault *yaml.LoadError, line string) string {
	has := func(s string) bool {
		return strings.Contains(fault.Message, s) || strings.Contains(fault.ContextMsg, s)
	}
	switch {
	case strings.Contains(line, "{{") || strings.Contains(line, "${"):
		return "templates are not known here; secrets are named with key_env: OPENAI_API_KEY"
	case has("block scalar"):
		return `put comparisons that begin with > into quotes: "> 1500"`
	case has("cannot start any token"):
		return "put text that begins with @, ` or % into quotes"
	case has("unknown anchor"):
		return "text that begins with * is an alias: put it into quotes, or define the anchor above it"
	case has("mapping values are not allowed"):
		return "put text with a colon into quotes, and each key on a line of its own"
	case has("quoted scalar"):
		return "close the quote"
	case has("flow mapping"), has("flow sequence"):
		return "close the bracket, and put commas between entries"
	case has("did not find expected key"), has("did not find expected '-'"):
		return "indent it as the lines above it"
	default:
		return "look at the quotes, the colons and the indentation of this line and the one above it"
	}
}
