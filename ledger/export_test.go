package ledger

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"bursar/exchange"
	"bursar/pricing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestExportProperty: whatever bytes clients chose, and whatever the amounts, an export reads back as the same rows, in either form, and
// no cell of a CSV is a formula.
func TestExportProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var rows []Row
		for range rapid.IntRange(0, 4).Draw(rt, "rows") {
			var r Row
			for _, text := range r.texts() {
				*text = rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
					rapid.SampledFrom([]string{"=cmd()", "+1", "-", "@a", `\`, `\x41`, "a\r\nb", "\uFFFD", `"`, "{", ","})).Draw(rt, "text")
			}
			var stream int64
			for _, n := range r.numbers(&stream) {
				*n = rapid.Int64().Draw(rt, "number")
			}
			r.Stream = rapid.Bool().Draw(rt, "stream")
			rows = append(rows, r)
		}
		for _, format := range ExportFormats() {
			var file bytes.Buffer
			e, err := NewExporter(&file, format)
			must(t, err)
			var spend pricing.Nano
			for i := range rows {
				must(t, e.Write(&rows[i]))
				spend += rows[i].Cost
			}
			must(t, e.Close())
			if e.Rows != int64(len(rows)) || e.Spend != spend {
				rt.Fatalf("%d rows of %d", e.Rows, e.Spend)
			}
			if format == "csv" {
				noFormulas(rt, file.String())
			}
			var have []Row
			for r, err := range ReadExport(&file) {
				must(t, err)
				have = append(have, *r)
			}
			if diff := cmp.Diff(rows, have); diff != "" {
				rt.Fatalf("%s: %s", format, diff)
			}
		}
	})
}

func noFormulas(t *rapid.T, text string) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		for _, cell := range record[1 : 1+texts] {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Fatalf("a spreadsheet runs %q", cell)
			}
		}
	}
}

// TestReadExportDamaged: an export that has lost something is refused, and the line named.
func TestReadExportDamaged(t *testing.T) {
	var file bytes.Buffer
	e, err := NewExporter(&file, "jsonl")
	must(t, err)
	must(t, e.Write(row(1)))
	must(t, e.Write(row(2)))
	must(t, e.Close())
	f := func(want, text string) {
		t.Helper()
		var failed error
		for _, err := range ReadExport(strings.NewReader(text)) {
			failed = err
		}
		if failed == nil || !strings.Contains(failed.Error(), want) {
			t.Errorf("%v, want %q", failed, want)
		}
	}
	whole := file.String()
	f("line 2 of an export", whole[:len(whole)-20])
	f(`column "cost" is missing`, strings.Replace(whole, `"cost":`, `"kost":`, 1))
	f(`column "newer" is unknown`, strings.Replace(whole, `{`, `{"newer":1,`, 1))
	f(`column "team" is missing`, strings.Replace(whole, `"team":"team1"`, `"team":1`, 1))
	for r, err := range ReadExport(strings.NewReader(strings.ReplaceAll(whole, `,"facts":""`, ""))) { // of a version before facts
		if err != nil || r.Cost == 0 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	f("a backslash escapes nothing", strings.Replace(whole, `"team":"team1"`, `"team":"\\q"`, 1))
	f(`column "id" is missing`, "id;team\n1;2\n")
}

func FuzzReadExport(f *testing.F) {
	for _, format := range ExportFormats() {
		var file bytes.Buffer
		e, err := NewExporter(&file, format)
		must(f, err)
		r := row(3)
		r.User = "=a\\\x00"
		r.Saved[exchange.LeverCap] = -5
		must(f, e.Write(r))
		must(f, e.Close())
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for r, err := range ReadExport(bytes.NewReader(data)) {
			if (r == nil) == (err == nil) {
				t.Fatal("a row and an error, or neither")
			}
		}
	})
}
