package dialect

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what comes out into the golden files")

// section is one part of a golden file: its name stands in a line of its own, as in -- request --.
type section struct{ name, text string }

func sections(text string) (all []section) {
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- "); ok && strings.HasSuffix(name, " --") {
			all = append(all, section{name: strings.TrimSuffix(name, " --")})
		} else if len(all) > 0 {
			all[len(all)-1].text += line
		}
	}
	return all
}

// TestGolden: each file has requests, answers, refusals and streams of the dialect that its directory is named for, and what becomes of each
// behind it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		d, known := Find(name)
		if !known || d == nil {
			continue
		}
		t.Run(name+"/"+filepath.Base(file), func(t *testing.T) {
			golden(t, file, func(t *testing.T, s section) string { return translated(t, d, s) })
		})
	}
}

func translated(t *testing.T, d *Dialect, s section) string {
	t.Helper()
	switch name, _, _ := strings.Cut(s.name, " "); name {
	case "request":
		body, dropped, fault := d.Request([]byte(s.text), Options{Drop: strings.Contains(s.name, "drop")})
		if fault != nil {
			return fmt.Sprintf("%d %s %s: %s %s\n", fault.Status, fault.Code, fault.Param, fault.Message, fault.Hint)
		}
		return indented(t, body) + list(dropped)
	case "answer":
		body, err := d.Answer([]byte(s.text), Made{Created: 1700000000, Model: "the-model", ID: "the-id"})
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		return indented(t, body)
	case "refusal":
		return indented(t, d.Refusal(400, []byte(s.text)))
	case "stream":
		stream := d.NewStream(Made{Created: 1700000000, Model: "the-model", ID: "the-id"})
		var out []byte
		for event := range strings.SplitSeq(strings.TrimSpace(s.text), "\n") {
			var err error
			if out, err = stream.Event(out, []byte(event)); err != nil {
				return string(out) + "error: " + err.Error() + "\n"
			}
		}
		if !strings.Contains(s.name, "cut") {
			out = stream.End(out)
		}
		return strings.ReplaceAll(string(out), "\n\n", "\n") + "told " + string(stream.Told()) + "\n"
	}
	t.Fatalf("section %q is none of request, answer, refusal and stream", s.name)
	return ""
}

func indented(t *testing.T, body []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, body)
	}
	return out.String() + "\n"
}

func list(dropped []string) string {
	if len(dropped) == 0 {
		return ""
	}
	return "dropped: " + strings.Join(dropped, ", ") + "\n"
}

// fuzz: whatever comes, nothing panics, and what goes out is JSON.
func fuzz(f *testing.F, name string) {
	d, _ := Find(name)
	files, _ := filepath.Glob("testdata/" + name + "/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range sections(string(text)) {
			f.Add([]byte(s.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		valid := func(what string, out []byte) {
			t.Helper()
			if !json.Valid(out) {
				t.Errorf("%s of %q is no JSON: %s", what, text, out)
			}
		}
		if body, _, fault := d.Request(text, Options{Drop: true}); fault == nil {
			valid("request", body)
		}
		if body, err := d.Answer(text, Made{}); err == nil {
			valid("answer", body)
		}
		valid("refusal", d.Refusal(400, text))
		stream := d.NewStream(Made{})
		var out []byte
		for line := range bytes.Lines(text) {
			var err error
			if out, err = stream.Event(out, line); err != nil {
				break
			}
		}
		if told := stream.Told(); told != nil {
			valid("usage", told)
		}
		for line := range bytes.Lines(stream.End(out)) {
			if data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: ")); ok && string(data) != "[DONE]" {
				valid("chunk", data)
			}
		}
	})
}

func FuzzAnthropic(f *testing.F) { fuzz(f, "anthropic") }

func FuzzBedrock(f *testing.F) { fuzz(f, "bedrock") }

func FuzzResponses(f *testing.F) { fuzz(f, "responses") }

func FuzzGemini(f *testing.F) { fuzz(f, "gemini") }
