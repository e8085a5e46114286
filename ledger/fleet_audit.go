package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"bursar/pricing"
)

// Verify adds up every row in Postgres, as Reader.Verify does, and checks that rows which several gateways have are the same. Books that
// do not balance are an *Imbalance.
func (f *Fleet) Verify(ctx context.Context) (Audit, error) { return f.VerifySince(ctx, time.Time{}) }

// VerifySince verifies the days of UTC from the one on that a time is in. The zero time verifies all.
func (f *Fleet) VerifySince(ctx context.Context, since time.Time) (Audit, error) {
	var audit Audit
	err := f.view(ctx, func(tx *sql.Tx) error {
		var found Imbalance
		from := startOfDay(since)
		if err := compareSums(ctx, tx, from, &audit, &found); err != nil {
			return err
		}
		if err := checkSavings(ctx, tx, postgres, from, &found); err != nil {
			return err
		}
		if err := checkTwins(ctx, tx, from, &found); err != nil {
			return err
		}
		return found.OrNil()
	})
	if err != nil {
		return Audit{}, fmt.Errorf("ledger: verify Postgres: %w", err)
	}
	return audit, nil
}

// checkTwins checks that a row of two gateways is one row.
func checkTwins(ctx context.Context, tx *sql.Tx, from int64, found *Imbalance) error {
	result, err := tx.QueryContext(ctx, "SELECT t.id, t.gateway, r.gateway, t.cost - r.cost FROM twins t JOIN rows r USING (id, kind) "+
		"WHERE t.time >= $1 AND (t.cost <> r.cost OR t.baseline <> r.baseline OR t.time <> r.time OR t.team <> r.team)", from)
	if err != nil {
		return err
	}
	defer func() { _ = result.Close() }() // rows.Err tells what went wrong
	for result.Next() {
		var id, one, other string
		var apart pricing.Nano
		if err := result.Scan(&id, &one, &other, &apart); err != nil {
			return err
		}
		found.Note(0, "row %s of gateway %s is not the same as gateway %s's, which has it too: they are $%s apart, and the latter counts", id, one, other, apart.Dollars())
	}
	return result.Err()
}

// Shipped is what CompareFleet found to agree.
type Shipped struct {
	Rows      int64 // rows of the gateway that Postgres has too
	Twins     int64 // of those, the ones that another gateway has shipped before
	Last      int64 // number of the last row that Postgres has
	Unshipped int64 // rows that Postgres does not have yet, those that are only in the journal included
}

// CompareFleet compares, day by day, the rows of this ledger that have been shipped with what Postgres has of the gateway, from the day
// of UTC on that since is in; the zero time is all. Rows that are not shipped yet are no difference. Differences are an *Imbalance.
func (r *Reader) CompareFleet(ctx context.Context, f *Fleet, gateway string, since time.Time) (Shipped, error) {
	from := startOfDay(since)
	there, err := f.sumsOf(ctx, gateway, from)
	if err != nil {
		return Shipped{}, fmt.Errorf("ledger: compare with Postgres: %w", err)
	}
	out := Shipped{Twins: there.twins, Last: there.mark.position}
	err = r.view(ctx, func(v *view) error {
		out.Rows, out.Unshipped = 0, 0
		here, err := v.sumsUpTo(ctx, there.mark, from, &out)
		if err != nil {
			return err
		}
		if err := v.pending(ctx, func(*Row) { out.Unshipped++ }); err != nil {
			return err
		}
		return there.differ(gateway, here).OrNil()
	})
	if err != nil {
		return Shipped{}, fmt.Errorf("ledger: compare with Postgres: %w", err)
	}
	return out, nil
}

// shippedSums is what Postgres has of one gateway, at one moment.
type shippedSums struct {
	mark  mark
	twins int64
	days  map[int64]*Sums
	from  int64 // days before it are incomplete, since rows were removed from Postgres
}

func (f *Fleet) sumsOf(ctx context.Context, gateway string, from int64) (*shippedSums, error) {
	s := &shippedSums{days: map[int64]*Sums{}, from: math.MinInt64}
	return s, f.view(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT position, id, kind FROM gateways WHERE name = $1", gateway).Scan(&s.mark.position, &s.mark.id, &s.mark.kind)
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // a gateway that has not shipped anything yet
			return err
		}
		removed, err := removedSpan(ctx, tx)
		if err != nil {
			return err
		}
		if !removed.empty() {
			s.from = removed.to
		}
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM twins WHERE gateway = $1 AND time >= $2", gateway, from).Scan(&s.twins); err != nil {
			return err
		}
		for _, table := range []string{"rows", "twins"} {
			text := fmt.Sprintf("SELECT time - time %% %d, %s FROM %s WHERE time >= $1 AND gateway = $2 GROUP BY 1", dayNanos, sumList(true), table)
			if err := addDays(ctx, tx, s.days, text, from, gateway); err != nil {
				return err
			}
		}
		return nil
	})
}

// sumsUpTo adds up the rows up to a mark, those that were removed included: only rows that were shipped are removed.
func (v *view) sumsUpTo(ctx context.Context, at mark, from int64, out *Shipped) (map[int64]*Sums, error) {
	if err := v.expect(ctx, at); err != nil {
		return nil, err
	}
	err := v.tx.QueryRowContext(ctx, "SELECT count(*) FILTER (WHERE rowid <= ?), count(*) FILTER (WHERE rowid > ?) FROM rows", at.position, at.position).
		Scan(&out.Rows, &out.Unshipped)
	if err != nil {
		return nil, err
	}
	days := map[int64]*Sums{}
	rows := fmt.Sprintf("SELECT time - time %% %d, %s FROM rows WHERE time >= ? AND rowid <= ? GROUP BY 1", dayNanos, sumList(true))
	if err := addDays(ctx, v.tx, days, rows, from, at.position); err != nil {
		return nil, err
	}
	return days, addDays(ctx, v.tx, days, "SELECT day, "+sumList(false)+" FROM removed WHERE day >= ? GROUP BY 1", from)
}

// expect checks that the row of a mark is where it was when it was shipped.
func (v *view) expect(ctx context.Context, at mark) error {
	if at.position == 0 {
		return nil // nothing was shipped yet
	}
	var here mark
	err := v.tx.QueryRowContext(ctx, "SELECT rowid, id, kind FROM rows WHERE rowid = ?", at.position).Scan(&here.position, &here.id, &here.kind)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var found Imbalance
	if here != at {
		found.Note(0, "row %d is not %s, the last one that was shipped: the ledger was restored or vacuumed since, or is another gateway's; "+
			"its gateway, once it runs, offers all rows again", at.position, at.id)
	}
	return found.OrNil()
}

// addDays adds what a statement returns, days and their sums.
func addDays(ctx context.Context, tx *sql.Tx, days map[int64]*Sums, text string, args ...any) error {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	var day int64
	var sum Sums
	into := []any{&day}
	for _, n := range sum.numbers() {
		into = append(into, n)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if days[day] == nil {
			days[day] = &Sums{}
		}
		days[day].merge(&sum)
	}
	return rows.Err()
}

// differ compares what is there with what is here.
func (s *shippedSums) differ(gateway string, here map[int64]*Sums) *Imbalance {
	var found Imbalance
	all := maps.Clone(here)
	maps.Copy(all, s.days)
	for _, day := range slices.Sorted(maps.Keys(all)) {
		if day < s.from {
			continue
		}
		var one, other Sums
		if sum := here[day]; sum != nil {
			one = *sum
		}
		if sum := s.days[day]; sum != nil {
			other = *sum
		}
		if one != other {
			found.Note(other.Spend-one.Spend, "gateway %s, day %s: Postgres has %d requests and $%s, the ledger %d and $%s",
				gateway, time.Unix(0, day).UTC().Format(time.DateOnly), other.Requests, other.Spend.Dollars(), one.Requests, one.Spend.Dollars())
		}
	}
	return &found
}
