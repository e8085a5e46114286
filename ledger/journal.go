package ledger

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

// journal is where a record is durable first. Each record is in the kernel's page cache when add returns, so it outlives the
// process; sync, called by a ticker, bounds what a power failure takes. It is also the queue to SQLite: the committer reads the
// segments, so that what waits needs no memory, however long the database is down.
//
// One mutex, encode and one write(2) under it. Letting a leader write for all who wait was measured with 64 goroutines and is
// slower (1.0 to 3.3 us a record instead of 0.8 to 0.9): the write costs less than putting a goroutine to sleep.
type journal struct {
	dir         string
	segmentSize int64
	wrote       signal // something was written
	dirty       signal // something is to be synced or retried

	mu      sync.Mutex
	file    *os.File         // the segment being written; no other is
	end     position         // where the next byte goes
	synced  position         // what is before it outlives a power failure
	pending []byte           // frames not yet written: empty but while a record is added, or after a failed write
	closing []string         // ids whose holds end with what is pending
	torn    bool             // the last write failed halfway and could not be undone yet
	fault   error            // why the last write failed, nil if it did not
	opens   map[string]place // holds without a row
	rows    int64            // rows entered, and those found at start that are not committed
	retired []*os.File       // full segments not yet synced
	undone  error            // why the last sync failed, nil if it did not

	syncing sync.Mutex // one sync at a time; taken before mu
}

// place is where a hold's record is.
type place struct {
	position
	size int
}

// maxPending is how many bytes of rows wait in memory while the journal cannot be written (its disk is full). Holds fail then, so
// nothing new is sent, and only requests under way add to it.
const maxPending = 64 << 20

// newJournal begins a segment after all that there are.
func newJournal(dir string, number uint64, segmentSize int64) (*journal, error) {
	j := &journal{dir: dir, segmentSize: segmentSize, wrote: newSignal(), dirty: newSignal(), opens: map[string]place{}}
	if err := j.begin(number); err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *journal) begin(number uint64) error {
	file, err := os.OpenFile(segmentPath(j.dir, number), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("ledger: begin a journal segment: %w", err)
	}
	if j.file != nil {
		j.retired = append(j.retired, j.file)
	}
	j.file, j.end = file, position{number, 0}
	return nil
}

// hold enters a hold. A hold that cannot be written is not entered.
func (j *journal) hold(o *OpenHold) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	start := len(j.pending)
	j.pending = appendOpen(openFrame(j.pending), o)
	closeFrame(j.pending, start)
	size := len(j.pending) - start
	if size-frameHead > maxPayload {
		j.pending = j.pending[:start]
		return fmt.Errorf("ledger: the seed of hold %s has %d bytes; at most %d fit", o.ID, len(o.Seed), maxPayload-2*maxText)
	}
	at := position{j.end.segment, j.end.offset + int64(start)}
	if err := j.write(); err != nil {
		j.pending = j.pending[:start]
		return err
	}
	j.opens[o.ID] = place{at, size}
	return nil
}

// row enters a row and ends the hold that it is of. A row that cannot be written is kept in memory and written later.
func (j *journal) row(r *Row) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	start := len(j.pending)
	if start > maxPending {
		return fmt.Errorf("ledger: row %s is lost: %d MiB of rows already wait for the journal: %w", r.ID, start>>20, j.fault)
	}
	j.pending = appendRow(openFrame(j.pending), r)
	closeFrame(j.pending, start)
	j.rows++
	if r.Kind != KindCorrection {
		j.closing = append(j.closing, r.ID)
		if request, ok := r.tryOf(); ok {
			j.closing = append(j.closing, request)
		}
	}
	return j.write()
}

// forget ends a hold that gets no row here.
func (j *journal) forget(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	start := len(j.pending)
	j.pending = appendForget(openFrame(j.pending), id)
	closeFrame(j.pending, start)
	j.closing = append(j.closing, id)
	return j.write()
}

// write writes what is pending. The caller has locked mu.
func (j *journal) write() error {
	if j.file == nil {
		return errors.New("ledger: it is closed")
	}
	if j.torn {
		if err := j.file.Truncate(j.end.offset); err != nil {
			return j.failed(err)
		}
		j.torn = false
	}
	n, err := j.file.Write(j.pending)
	if err != nil {
		j.torn = n > 0
		return j.failed(err)
	}
	j.fault = nil
	j.end.offset += int64(n)
	if cap(j.pending) > 1<<20 {
		j.pending = nil // a bad time's worth of rows need not be kept for good
	}
	j.pending = j.pending[:0]
	for _, id := range j.closing {
		delete(j.opens, id)
	}
	j.closing = j.closing[:0]
	if j.end.offset >= j.segmentSize {
		j.fault = j.begin(j.end.segment + 1) // on failure the segment just grows
	}
	j.wrote.set()
	j.dirty.set()
	return nil
}

func (j *journal) failed(err error) error {
	j.fault = fmt.Errorf("ledger: write the journal: %w; free space on its disk", err)
	j.dirty.set() // sync retries
	return j.fault
}

// sync makes all that was written outlive a power failure, after trying again what could not be written.
func (j *journal) sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	if len(j.pending) > 0 {
		_ = j.write() // its fault is j.fault
	}
	current, retired, end := j.file, j.retired, j.end
	j.retired = nil
	j.mu.Unlock()
	left, err := j.syncFiles(current, retired)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.retired = append(left, j.retired...)
	if j.undone = err; err == nil {
		j.synced = end
	}
	return j.down()
}

// syncFiles syncs and closes the full segments and syncs the current one. It returns those it could not sync.
func (j *journal) syncFiles(current *os.File, retired []*os.File) (left []*os.File, err error) {
	begun := len(retired) > 0
	for ; len(retired) > 0; retired = retired[1:] {
		if err := syncClose(retired[0]); err != nil {
			return retired, fmt.Errorf("ledger: sync the journal: %w", err)
		}
	}
	if begun { // so was the file after them
		err = syncDir(j.dir)
	}
	if current != nil && err == nil {
		if err = current.Sync(); err != nil {
			err = fmt.Errorf("ledger: sync the journal: %w", err)
		}
	}
	return nil, err
}

// down returns why the journal cannot be written or synced. The caller has locked mu.
func (j *journal) down() error {
	if j.fault != nil {
		return j.fault
	}
	return j.undone
}

// written returns where the journal ends.
func (j *journal) written() position {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end
}

// health returns how many holds are open, how many rows were entered, and why the journal cannot be written.
func (j *journal) health() (open int, rows int64, fault error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.opens), j.rows, j.down()
}

// release deletes the segments before one, all of whose rows are committed. Holds still open there are carried into the current
// segment first, and synced, so that no moment is without them.
func (j *journal) release(before uint64) error {
	numbers, err := listSegments(j.dir)
	if err != nil {
		return err
	}
	numbers = slices.DeleteFunc(numbers, func(n uint64) bool { return n >= before })
	if len(numbers) == 0 {
		return nil
	}
	if err := j.carry(before); err != nil {
		return err
	}
	if err := j.sync(); err != nil {
		return err
	}
	for _, n := range numbers {
		if err := os.Remove(segmentPath(j.dir, n)); err != nil {
			return fmt.Errorf("ledger: delete a journal segment whose rows are all committed: %w", err)
		}
	}
	return nil
}

// carry copies the holds open in segments before one to the end of the journal.
func (j *journal) carry(before uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	start := len(j.pending)
	moved := map[string]place{}
	for id, p := range j.opens {
		if p.segment >= before {
			continue
		}
		frame, err := readPlace(j.dir, p)
		if err != nil {
			j.pending = j.pending[:start]
			return err
		}
		moved[id] = place{position{j.end.segment, j.end.offset + int64(len(j.pending))}, p.size}
		j.pending = append(j.pending, frame...)
	}
	if len(moved) == 0 {
		return nil
	}
	if err := j.write(); err != nil {
		j.pending = j.pending[:start]
		return err
	}
	for id, p := range moved {
		if _, open := j.opens[id]; open { // a row that waited for the write may have ended it
			j.opens[id] = p
		}
	}
	return nil
}

// readPlace reads the frame of a hold.
func readPlace(dir string, p place) ([]byte, error) {
	file, err := os.Open(segmentPath(dir, p.segment))
	if err != nil {
		return nil, fmt.Errorf("ledger: read an open hold: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written through it
	frame := make([]byte, p.size)
	if _, err := file.ReadAt(frame, p.offset); err != nil {
		return nil, fmt.Errorf("ledger: read an open hold: %w", err)
	}
	if _, _, v := readFrame(frame); v != frameOK {
		return nil, &Damage{Path: file.Name(), Offset: p.offset, Length: int64(p.size)}
	}
	return frame, nil
}

// close syncs and closes. Nothing can be entered any more.
func (j *journal) close() error {
	err := j.sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
		j.file = nil
	}
	return err
}

func syncClose(file *os.File) error {
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// syncDir makes created files outlive a power failure.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err == nil {
		err = syncClose(file)
	}
	if err != nil {
		return fmt.Errorf("ledger: sync directory %s: %w", dir, err)
	}
	return nil
}

// signal wakes one goroutine that waits for work. Setting a set signal is cheap and does nothing.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}
