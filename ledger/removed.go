package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// removedDays has what removed rows add up to, by day of UTC and by all that statements and budgets tell rows apart by. With it the
// books still balance, and any statement of whole days stays exact; what is gone is the single requests, and for some
// statements the hours.
var removedDays = rollup{
	table: "removed", start: "day", nanos: dayNanos, columns: []string{"team", "project", "key", "user", "target", "tier", "rule", "tags"},
}

// remove removes one hour of rows: the oldest of a span that has any, and of these the ones whose number is below a mark. It returns how
// many went; none is the end.
func remove(ctx context.Context, db *sql.DB, s span, mark int64) (gone int64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("ledger: begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var first sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT min(time) FROM rows WHERE time >= ? AND time < ? AND rowid < ?", s.from, s.to, mark).Scan(&first); err != nil {
		return 0, fmt.Errorf("ledger: find the oldest row: %w", err)
	}
	if !first.Valid {
		return 0, nil
	}
	hour := floorTo(first.Int64, hourNanos)
	gone, err = removeHour(ctx, tx, sqlite, hour, " FROM rows WHERE time >= ? AND time < ? AND rowid < ?", max(hour, s.from), min(hour+hourNanos, s.to), mark)
	if err != nil {
		return 0, fmt.Errorf("ledger: remove rows: %w", err)
	}
	return gone, tx.Commit()
}

// removeHour removes rows of one hour and keeps their sums. It returns how many went.
func removeHour(ctx context.Context, tx *sql.Tx, d dialect, hour int64, which string, args ...any) (int64, error) {
	u := &removedDays
	columns := idents(u.columns, "")
	add := fmt.Sprintf("INSERT INTO %s SELECT %d, %s, %s%s GROUP BY %s", u.table, floorTo(hour, u.nanos), columns, sumList(true), which, columns)
	if _, err := tx.ExecContext(ctx, d.text(add+u.orAdd()), args...); err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, d.text("DELETE"+which), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// removedSpan returns from which time to which rows were removed: whole days.
func removedSpan(ctx context.Context, tx *sql.Tx) (span, error) {
	var first, last sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT (SELECT min(day) FROM removed), (SELECT max(day) FROM removed)").Scan(&first, &last); err != nil {
		return span{}, err
	}
	if !first.Valid {
		return span{}, nil
	}
	return span{first.Int64, last.Int64 + dayNanos}, nil
}

// overlap returns what two spans have in common.
func (s span) overlap(other span) span { return span{max(s.from, other.from), min(s.to, other.to)} }

// sumRemoved adds the sums of removed rows. A span that cuts a day of theirs cannot be answered any more.
func (p *plan) sumRemoved(ctx context.Context, tx *sql.Tx, s span, columns []string, add func([]string, *Sums)) error {
	s = s.overlap(p.missing)
	if s.empty() {
		return nil
	}
	before, within, after := s.whole(dayNanos)
	for _, part := range []span{before, after} {
		if part.empty() {
			continue
		}
		if gone, err := anyRemoved(ctx, tx, part); err != nil {
			return err
		} else if gone {
			return p.gone()
		}
	}
	if within.empty() {
		return nil
	}
	return p.sumTable(ctx, tx, &removedDays, columns, within, add)
}

// anyRemoved tells whether rows of a day that a span touches were removed.
func anyRemoved(ctx context.Context, tx *sql.Tx, s span) (any bool, err error) {
	err = tx.QueryRowContext(ctx, fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM removed WHERE day > %d AND day < %d)", s.from-dayNanos, s.to)).Scan(&any)
	return any, err
}

// gone says that a question cannot be answered any more.
func (p *plan) gone() error {
	return fmt.Errorf("rows from before %s were removed, as they are kept for a time only, and their sums cannot tell this: "+
		"ask by whole days of UTC, for a later time, or ask the fleet's Postgres or an export", time.Unix(0, p.missing.to).UTC().Format(time.DateTime))
}

// Since returns from when on all rows are there: those of days before it were removed, or some of them. The zero time is the beginning.
func (r *Reader) Since(ctx context.Context) (since time.Time, err error) {
	err = r.view(ctx, func(v *view) error {
		since, err = sinceRemoved(ctx, v.tx)
		return err
	})
	return since, err
}

// Since returns from when on all rows are in Postgres.
func (f *Fleet) Since(ctx context.Context) (since time.Time, err error) {
	err = f.view(ctx, func(tx *sql.Tx) error {
		since, err = sinceRemoved(ctx, tx)
		return err
	})
	return since, err
}

func sinceRemoved(ctx context.Context, tx *sql.Tx) (time.Time, error) {
	gone, err := removedSpan(ctx, tx)
	if err != nil || gone.empty() {
		return time.Time{}, err
	}
	return time.Unix(0, gone.to).UTC(), nil
}
