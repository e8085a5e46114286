package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// warnings collects what Options.Warn is told.
type warnings struct {
	mu   sync.Mutex
	told []string
}

func (w *warnings) warn(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, what+": "+err.Error())
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.told...)
}

// TestDatabaseDown fills the database's disk (SQLite itself says so, at a page limit). Rows wait in the journal, statements have
// them all the same, and once there is room they are committed.
func TestDatabaseDown(t *testing.T) {
	var told warnings
	l := open(t, t.TempDir(), Options{SegmentSize: 20_000, CommitEvery: time.Millisecond, Warn: told.warn})
	must(t, l.Append(row(0)))
	must(t, l.Flush(t.Context()))
	limit := func(pragma string) {
		t.Helper()
		if _, err := l.committer.store.db.Exec(pragma); err != nil {
			t.Fatal(err)
		}
	}
	limit("PRAGMA max_page_count = 1") // raised by SQLite to what the file has
	for n := 1; n < 2000; n++ {
		must(t, l.Hold(row(n).ID, row(n).Held, nil))
		must(t, l.Append(row(n)))
	}
	if err := flushFails(t, l); !strings.Contains(err.Error(), "full") {
		t.Fatalf("flush: %v", err)
	}
	h := l.Health()
	if h.Database == nil || h.Journal != nil || h.Waiting < 1 || h.Open != 0 {
		t.Fatalf("health %+v", h)
	}
	if a := verify(t, &l.Reader); a.Rows != 2000 || a.Pending != h.Waiting {
		t.Fatalf("%+v, %d wait", a, h.Waiting)
	}
	limit("PRAGMA max_page_count = 1000000")
	must(t, l.Flush(t.Context()))
	if a := verify(t, &l.Reader); a.Rows != 2000 || a.Pending != 0 {
		t.Fatalf("%+v", a)
	}
	must(t, l.Close())
	if all := told.all(); len(all) != 1 || !strings.HasPrefix(all[0], "rows wait in the journal until the database takes them: ledger: ") {
		t.Errorf("an outage is told once: %q", all)
	}
}

// flushFails flushes until the database's fault shows.
func flushFails(t *testing.T, l *Ledger) error {
	t.Helper()
	for l.Health().Database == nil {
		if t.Context().Err() != nil {
			t.Fatal("the database never failed")
		}
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := l.Flush(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("flush: %v", err)
	}
	return err
}

// TestDatabaseLocked has somebody else hold the database's write lock, say a backup gone wrong.
func TestDatabaseLocked(t *testing.T) {
	dir := t.TempDir()
	var told warnings
	l := open(t, dir, Options{CommitEvery: time.Millisecond, Warn: told.warn})
	must(t, l.Flush(t.Context()))
	if _, err := l.committer.store.db.Exec("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	other, err := openDatabase(dir, "rw")
	must(t, err)
	defer func() { _ = other.Close() }()
	tx, err := other.Begin()
	must(t, err)
	must(t, l.Append(row(1)))
	flushFails(t, l)
	if s, err := l.Report(t.Context(), Query{}); err != nil || s.Requests != 1 {
		t.Fatalf("%v, %+v", err, s)
	}
	must(t, tx.Rollback())
	must(t, l.Flush(t.Context()))
	if a := verify(t, &l.Reader); a.Rows != 1 || a.Pending != 0 {
		t.Fatalf("%+v", a)
	}
}

// TestJournalDown fills the journal's disk (/dev/full stands in). Holds fail, so nothing new is sent; rows of requests under way are
// kept and written later.
func TestJournalDown(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer func() { _ = full.Close() }()
	dir := t.TempDir()
	var told warnings
	l := open(t, dir, Options{SyncEvery: time.Hour, Warn: told.warn})
	must(t, l.Hold(row(1).ID, 9, nil))
	healthy := l.journal.swap(full)
	for n := range 3 {
		if err := l.Append(row(n)); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free space") {
			t.Fatalf("append: %v", err)
		}
		if err := l.Hold("late", 1, nil); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("hold: %v", err)
		}
	}
	if h := l.Health(); !errors.Is(h.Journal, syscall.ENOSPC) || h.Open != 1 || h.Waiting != 3 {
		t.Fatalf("health %+v", h)
	}
	if err := l.journal.sync(); err == nil {
		t.Fatal("the sync went well")
	}
	l.journal.swap(healthy)
	must(t, l.journal.sync())
	if h := l.Health(); h.Journal != nil || h.Open != 0 {
		t.Fatalf("health %+v", h)
	}
	must(t, l.Flush(t.Context()))
	if a := verify(t, &l.Reader); a.Rows != 3 || a.Pending != 0 {
		t.Fatalf("%+v", a)
	}
	must(t, l.Close())
	if r := open(t, dir, Options{}).Recovered(); len(r.Orphans) != 0 || len(r.Damage) != 0 || r.Torn != 0 {
		t.Errorf("recovered %+v", r)
	}
}

func (j *journal) swap(file *os.File) *os.File {
	j.mu.Lock()
	defer j.mu.Unlock()
	old := j.file
	j.file = file
	return old
}

// TestHalfWrittenRecordIsUndone is a disk that fills up in the middle of a record.
func TestHalfWrittenRecordIsUndone(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	must(t, l.Append(row(1)))
	l.journal.mu.Lock()
	_, err := l.journal.file.WriteString(frameMagic + "half")
	l.journal.torn = true
	l.journal.mu.Unlock()
	must(t, err)
	must(t, l.Append(row(2)))
	must(t, l.Flush(t.Context()))
	must(t, l.Close())
	again := open(t, dir, Options{})
	if r := again.Recovered(); len(r.Damage) != 0 || r.Torn != 0 {
		t.Errorf("recovered %+v", r)
	}
	if a := verify(t, &again.Reader); a.Rows != 2 {
		t.Errorf("%+v", a)
	}
}

func TestTooLargeASeedIsRefused(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	if err := l.Hold("x", 1, make([]byte, maxPayload)); err == nil || !strings.Contains(err.Error(), "seed of hold x") {
		t.Fatal(err)
	}
	must(t, l.Append(row(1)))
	huge := row(2)
	huge.User = strings.Repeat("ü", 1<<20)
	must(t, l.Append(huge))
	s, err := l.Report(t.Context(), Query{By: []string{"user"}})
	must(t, err)
	if s.Requests != 2 || len(s.Lines[0].Group[0]) != maxText {
		t.Errorf("%d requests, a user of %d bytes", s.Requests, len(s.Lines[0].Group[0]))
	}
	if h := l.Health(); h.Open != 0 {
		t.Errorf("%+v", h)
	}
}

func TestClosedLedgerTakesNothing(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	must(t, l.Close())
	must(t, l.Close())
	if err := l.Append(row(1)); err == nil {
		t.Error("append to a closed ledger")
	}
	if err := l.Hold("x", 1, nil); err == nil {
		t.Error("hold in a closed ledger")
	}
}

func TestReaderNeedsALedger(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReader(dir); err == nil || !strings.Contains(err.Error(), "data directory of a gateway that has run") {
		t.Fatal(err)
	}
	must(t, os.WriteFile(filepath.Join(dir, databaseName), nil, 0o600))
	if _, err := OpenReader(dir); err == nil || !strings.Contains(err.Error(), "schema 0") {
		t.Fatal(err)
	}
}
