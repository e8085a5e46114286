package pair

import "math/bits"

// gramSet is the set of a text's character 3- and 4-grams, by their hashes.
type gramSet struct {
	list  []uint32 // each once
	slots []uint16 // open addressing: where it is in the list + 1
	shift uint8    // of a spread hash to its slot
}

// reset empties the set and makes room for so many. A text that the verifier reads has fewer than a slot can count.
func (g *gramSet) reset(most int) {
	width := max(6, bits.Len(uint(2*most)))
	g.list, g.shift = g.list[:0], uint8(32-width)
	if size := 1 << width; cap(g.slots) >= size {
		g.slots = g.slots[:size]
		clear(g.slots)
	} else {
		g.slots = make([]uint16, size)
	}
}

// slot is where a gram is, or where it would be.
func (g *gramSet) slot(gram uint32) int {
	at := int(gram * 0x9e3779b1 >> g.shift)
	for g.slots[at] != 0 && g.list[g.slots[at]-1] != gram {
		at = (at + 1) & (len(g.slots) - 1)
	}
	return at
}

func (g *gramSet) add(gram uint32) {
	if at := g.slot(gram); g.slots[at] == 0 {
		g.list = append(g.list, gram)
		g.slots[at] = uint16(len(g.list))
	}
}

// overlap is the share of all grams of two sets that are in both.
func (g *gramSet) overlap(o *gramSet) float32 {
	both := 0
	for _, gram := range g.list {
		if o.slots[o.slot(gram)] != 0 {
			both++
		}
	}
	if all := len(g.list) + len(o.list) - both; all > 0 {
		return float32(both) / float32(all)
	}
	return 0
}

// readGrams collects the grams of the words, with a space at both of their ends, regardless of case.
func (s *Side) readGrams() {
	most := 0
	for i := range s.tokens {
		most += 2 * int(s.tokens[i].end-s.tokens[i].start)
	}
	s.grams.reset(most)
	for i := range s.tokens {
		word := s.word(int16(i))
		first, second := uint32(' '), uint32(lower(word[0]))
		for j := range len(word) { // first, second and third are what stands at j-1, j and j+1
			third, fourth := uint32(' '), uint32(0)
			if j+1 < len(word) {
				third, fourth = uint32(lower(word[j+1])), ' '
			}
			if j+2 < len(word) {
				fourth = uint32(lower(word[j+2]))
			}
			const offset, prime = 2166136261, 16777619
			h := (((offset^first)*prime^second)*prime ^ third) * prime
			s.grams.add(h)
			if fourth != 0 {
				s.grams.add((h ^ fourth) * prime)
			}
			first, second = second, third
		}
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
