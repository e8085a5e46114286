package index

import (
	"math"

	"bursar/cache/embed"
)

// centre is the direction of a cell's middle. A lookup compares all of them with the question, in full, since signs alone tell too little
// of vectors that are not near. Packed, they compare in a third of the time.
type centre struct {
	vector embed.Vector
	packed packed
}

// packed is a vector with three coordinates to a word: x, y, z as x + yB + zB², with B = 2²¹. The product of one word with another whose
// coordinates stand in reverse has the sum of the three products at B². Sums over all words stay apart as long as they are below 2²⁰,
// which those of vectors of length 1 are (Scale² is below 2¹⁷).
type packed [44]uint64 // an even number, for 132 coordinates

const fieldBits = 21

func centreOf(v *embed.Vector) centre {
	c := centre{vector: *v}
	for i := range v {
		c.packed[i/3] += uint64(int64(v[i])) << (fieldBits * (2 - i%3))
	}
	return c
}

// pack packs a vector that is to be compared with centres.
func pack(v *embed.Vector) (p packed) {
	for i := range v {
		p[i/3] += uint64(int64(v[i])) << (fieldBits * (i % 3))
	}
	return p
}

// dot returns what embed.Dot of the two vectors returns.
func (c *centre) dot(p *packed) int32 {
	var even, odd uint64
	for i := 0; i < len(p)-1; i += 2 {
		even += c.packed[i] * p[i]
		odd += c.packed[i+1] * p[i+1]
	}
	sum := even + odd + 1<<(2*fieldBits-1)                                       // the fields below may be negative
	return int32(uint32(sum>>(2*fieldBits))<<(32-fieldBits)) >> (32 - fieldBits) // and the one above reaches into bit 63
}

// ranked is a cell by how near its centre is.
type ranked struct {
	dot  int32
	cell uint32
}

// around appends the cells whose centres are nearest to v that dst has room for, nearest first.
func (x *Index) around(v *embed.Vector, dst []ranked) []ranked {
	asked := pack(v)
	for i := range x.centres {
		dst = rank(dst, ranked{x.centres[i].dot(&asked), uint32(i)})
	}
	return dst
}

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
	first := x.centres[around[0].cell]
	asked := pack(&first.vector)
	best, second := math.Inf(1), uint32(none)
	cosine := func(dot int32) float64 { return float64(dot) / (embed.Scale * embed.Scale) }
	for _, c := range around[1:] {
		between := 1 - cosine(around[0].dot) - cosine(c.dot) + cosine(x.centres[c.cell].dot(&asked)) // product of the two lacks
		loss := 2 - 2*cosine(c.dot) + between*between/max(2-2*cosine(around[0].dot), 1e-3)
		if loss < best {
			best, second = loss, c.cell
		}
	}
	return [2]uint32{around[0].cell, second}
}
