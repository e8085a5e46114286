package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"bursar/pricing"
)

// Audit is what Verify found to agree.
type Audit struct {
	Rows    int64        // rows of all kinds: committed and only in the journal yet
	Spend   pricing.Nano // their costs, corrections included
	Pending int64        // of those rows, the ones only in the journal yet
}

// Verify adds up every row and compares with what statements are made of, hour by hour, day by day and team by team, and checks that the
// savings of every row are its baseline minus its cost. An error names the first difference.
func (r *Reader) Verify(ctx context.Context) (Audit, error) {
	var audit Audit
	err := r.view(ctx, func(v *view) error {
		audit = Audit{}
		if err := v.compareSums(ctx, &audit); err != nil {
			return err
		}
		if err := v.checkSavings(ctx); err != nil {
			return err
		}
		var unequal error
		err := v.pending(ctx, func(r *Row) {
			audit.Rows++
			audit.Pending++
			audit.Spend += r.Cost
			if unequal == nil && r.Saved.Sum() != r.Baseline-r.Cost {
				unequal = unequalSavings(r.ID, r.Baseline-r.Cost, r.Saved.Sum())
			}
		})
		if err == nil {
			err = unequal
		}
		return err
	})
	if err != nil {
		return Audit{}, fmt.Errorf("ledger: verify: %w", err)
	}
	return audit, nil
}

// teamTime is a team's hour or day.
type teamTime struct {
	start int64
	team  string
}

// compareSums compares the rollups with the rows they were made from.
func (v *view) compareSums(ctx context.Context, audit *Audit) error {
	counted, err := v.sumBy(ctx, fmt.Sprintf("time - time %% %d", hourNanos), "rows", true)
	if err != nil {
		return err
	}
	for _, r := range rollups() {
		booked, err := v.sumBy(ctx, r.start, r.table, false)
		if err != nil {
			return err
		}
		want := map[teamTime]*Sums{}
		for key, sum := range counted {
			key.start = floorTo(key.start, r.nanos)
			if want[key] == nil {
				want[key] = &Sums{}
			}
			want[key].merge(sum)
		}
		for key, sum := range want {
			if have := booked[key]; have == nil || *have != *sum {
				return differs(r.table, key, have, sum)
			}
		}
		for key, have := range booked {
			if want[key] == nil {
				return differs(r.table, key, have, nil)
			}
		}
	}
	for _, sum := range counted {
		audit.Spend += sum.Spend
	}
	return v.tx.QueryRowContext(ctx, "SELECT count(*) FROM rows").Scan(&audit.Rows)
}

func (v *view) sumBy(ctx context.Context, start, table string, ofRows bool) (map[teamTime]*Sums, error) {
	rows, err := v.tx.QueryContext(ctx, "SELECT "+start+", team, "+sumList(ofRows)+" FROM "+table+" GROUP BY 1, 2")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	found := map[teamTime]*Sums{}
	for rows.Next() {
		var key teamTime
		sum := &Sums{}
		into := []any{&key.start, &key.team}
		for _, n := range sum.numbers() {
			into = append(into, n)
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		found[key] = sum
	}
	return found, rows.Err()
}

func differs(table string, key teamTime, booked, counted *Sums) error {
	if booked == nil {
		booked = &Sums{}
	}
	if counted == nil {
		counted = &Sums{}
	}
	return fmt.Errorf("team %q, line of %s: the table %s has %d requests and $%s, the table rows %d and $%s; "+
		"somebody has edited the database: restore it from a backup",
		key.team, time.Unix(0, key.start).UTC().Format(time.RFC3339), table, booked.Requests, booked.Spend.Dollars(), counted.Requests, counted.Spend.Dollars())
}

func (v *view) checkSavings(ctx context.Context) error {
	var id string
	var want, have pricing.Nano
	const saved = "saved_route + saved_exact + saved_semantic + saved_trim + saved_cap + saved_escalate + saved_prompt_cache"
	err := v.tx.QueryRowContext(ctx, "SELECT id, baseline - cost, "+saved+" FROM rows WHERE baseline - cost <> "+saved+" LIMIT 1").Scan(&id, &want, &have)
	if err == nil {
		return unequalSavings(id, want, have)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return nil
}

func unequalSavings(id string, want, have pricing.Nano) error {
	return fmt.Errorf("row %s saves $%s by its levers, but its baseline minus its cost is $%s", id, have.Dollars(), want.Dollars())
}
