package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
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
	old := span{math.MinInt64, floorTo(before.UnixNano(), dayNanos)}
	s.mu.Lock()
	below := s.at.position
	s.mu.Unlock()
	for range retireHours {
		if n, err := remove(ctx, s.ledger.committer.store.db, old, below); err != nil {
			return err
		} else if n == 0 {
			s.retired = time.Now()
			return nil
		}
	}
	return nil // more of them at the next turn
}

// Prune removes rows of a stretch of time, by whole days of UTC, from a directory that no gateway has open: of them, those whose number is
// below a mark, which is that of the last row that is safe elsewhere. A zero since is the beginning. It returns how many went. Their
// sums stay.
func Prune(ctx context.Context, dir string, since, before time.Time, below int64) (gone int64, err error) {
	old := span{startOfDay(since), startOfDay(before)}
	err = offline(dir, func(s *store) error {
		for {
			n, err := remove(ctx, s.db, old, below)
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

// Prune removes the rows of before a time, by whole days of UTC, from Postgres. Proven says how many rows of each hour, by its start in
// Unix nanoseconds, are known to be safe elsewhere: an hour that has another number by now stays, and is the error. It returns how
// many rows went. Their sums stay.
func (f *Fleet) Prune(ctx context.Context, before time.Time, proven map[int64]int64) (gone int64, err error) {
	before = before.UTC().Truncate(24 * time.Hour)
	for _, hour := range slices.Sorted(maps.Keys(proven)) {
		if hour >= before.UnixNano() {
			continue
		}
		err := f.transact(ctx, nil, func(tx *sql.Tx) error { return pruneHour(ctx, tx, hour, proven[hour]) })
		if err != nil {
			return gone, fmt.Errorf("ledger: remove rows from Postgres: %w", err)
		}
		gone += proven[hour]
	}
	return gone, nil
}

func pruneHour(ctx context.Context, tx *sql.Tx, hour, proven int64) error {
	removed, err := removeHour(ctx, tx, postgres, hour, " FROM rows WHERE time >= ? AND time < ?", hour, hour+hourNanos)
	if err != nil {
		return err
	}
	if removed != proven {
		return fmt.Errorf("the hour of %s has %d rows and %d of them are known to be safe: export it again",
			time.Unix(0, hour).UTC().Format(time.RFC3339), removed, proven)
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM twins WHERE time >= $1 AND time < $2", hour, hour+hourNanos)
	return err
}
