package ledger

import (
	"errors"
	"fmt"
	"iter"
	"os"
)

// importRows is how many rows Import commits at a time.
const importRows = 20_000

// Import enters rows straight into the database of a directory that no gateway has open, without the journal: millions of them, of
// an export or a benchmark. Rows that are there already are passed over. After an error those committed before it stay.
func Import(dir string, rows iter.Seq[*Row]) error {
	return offline(dir, func(s *store) error {
		at, err := s.position()
		if err != nil {
			return err
		}
		batch := make([]Row, 0, importRows)
		for r := range rows {
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
