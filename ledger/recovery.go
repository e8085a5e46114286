package ledger

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"bursar/exchange"
)

// Recovered is what Open found of the process before.
type Recovered struct {
	Rows    int        // rows that were journalled but not committed; they are being committed
	Orphans []Row      // rows made of holds whose requests never settled
	Opens   []OpenHold // those holds, if Options.KeepOpens; no rows were made
	Torn    int64      // bytes cut off the journal's end: a record whose write never returned
	Damage  []*Damage  // what cannot be read any more
}

// recovery is what the journal holds at start.
type recovery struct {
	Recovered
	committed position
	next      uint64     // number of the segment to begin
	opens     []OpenHold // holds without a row, oldest first
	places    map[string]place
}

// recoverJournal reads the whole journal: rows after the committed position are yet to be committed, and a hold without a row
// belonged to a request that was under way.
func recoverJournal(journal string, committed position) (*recovery, error) {
	numbers, err := listSegments(journal)
	if err != nil {
		return nil, err
	}
	found := &recovery{committed: committed, next: committed.segment + 1, places: map[string]place{}}
	found.reportMissing(journal, numbers)
	held := map[string]OpenHold{}
	reader := segmentReader{journal: journal}
	defer reader.close()
	for i, n := range numbers {
		reader.move(position{n, 0})
		if err := found.readSegment(&reader, held, i == len(numbers)-1); err != nil {
			return nil, err
		}
		found.next = max(found.next, n+1)
	}
	for _, o := range held {
		found.opens = append(found.opens, o)
	}
	slices.SortFunc(found.opens, func(a, b OpenHold) int {
		if a.Time != b.Time {
			return int(max(-1, min(1, a.Time-b.Time)))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return found, nil
}

// reportMissing reports segments that were deleted before their rows were committed, say by restoring an old ledger.db.
func (f *recovery) reportMissing(journal string, numbers []uint64) {
	due := max(1, f.committed.segment)
	for i, n := range numbers {
		if i == 0 && n <= due+1 && f.committed.segment > 0 {
			due = n // all of the committed segment's rows may be committed, and it deleted
		}
		for ; due < n; due++ {
			f.Damage = append(f.Damage, &Damage{Path: segmentPath(journal, due), Offset: -1})
		}
		due = n + 1
	}
}

// readSegment reads one segment to its end. Bytes at the end of the last one that are no record are cut off: their write never
// returned, so nobody was told that they are safe.
func (f *recovery) readSegment(reader *segmentReader, held map[string]OpenHold, last bool) error {
	path := segmentPath(reader.journal, reader.at.segment)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("ledger: read the journal: %w", err)
	}
	for {
		at := reader.at
		payload, err := reader.next(info.Size())
		var damage *Damage
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &damage) && damage.Tail && last:
			f.Torn = damage.Length
			if err := os.Truncate(path, damage.Offset); err != nil {
				return fmt.Errorf("ledger: cut the torn end off the journal: %w", err)
			}
		case errors.As(err, &damage):
			f.Damage = append(f.Damage, damage)
		case err != nil:
			return err
		default:
			rec, err := decodeRecord(payload)
			if err != nil {
				return fmt.Errorf("ledger: %s, offset %d: %w", path, at.offset, err)
			}
			f.note(&rec, place{at, int(reader.at.offset - at.offset)}, held)
		}
	}
}

func (f *recovery) note(rec *record, at place, held map[string]OpenHold) {
	var ends []string
	switch rec.kind {
	case recordOpen:
		held[rec.open.ID] = rec.open
		f.places[rec.open.ID] = at
		return
	case recordRow:
		if !at.before(f.committed) {
			f.Rows++
		}
		if rec.row.Kind == KindCorrection {
			return
		}
		ends = append(ends, rec.row.ID)
		if request, ok := rec.row.tryOf(); ok {
			ends = append(ends, request)
		}
	case recordForget:
		ends = append(ends, rec.id)
	}
	for _, id := range ends {
		delete(held, id)
		delete(f.places, id)
	}
}

// Orphan returns the row that books the hold as spend: nobody knows what the request really cost, and it may have cost all that was
// held. Its baseline equals its cost, so that it claims no saving.
func (o *OpenHold) Orphan() Row {
	r, err := DecodeRow(o.Seed)
	if err != nil {
		r = Row{} // the amount is what matters, and the open record has it
	}
	if r.Time == 0 {
		r.Time = o.Time
	}
	r.ID, r.Kind, r.Reason = o.ID, KindOrphan, exchange.ReasonOrphaned.String()
	r.Cost, r.Baseline, r.Held, r.Saved = o.Held, o.Held, o.Held, exchange.Savings{}
	return r
}

// Whole is Orphan with what the seed says that the request's holds before this one have cost: seeds of earlier versions do, whose rows had that in
// them. By now it has a row of its own (TryID).
func (o *OpenHold) Whole() Row {
	r := o.Orphan()
	if seed, err := DecodeRow(o.Seed); err == nil {
		r.Cost, r.Baseline = r.Cost+seed.Cost, r.Baseline+seed.Cost
	}
	return r
}
