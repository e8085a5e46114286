package index

import (
	"math/bits"

	"bursar/cache/embed"
)

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

// shortlist keeps the nearest of all that is added, of equal ones those that came first. It drops the others only when its room is full, so that most
// of what comes costs its finder one comparison with the limit.
type shortlist struct {
	keep   int   // that many
	limit  int32 // distances from here on are too far
	within int   // how many have come at the limit or nearer
	at     [farthest + 1]uint16
	n      int
	list   [4 * shortList]hit
}

// scan adds sketches, whose IDs are in ids, or their places if ids is nil.
func (l *shortlist) scan(sketches []sketch, wanted *sketch, ids []ID) {
	low, high, limit := wanted[0], wanted[1], l.limit
	for i := range sketches {
		if d := int32(bits.OnesCount64(sketches[i][0]^low) + bits.OnesCount64(sketches[i][1]^high)); d < limit {
			id := ID(i)
			if ids != nil {
				id = ids[i]
			}
			l.add(hit{d, id})
			limit = l.limit
		}
	}
}

func (l *shortlist) add(h hit) {
	l.list[l.n] = h
	l.n++
	l.at[h.distance]++
	l.within++
	for l.within-int(l.at[l.limit]) >= l.keep {
		l.within -= int(l.at[l.limit])
		l.limit--
	}
	if l.n == len(l.list) {
		l.choose()
	}
}

// best returns what is left when all was added, in the order in which it came.
func (l *shortlist) best() []hit {
	if l.n > l.keep {
		l.choose()
	}
	return l.list[:l.n]
}

// choose drops all but the nearest.
func (l *shortlist) choose() {
	kept, equal := 0, l.keep-(l.within-int(l.at[l.limit]))
	for _, h := range l.list[:l.n] {
		if h.distance > l.limit || h.distance == l.limit && equal == 0 {
			continue
		}
		if h.distance == l.limit {
			equal--
		}
		l.list[kept] = h
		kept++
	}
	l.n = kept
}
