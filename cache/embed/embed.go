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

import "math"

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
		scratch [maxFeatures]Feature
		reader  = newReader(&m.Vocabulary, text)
	)
	for reader.next() {
		for _, f := range reader.features(scratch[:0]) {
			total.add(&m.rows[f.Row], int64(m.weights[f.Row])/int64(f.Share))
		}
	}
	total.direction(out)
}

// sum adds up weighted rows. 64 bits hold more of them than a request may have bytes.
type sum [Dim]int64

func (s *sum) add(row *Vector, weight int64) {
	for i := 0; i < Dim; i += 4 {
		s[i] += int64(row[i]) * weight
		s[i+1] += int64(row[i+1]) * weight
		s[i+2] += int64(row[i+2]) * weight
		s[i+3] += int64(row[i+3]) * weight
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
