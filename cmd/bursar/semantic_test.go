package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSemanticSecret: a gateway that is alone makes a secret once; a fleet's is in Redis unless a file has it; a short one is refused.
func TestSemanticSecret(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(dir, "secret-of-"+text[:1])
		write(t, path, text)
		return path
	}
	alone := gatewayOptions{data: dir}
	first, err := semanticSecret(&alone)
	again, err2 := semanticSecret(&alone)
	if err != nil || err2 != nil || len(first) < shortestSecret || string(first) != string(again) {
		t.Errorf("%q %v, then %q %v", first, err, again, err2)
	}
	if info, err := os.Stat(filepath.Join(dir, secretFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	fleet := gatewayOptions{data: dir, redis: "redis://127.0.0.1:6379"}
	if secret, err := semanticSecret(&fleet); err != nil || secret != nil {
		t.Errorf("a fleet: %q %v", secret, err)
	}
	fleet.semanticSecret = file("0123456789abcdef\n")
	if secret, err := semanticSecret(&fleet); err != nil || string(secret) != "0123456789abcdef" {
		t.Errorf("a file: %q %v", secret, err)
	}
	for path, want := range map[string]string{file("short\n"): "at least 16", filepath.Join(dir, "none"): "-semantic-secret"} {
		fleet.semanticSecret = path
		if _, err := semanticSecret(&fleet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
