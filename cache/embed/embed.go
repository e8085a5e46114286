// Package embed turns a text into a vector of 128 bytes, such that texts that ask the same point the same way.
//
// The model is static: every word, character n-gram of an unknown word, and frequent phrase has a row; a text is the weighted sum of its
// rows, brought to unit length. There is no network to run, so a question takes about a microsecond, allocates nothing and needs no
// server. What the sum cannot see, such as the order of words, a swapped number or a negation, is the pair verifier's to judge: a
// cosine finds candidates and never decides alone.
//
// The package stands by itself because three parties share its way of splitting text: the model, the program that trains it
// (cache/train), and the verifier. Models are made by cache/train; MODEL.md tells from what.
package embed

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// Dim is how many numbers a vector has.
const Dim = 128

// Scale is the number that stands for 1.0 in a Vector. Coordinates of unit vectors are small, so that ±127 cuts off next to none.
const Scale = 288

// A Vector is a direction: 128 coordinates of a vector of length 1, times Scale. The zero Vector stands for a text without words.
type Vector [Dim]int8

// Cosine returns how alike two vectors point: 1 the same way, 0 unrelated. A zero vector has 0 to all.
func Cosine(a, b *Vector) float32 { return float32(Dot(a, b)) / (Scale * Scale) }

// Dot returns the sum of products of two vectors. It orders pairs as Cosine does.
func Dot(a, b *Vector) int32 {
	var s0, s1, s2, s3 int32
	for i := 0; i < Dim; i += 4 {
		s0 += int32(a[i]) * int32(b[i])
		s1 += int32(a[i+1]) * int32(b[i+1])
		s2 += int32(a[i+2]) * int32(b[i+2])
		s3 += int32(a[i+3]) * int32(b[i+3])
	}
	return s0 + s1 + s2 + s3
}

// Embed writes the vector of a text. It takes time linear in the text, whatever it holds, and is safe for concurrent use.
func (m *Model) Embed(text string, out *Vector) {
	var (
		total   sum
		terms   [mostTerms]term
		n       int
		scratch [maxFeatures]Feature
		reader  = newReader(&m.Vocabulary, text)
	)
	for reader.next() {
		for _, f := range reader.features(scratch[:0]) {
			if n == len(terms) {
				total.add(terms[:n])
				n = 0
			}
			terms[n] = term{&m.rows[f.Row], uint64(m.weights[f.Row]) / uint64(f.Share)}
			n++
		}
	}
	total.add(terms[:n])
	total.direction(out)
}

// sum adds up weighted rows. 64 bits hold more of them than a request may have bytes.
type sum [Dim]int64

// term is a row with its weight, which has 16 bits.
type term struct {
	row    *Vector
	weight uint64
}

// mostTerms are few enough for their sum to fit into 32 bits: each is less than 2²⁴.
const mostTerms = 128

// add adds weighted rows. One multiplication makes two products: every coordinate is taken as 128 more, so that none is negative, and stands 32
// bits from the next but three.
func (s *sum) add(terms []term) {
	const lanes, signs = 0x000000ff_000000ff, 0x80808080_80808080
	var more int64
	for _, t := range terms {
		more += 128 * int64(t.weight)
	}
	for i := 0; i < Dim; i += 8 {
		var s0, s1, s2, s3 uint64
		for _, t := range terms {
			x := binary.LittleEndian.Uint64((*[Dim]byte)(unsafe.Pointer(t.row))[i:]) ^ signs
			s0 += x & lanes * t.weight
			s1 += x >> 8 & lanes * t.weight
			s2 += x >> 16 & lanes * t.weight
			s3 += x >> 24 & lanes * t.weight
		}
		for k, both := range [...]uint64{s0, s1, s2, s3} {
			s[i+k] += int64(uint32(both)) - more
			s[i+k+4] += int64(both>>32) - more
		}
	}
}

// direction writes the sum at unit length.
func (s *sum) direction(out *Vector) {
	var square float64
	for _, x := range s {
		square += float64(x) * float64(x)
	}
	if square == 0 {
		*out = Vector{}
		return
	}
	unit := Scale / math.Sqrt(square)
	for i, x := range s {
		out[i] = Quantize(float64(x) * unit)
	}
}

// Quantize rounds a coordinate that is already at Scale to the nearest one that a Vector can hold.
func Quantize(x float64) int8 {
	return int8(max(-math.MaxInt8, min(math.MaxInt8, math.RoundToEven(x))))
}
