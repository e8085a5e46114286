package main

import (
	"math"

	"bursar/cache/embed"
)

// bag holds the rows while they are trained, and which of them each word of the lexicon stands for.
type bag struct {
	vocabulary *embed.Vocabulary
	rows       [][embed.Dim]float32
	known      []int32           // row of each word, or -1
	grams      [][]embed.Feature // of each word
	phrases    map[[2]uint16]uint32
}

func newBag(v *embed.Vocabulary, words []string) *bag {
	b := &bag{
		vocabulary: v,
		rows:       make([][embed.Dim]float32, v.Rows()),
		known:      rowsOf(v, words),
		grams:      make([][]embed.Feature, len(words)),
		phrases:    make(map[[2]uint16]uint32, len(v.Phrases())),
	}
	parallel(len(words), 1024, func(i int) { b.grams[i] = v.Grams(nil, words[i]) })
	for i, p := range v.Phrases() {
		b.phrases[p] = uint32(len(v.Words()) + v.Buckets() + i)
	}
	return b
}

// rowsOf returns the row of each word in a vocabulary, or -1.
func rowsOf(v *embed.Vocabulary, words []string) []int32 {
	rows := make(map[string]int32, len(v.Words()))
	for row, word := range v.Words() {
		rows[word] = int32(row)
	}
	known := make([]int32, len(words))
	for id, word := range words {
		row, ok := rows[word]
		if !ok {
			row = -1
		}
		known[id] = row
	}
	return known
}

// start places the words at their company's vectors of length 1, times how telling they are (a/(a+p), with p their share of all words), less
// what all texts have in common; and the buckets where the words that have their n-grams lie. Phrases start at zero: they say what their
// words do not.
func (b *bag) start(vectors [][embed.Dim]float32, l *lexicon) {
	const a = 3e-4
	shares := l.shares()
	weight := func(row int) float64 { return a / (a + shares[l.ids[b.vocabulary.Words()[row]]]) }
	var mean [embed.Dim]float64
	var total float64
	for row := range vectors {
		scale, share := weight(row), shares[l.ids[b.vocabulary.Words()[row]]]
		for k, x := range vectors[row] {
			b.rows[row][k] = float32(float64(x) * scale / max(float64(norm(vectors[row][:])), 1e-9))
			mean[k] += share * float64(b.rows[row][k])
		}
		total += share * scale
	}
	for row := range vectors {
		for k := range mean {
			b.rows[row][k] -= float32(mean[k] / total * weight(row))
		}
	}
	b.startBuckets(l)
}

func (b *bag) startBuckets(l *lexicon) {
	weight := make([]float64, b.vocabulary.Rows())
	for row, word := range b.vocabulary.Words() {
		id := l.ids[word]
		for _, f := range b.grams[id] {
			w := 1 / float64(len(b.grams[id]))
			axpy(b.rows[f.Row][:], float32(w), b.rows[row][:])
			weight[f.Row] += w
		}
	}
	for row := len(b.vocabulary.Words()); row < len(b.rows); row++ {
		if weight[row] > 0 {
			for k := range b.rows[row] {
				b.rows[row][k] /= float32(weight[row])
			}
		}
	}
}

// features appends what a text's words stand for. A word that is as if unknown stands for its n-grams.
func (b *bag) features(dst []embed.Feature, ids []int32, asUnknown func(i int) bool) []embed.Feature {
	before := int32(-1)
	for i, id := range ids {
		if id == pause {
			before = -1
			continue
		}
		row := b.known[id]
		if row < 0 || asUnknown != nil && asUnknown(i) {
			dst = append(dst, b.grams[id]...)
			before = -1
			continue
		}
		dst = append(dst, embed.Feature{Row: uint32(row), Share: 1})
		if before >= 0 {
			if p, known := b.phrases[[2]uint16{uint16(before), uint16(row)}]; known {
				dst = append(dst, embed.Feature{Row: p, Share: 1})
			}
		}
		before = row
	}
	return dst
}

// vector writes the sum of features at length 1, and returns its length before.
func (b *bag) vector(out *[embed.Dim]float32, features []embed.Feature) float32 {
	*out = [embed.Dim]float32{}
	for _, f := range features {
		axpy(out[:], 1/float32(f.Share), b.rows[f.Row][:])
	}
	length := norm(out[:])
	if length > 0 {
		for k := range out {
			out[k] /= length
		}
	}
	return length
}

func norm(x []float32) float32 { return float32(math.Sqrt(float64(dot(x, x)))) }
