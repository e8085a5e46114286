package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/pricing"
)

// TestRun: the table is written with its header, and what was changed is printed.
func TestRun(t *testing.T) {
	in, out := filepath.Join(t.TempDir(), "facts.json"), filepath.Join(t.TempDir(), "prices.jsonl")
	const source = `{"schema":"pricing_facts/1","models":[{"provider":"p","model":"m","currency":"USD","unit":"picoUSD_per_token","rates":{"input":1000,"cache_write":5}}]}`
	if err := os.WriteFile(in, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	if err := run(in, out, &notes); err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	table, err := pricing.ParseTable(src)
	if err != nil || !strings.HasPrefix(string(src), header) || !strings.Contains(notes.String(), "p/m: cache writes") {
		t.Fatalf("%v\n%s%s", err, src, &notes)
	}
	if _, ok := table.Find("p", "m"); !ok {
		t.Error("the model is not in the table")
	}
	if err := run(filepath.Join(t.TempDir(), "absent"), out, &notes); err == nil {
		t.Error("facts that are not there were read")
	}
}
