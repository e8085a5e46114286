package testkit

import (
	"os"
	"strings"
	"testing"
)

// Archive is several small texts in one file, in the txtar format: a comment, then after each line "-- name --" a text.
type Archive struct {
	Comment string
	Files   []File
}

// File is one text of an archive.
type File struct{ Name, Data string }

// ReadArchive reads a txtar file.
func ReadArchive(t testing.TB, path string) *Archive {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := new(Archive)
	text := &a.Comment
	for line := range strings.Lines(string(raw)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if name, end := strings.CutSuffix(name, " --"); ok && end {
			a.Files = append(a.Files, File{Name: name})
			text = &a.Files[len(a.Files)-1].Data
			continue
		}
		*text += line
	}
	return a
}

// Get returns the text of that name, "" if there is none.
func (a *Archive) Get(name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return ""
}

// Write writes the archive.
func (a *Archive) Write(t testing.TB, path string) {
	t.Helper()
	text := a.Comment
	for _, f := range a.Files {
		text += "-- " + f.Name + " --\n" + f.Data
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
