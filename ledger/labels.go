package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// labelled says which rows are judgements of answers.
const labelled = "SELECT %s FROM rows WHERE kind = 5 AND time >= %s ORDER BY time, id"

// Labels calls do for every judgement that was entered since, in the order of their times. The row is only lent.
func (r *Reader) Labels(ctx context.Context, since time.Time, do func(*Row) error) error {
	err := r.view(ctx, func(v *view) error {
		var waiting []Row
		if err := v.pending(ctx, func(r *Row) {
			if r.Kind == KindLabel && r.Time >= since.UnixNano() {
				waiting = append(waiting, *r)
			}
		}); err != nil {
			return err
		}
		slices.SortFunc(waiting, compareRows)
		if err := eachLabel(ctx, v.tx, "?", since, do); err != nil {
			return err
		}
		for i := range waiting { // they are younger than what is committed
			if err := do(&waiting[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger: read labels: %w", err)
	}
	return nil
}

// Labels is Reader.Labels of all gateways, as far as they have shipped.
func (f *Fleet) Labels(ctx context.Context, since time.Time, do func(*Row) error) error {
	if err := f.view(ctx, func(tx *sql.Tx) error { return eachLabel(ctx, tx, "$1", since, do) }); err != nil {
		return fmt.Errorf("ledger: read labels from Postgres: %w", err)
	}
	return nil
}

func eachLabel(ctx context.Context, tx *sql.Tx, argument string, since time.Time, do func(*Row) error) error {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(labelled, rowColumns(), argument), since.UnixNano())
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		row, err := scanRow(rows)
		if err != nil {
			return err
		}
		if err := do(&row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Find is Reader.Find over what all gateways have shipped.
func (f *Fleet) Find(ctx context.Context, id string) (row Row, found bool, err error) {
	err = f.view(ctx, func(tx *sql.Tx) error {
		row, err = scanRow(tx.QueryRowContext(ctx, "SELECT "+rowColumns()+" FROM rows WHERE id = $1 AND kind IN (0, 1, 4)", id))
		if found = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return Row{}, false, fmt.Errorf("ledger: find %s in Postgres: %w", id, err)
	}
	return row, found, nil
}
