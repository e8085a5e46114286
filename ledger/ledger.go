// Package ledger keeps what was spent: one row per request, durable before the next step, and statements over them that add up to
// the nano-dollar. It is separate because it alone decides when a row is safe: first in an append-only journal that outlives the
// process at once, then in SQLite, where finance can ask anything.
//
// A directory holds it: journal/ (segments of records, see record.go), ledger.db (tables rows, hours and days) and lock.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"bursar/pricing"
)

// Ledger is the ledger of one running gateway. Its methods are safe for concurrent use.
type Ledger struct {
	Reader
	options   Options
	journal   *journal
	committer *committer
	recovered Recovered
	lock      *os.File

	stop    context.CancelFunc
	running sync.WaitGroup
	closing atomic.Bool
}

// Options tune a ledger. The zero value of a field takes its default.
type Options struct {
	SegmentSize int64         // bytes of a journal segment before the next is begun; default 16 MiB
	SyncEvery   time.Duration // how much a power failure may take; default 50 ms. A killed process loses nothing
	CommitEvery time.Duration // how long rows gather before they go to SQLite; default 20 ms
	CommitRows  int           // most rows in one transaction; default 512

	// KeepOpens leaves holds without a row open, for a caller that settles them elsewhere (a fleet's Redis) and then appends their
	// rows or forgets them. Without it they become orphan rows at the held amount.
	KeepOpens bool

	Warn func(what string, err error) // faults that no caller hears of; called from the ledger's own goroutines
}

func (o Options) withDefaults() Options {
	if o.SegmentSize <= 0 {
		o.SegmentSize = 16 << 20
	}
	if o.SyncEvery <= 0 {
		o.SyncEvery = 50 * time.Millisecond
	}
	if o.CommitEvery <= 0 {
		o.CommitEvery = 20 * time.Millisecond
	}
	if o.CommitRows <= 0 {
		o.CommitRows = 512
	}
	if o.Warn == nil {
		o.Warn = func(string, error) {}
	}
	return o
}

// Open opens the ledger of a directory, which it makes if need be, and recovers what the last process left behind. A directory
// has one Ledger at a time; others read it with OpenReader.
func Open(dir string, options Options) (*Ledger, error) {
	l := &Ledger{options: options.withDefaults()}
	if err := os.MkdirAll(journalDir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("ledger: make directory %s: %w", dir, err)
	}
	var err error
	if l.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := l.open(dir); err != nil {
		_ = l.lock.Close() // the first error says more
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.running.Go(func() { l.committer.run(ctx) })
	l.running.Go(func() { l.syncJournal(ctx) })
	return l, nil
}

func (l *Ledger) open(dir string) error {
	store, err := openStore(dir)
	if err != nil {
		return err
	}
	var found *recovery
	committed, err := store.position()
	if err == nil {
		found, err = recoverJournal(journalDir(dir), committed)
	}
	if err == nil {
		l.journal, err = newJournal(journalDir(dir), found.next, l.options.SegmentSize)
	}
	if err == nil {
		l.journal.opens = found.places
		l.recovered = found.Recovered
		l.committer = newCommitter(l.journal, store, found, l.options)
		err = l.adopt(found.opens)
	}
	if err == nil {
		var reader *Reader
		if reader, err = OpenReader(dir); err == nil {
			l.Reader = *reader
		}
	}
	if err != nil {
		_ = store.close() // the first error says more
		if l.journal != nil {
			_ = l.journal.close()
		}
	}
	return err
}

// adopt enters the orphan rows of the holds that have none, or leaves the holds to the caller.
func (l *Ledger) adopt(opens []OpenHold) error {
	if l.options.KeepOpens {
		l.recovered.Opens = opens
		return nil
	}
	for i := range opens {
		orphan := opens[i].Whole()
		if err := l.Append(&orphan); err != nil {
			return err
		}
		l.recovered.Orphans = append(l.recovered.Orphans, orphan)
	}
	return nil
}

// Recovered returns what Open found.
func (l *Ledger) Recovered() Recovered { return l.recovered }

// Hold enters that money is held for a request, before the request is sent. seed is an encoded partial Row (Row.Encode), from which
// an orphan row is made should the process die. A second hold of an id replaces the first. When it returns an error the hold
// is not entered.
func (l *Ledger) Hold(id string, held pricing.Nano, seed []byte) error {
	return l.journal.hold(&OpenHold{ID: id, Held: held, Time: time.Now().UnixNano(), Seed: seed})
}

// Append enters a row and ends the hold that it is of, the one of its id or of the request that it is a try of, unless it is a correction. When it returns, the row outlives the process. When
// it returns an error, the row is only in memory, and is written as soon as the journal can be written again; after 64 MiB of
// such rows further ones are lost, and the error says so.
func (l *Ledger) Append(r *Row) error {
	return l.journal.row(r)
}

// Forget ends a hold that gets no row in this ledger, because another gateway has entered it.
func (l *Ledger) Forget(id string) error { return l.journal.forget(id) }

// Flush waits until all rows appended so far are committed to SQLite.
func (l *Ledger) Flush(ctx context.Context) error { return l.committer.flush(ctx) }

// Health is how the ledger fares.
type Health struct {
	Journal  error // why the journal cannot be written or synced; nil if it can
	Database error // why rows cannot be committed to SQLite; nil if they can. They wait in the journal meanwhile
	Waiting  int64 // rows appended and not yet committed
	Open     int   // holds without a row
}

// Health returns how the ledger fares.
func (l *Ledger) Health() Health {
	h := Health{Database: l.committer.lastFault()}
	done := l.committer.done.Load() // before the rows, or Waiting could be negative
	h.Open, h.Waiting, h.Journal = l.journal.health()
	h.Waiting -= done
	return h
}

// syncJournal syncs after writes, at most every SyncEvery.
func (l *Ledger) syncJournal(ctx context.Context) {
	var last error
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.journal.dirty:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(l.options.SyncEvery):
		}
		err := l.journal.sync()
		if err != nil {
			l.journal.dirty.set()
			if last == nil { // once per outage
				l.options.Warn("the journal is not durable; rows are kept in memory until it is", err)
			}
		}
		last = err
	}
}

// Close commits what it can, syncs and closes. An error means that rows are not yet in SQLite; the next Open commits them. Nothing
// may be entered any more.
func (l *Ledger) Close() error {
	if l.closing.Swap(true) {
		return nil
	}
	l.stop()
	l.running.Wait()
	err := errors.Join(l.journal.close(), l.committer.close(), l.Reader.Close())
	return errors.Join(err, l.lock.Close())
}
