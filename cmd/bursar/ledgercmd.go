package main

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"bursar/ledger"
	"bursar/pricing"
)

// ledgerCommand takes rows out of a ledger, brings them back, and removes old ones that are safe elsewhere.
func ledgerCommand(p *program, args []string) error {
	if len(args) == 0 {
		return usageError{"say export, import or prune"}
	}
	verb := args[0]
	if verb == "-h" || verb == "-help" || verb == "--help" {
		verb, args = "export", []string{"export", "-h"} // it has the most to tell
	}
	switch verb {
	case "export":
		return exportRows(p, args[1:])
	case "import":
		return importRows(p, args[1:])
	case "prune":
		return pruneRows(p, args[1:])
	}
	return usageError{fmt.Sprintf("no %q: say export, import or prune", verb)}
}

// exported is what an export says of itself, as JSON, so that it can be kept beside the file.
type exported struct {
	File   string       `json:"file"`
	Rows   int64        `json:"rows"`
	Spend  pricing.Nano `json:"spend_nano"`
	From   string       `json:"from,omitempty"`
	To     string       `json:"to,omitempty"`
	SHA256 string       `json:"sha256"` // of the file
}

// exportRows writes every row of a stretch of days to a file that was not there before.
func exportRows(p *program, args []string) error {
	f := p.flags("ledger export")
	dir := f.String("data", "data", "the gateway's data folder")
	postgres := f.String("postgres", "", "postgres://USER@HOST/DATABASE of the fleet's ledger, to be asked instead of -data")
	out := f.String("out", "", "file to write (required); .gz at its end compresses it")
	format := f.String("format", "", "jsonl or csv; default is what the file's name says")
	first := f.String("from", "", "first day, as 2026-11-01; default is the beginning")
	last := f.String("to", "", "last day; default is now")
	team := f.String("team", "", "only the rows of this team")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	if *out == "" {
		return usageError{"-out is missing: the file to write"}
	}
	if *format == "" {
		*format = formatOf(*out)
	}
	from, to, err := parseDays(*first, *last)
	if err != nil {
		return err
	}
	ctx := context.Background()
	source, err := openBooks(ctx, *dir, *postgres)
	if err != nil {
		return err
	}
	defer source.Close()
	done, err := writeExport(ctx, source, ledger.Filter{From: from, To: to, Team: *team}, *out, *format)
	if err != nil {
		return err
	}
	done.From, done.To = *first, *last
	return json.NewEncoder(p.out).Encode(done)
}

func formatOf(name string) string {
	if strings.HasSuffix(strings.TrimSuffix(name, ".gz"), ".csv") {
		return "csv"
	}
	return "jsonl"
}

// parseDays reads a stretch of whole days.
func parseDays(first, last string) (from, to time.Time, err error) {
	if from, err = parseDay(first, 0); err == nil {
		to, err = parseDay(last, 1)
	}
	if err == nil && !to.IsZero() && !from.Before(to) {
		err = usageError{fmt.Sprintf("-to %s is before -from %s", last, first)}
	}
	return from, to, err
}

// writeExport writes to a file beside, which takes its name once it is whole and on the disk.
func writeExport(ctx context.Context, source books, filter ledger.Filter, name, format string) (done exported, err error) {
	if _, err := os.Stat(name); err == nil {
		return exported{}, fmt.Errorf("%s is there already: an export replaces nothing", name)
	}
	partial := name + ".partial"
	file, err := os.OpenFile(partial, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return exported{}, err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(partial)
		}
	}()
	sum := sha256.New()
	var body io.Writer = io.MultiWriter(file, sum)
	finish := func() error { return nil }
	if strings.HasSuffix(name, ".gz") {
		packed := gzip.NewWriter(body)
		body, finish = packed, packed.Close
	}
	e, err := ledger.NewExporter(body, format)
	if err != nil {
		return exported{}, err
	}
	if err := source.Rows(ctx, filter, e.Write); err != nil {
		return exported{}, err
	}
	if err := errors.Join(e.Close(), finish(), file.Sync(), file.Close()); err != nil {
		return exported{}, fmt.Errorf("write %s: %w", partial, err)
	}
	return exported{File: name, Rows: e.Rows, Spend: e.Spend, SHA256: hex.EncodeToString(sum.Sum(nil))}, os.Rename(partial, name)
}

// importRows enters exports into a folder, whose books can be audited then as a gateway's can.
func importRows(p *program, args []string) error {
	f := p.flags("ledger import")
	dir := f.String("data", "", "folder to enter the rows into (required); no gateway may be running on it")
	files, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if *dir == "" || len(files) == 0 {
		return usageError{"give -data and the files to import"}
	}
	if err := os.MkdirAll(*dir, 0o750); err != nil {
		return err
	}
	var count int64
	var failed error
	rows := func(yield func(*ledger.Row) bool) {
		for row, err := range readExports(files) {
			if failed = err; err != nil || !yield(row) {
				return
			}
			count++
		}
	}
	if err := ledger.Import(*dir, rows); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	_, err = fmt.Fprintf(p.out, "%d rows read; those that were there already were passed over\n", count)
	return err
}

// readExports reads files one after the other.
func readExports(files []string) iter.Seq2[*ledger.Row, error] {
	return func(yield func(*ledger.Row, error) bool) {
		for _, name := range files {
			if !readExportFile(name, yield) {
				return
			}
		}
	}
}

func readExportFile(name string, yield func(*ledger.Row, error) bool) (more bool) {
	file, err := os.Open(name)
	if err != nil {
		yield(nil, err)
		return false
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			yield(nil, fmt.Errorf("%s: %w", name, err))
			return false
		}
	}
	for row, err := range ledger.ReadExport(in) {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		if !yield(row, err) || err != nil {
			return false
		}
	}
	return true
}
