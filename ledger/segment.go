package ledger

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// segments are the journal's files, numbered from 1 in the order they were begun. A process never writes to a segment that
// another one began, so a position once committed can never come to mean other bytes.
const segmentSuffix = ".journal"

func journalDir(dir string) string { return filepath.Join(dir, "journal") }

func segmentPath(journal string, number uint64) string {
	return filepath.Join(journal, fmt.Sprintf("%012d%s", number, segmentSuffix))
}

// listSegments returns the numbers of the segments there are, ascending.
func listSegments(journal string) ([]uint64, error) {
	entries, err := os.ReadDir(journal)
	if err != nil {
		return nil, fmt.Errorf("ledger: list the journal: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(name, 10, 63); err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// position is a place in the journal: a byte of a segment. Positions are ordered as the journal was written.
type position struct {
	segment uint64
	offset  int64
}

func (p position) before(q position) bool {
	return p.segment < q.segment || p.segment == q.segment && p.offset < q.offset
}

// Damage is a stretch of a segment that holds no records. It is returned as an error where it is met, and reading goes on after it.
type Damage struct {
	Path   string
	Offset int64 // of the first bad byte
	Length int64 // bytes skipped
	Tail   bool  // no record follows it in the segment
}

// Error says where the damage is and what to do.
func (d *Damage) Error() string {
	if d.Offset < 0 {
		return fmt.Sprintf("ledger: %s is missing and its rows are not in the database: restore both from the same backup, or accept the loss", d.Path)
	}
	return fmt.Sprintf("ledger: %s is damaged: %d bytes from offset %d hold no records; what they held is lost, the rest was read. "+
		"Check the disk, and compare the statement with the providers' bills", d.Path, d.Length, d.Offset)
}

// segmentReader reads records from one place of the journal on.
type segmentReader struct {
	journal string
	at      position // of the next record
	file    *os.File // segment at.segment, nil until needed
	window  []byte   // bytes of the file from at.offset on
	buffer  []byte   // what window is cut from
}

const readAhead = 256 << 10

// next returns the record at the reader's place and moves past it. limit is the offset up to which the segment is written. The
// payload is valid until the next call. It returns io.EOF at the limit, and a *Damage when it had to skip bytes.
func (s *segmentReader) next(limit int64) ([]byte, error) {
	for {
		if s.at.offset >= limit {
			return nil, io.EOF
		}
		window := s.window[:min(int64(len(s.window)), limit-s.at.offset)]
		payload, size, v := readFrame(window)
		if v == frameOK {
			s.skip(int64(size))
			return payload, nil
		}
		if unread := limit - s.at.offset - int64(len(window)); unread == 0 {
			return nil, s.resync(window)
		} else if v == frameBad { // the way back is looked for in all that is left
			if err := s.load(limit-s.at.offset, limit); err != nil {
				return nil, err
			}
		} else if err := s.load(int64(len(window))+readAhead, limit); err != nil {
			return nil, err
		}
	}
}

// resync moves to the next whole frame in the window, which holds the rest of the segment, and returns the damage up to there.
func (s *segmentReader) resync(window []byte) error {
	d := &Damage{Path: segmentPath(s.journal, s.at.segment), Offset: s.at.offset, Length: int64(nextFrame(window))}
	if d.Length < 0 {
		d.Length, d.Tail = int64(len(window)), true
	}
	s.skip(d.Length)
	return d
}

func (s *segmentReader) skip(n int64) {
	s.at.offset += n
	s.window = s.window[min(n, int64(len(s.window))):]
}

// load makes the window hold size bytes, as far as the limit allows.
func (s *segmentReader) load(size, limit int64) error {
	if s.file == nil {
		file, err := os.Open(segmentPath(s.journal, s.at.segment))
		if err != nil {
			return fmt.Errorf("ledger: open a journal segment: %w", err)
		}
		s.file = file
	}
	size = min(size, limit-s.at.offset)
	if int64(len(s.buffer)) < size {
		s.buffer = make([]byte, max(size, 2*readAhead))
	}
	kept := copy(s.buffer, s.window)
	n, err := s.file.ReadAt(s.buffer[kept:size], s.at.offset+int64(kept))
	s.window = s.buffer[:kept+n]
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // shorter than its writer said: someone cut it
		}
		return fmt.Errorf("ledger: read journal segment %s at offset %d: %w", s.file.Name(), s.at.offset, err)
	}
	return nil
}

// move goes to another place.
func (s *segmentReader) move(to position) {
	s.close()
	s.at = to
}

func (s *segmentReader) close() {
	if s.file != nil {
		_ = s.file.Close() // nothing was written through it
	}
	s.file, s.window = nil, nil
}
