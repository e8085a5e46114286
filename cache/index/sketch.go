package index

import "bursar/cache/embed"

// sketch is the signs of a vector's coordinates, a bit each. The angle between two vectors is about the share of bits that differ.
type sketch [embed.Dim / 64]uint64

func sketchOf(v *embed.Vector) (s sketch) {
	for i, x := range v {
		s[i/64] |= uint64(^uint8(x)>>7) << (i % 64)
	}
	return s
}

// farthest is more than any distance of sketches.
const farthest = embed.Dim + 1

// shortList is how many vectors a lookup compares in full. Most of them are met twice, in both of their cells.
const shortList = 96

// hit is a vector by its sketch's distance.
type hit struct {
	distance int32
	id       ID
}

// shortlist keeps the nearest of all that is added. It puts off the choice until its room is full, so that most of what comes costs its
// finder one comparison with the limit.
type shortlist struct {
	limit int32 // distances from here on are too far
	n     int
	list  [4 * shortList]hit
}

func (l *shortlist) add(h hit) {
	l.list[l.n] = h
	l.n++
	if l.n == len(l.list) {
		l.choose()
	}
}

// best returns what is left when all was added, in no order.
func (l *shortlist) best() []hit {
	if l.n > shortList {
		l.choose()
	}
	return l.list[:l.n]
}

// choose drops all but the nearest.
func (l *shortlist) choose() {
	var at [farthest]int
	for _, h := range l.list[:l.n] {
		at[h.distance]++
	}
	edge, nearer := int32(0), 0 // nearer is how many lie within the distance that the last of the kept have
	for ; nearer+at[edge] < shortList; edge++ {
		nearer += at[edge]
	}
	kept, equal := 0, shortList-nearer
	for _, h := range l.list[:l.n] {
		if h.distance > edge || h.distance == edge && equal == 0 {
			continue
		}
		if h.distance == edge {
			equal--
		}
		l.list[kept] = h
		kept++
	}
	l.n, l.limit = kept, edge
}
