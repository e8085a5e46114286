package tokens

import (
	"runtime"
	"sync"
)

const (
	// longestMerge bounds the memory one merge takes to about 28 bytes per byte of it. A longer piece (a megabyte without any
	// space or punctuation: no prose, no code) is merged in parts of this length, which can only add a token or two at each cut.
	longestMerge = 1 << 20
	// keptMerge bounds what a pooled scratch keeps of a long merge. Only so many longer ones as there are processors run at once: more
	// would not be faster, but hold memory all the same.
	keptMerge = 16 << 10
)

// encoding turns text into tokens as one of OpenAI's encodings does. Text is always ordinary: a special token such as
// <|endoftext|> in it is counted as the characters it is written with, as the provider does for a message's content.
type encoding struct {
	vocabulary *vocabulary
	classes    *classTable
	next       splitter
	shared     *shared
}

// shared is what all encodings of a Counter work with.
type shared struct {
	classes   *classTable
	scratches sync.Pool
	long      chan struct{} // holds one element per scratch with more than keptMerge
}

func newShared() *shared {
	return &shared{
		classes:   newClassTable(),
		scratches: sync.Pool{New: func() any { return new(scratch) }},
		long:      make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
}

func newEncoding(vocabularyFile []byte, next splitter, s *shared) (*encoding, error) {
	v, err := parseVocabulary(vocabularyFile)
	if err != nil {
		return nil, err
	}
	return &encoding{vocabulary: v, classes: s.classes, next: next, shared: s}, nil
}

// scratch is what merging needs to work in. One goroutine has it at a time.
type scratch struct {
	parts [smallPiece + 1]pair
	list  []part
	heap  rankHeap
	seen  pieceMemo
	taken []chosen
	met   metMemo
	dead  []uint64
	large bool // list and heap may be larger than is kept
	steps int  // candidates looked at so far, for the tests to bound
}

func (e *encoding) scratch() *scratch { return e.shared.scratches.Get().(*scratch) }

func (e *encoding) release(s *scratch) {
	if s.large {
		s.list, s.heap, s.large = nil, nil, false
		<-e.shared.long
	}
	e.shared.scratches.Put(s)
}

// mergeLong merges a piece of up to longestMerge bytes, after waiting for its turn if that takes much memory.
func (e *encoding) mergeLong(piece []byte, s *scratch) []part {
	if len(piece) > keptMerge && !s.large {
		e.shared.long <- struct{}{}
		s.large = true
	}
	return e.vocabulary.mergeLong(piece, s)
}

// count returns how many tokens the text is.
func (e *encoding) count(text []byte) int64 {
	s := e.scratch()
	n := 0
	for i := 0; i < len(text); {
		end := e.next(e.classes, text, i)
		n += e.countPiece(text, i, end, s)
		i = end
	}
	e.release(s)
	return int64(n)
}

// countPiece returns how many tokens the piece text[start:end] is.
func (e *encoding) countPiece(text []byte, start, end int, s *scratch) int {
	if end-start == 1 || e.vocabulary.rank(text, start, end) != noRank {
		return 1
	}
	if end-start > seenPiece {
		return e.countMerged(text, start, end, s)
	}
	seen := s.seen.entry(e, text, start, end)
	if seen.count == 0 {
		seen.count = uint8(e.countMerged(text, start, end, s))
	}
	return int(seen.count)
}

// countMerged counts a piece that is no token itself.
func (e *encoding) countMerged(text []byte, start, end int, s *scratch) int {
	if end-start <= longestBacktrack && backtracks(text, start, end) {
		if n := e.vocabulary.backtrack(text[start:end], s); n > 0 {
			return n
		}
	}
	if end-start <= smallPiece {
		return len(e.vocabulary.merge(text, start, end, s)) - 1
	}
	n := 0
	for ; start < end; start += longestMerge {
		list := e.mergeLong(text[start:min(end, start+longestMerge)], s)
		for i := 0; i < len(list); i = int(list[i].next) {
			n++
		}
	}
	return n
}

// encode appends the ids of the text's tokens to ids.
func (e *encoding) encode(ids []uint32, text []byte) []uint32 {
	s := e.scratch()
	for i := 0; i < len(text); {
		end := e.next(e.classes, text, i)
		ids = e.encodePiece(ids, text, i, end, s)
		i = end
	}
	e.release(s)
	return ids
}

func (e *encoding) encodePiece(ids []uint32, text []byte, start, end int, s *scratch) []uint32 {
	v := e.vocabulary
	if rank := v.rank(text, start, end); rank != noRank {
		return append(ids, rank)
	}
	if end-start <= smallPiece {
		parts := v.merge(text, start, end, s)
		for i, p := range parts[:len(parts)-1] {
			ids = append(ids, v.rank(text, start+int(p.start), start+int(parts[i+1].start)))
		}
		return ids
	}
	for ; start < end; start += longestMerge {
		piece := text[start:min(end, start+longestMerge)]
		list := e.mergeLong(piece, s)
		for i := 0; i < len(list); i = int(list[i].next) {
			ids = append(ids, v.rank(piece, i, int(list[i].next)))
		}
	}
	return ids
}
