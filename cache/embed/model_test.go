package embed

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestShippedModelIsWhole(t *testing.T) {
	m, err := Open([]byte(shipped))
	if err != nil {
		t.Fatal(err)
	}
	if len(shipped) > 6_500_000 {
		t.Errorf("the model has %d bytes: the program carries at most 6.5 MB", len(shipped))
	}
	if m.Version() != Default().Version() || len(m.Version()) != 16 {
		t.Errorf("versions are %q and %q", m.Version(), Default().Version())
	}
	card, err := os.ReadFile("MODEL.md")
	if err != nil || !strings.Contains(string(card), m.Version()) {
		t.Errorf("MODEL.md is not of version %s: write what this model was made of and what it measures (%v)", m.Version(), err)
	}
}

func trained(t testing.TB) Trained {
	v, err := NewVocabulary([]string{"reset", "password", "my"}, 4, [][2]uint16{{2, 1}})
	if err != nil {
		t.Fatal(err)
	}
	made := Trained{Vocabulary: v, Rows: make([][Dim]float32, v.Rows()), IDF: []float32{3, 2, 0.5}}
	for i := range made.Rows {
		made.Rows[i][i] = float32(i + 1)
	}
	return made
}

func TestAModelIsReadAsItWasWritten(t *testing.T) {
	file, err := trained(t).File()
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	// "my password" is the rows of my (weight 3), password (2) and the phrase (8), each along an axis of its own.
	var v Vector
	m.Embed("my password", &v)
	for axis, want := range map[int]float64{1: 2, 2: 3, 7: 8} {
		if got := float64(v[axis]) / Scale * 8.775; got < want-0.02*8.775 || got > want+0.02*8.775 {
			if v[axis] != 127 { // longer than a Vector can hold
				t.Errorf("along axis %d the sum has %.2f, want %.2f", axis, got, want)
			}
		}
	}
	tokens := m.Tokens(nil, "my password zz")
	if m.IDF(tokens[0]) != 0.5 || m.IDF(tokens[1]) != 2 || m.IDF(tokens[2]) != 3 {
		t.Errorf("idf are %v, %v, %v", m.IDF(tokens[0]), m.IDF(tokens[1]), m.IDF(tokens[2]))
	}
	// A phrase is one only where its words stand side by side.
	if n := len(m.Features(nil, "my, password")); n != 2 {
		t.Errorf("%d features across a comma, want 2", n)
	}
}

func TestFilesThatAreNoModels(t *testing.T) {
	file, err := trained(t).File()
	if err != nil {
		t.Fatal(err)
	}
	for end := range file {
		if _, err := Open(file[:end]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a model", end, len(file))
		}
	}
	for at := range file {
		damaged := bytes.Clone(file)
		damaged[at] ^= 0x10
		if _, err := Open(damaged); err == nil {
			t.Fatalf("a model damaged at byte %d was not noticed", at)
		}
	}
}

func TestVocabulariesThatCannotBe(t *testing.T) {
	for want, make := range map[string]func() (*Vocabulary, error){
		"twice":      func() (*Vocabulary, error) { return NewVocabulary([]string{"a", "a"}, 1, nil) },
		"one bucket": func() (*Vocabulary, error) { return NewVocabulary([]string{"a"}, 0, nil) },
		"1 to 48":    func() (*Vocabulary, error) { return NewVocabulary([]string{""}, 1, nil) },
		"phrase 0":   func() (*Vocabulary, error) { return NewVocabulary([]string{"a"}, 1, [][2]uint16{{0, 1}}) },
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	file, err := trained(f).File()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte(fileMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		if m, err := parse(string(file)); err == nil { // whatever can be read can be used
			var v Vector
			m.Embed("reset my password, 重置 qqq", &v)
		}
	})
}
