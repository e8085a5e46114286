package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"

	"bursar/pricing"
)

// Reader reads a ledger, in the gateway's own process or beside it in another one. It sees every row that was appended before it
// was asked: those committed to SQLite, and those that are only in the journal yet. It takes no lock that a writer waits for.
type Reader struct {
	journal string
	db      *sql.DB
}

// OpenReader opens the ledger of a directory for reading.
func OpenReader(dir string) (*Reader, error) {
	db, err := openDatabase(dir, "ro")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		_ = db.Close() // the first error says more
		return nil, fmt.Errorf("ledger: read %s in %s: %w", databaseName, dir, err)
	}
	if version < schemaVersion {
		_ = db.Close()
		return nil, fmt.Errorf("ledger: %s in %s has schema %d, and this version of Bursar reads %d: start its gateway once with this version, which brings it up to date",
			databaseName, dir, version, schemaVersion)
	}
	if version != schemaVersion {
		_ = db.Close()
		return nil, fmt.Errorf("ledger: %s in %s has schema %d and this version of Bursar reads %d: use the version that wrote it",
			databaseName, dir, version, schemaVersion)
	}
	return &Reader{journal: journalDir(dir), db: db}, nil
}

// Close ends reading.
func (r *Reader) Close() error { return r.db.Close() }

// Spent returns what the rows of a filter cost, to the nano-dollar. It is what budget windows are rebuilt from.
func (r *Reader) Spent(ctx context.Context, f Filter) (pricing.Nano, error) {
	s, err := r.Report(ctx, Query{Filter: f})
	if err != nil {
		return 0, err
	}
	return s.Spend, nil
}

// Report returns the statement of a query.
func (r *Reader) Report(ctx context.Context, q Query) (*Statement, error) {
	plan, err := q.plan()
	if err != nil {
		return nil, err
	}
	err = r.view(ctx, func(v *view) error {
		if err := plan.sum(ctx, v.tx); err != nil {
			return err
		}
		return v.pending(ctx, plan.add)
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: report: %w", err)
	}
	return plan.statement(), nil
}

// view is one moment of the ledger: what SQLite had committed, and the journal from there on.
type view struct {
	tx      *sql.Tx
	journal string
	at      position // up to where the journal was committed
	gaps    bool     // segments are known to be missing, for good
}

// errMoved says that the gateway has deleted a segment between our look at the database and our look at the journal.
var errMoved = errors.New("the journal kept moving on: try again")

// view shows one moment of the ledger. The function may be called again from the start when the journal moves on under it, so it
// must begin anew.
func (r *Reader) view(ctx context.Context, look func(*view) error) error {
	last := position{segment: math.MaxUint64}
	for try := 1; ; try++ {
		v := &view{journal: r.journal}
		err := r.viewOnce(ctx, v, func() error {
			// A segment is only deleted after the position has moved past it. So if the position has not moved since segments
			// were found to be missing, it was not the gateway who deleted them, and it has reported so at its start.
			v.gaps = v.at == last
			return look(v)
		})
		if !errors.Is(err, errMoved) || try == 100 {
			return err
		}
		last = v.at
	}
}

func (r *Reader) viewOnce(ctx context.Context, v *view, look func() error) (err error) {
	if v.tx, err = r.db.BeginTx(ctx, nil); err != nil {
		return err
	}
	defer func() { _ = v.tx.Rollback() }() // it only reads
	if err := v.tx.QueryRowContext(ctx, "SELECT segment, offset FROM position").Scan(&v.at.segment, &v.at.offset); err != nil {
		return err
	}
	return look()
}

// pending calls do for each row that is in the journal and not in this view of SQLite.
func (v *view) pending(ctx context.Context, do func(*Row)) error {
	numbers, err := listSegments(v.journal)
	if err != nil {
		return err
	}
	numbers = slices.DeleteFunc(numbers, func(n uint64) bool { return n < v.at.segment })
	for i, n := range numbers {
		if n != max(1, v.at.segment)+uint64(i) && !v.gaps {
			return errMoved
		}
	}
	known, err := v.tx.PrepareContext(ctx, "SELECT 1 FROM rows WHERE id = ? AND kind = ?")
	if err != nil {
		return err
	}
	defer func() { _ = known.Close() }() // the transaction ends anyway
	p := pendingRows{view: v, known: known, seen: map[rowKey]bool{}, do: do}
	p.reader.journal = v.journal
	defer p.reader.close()
	for _, n := range numbers {
		from := position{n, 0}
		if n == v.at.segment {
			from = v.at
		}
		if err := p.readSegment(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

type rowKey struct {
	id   string
	kind Kind
}

type pendingRows struct {
	view   *view
	known  *sql.Stmt
	seen   map[rowKey]bool
	reader segmentReader
	do     func(*Row)
}

// readSegment reads one segment up to where it is written now. Damage is skipped: the gateway reports it, and a record at the end
// may just be under way.
func (p *pendingRows) readSegment(ctx context.Context, from position) error {
	info, err := os.Stat(segmentPath(p.view.journal, from.segment))
	if errors.Is(err, fs.ErrNotExist) {
		return errMoved
	}
	if err != nil {
		return err
	}
	p.reader.move(from)
	for {
		payload, err := p.reader.next(info.Size())
		var damage *Damage
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, fs.ErrNotExist):
			return errMoved
		case errors.As(err, &damage):
		case err != nil:
			return err
		case payload[0] == recordRow:
			if err := p.offer(ctx, payload[1:]); err != nil {
				return err
			}
		}
	}
}

// offer passes a row on unless it was before: the ledger books a row once, however often it was appended.
func (p *pendingRows) offer(ctx context.Context, encoded []byte) error {
	row, err := DecodeRow(encoded)
	if err != nil {
		return err
	}
	key := rowKey{row.ID, row.Kind}
	if p.seen[key] {
		return nil
	}
	p.seen[key] = true
	var one int
	err = p.known.QueryRowContext(ctx, row.ID, int64(row.Kind)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		p.do(&row)
		return nil
	}
	return err
}
