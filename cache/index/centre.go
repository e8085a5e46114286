package index

import (
	"math"

	"bursar/cache/embed"
)

// centre is the direction of a cell's middle, packed to be compared with a question in full.
type centre struct {
	vector embed.Vector
	packed embed.Packed
}

func centreOf(v *embed.Vector) (c centre) {
	c.vector = *v
	v.Pack(&c.packed)
	return c
}

// ranked is a cell by how near its centre is.
type ranked struct {
	dot  int32
	cell uint32
}

// mostCentres is how many centres a lookup compares in full, those with the nearest signs. Signs tell little of vectors that are not near: with
// fewer, lookups would miss cells.
const mostCentres = 3 * shortList

// around appends the cells whose centres are nearest to v that dst has room for, nearest first. Of more than mostCentres it misses some.
func (x *Index) around(v *embed.Vector, dst []ranked) []ranked {
	var asked embed.Reversed
	v.Reverse(&asked)
	if x.small() {
		for i := range x.centres {
			dst = rank(dst, ranked{x.centres[i].packed.Dot(&asked), uint32(i)})
		}
		return dst
	}
	wanted, found := sketchOf(v), shortlist{keep: mostCentres, limit: farthest}
	found.scan(x.signs, &wanted, nil)
	for _, h := range found.best() {
		dst = rank(dst, ranked{x.centres[h.id].packed.Dot(&asked), uint32(h.id)})
	}
	return dst
}

// small tells whether all centres are compared in full.
func (x *Index) small() bool { return len(x.centres) <= 2*mostCentres }

// rank puts a cell in its order into dst, unless dst is full of nearer ones.
func rank(dst []ranked, c ranked) []ranked {
	if len(dst) == cap(dst) {
		if dst[len(dst)-1].dot >= c.dot {
			return dst
		}
		dst = dst[:len(dst)-1]
	}
	dst = append(dst, c)
	for i := len(dst) - 1; i > 0 && dst[i-1].dot < c.dot; i-- {
		dst[i-1], dst[i] = dst[i], dst[i-1]
	}
	return dst
}

// choices is how many of the nearest cells a vector's second one is chosen from.
const choices = 12

// choose picks the two cells for a vector of those around it. The first is the nearest. The second is near too, but what the vector
// lacks to its centre points another way than what it lacks to the first: then a question that lies off in the one direction, and so
// looks past the first, looks into the second. (Sun et al., SOAR, 2023.)
func (x *Index) choose(around []ranked) [2]uint32 {
	var asked embed.Reversed
	x.centres[around[0].cell].vector.Reverse(&asked)
	best, second := math.Inf(1), uint32(none)
	cosine := func(dot int32) float64 { return float64(dot) / (embed.Scale * embed.Scale) }
	for _, c := range around[1:] {
		between := 1 - cosine(around[0].dot) - cosine(c.dot) + cosine(x.centres[c.cell].packed.Dot(&asked)) // product of the two lacks
		loss := 2 - 2*cosine(c.dot) + between*between/max(2-2*cosine(around[0].dot), 1e-3)
		if loss < best {
			best, second = loss, c.cell
		}
	}
	return [2]uint32{around[0].cell, second}
}
