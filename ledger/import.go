package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"
)

// importRows is how many rows Import commits at a time.
const importRows = 20_000

// Import enters rows straight into the database of a directory that no gateway has open, without the journal: millions of them, of
// an export or a benchmark. Rows that are there already are passed over; rows of days whose rows were removed are refused, since nobody
// knows any more which of them were there. After an error those committed before it stay.
func Import(dir string, rows iter.Seq[*Row]) error {
	return offline(dir, func(s *store) error {
		at, err := s.position()
		if err != nil {
			return err
		}
		removed, err := removedDaysOf(context.Background(), s.db)
		if err != nil {
			return err
		}
		batch := make([]Row, 0, importRows)
		for r := range rows {
			if day := floorTo(r.Time, dayNanos); removed[day] {
				return fmt.Errorf("ledger: rows of %s were removed from %s, and their sums would count twice: import into an empty folder",
					time.Unix(0, day).UTC().Format(time.DateOnly), dir)
			}
			if batch = append(batch, *r); len(batch) == cap(batch) {
				if err := s.commit(batch, at); err != nil {
					return err
				}
				batch = batch[:0]
			}
		}
		return s.commit(batch, at)
	})
}

// removedDaysOf returns the days whose rows were removed, of a database or as a transaction sees it.
func removedDaysOf(ctx context.Context, of interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
},
) (map[int64]bool, error) {
	rows, err := of.QueryContext(ctx, "SELECT DISTINCT day FROM removed")
	if err != nil {
		return nil, fmt.Errorf("ledger: read which rows were removed: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	days := map[int64]bool{}
	for rows.Next() {
		var day int64
		if err := rows.Scan(&day); err != nil {
			return nil, fmt.Errorf("ledger: read which rows were removed: %w", err)
		}
		days[day] = true
	}
	return days, rows.Err()
}

// offline does something with the database of a directory that no gateway has open.
func offline(dir string, do func(*store) error) error {
	if err := os.MkdirAll(journalDir(dir), 0o700); err != nil {
		return fmt.Errorf("ledger: make directory %s: %w", dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // it is only read and locked
	s, err := openStore(dir)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.close())
}
