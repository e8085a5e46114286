package ledger

import (
	"context"
	"fmt"
	"time"
)

// retireEvery is how often rows are looked for that are old enough to go; retireHours is how many hours of them go at a time, so that
// what is to be shipped never waits long.
const (
	retireEvery = time.Minute
	retireHours = 10
)

// retire removes rows that are older than they are kept, by whole days of UTC, unless they are not shipped yet or still wanted here.
func (s *Shipper) retire(ctx context.Context) error {
	if s.options.Retain <= 0 || time.Since(s.retired) < retireEvery {
		return nil
	}
	before := time.Now().Add(-s.options.Retain)
	if s.options.Keep != nil {
		if keep := s.options.Keep(); keep.Before(before) {
			before = keep
		}
	}
	before = before.UTC().Truncate(24 * time.Hour)
	s.mu.Lock()
	below := s.at.position
	s.mu.Unlock()
	for range retireHours {
		if n, err := remove(ctx, s.ledger.committer.store.db, before, below); err != nil {
			return err
		} else if n == 0 {
			s.retired = time.Now()
			return nil
		}
	}
	return nil // more of them at the next turn
}

// Prune removes rows from before a time, by whole days of UTC, from a directory that no gateway has open: of them, those whose number is
// below a mark, which is that of the last row that is safe elsewhere. It returns how many went. Their sums stay.
func Prune(ctx context.Context, dir string, before time.Time, below int64) (gone int64, err error) {
	err = offline(dir, func(s *store) error {
		for {
			n, err := remove(ctx, s.db, before.UTC().Truncate(24*time.Hour), below)
			if err != nil || n == 0 {
				return err
			}
			gone += n
		}
	})
	return gone, err
}

// Last returns the number of the last row that is committed, which the rows before it are below.
func (r *Reader) Last(ctx context.Context) (last int64, err error) {
	err = r.db.QueryRowContext(ctx, "SELECT coalesce(max(rowid), 0) FROM rows").Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("ledger: find the last row: %w", err)
	}
	return last, nil
}
