package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// errOtherMark says that Postgres knows another position than the shipper thought. It is asked for anew, after a pause: two gateways
// of one name must not chase each other.
var errOtherMark = errors.New("the position of this gateway in Postgres is not the one it left there: Postgres was restored, or another gateway runs under the same name (the file gateway-id in its data folder)")

// enter enters a batch: the rows that are new, what they add to the sums, and the position. The tables are locked in one order, and
// lines in theirs, by every gateway.
func (s *Shipper) enter(ctx context.Context, tx *sql.Tx, rows []Row, next mark) error {
	if err := s.claim(ctx, tx); err != nil {
		return err
	}
	for i := range rows {
		for _, text := range rows[i].texts() {
			*text = storable(*text)
		}
	}
	s.mu.Lock()
	at, again := s.at, s.again
	s.mu.Unlock()
	if again > 0 {
		var err error
		if rows, err = withoutRemoved(ctx, tx, rows); err != nil {
			return err
		}
		if again > next.position {
			next = at // until all have been offered again
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.ID, b.ID) })
	if err := s.book(ctx, tx, rows); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "UPDATE gateways SET position = $2, id = $3, kind = $4, host = $5, shipped = now() WHERE name = $1",
		s.options.Gateway, next.position, next.id, int64(next.kind), s.host)
	return err
}

// withoutRemoved leaves out rows that are offered again and are of days whose rows were removed from Postgres. They were in it, and nobody
// knows any more which of them: their sums would count twice.
func withoutRemoved(ctx context.Context, tx *sql.Tx, rows []Row) ([]Row, error) {
	removed, err := removedDaysOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(r Row) bool { return removed[floorTo(r.Time, dayNanos)] }), nil
}

// book inserts the rows that are new and adds them to the sums.
func (s *Shipper) book(ctx context.Context, tx *sql.Tx, rows []Row) error {
	fresh, err := insertNew(ctx, tx, rows, s.options.Gateway)
	if err != nil {
		return fmt.Errorf("insert rows: %w", err)
	}
	sums, twins := newTally(), []Row{}
	for i := range rows {
		if fresh[rowKey{rows[i].ID, rows[i].Kind}] {
			sums.add(&rows[i])
		} else {
			twins = append(twins, rows[i])
		}
	}
	if len(twins) > 0 {
		if err := insertTwins(ctx, tx, twins, s.options.Gateway); err != nil {
			return fmt.Errorf("insert rows that another gateway has too: %w", err)
		}
	}
	for i := range rollups {
		if err := rollups[i].addAll(ctx, tx, sums[i]); err != nil {
			return fmt.Errorf("add to %s: %w", rollups[i].table, err)
		}
	}
	return nil
}

// claim locks the gateway's position, and checks that it is the one that the batch was read from.
func (s *Shipper) claim(ctx context.Context, tx *sql.Tx) error {
	s.mu.Lock()
	at := s.at
	s.mu.Unlock()
	if _, err := tx.ExecContext(ctx, "INSERT INTO gateways VALUES ($1, $2, 0, '', 0, now()) ON CONFLICT DO NOTHING", s.options.Gateway, s.host); err != nil {
		return err
	}
	var have mark
	err := tx.QueryRowContext(ctx, "SELECT position, id, kind FROM gateways WHERE name = $1 FOR UPDATE", s.options.Gateway).Scan(&have.position, &have.id, &have.kind)
	if err == nil && have != at {
		return errOtherMark
	}
	return err
}

// storable is a text as Postgres can hold it: clients choose some, and may choose bytes that are no text.
func storable(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

// insertNew inserts the rows that are not there yet, and returns which those were.
func insertNew(ctx context.Context, tx *sql.Tx, rows []Row, gateway string) (map[rowKey]bool, error) {
	args := append(columnsOf(rows), gateway)
	result, err := tx.QueryContext(ctx, fmt.Sprintf("INSERT INTO rows (%s, gateway) SELECT *, $%d::text FROM unnest(%s) ON CONFLICT (id, kind) DO NOTHING RETURNING id, kind",
		rowColumns(), len(args), arrays(1)), args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = result.Close() }() // rows.Err tells what went wrong
	fresh := make(map[rowKey]bool, len(rows))
	for result.Next() {
		var key rowKey
		if err := result.Scan(&key.id, &key.kind); err != nil {
			return nil, err
		}
		fresh[key] = true
	}
	return fresh, result.Err()
}

// insertTwins keeps the rows that another gateway has shipped before. A row that this one has shipped itself is no twin.
func insertTwins(ctx context.Context, tx *sql.Tx, rows []Row, gateway string) error {
	args := append(columnsOf(rows), gateway)
	_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO twins (%s, gateway) SELECT t.*, $%d::text FROM unnest(%s) AS t (%s) JOIN rows USING (id, kind) "+
		"WHERE rows.gateway <> $%d ON CONFLICT DO NOTHING", rowColumns(), len(args), arrays(1), rowColumns(), len(args)), args...)
	return err
}

// columnsOf turns rows into arrays, one for each column of rowColumns.
func columnsOf(rows []Row) []any {
	var textArrays [texts][]string
	var numberArrays [numbers][]int64
	for i := range rows {
		r := &rows[i]
		for n, text := range r.texts() {
			textArrays[n] = append(textArrays[n], *text)
		}
		stream := r.streamNumber()
		for n, number := range r.numbers(&stream) {
			numberArrays[n] = append(numberArrays[n], *number)
		}
	}
	args := make([]any, 0, texts+int(numbers)+1)
	for _, array := range textArrays {
		args = append(args, array)
	}
	for _, array := range numberArrays {
		args = append(args, array)
	}
	return args
}

// arrays are the values of columnsOf in a statement.
func arrays(first int) string {
	list := make([]string, 0, texts+int(numbers))
	for i := range texts + int(numbers) {
		kind := "bigint[]"
		if i < texts {
			kind = "text[]"
		}
		list = append(list, "$"+strconv.Itoa(first+i)+"::"+kind)
	}
	return strings.Join(list, ", ")
}

// addAll adds lines to a rollup, in the order of their keys, so that gateways that add to the same ones wait for each other and never
// in a circle.
func (u *rollup) addAll(ctx context.Context, tx *sql.Tx, lines map[rollupKey]*Sums) error {
	if len(lines) == 0 {
		return nil
	}
	starts := make([]int64, 0, len(lines))
	columns := make([][]string, len(u.columns))
	numbers := make([][]int64, sums)
	for _, key := range slices.SortedFunc(maps.Keys(lines), rollupKey.compare) {
		starts = append(starts, key.start)
		for i := range columns {
			columns[i] = append(columns[i], key.texts[i])
		}
		for i, n := range lines[key].numbers() {
			numbers[i] = append(numbers[i], *n)
		}
	}
	args, list := []any{starts}, []string{"$1::bigint[]"}
	for _, array := range columns {
		args = append(args, array)
		list = append(list, fmt.Sprintf("$%d::text[]", len(args)))
	}
	for _, array := range numbers {
		args = append(args, array)
		list = append(list, fmt.Sprintf("$%d::bigint[]", len(args)))
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO "+u.table+" SELECT * FROM unnest("+strings.Join(list, ", ")+")"+u.orAdd(), args...)
	return err
}
