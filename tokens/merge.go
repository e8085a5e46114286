package tokens

// smallPiece is the longest piece, in bytes, that is merged by scanning for the best pair. Scanning is quadratic but has no
// bookkeeping: up to about here it wins.
const smallPiece = 24

// pair is two adjacent parts of a piece while it is merged.
type pair struct {
	start uint32 // where the first part begins, counted from the piece
	rank  uint32 // rank of the token that both parts make, or noRank
}

// merge merges a piece of 2 to smallPiece bytes, text[start:end], that is no token itself, as byte pair encoding does: always the
// adjacent pair that makes the token of lowest rank, the leftmost first. It returns one pair per resulting token and one more at
// the end, valid until the scratch is used again.
func (v *vocabulary) merge(text []byte, start, end int, s *scratch) []pair {
	parts := s.parts[:end-start+1]
	for i := range parts {
		parts[i] = pair{start: uint32(i), rank: noRank}
	}
	best, at := uint32(noRank), 0
	for i := start; i+1 < end; i++ {
		rank := v.pairs[int(text[i])<<8|int(text[i+1])]
		parts[i-start].rank = rank
		if rank < best {
			best, at = rank, i-start
		}
	}
	for best != noRank {
		copy(parts[at+1:], parts[at+2:])
		parts = parts[:len(parts)-1]
		parts[at].rank = v.pairRank(text, start, parts, at)
		if at > 0 {
			parts[at-1].rank = v.pairRank(text, start, parts, at-1)
		}
		best = noRank
		for i := range parts {
			if parts[i].rank < best {
				best, at = parts[i].rank, i
			}
		}
	}
	return parts
}

// pairRank returns the rank of part i merged with the one after it, or noRank if there is none.
func (v *vocabulary) pairRank(text []byte, start int, parts []pair, i int) uint32 {
	if i+2 >= len(parts) {
		return noRank
	}
	return v.rankOfMerge(text, start+int(parts[i].start), start+int(parts[i+2].start))
}
