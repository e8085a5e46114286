package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"
)

// Shipper carries the committed rows of a gateway's ledger to the Postgres of its fleet, in the order in which they were committed. It
// reads them from the database, so what waits needs no memory and no more disk than it has already, and no request ever waits
// for it. Rows, sums and the position go in one transaction, and a row that is there already adds nothing: after a crash of either
// side it goes on where Postgres says that it stopped.
type Shipper struct {
	ledger  *Ledger
	fleet   *Fleet
	options ShipOptions
	host    string
	batch   int // rows of the next batch: fewer after one took too long
	ready   bool
	retired time.Time // when no row was old enough to go

	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	at    mark
	known bool      // at is what Postgres said
	again int64     // rows up to this number are offered again, since at is no row's; 0: none are
	past  mark      // how far they have been
	clear time.Time // when all there was had been shipped
	fault error
}

// ShipOptions tune shipping. The zero value of a field takes its default.
type ShipOptions struct {
	URL     string        // of Postgres
	Gateway string        // the gateway's name in its fleet, which outlives its process; no two may have the same
	Every   time.Duration // how long rows gather; default 1 s
	Batch   int           // most rows in one transaction; default 2000
	Timeout time.Duration // how long one transaction may take; default 30 s

	// Retain is how long rows are kept here, by the start of their requests, once they are shipped; 0 is for good. Sums stay. Keep, if
	// it is there, returns from when on rows are wanted here in any case.
	Retain time.Duration
	Keep   func() time.Time
}

// mark is a place in the order of the rows: the number of the last one shipped, and whose it is. By that it is noticed when the numbers
// are not those of this database, after somebody has vacuumed or restored it: then all rows are offered again.
type mark struct {
	position int64
	id       string
	kind     Kind
}

// Lag is how far Postgres is behind the gateway.
type Lag struct {
	Rows  int64         // rows entered and not yet shipped; -1 before Postgres has first answered
	Time  time.Duration // since all rows had been shipped; 0 if they are
	Fault error         // why rows cannot be shipped; nil if they can
}

// Ship begins to ship. An error is one of the options; Postgres itself may be down.
func (l *Ledger) Ship(o ShipOptions) (*Shipper, error) {
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Batch <= 0 {
		o.Batch = 2000
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Gateway == "" {
		return nil, errors.New("ledger: a gateway that ships its rows needs a name")
	}
	fleet, err := connectFleet(o.URL)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // it is for people only
	s := &Shipper{ledger: l, fleet: fleet, options: o, host: host, batch: o.Batch, clear: time.Now()}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { s.run(ctx) })
	return s, nil
}

// Close ships what is left until ctx ends, and ends. What is not shipped then is shipped at the next start.
func (s *Shipper) Close(ctx context.Context) error {
	s.stop()
	s.running.Wait()
	var err error
	if flushed := s.ledger.Flush(ctx); flushed == nil {
		err = s.shipAll(ctx)
	}
	return errors.Join(err, s.fleet.Close())
}

// longestPause bounds how long a Postgres that works again stays unnoticed.
const longestPause = 10 * time.Second

func (s *Shipper) run(ctx context.Context) {
	pause := s.options.Every
	for {
		err := s.shipAll(ctx)
		if ctx.Err() != nil {
			return
		}
		s.report(err)
		if err == nil {
			pause = s.options.Every
			if err := s.retire(ctx); err != nil && ctx.Err() == nil {
				s.ledger.options.Warn("old rows stay for now", err)
			}
		} else {
			pause = min(2*pause, longestPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (s *Shipper) report(err error) {
	s.mu.Lock()
	begins := err != nil && s.fault == nil
	s.fault = err
	s.mu.Unlock()
	if begins { // once per outage
		s.ledger.options.Warn("rows wait here until Postgres takes them", err)
	}
}

// shipAll ships until there is nothing to ship.
func (s *Shipper) shipAll(ctx context.Context) error {
	for {
		before := time.Now()
		n, err := s.shipSome(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			s.mu.Lock()
			s.clear = before
			s.mu.Unlock()
			return nil
		}
	}
}

// shipSome ships one batch and returns how many rows it had.
func (s *Shipper) shipSome(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	if err := s.begin(ctx); err != nil {
		return 0, fmt.Errorf("ledger: begin to ship to Postgres: %w", err)
	}
	rows, next, err := s.read(ctx)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	err = s.fleet.transact(ctx, nil, func(tx *sql.Tx) error { return s.enter(ctx, tx, rows, next) })
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.batch = max(s.batch/4, 50)
	case err == nil:
		s.batch = min(s.batch*2, s.options.Batch)
		s.pass(next)
		return len(rows), nil
	}
	s.forget() // nobody knows whether it was committed
	return 0, fmt.Errorf("ledger: ship %d rows to Postgres: %w", len(rows), err)
}

// begin sees to the tables, and asks up to where rows have been shipped.
func (s *Shipper) begin(ctx context.Context) error {
	if !s.ready {
		if err := s.fleet.migrate(ctx); err != nil {
			return err
		}
		s.ready = true
	}
	s.mu.Lock()
	known := s.known
	s.mu.Unlock()
	if known {
		return nil
	}
	at, err := s.fleet.mark(ctx, s.options.Gateway)
	if err == nil {
		s.move(at)
	} else {
		s.ready = false // it may be another database that answers next
	}
	return err
}

// mark returns up to where a gateway has shipped; nowhere if it never has.
func (f *Fleet) mark(ctx context.Context, gateway string) (m mark, err error) {
	err = f.db.QueryRowContext(ctx, "SELECT position, id, kind FROM bursar.gateways WHERE name = $1", gateway).Scan(&m.position, &m.id, &m.kind)
	if errors.Is(err, sql.ErrNoRows) {
		return mark{}, nil
	}
	return m, err
}

// read reads the next rows. If the last one shipped is not where it was, it begins at the first row.
func (s *Shipper) read(ctx context.Context) ([]Row, mark, error) {
	s.mu.Lock()
	at, again, past := s.at, s.again, s.past
	s.mu.Unlock()
	if again > 0 {
		rows, next, _, err := s.ledger.after(ctx, past, again, s.batch)
		return rows, next, err
	}
	rows, next, found, err := s.ledger.after(ctx, at, math.MaxInt64, s.batch)
	if err != nil || found || at == (mark{}) {
		return rows, next, err
	}
	last, err := s.ledger.Last(ctx)
	if err != nil || last == 0 {
		return nil, mark{}, err
	}
	s.ledger.options.Warn("the rows are not numbered as they were when they were last shipped; all of them are offered to Postgres again, which books each once, "+
		"but for those of days whose rows were removed there", fmt.Errorf("row %d should be %s", at.position, at.id))
	s.mu.Lock()
	s.again, s.past = last, mark{}
	s.mu.Unlock()
	rows, next, _, err = s.ledger.after(ctx, mark{}, last, s.batch)
	return rows, next, err
}

// after reads committed rows that follow a mark, up to a number. Found tells whether the mark is a row's.
func (r *Reader) after(ctx context.Context, at mark, upTo int64, most int) (rows []Row, next mark, found bool, err error) {
	result, err := r.db.QueryContext(ctx, "SELECT rowid, "+rowColumns()+" FROM rows WHERE rowid >= ? AND rowid <= ? ORDER BY rowid LIMIT ?", at.position, upTo, most+1)
	if err != nil {
		return nil, mark{}, false, fmt.Errorf("ledger: read rows to ship: %w", err)
	}
	defer func() { _ = result.Close() }() // rows.Err tells what went wrong
	for result.Next() {
		var number int64
		row, err := scanRow(numbered{result, &number})
		if err != nil {
			return nil, mark{}, false, fmt.Errorf("ledger: read rows to ship: %w", err)
		}
		here := mark{number, row.ID, row.Kind}
		if here == at {
			found = true
			continue
		}
		if len(rows) < most {
			rows, next = append(rows, row), here
		}
	}
	return rows, next, found, result.Err()
}

// numbered scans a row behind its number.
type numbered struct {
	rows   *sql.Rows
	number *int64
}

// Scan scans the number and then the rest.
func (n numbered) Scan(into ...any) error { return n.rows.Scan(append([]any{n.number}, into...)...) }

// pass notes that rows are in Postgres. While they are offered again the mark there stays the old one: after a crash they are offered
// again from the first on, and are known to be.
func (s *Shipper) pass(to mark) {
	s.mu.Lock()
	again := s.again > to.position
	s.past = to
	s.mu.Unlock()
	if !again {
		s.move(to)
	}
}

func (s *Shipper) move(to mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to != s.at {
		s.again = 0
	}
	s.at, s.known = to, true
}

func (s *Shipper) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = false
}

// Lag returns how far Postgres is behind.
func (s *Shipper) Lag(ctx context.Context) Lag {
	s.mu.Lock()
	lag, at := Lag{Rows: -1, Time: time.Since(s.clear), Fault: s.fault}, s.at.position
	if s.again > 0 {
		at = s.past.position
	}
	s.mu.Unlock()
	var last sql.NullInt64
	if err := s.ledger.db.QueryRowContext(ctx, "SELECT max(rowid) FROM rows").Scan(&last); err == nil && (at > 0 || lag.Fault == nil) {
		lag.Rows = max(0, last.Int64-at) + s.ledger.Health().Waiting
	}
	if lag.Rows == 0 {
		lag.Time = 0
	}
	return lag
}
