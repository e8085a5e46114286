package tokens

import "math/bits"

// backtrackFrom is the shortest piece, in bytes, that is counted by backtracking when its script has characters of two or more bytes
// (the index is their length). Merging such a piece byte by byte first makes every character of it, one merge after another;
// backtracking starts from whole words. Where characters are bytes, merging wins.
var backtrackFrom = [5]int{2: 17, 3: 9, 4: 17}

// longestBacktrack bounds the memory of it, to about 8 bytes per byte of a piece. No word is longer.
const longestBacktrack = 4 << 10

// backtracks tells whether the piece text[start:end] is counted by backtracking.
func backtracks(text []byte, start, end int) bool {
	lead := text[start]
	if lead < 0x80 && end-start > 1 { // a space or a bracket before a word
		lead = text[start+1]
	}
	switch {
	case lead < 0xC0:
		return false
	case lead < 0xE0:
		return end-start >= backtrackFrom[2]
	case lead < 0xF0:
		return end-start >= backtrackFrom[3]
	}
	return end-start >= backtrackFrom[4]
}

// chosen is a token that backtracking has taken: where it ends in the piece, and its rank.
type chosen struct {
	end  int32
	rank uint32
}

// backtrack returns how many tokens the piece is, or -1 if it cannot tell, which only happens to pieces with a token of more than 64
// bytes. It takes the longest token that can follow the one before, and the next shorter one when the rest turns out to have none.
//
// A row of tokens is what merging makes of a text exactly if that holds for each two neighbours, and there is one such row per text,
// so the first that reaches the end is it. No position is given up twice, so the time is linear in the piece.
func (v *vocabulary) backtrack(piece []byte, s *scratch) int {
	n := len(piece)
	if cap(s.taken) < n {
		s.taken, s.dead = make([]chosen, 0, max(n, 512)), make([]uint64, max(n, 512)/64+1)
	}
	taken, dead := s.taken[:0], s.dead[:n/64+1] // dead has a bit per position from which no way leads on
	clear(dead)
	at, most := 0, n // most is how long the next token may be
	var last chosen
	for at < n {
		end, rank := v.longestAt(piece, at, most)
		for rank != noRank {
			s.steps++
			if dead[end>>6]>>(end&63)&1 == 0 && (at == 0 || v.canMeet(piece, start(taken), at, end, last.rank, rank, s)) {
				break
			}
			end, rank = v.longestAt(piece, at, end-at-1)
		}
		if rank != noRank {
			last = chosen{int32(end), rank}
			taken = append(taken, last)
			at, most = end, n-end
			continue
		}
		if at == 0 {
			return -1
		}
		dead[at>>6] |= 1 << (at & 63)
		before := start(taken)
		at, most = before, at-before-1
		if taken = taken[:len(taken)-1]; len(taken) > 0 {
			last = taken[len(taken)-1]
		}
	}
	return len(taken)
}

// start returns where the last of the tokens taken begins.
func start(taken []chosen) int {
	if len(taken) < 2 {
		return 0
	}
	return int(taken[len(taken)-2].end)
}

// longestAt returns the longest token of at most most bytes that begins at at: where it ends, and its rank, or noRank.
func (v *vocabulary) longestAt(piece []byte, at, most int) (end int, rank uint32) {
	lengths := v.lengths(piece[at:])
	if most < maskBits {
		lengths &= 1<<most - 1
	}
	for lengths != 0 {
		size := bits.Len64(lengths)
		if rank := v.rankOfMerge(piece, at, at+size); rank != noRank {
			return at + size, rank
		}
		lengths &^= 1 << (size - 1)
	}
	return at, noRank
}

// meet tells whether merging text[start:end] ends with two tokens that meet at at: one, from start, and two, up to end. It undoes their
// merges, the last one first, and looks whether anything over the border would have been merged before.
func (v *vocabulary) meet(piece []byte, start, at, end int, one, two uint32) bool {
	limit := uint32(noRank) // what has this rank or more would be merged too late
	for {
		if v.rankOfMerge(piece, start, end) < limit {
			return false
		}
		// Bytes have the lowest ranks, so the token of higher rank is no byte unless both are.
		if one > two {
			if at-start == 1 {
				return true
			}
			limit = one
			start += int(v.splits[one])
			one = v.rank(piece, start, at)
		} else {
			if end-at == 1 {
				return true
			}
			limit = two + 1 // of equal ranks the left one is merged first
			end = at + int(v.splits[two])
			two = v.rank(piece, at, end)
		}
	}
}

// metPairs is how many pairs of tokens a scratch remembers, times 8 bytes.
const metPairs = 4096

// metMemo remembers of the last pairs of tokens whether they can meet: it is asked of the same few again and again. An entry is the pair
// and its vocabulary, then a bit that it is set and a bit for the answer.
type metMemo [metPairs]uint64

// canMeet is meet with its answers remembered.
func (v *vocabulary) canMeet(piece []byte, start, at, end int, one, two uint32, s *scratch) bool {
	key := uint64(len(v.splits))<<38 | uint64(one)<<20 | uint64(two)<<2 | 2 // vocabularies differ in size, and none has 1<<18 tokens
	entry := &s.met[key*0x9e3779b97f4a7c15>>52]
	if *entry&^1 != key {
		*entry = key
		if v.meet(piece, start, at, end, one, two) {
			*entry |= 1
		}
	}
	return *entry&1 == 1
}
