package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// store is the SQLite database ledger.db. One goroutine writes to it; readers, also of other processes, see whole commits.
//
// synchronous is FULL: a commit is on the disk when it returns, so a journal segment may be deleted as soon as its rows are
// committed, with no thought of checkpoints. It costs one fsync per group of rows, which is a small part of inserting them.
type store struct {
	db   *sql.DB
	many *sql.Stmt // inserts groupRows rows
	one  *sql.Stmt
	line [rollupCount]*sql.Stmt // adds to one line of each rollup
	move *sql.Stmt              // sets the position
	args []any                  // reused from commit to commit
	sums tally                  // what a commit adds to each rollup
}

// groupRows is how many rows one statement inserts. More do not make it faster.
const groupRows = 32

const (
	databaseName = "ledger.db"
	busyMillis   = 2000 // how long a statement waits for another process's lock
)

func openStore(dir string) (*store, error) {
	db, err := openDatabase(dir, "rwc", "journal_mode(WAL)", "synchronous(FULL)", "journal_size_limit(67108864)", "cache_size(-32000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &store{db: db, sums: newTally()}
	if err := s.prepare(); err != nil {
		_ = db.Close() // the first error says more
		return nil, fmt.Errorf("ledger: open %s: %w", filepath.Join(dir, databaseName), err)
	}
	return s, nil
}

// openDatabase opens dir/ledger.db with one mode of SQLite's URIs.
func openDatabase(dir, mode string, pragmas ...string) (*sql.DB, error) {
	path, err := filepath.Abs(filepath.Join(dir, databaseName))
	if err != nil {
		return nil, fmt.Errorf("ledger: find %s: %w", dir, err)
	}
	query := url.Values{"mode": {mode}, "_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busyMillis)}, pragmas...)}
	if mode != "ro" {
		query.Set("_txlock", "immediate")
		// The file is created here, not by SQLite, so that nobody else can read what everybody spends.
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("ledger: create %s: %w", path, err)
		}
	} else if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ledger: %s does not exist: give the data directory of a gateway that has run", path)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("ledger: open %s: %w", path, err)
	}
	return db, nil
}

func (s *store) prepare() error {
	if err := upgrade(s.db); err != nil {
		return err
	}
	var err error
	prepare := func(text string) *sql.Stmt {
		var stmt *sql.Stmt
		if err == nil {
			stmt, err = s.db.Prepare(text)
		}
		return stmt
	}
	s.many, s.one = prepare(insertRows(groupRows)), prepare(insertRows(1))
	for i := range rollups {
		s.line[i] = prepare(rollups[i].insert())
	}
	s.move = prepare("UPDATE position SET segment = ?, offset = ?")
	return err
}

func insertRows(n int) string {
	group := "(?" + strings.Repeat(",?", texts+numbers-1) + ")"
	return "INSERT OR IGNORE INTO rows (" + rowColumns() + ") VALUES " + group + strings.Repeat(","+group, n-1)
}

// position returns up to where the journal is committed.
func (s *store) position() (at position, err error) {
	err = s.db.QueryRow("SELECT segment, offset FROM position").Scan(&at.segment, &at.offset)
	if err != nil {
		return position{}, fmt.Errorf("ledger: read the committed position: %w", err)
	}
	return at, nil
}

// commit inserts rows, adds them to their hours and days and moves the position, all or nothing.
func (s *store) commit(rows []Row, to position) error {
	tx, err := s.db.Begin()
	if err != nil {
		return fmt.Errorf("ledger: begin a transaction in %s: %w", databaseName, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	s.sums.clear()
	if err := s.insert(tx, rows); err != nil {
		return fmt.Errorf("ledger: insert %d rows into %s: %w", len(rows), databaseName, err)
	}
	if err := s.addUp(tx); err != nil {
		return fmt.Errorf("ledger: add up hours and days in %s: %w", databaseName, err)
	}
	if _, err := tx.Stmt(s.move).Exec(int64(to.segment), to.offset); err != nil {
		return fmt.Errorf("ledger: move the position in %s: %w", databaseName, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("ledger: commit %d rows to %s: %w", len(rows), databaseName, err)
	}
	return nil
}

// insert inserts rows in groups. When a group turns out to hold rows that are there already, the group is undone and its rows go
// one by one, so that an hour and a day count exactly the rows that are new.
func (s *store) insert(tx *sql.Tx, rows []Row) error {
	many, one := tx.Stmt(s.many), tx.Stmt(s.one)
	for len(rows) >= groupRows {
		group := rows[:groupRows]
		rows = rows[groupRows:]
		if _, err := tx.Exec("SAVEPOINT grp"); err != nil {
			return err
		}
		inserted, err := s.exec(many, group)
		if err != nil {
			return err
		}
		if inserted == groupRows {
			for i := range group {
				s.sums.add(&group[i])
			}
		} else if err := s.insertEach(tx, one, group); err != nil {
			return err
		}
		if _, err := tx.Exec("RELEASE grp"); err != nil {
			return err
		}
	}
	for i := range rows {
		if err := s.insertOne(one, rows[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) insertEach(tx *sql.Tx, one *sql.Stmt, group []Row) error {
	if _, err := tx.Exec("ROLLBACK TO grp"); err != nil {
		return err
	}
	for i := range group {
		if err := s.insertOne(one, group[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) insertOne(one *sql.Stmt, row []Row) error {
	inserted, err := s.exec(one, row)
	if err == nil && inserted == 1 {
		s.sums.add(&row[0])
	}
	return err
}

// exec runs an insert and returns how many rows were new.
func (s *store) exec(stmt *sql.Stmt, rows []Row) (int64, error) {
	args := s.args[:0]
	for i := range rows {
		r := &rows[i]
		for _, text := range r.texts() {
			args = append(args, *text)
		}
		stream := r.streamNumber()
		for _, n := range r.numbers(&stream) {
			args = append(args, *n)
		}
	}
	s.args = args
	result, err := stmt.Exec(args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// addUp adds what was counted to the rollups.
func (s *store) addUp(tx *sql.Tx) error {
	for i := range rollups {
		stmt := tx.Stmt(s.line[i])
		for _, key := range slices.SortedFunc(maps.Keys(s.sums[i]), rollupKey.compare) { // neighbours in the table one after the other
			s.args = rollups[i].line(s.args[:0], key, s.sums[i][key])
			if _, err := stmt.ExecContext(context.Background(), s.args...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *store) close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("ledger: close %s: %w", databaseName, err)
	}
	return nil
}
