package pricing

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestInvoices compares Cost with invoices that were worked by hand.
func TestInvoices(t *testing.T) {
	src, err := os.ReadFile("testdata/invoices.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	var call, title string
	for line := range strings.Lines(string(src)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || line[0] == '#' || line[0] == ' ':
		case strings.HasPrefix(line, "= "):
			cases++
			want := line[2:]
			if got := invoice(t, call).Dollars(); got != want {
				t.Errorf("%s:\n%s\ngot %s, want %s", title, call, got, want)
			}
			title = ""
		case title == "":
			title = line
		default:
			call = line
		}
	}
	if cases < 112 {
		t.Errorf("read %d invoices, want at least 112", cases)
	}
}

// invoice works out a call written as PROVIDER/MODEL TIME BUCKET=TOKENS...
func invoice(t *testing.T, call string) Nano {
	t.Helper()
	words := strings.Fields(call)
	p := invoicePrice(t, words[0])
	at, err := time.Parse(time.RFC3339, words[1])
	if err != nil {
		t.Fatal(err)
	}
	var u Usage
	buckets := map[string]*int64{
		"input": &u.Input, "cache_read": &u.CacheRead, "cache_write": &u.CacheWrite, "cache_write_1h": &u.CacheWrite1h,
		"audio_in": &u.AudioIn, "image_in": &u.ImageIn,
		"output": &u.Output, "reasoning": &u.Reasoning, "audio_out": &u.AudioOut, "image_out": &u.ImageOut,
	}
	for _, word := range words[2:] {
		name, value, _ := strings.Cut(word, "=")
		switch {
		case name == "tier":
			u.Tier = value
		case name == "region":
			u.Region = value
		case buckets[name] == nil:
			t.Fatalf("no bucket %q in %q", name, call)
		default:
			if *buckets[name], err = strconv.ParseInt(value, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p.Cost(&u, at)
}

// invoicePrice finds the price that a call is by.
func invoicePrice(t *testing.T, word string) *Price {
	t.Helper()
	if line, ok := strings.CutPrefix(word, "price:"); ok {
		table, err := ParseTable([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		return table.sorted[0]
	}
	if list, ok := strings.CutPrefix(word, "override:"); ok {
		var r Rates
		for part := range strings.SplitSeq(list, ",") {
			name, value, _ := strings.Cut(part, "=")
			var err error
			if name == "per_request" {
				r.PerRequest, err = ParseDollars(value)
			} else {
				*r.buckets()[slices.Index(bucketNames[:], name)], err = PerMillion(value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return Flat("p", "m", r)
	}
	provider, model, _ := strings.Cut(word, "/")
	p, ok := Embedded().Find(provider, model)
	if !ok {
		t.Fatalf("no price of %s", word)
	}
	return p
}
