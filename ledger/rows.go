package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Rows calls do for every row of a filter, of all kinds, in the order of their times; rows of one time are in the order of their
// ids. It is one moment of the ledger: what is appended meanwhile is not seen, so do may append. The row is only lent: do must
// copy what it keeps. The first error of do ends it and is returned.
func (r *Reader) Rows(ctx context.Context, f Filter, do func(*Row) error) error {
	plan, err := Query{Filter: f}.plan()
	if err != nil {
		return err
	}
	err = r.view(ctx, func(v *view) error {
		// The journal comes first, because it may move on and the view begin anew, and do must see each row once.
		var waiting []Row
		if err := v.pending(ctx, func(r *Row) {
			if plan.picks(r) {
				waiting = append(waiting, *r)
			}
		}); err != nil {
			return err
		}
		slices.SortFunc(waiting, compareRows)
		return plan.merged(ctx, v.tx, waiting, do)
	})
	if err != nil {
		return fmt.Errorf("ledger: read rows: %w", err)
	}
	return nil
}

func compareRows(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
}

// merged goes over the committed rows, with those that wait in their places between them.
func (p *plan) merged(ctx context.Context, tx *sql.Tx, waiting []Row, do func(*Row) error) error {
	missing, err := removedSpan(ctx, tx)
	if err != nil {
		return err
	}
	p.missing = missing
	if asked := (span{p.from, p.to}).overlap(missing); !asked.empty() {
		if gone, err := anyRemoved(ctx, tx, asked); err != nil {
			return err
		} else if gone {
			return p.gone()
		}
	}
	where, args := p.where(nil, "time", span{p.from, p.to})
	rows, err := tx.QueryContext(ctx, p.dialect.text("SELECT "+rowColumns()+" FROM rows WHERE "+where+" ORDER BY time, "+p.dialect.bytewise("id")+", kind"), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		row, err := scanRow(rows)
		if err != nil {
			return err
		}
		for len(waiting) > 0 && compareRows(waiting[0], row) < 0 {
			if err := do(&waiting[0]); err != nil {
				return err
			}
			waiting = waiting[1:]
		}
		if err := do(&row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i := range waiting {
		if err := do(&waiting[i]); err != nil {
			return err
		}
	}
	return nil
}

// rowColumns are the columns that scanRow reads.
func rowColumns() string { return idents(textColumns[:], "") + ", " + idents(numberColumns[:], "") }

// scanRow reads a whole row. No row is sql.ErrNoRows.
func scanRow(from interface{ Scan(...any) error }) (Row, error) {
	var row Row
	var stream int64
	into := make([]any, 0, texts+int(numbers))
	for _, text := range row.texts() {
		into = append(into, text)
	}
	for _, number := range row.numbers(&stream) {
		into = append(into, number)
	}
	err := from.Scan(into...)
	row.Stream = stream != 0
	return row, err
}
