package tokens

import "math/bits"

const (
	seenPiece  = 48   // longest piece, in bytes, that is remembered
	seenPieces = 2048 // times 64 bytes: what a scratch keeps
)

// pieceMemo remembers how many tokens the last pieces were that are no tokens themselves: names, long words, words of scripts whose
// letters take several bytes. A text repeats them. It belongs to a scratch, so it needs no lock, and compares whole pieces, so it
// never errs.
type pieceMemo [seenPieces]seenEntry

type seenEntry struct {
	piece [seenPiece / 8]uint64 // its bytes, zero-padded
	owner *encoding             // whose count it is
	size  uint8
	count uint8 // 0 while it is not known yet
}

// entry returns the entry of the piece text[start:end], of 2 to seenPiece bytes. A count of 0 in it is for the caller to fill in.
func (m *pieceMemo) entry(e *encoding, text []byte, start, end int) *seenEntry {
	size := end - start
	var piece [seenPiece / 8]uint64
	hash := uint64(size)
	for i := 0; i*8 < size; i++ {
		piece[i] = word(text, start+i*8, min(8, size-i*8))
		high, low := bits.Mul64(piece[i]^hash, 0xa0761d6478bd642f)
		hash = high ^ low
	}
	entry := &m[hash%seenPieces]
	if entry.size != uint8(size) || entry.owner != e || entry.piece != piece {
		*entry = seenEntry{piece: piece, owner: e, size: uint8(size)}
	}
	return entry
}
