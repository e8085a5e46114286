package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecret: a gateway that is alone makes a secret once; a fleet's is in Redis unless a file has it; a short one is refused.
func TestSecret(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(dir, "secret-of-"+text[:1])
		write(t, path, text)
		return path
	}
	alone := gatewayOptions{data: dir}
	first, err := givenSecret(&alone)
	again, err2 := givenSecret(&alone)
	if err != nil || err2 != nil || len(first) < shortestSecret || string(first) != string(again) {
		t.Errorf("%q %v, then %q %v", first, err, again, err2)
	}
	older := gatewayOptions{data: t.TempDir()}
	write(t, filepath.Join(older.data, olderSecretFile), "what earlier versions made\n")
	if secret, err := givenSecret(&older); err != nil || string(secret) != "what earlier versions made" {
		t.Errorf("an earlier version's: %q %v", secret, err)
	}
	if info, err := os.Stat(filepath.Join(dir, secretFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	fleet := gatewayOptions{data: dir, redis: "redis://127.0.0.1:6379"}
	if secret, err := givenSecret(&fleet); err != nil || secret != nil {
		t.Errorf("a fleet: %q %v", secret, err)
	}
	fleet.secret = file("0123456789abcdef\n")
	if secret, err := givenSecret(&fleet); err != nil || string(secret) != "0123456789abcdef" {
		t.Errorf("a file: %q %v", secret, err)
	}
	for path, want := range map[string]string{file("short\n"): "at least 16", filepath.Join(dir, "none"): "-secret: open"} {
		fleet.secret = path
		if _, err := givenSecret(&fleet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
