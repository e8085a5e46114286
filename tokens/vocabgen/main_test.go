package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestCommittedVocabulariesAreFresh regenerates the vocabularies and compares them with what package tokens embeds.
func TestCommittedVocabulariesAreFresh(t *testing.T) {
	dir := t.TempDir()
	if err := generate(dir); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, name := range []string{"o200k_base.vocab", "cl100k_base.vocab"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("tokens/%s is stale: run `go generate ./tokens`", name)
		}
		total += len(got)
	}
	if total > 4<<20 {
		t.Errorf("the vocabularies take %d bytes of every clone and every binary: keep them under 4 MiB", total)
	}
}

func TestFlattenRefuses(t *testing.T) {
	f := func(ranks map[string]int) {
		t.Helper()
		if _, err := flatten(ranks); err == nil {
			t.Errorf("flatten(%v) is no error", ranks)
		}
	}
	f(map[string]int{"a": 1})
	f(map[string]int{"a": 0, "b": 0})
	f(map[string]int{"a": -1})
	f(map[string]int{"": 0})
	f(map[string]int{string(make([]byte, 256)): 0})
}
