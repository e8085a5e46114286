package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"bursar/pricing"
)

// Audit is what Verify found to agree.
type Audit struct {
	Rows    int64        // rows of all kinds: committed and only in the journal yet
	Spend   pricing.Nano // their costs, corrections included
	Pending int64        // of those rows, the ones only in the journal yet
	Removed int64        // requests whose rows were removed; their sums are part of neither
}

// Imbalance is the error of books that do not balance.
type Imbalance struct {
	Drift pricing.Nano // how far what is summed and what is booked are apart, all differences taken as positive; 0 if only counts differ
	text  string
}

// Error names the first difference.
func (i *Imbalance) Error() string { return i.text }

// Note adds a difference.
func (i *Imbalance) Note(drift pricing.Nano, format string, args ...any) {
	if i.text == "" {
		i.text = fmt.Sprintf(format, args...)
	}
	i.Drift += max(drift, -drift)
}

// OrNil returns the imbalance as an error, nil if there is none.
func (i *Imbalance) OrNil() error {
	if i.text == "" {
		return nil
	}
	return i
}

// Verify adds up every row and compares with what statements are made of, hour by hour, day by day and team by team, and checks that the
// savings of every row are its baseline minus its cost. Books that do not balance are an *Imbalance.
func (r *Reader) Verify(ctx context.Context) (Audit, error) { return r.VerifySince(ctx, time.Time{}) }

// VerifySince verifies the days of UTC from the one on that a time is in. The zero time verifies all.
func (r *Reader) VerifySince(ctx context.Context, since time.Time) (Audit, error) {
	from := startOfDay(since)
	var audit Audit
	err := r.view(ctx, func(v *view) error {
		audit = Audit{}
		var found Imbalance
		if err := compareSums(ctx, v.tx, from, &audit, &found); err != nil {
			return err
		}
		if err := checkSavings(ctx, v.tx, sqlite, from, &found); err != nil {
			return err
		}
		err := v.pending(ctx, func(r *Row) {
			if r.Time < from {
				return
			}
			audit.Rows++
			audit.Pending++
			audit.Spend += r.Cost
			if have, want := r.Saved.Sum(), r.Baseline-r.Cost; have != want {
				found.Note(have-want, unequalSavings, r.ID, have.Dollars(), want.Dollars())
			}
		})
		if err != nil {
			return err
		}
		return found.OrNil()
	})
	if err != nil {
		return Audit{}, fmt.Errorf("ledger: verify: %w", err)
	}
	return audit, nil
}

func startOfDay(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return floorTo(t.UnixNano(), dayNanos)
}

// teamTime is a team's hour or day.
type teamTime struct {
	start int64
	team  string
}

// compareSums compares the rollups with the rows they were made from, those that were removed included. The sums by tag have no rows
// of their own to be compared with, and are passed over.
func compareSums(ctx context.Context, tx *sql.Tx, from int64, audit *Audit, found *Imbalance) error {
	counted, err := sumBy(ctx, tx, fmt.Sprintf("time - time %% %d", hourNanos), "time", "rows", from)
	if err != nil {
		return err
	}
	for _, sum := range counted {
		audit.Spend += sum.Spend
	}
	removed, err := sumBy(ctx, tx, "day", "day", "removed", from)
	if err != nil {
		return err
	}
	days := map[int64]bool{} // of which only the whole is known
	for key, sum := range removed {
		audit.Removed += sum.Requests
		days[key.start] = true
		addSum(counted, key, sum)
	}
	for i := range rollups {
		if u := &rollups[i]; !u.tagged {
			if err := u.compare(ctx, tx, from, counted, days, found); err != nil {
				return err
			}
		}
	}
	return tx.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM rows WHERE time >= %d", from)).Scan(&audit.Rows)
}

// compare compares a rollup with what was counted, line by line, and in the days of removed rows as a whole.
func (u *rollup) compare(ctx context.Context, tx *sql.Tx, from int64, counted map[teamTime]*Sums, removed map[int64]bool, found *Imbalance) error {
	lines, err := sumBy(ctx, tx, u.start, u.start, u.table, from)
	if err != nil {
		return err
	}
	regroup := func(all map[teamTime]*Sums) map[teamTime]*Sums {
		grouped := map[teamTime]*Sums{}
		for key, sum := range all {
			if day := floorTo(key.start, dayNanos); removed[day] {
				key.start = day
			} else {
				key.start = floorTo(key.start, u.nanos)
			}
			addSum(grouped, key, sum)
		}
		return grouped
	}
	booked, want := regroup(lines), regroup(counted)
	for key, sum := range want {
		if have := booked[key]; have == nil || *have != *sum {
			u.differs(key, have, sum, found)
		}
	}
	for key, have := range booked {
		if want[key] == nil {
			u.differs(key, have, nil, found)
		}
	}
	return nil
}

func addSum(all map[teamTime]*Sums, key teamTime, sum *Sums) {
	if all[key] == nil {
		all[key] = &Sums{}
	}
	all[key].merge(sum)
}

// sumBy adds up a table by a moment and team.
func sumBy(ctx context.Context, tx *sql.Tx, start, moment, table string, from int64) (map[teamTime]*Sums, error) {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT %s, team, %s FROM %s WHERE %s >= %d GROUP BY 1, 2", start, sumList(table == "rows"), table, moment, from))
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

func (u *rollup) differs(key teamTime, booked, counted *Sums, found *Imbalance) {
	if booked == nil {
		booked = &Sums{}
	}
	if counted == nil {
		counted = &Sums{}
	}
	found.Note(booked.Spend-counted.Spend, "team %q, line of %s: the table %s has %d requests and $%s, the table rows %d and $%s; "+
		"somebody has edited the database: restore it from a backup",
		key.team, time.Unix(0, key.start).UTC().Format(time.RFC3339), u.table, booked.Requests, booked.Spend.Dollars(), counted.Requests, counted.Spend.Dollars())
}

const unequalSavings = "row %s saves $%s by its levers, but its baseline minus its cost is $%s"

func checkSavings(ctx context.Context, tx *sql.Tx, d dialect, from int64, found *Imbalance) error {
	const saved = "saved_route + saved_exact + saved_semantic + saved_trim + saved_cap + saved_escalate + saved_prompt_cache"
	var id sql.NullString
	var apart int64
	err := tx.QueryRowContext(ctx, d.text("SELECT min(id), CAST(coalesce(sum(abs(baseline - cost - ("+saved+"))), 0) AS BIGINT) FROM rows WHERE time >= ? AND baseline - cost <> "+saved), from).
		Scan(&id, &apart)
	if err != nil || !id.Valid {
		return err
	}
	var want, have pricing.Nano
	err = tx.QueryRowContext(ctx, d.text("SELECT baseline - cost, "+saved+" FROM rows WHERE id = ? AND baseline - cost <> "+saved), id.String).Scan(&want, &have)
	if err == nil {
		found.Note(pricing.Nano(apart), unequalSavings, id.String, have.Dollars(), want.Dollars())
	}
	return err
}
