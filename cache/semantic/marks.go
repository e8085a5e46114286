package semantic

import (
	"math"

	"bursar/cache/embed"
)

// rows of the classifier: hashed words, pairs of words and parts of words, then the dimensions of the embedding.
const (
	hashedRows = 1 << 13
	rows       = hashedRows + embed.Dim
	maxMarks   = 384 // of one question; the rest of a very long one does not count
)

// Each family of marks has the same weight in every question, however long it is.
const families = 3

var familyWeights = [families]float64{1, 0.7, 0.7} // words, pairs of words, parts of words

// marks are what the classifier sees of a question.
type marks struct {
	ids    []uint16      // the words, then the pairs, then the parts
	ends   [families]int // where each family ends in ids
	vector embed.Vector
}

// value is what each mark of a family counts: the family has unit length times its weight.
func (m *marks) value(family int) float32 {
	n := m.ends[family]
	if family > 0 {
		n -= m.ends[family-1]
	}
	if n == 0 {
		return 0
	}
	return float32(familyWeights[family] / math.Sqrt(float64(n)))
}

func (m *marks) family(i int) []uint16 {
	if i == 0 {
		return m.ids[:m.ends[0]]
	}
	return m.ids[m.ends[i-1]:m.ends[i]]
}

func (m *marks) clone() marks {
	c := *m
	c.ids = append(make([]uint16, 0, len(m.ids)), m.ids...)
	return c
}

// reader turns text into marks. It keeps buffers, so it must not be shared.
type reader struct {
	model  *embed.Model
	tokens []embed.Token
	folded []byte
	seen   [hashedRows / 64]uint64 // marks of the family that is read, a bit each
}

func (r *reader) read(text string, vector *embed.Vector, into *marks) {
	into.ids, into.vector = into.ids[:0], *vector
	r.tokens = r.model.Tokens(r.tokens[:0], text)
	r.words(into)
	r.end(into, 0)
	r.pairs(into)
	r.end(into, 1)
	r.parts(into, text)
	r.end(into, 2)
}

func (r *reader) end(m *marks, family int) {
	m.ends[family] = len(m.ids)
	clear(r.seen[:])
}

func (r *reader) words(m *marks) {
	for i := range r.tokens {
		if r.tokens[i].Kind != embed.Symbol {
			r.add(m, r.tokens[i].Hash)
		}
	}
}

func (r *reader) pairs(m *marks) {
	const start, end = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
	before := uint64(start)
	for i := range r.tokens {
		if r.tokens[i].Kind == embed.Symbol {
			continue
		}
		r.add(m, mix(before, r.tokens[i].Hash))
		before = r.tokens[i].Hash
	}
	r.add(m, mix(before, end))
}

// parts adds the character 3- to 5-grams of each word, with its ends marked.
func (r *reader) parts(m *marks, text string) {
	for i := range r.tokens {
		if r.tokens[i].Kind == embed.Symbol {
			continue
		}
		r.folded = append(r.folded[:0], '<')
		r.folded = embed.Fold(r.folded, text[r.tokens[i].Start:r.tokens[i].End])
		r.folded = append(r.folded, '>')
		for n := 3; n <= 5; n++ {
			for j := 0; j+n <= len(r.folded); j++ {
				r.add(m, digest(r.folded[j:j+n]))
			}
		}
	}
}

// add adds a mark once within its family.
func (r *reader) add(m *marks, hash uint64) {
	id := uint16(hash % hashedRows)
	if len(m.ids) == maxMarks || r.seen[id/64]>>(id%64)&1 != 0 {
		return
	}
	r.seen[id/64] |= 1 << (id % 64)
	m.ids = append(m.ids, id)
}

func mix(a, b uint64) uint64 {
	h := (a ^ b>>29 ^ b<<35) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	return h * 0xd6e8feb86659fd93 >> 13
}

func digest(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(h, uint64(len(b)))
}
