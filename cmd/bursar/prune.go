package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bursar/ledger"
)

// pruneRows removes rows of before a day, once it has seen each of them elsewhere: in exports, or in Postgres. Sums stay, and so do
// statements of whole days.
func pruneRows(p *program, args []string) error {
	f := p.flags("ledger prune")
	dir := f.String("data", "", "the gateway's data folder; no gateway may be running on it (a running one has serve -retain)")
	postgres := f.String("postgres", "", "postgres://USER@HOST/DATABASE of the fleet's ledger: with -data, where the rows must be; without, what they are removed from")
	first := f.String("before", "", "the first day whose rows stay, as 2025-11-01 (required)")
	var files []string
	f.Func("exported", "a file that has the rows; give it again for each further one, in the order of time", func(name string) error {
		files = append(files, name)
		return nil
	})
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	before, err := parseDay(*first, 0)
	switch {
	case err != nil:
		return err
	case before.IsZero():
		return usageError{"-before is missing: the first day whose rows stay"}
	case *dir == "" && *postgres == "":
		return usageError{"give -data, or -postgres"}
	case len(files) == 0 && (*dir == "" || *postgres == ""):
		return usageError{"-exported is missing: rows are removed only where they are known to be safe, and -data may be with -postgres instead"}
	}
	ctx := context.Background()
	var gone int64
	if *dir == "" {
		gone, err = pruneFleet(ctx, *postgres, before, files)
	} else {
		gone, err = pruneFolder(ctx, *dir, *postgres, before, files)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%d rows of before %s removed; their sums stay\n", gone, *first)
	return err
}

func pruneFolder(ctx context.Context, dir, postgres string, before time.Time, files []string) (int64, error) {
	reader, err := ledger.OpenReader(dir)
	if err != nil {
		return 0, inFolder(dir, err)
	}
	since, below, err := safeRows(ctx, reader, dir, postgres, before, files)
	if err := errors.Join(err, reader.Close()); err != nil {
		return 0, err
	}
	return ledger.Prune(ctx, dir, since, before, below)
}

// safeRows returns which rows are safe: from when on, and the number that they are below.
func safeRows(ctx context.Context, reader *ledger.Reader, dir, postgres string, before time.Time, files []string) (since time.Time, below int64, err error) {
	if len(files) > 0 {
		if since, err = reader.Since(ctx); err != nil {
			return since, 0, err
		}
		if below, err = reader.Last(ctx); err != nil { // before the rows are read: what comes meanwhile is not proven
			return since, 0, err
		}
		_, err = proveExported(ctx, reader, before, files)
		return since, below, err
	}
	name, err := os.ReadFile(filepath.Join(dir, gatewayFile))
	if err != nil {
		return since, 0, err
	}
	fleet, err := ledger.OpenFleet(ctx, postgres)
	if err != nil {
		return since, 0, err
	}
	shipped, err := reader.CompareFleet(ctx, fleet, strings.TrimSpace(string(name)), allTime)
	return since, shipped.Last, errors.Join(err, fleet.Close())
}

func pruneFleet(ctx context.Context, postgres string, before time.Time, files []string) (gone int64, err error) {
	fleet, err := ledger.OpenFleet(ctx, postgres)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	proven, err := proveExported(ctx, fleet, before, files)
	if err != nil {
		return 0, err
	}
	return fleet.Prune(ctx, before, proven)
}

// proveExported checks that every row of before a day that is still in the books is in the files, as it is, and returns how many there
// are in each hour. Files and books go by time, so they are read side by side; the files may have rows more, say of before.
func proveExported(ctx context.Context, from books, before time.Time, files []string) (map[int64]int64, error) {
	next, stop := iter.Pull2(readExports(files))
	defer stop()
	proven := map[int64]int64{}
	since, err := from.Since(ctx) // what is left of days before it is not read, and stays
	if err != nil || !since.Before(before) {
		return proven, err
	}
	err = from.Rows(ctx, ledger.Filter{From: since, To: before}, func(row *ledger.Row) error {
		for {
			kept, err, more := next()
			switch {
			case err != nil:
				return err
			case !more:
				return fmt.Errorf("row %s of %s is not in the export: nothing was removed; export again, and give the files in the order of time",
					row.ID, time.Unix(0, row.Time).UTC().Format(time.RFC3339))
			case *kept == *row:
				proven[row.Time-row.Time%int64(time.Hour)]++
				return nil
			}
		}
	})
	return proven, err
}
