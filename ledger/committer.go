package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// committer carries rows from the journal to SQLite, in groups. It is the only goroutine that writes to the database.
type committer struct {
	journal *journal
	store   *store
	options Options

	reader   segmentReader
	first    uint64 // the first segment of this process; damage in older ones was reported at start
	rows     []Row  // gathered and not yet committed
	saved    position
	released uint64 // segments before it were deleted

	done  atomic.Int64 // rows committed
	hurry signal

	mu        sync.Mutex
	committed position      // all rows before it are committed
	progress  chan struct{} // closed when committed or fault changes
	fault     error
}

func newCommitter(j *journal, s *store, found *recovery, options Options) *committer {
	c := &committer{
		journal: j, store: s, options: options, reader: segmentReader{journal: j.dir, at: found.committed},
		first: found.next, saved: found.committed, committed: found.committed,
		hurry: newSignal(), progress: make(chan struct{}),
	}
	j.rows = int64(found.Rows)
	j.wrote.set() // there may be rows of the process before
	return c
}

// run commits until ctx ends, and then once more.
func (c *committer) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.hurry:
		case <-c.journal.wrote:
			c.pause(ctx, c.options.CommitEvery) // let rows gather
		}
		for wait := c.options.CommitEvery; ; wait = min(2*wait, maxBackoff) {
			err := c.catchUp()
			c.report(err)
			if err == nil || ctx.Err() != nil {
				break
			}
			c.pause(ctx, wait)
		}
	}
	c.report(c.catchUp())
}

// maxBackoff bounds how long a database that works again stays unnoticed.
const maxBackoff = 2 * time.Second

func (c *committer) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-c.hurry:
	case <-time.After(d):
	}
}

// catchUp commits until there is nothing to commit.
func (c *committer) catchUp() error {
	for {
		end := c.journal.written()
		for c.reader.at != end || len(c.rows) > 0 {
			if len(c.rows) == 0 { // else the last commit failed and is tried again
				if err := c.gather(end); err != nil {
					return err
				}
			}
			if err := c.commit(); err != nil {
				return err
			}
		}
		if c.journal.written() == end {
			return c.release()
		}
	}
}

// gather reads up to CommitRows rows.
func (c *committer) gather(end position) error {
	limit, err := c.limit(end)
	if err != nil {
		return err
	}
	for len(c.rows) < c.options.CommitRows {
		payload, err := c.reader.next(limit)
		var damage *Damage
		switch {
		case errors.Is(err, io.EOF):
			if c.reader.at.segment == end.segment {
				return nil
			}
			if err := c.nextSegment(); err != nil {
				return err
			}
			if limit, err = c.limit(end); err != nil {
				return err
			}
		case errors.As(err, &damage):
			if c.reader.at.segment >= c.first {
				c.options.Warn("rows are lost", damage)
			}
		case err != nil:
			return err
		case payload[0] == recordRow:
			row, err := DecodeRow(payload[1:])
			if err != nil {
				return err
			}
			c.rows = append(c.rows, row)
		}
	}
	return nil
}

// limit returns up to which offset the reader's segment is written.
func (c *committer) limit(end position) (int64, error) {
	if c.reader.at.segment == end.segment {
		return end.offset, nil
	}
	info, err := os.Stat(segmentPath(c.journal.dir, c.reader.at.segment))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // the committed position's segment may have been deleted: it had nothing left to give
	}
	if err != nil {
		return 0, fmt.Errorf("ledger: read the journal: %w", err)
	}
	return info.Size(), nil
}

// nextSegment moves the reader to the segment that follows. There is one: the journal's end is in a later one.
func (c *committer) nextSegment() error {
	numbers, err := listSegments(c.journal.dir)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n > c.reader.at.segment {
			c.reader.move(position{n, 0})
			return nil
		}
	}
	return fmt.Errorf("ledger: journal segment after %s is missing", segmentPath(c.journal.dir, c.reader.at.segment))
}

// commit commits what was gathered. A stretch of the journal without rows needs no transaction.
func (c *committer) commit() error {
	at := c.reader.at
	if len(c.rows) > 0 || at.segment != c.saved.segment {
		if err := c.store.commit(c.rows, at); err != nil {
			return err
		}
		c.saved = at
		c.done.Add(int64(len(c.rows)))
		clear(c.rows) // lets go of their texts
		c.rows = c.rows[:0]
	}
	c.mu.Lock()
	c.committed = at
	c.announce()
	c.mu.Unlock()
	return nil
}

// release deletes the segments that are not needed any more.
func (c *committer) release() error {
	if c.released == c.saved.segment {
		return nil
	}
	c.released = c.saved.segment // if it fails it is tried again with the next segment
	if err := c.journal.release(c.released); err != nil {
		c.options.Warn("old journal segments stay for now", err)
	}
	return nil
}

func (c *committer) announce() {
	close(c.progress)
	c.progress = make(chan struct{})
}

func (c *committer) report(err error) {
	c.mu.Lock()
	begins, ends := err != nil && c.fault == nil, err == nil && c.fault != nil
	c.fault = err
	if begins || ends {
		c.announce()
	}
	c.mu.Unlock()
	if begins { // once per outage
		c.options.Warn("rows wait in the journal until the database takes them", err)
	}
}

func (c *committer) lastFault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// flush waits until everything journalled so far is committed, or ctx ends.
func (c *committer) flush(ctx context.Context) error {
	end := c.journal.written()
	for {
		c.mu.Lock()
		behind, progress, fault := c.committed.before(end), c.progress, c.fault
		c.mu.Unlock()
		if !behind {
			return nil
		}
		c.hurry.set()
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("ledger: flush: %w", errors.Join(ctx.Err(), fault))
		}
	}
}

// close is called once run has ended.
func (c *committer) close() error {
	c.reader.close()
	return errors.Join(c.lastFault(), c.store.close())
}
