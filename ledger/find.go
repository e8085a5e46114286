package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Find returns the row of a request, whether it is committed yet or only journalled. False: the ledger has none. Corrections and
// orphans are not looked for.
func (r *Reader) Find(ctx context.Context, id string) (row Row, found bool, err error) {
	err = r.view(ctx, func(v *view) error {
		if row, found, err = v.find(ctx, id); found || err != nil {
			return err
		}
		return v.pending(ctx, func(p *Row) {
			if p.ID == id && (p.Kind == KindRequest || p.Kind == KindRefused || p.Kind == KindAside) {
				row, found = *p, true
			}
		})
	})
	if err != nil {
		return Row{}, false, fmt.Errorf("ledger: find %s: %w", id, err)
	}
	return row, found, nil
}

func (v *view) find(ctx context.Context, id string) (Row, bool, error) {
	row, err := scanRow(v.tx.QueryRowContext(ctx, "SELECT "+rowColumns()+" FROM rows WHERE id = ? AND kind IN (0, 1, 4)", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Row{}, false, nil
	}
	return row, err == nil, err
}
