package embed

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Vocabulary knows which rows a text is the sum of. Rows are numbered: first the words, then the buckets that share the character
// n-grams of all other words, then the phrases.
type Vocabulary struct {
	words   []string
	buckets int
	phrases [][2]uint16 // rows of two words in sequence

	wordSlots   []int32 // open addressing by hash: row+1, 0 is free
	phraseSlots []int32 // the same: number of the phrase + 1
}

// Feature is one row of the sum. It counts 1/Share.
type Feature struct{ Row, Share uint32 }

const (
	shortestGram, longestGram = 3, 4 // letters, with the marks of a word's ends
	maxGrams                  = 32   // of one word

	maxFeatures = maxGrams + 1 // of one token: itself or its n-grams, and a phrase
)

// NewVocabulary makes a vocabulary of folded words, each once, fewer than 65,536; of phrases made of their rows; and of so many buckets.
func NewVocabulary(words []string, buckets int, phrases [][2]uint16) (*Vocabulary, error) {
	if len(words) >= math.MaxUint16 || buckets <= 0 {
		return nil, fmt.Errorf("a vocabulary has fewer than %d words and at least one bucket, not %d and %d", math.MaxUint16, len(words), buckets)
	}
	v := &Vocabulary{words: words, buckets: buckets, phrases: phrases, wordSlots: slots(len(words)), phraseSlots: slots(len(phrases))}
	for row, word := range words {
		if word == "" || len(word) > maxWord {
			return nil, fmt.Errorf("word %d has %d bytes: 1 to %d are allowed", row, len(word), maxWord)
		}
		at := spread(hashOf(word)) & (len(v.wordSlots) - 1)
		for ; v.wordSlots[at] != 0; at = (at + 1) & (len(v.wordSlots) - 1) {
			if words[v.wordSlots[at]-1] == word {
				return nil, fmt.Errorf("word %q is in the vocabulary twice", word)
			}
		}
		v.wordSlots[at] = int32(row) + 1
	}
	for i, p := range phrases {
		if int(p[0]) >= len(words) || int(p[1]) >= len(words) {
			return nil, fmt.Errorf("phrase %d is of words %d and %d, of %d", i, p[0], p[1], len(words))
		}
		at := phraseHash(p) & (len(v.phraseSlots) - 1)
		for v.phraseSlots[at] != 0 {
			at = (at + 1) & (len(v.phraseSlots) - 1)
		}
		v.phraseSlots[at] = int32(i) + 1
	}
	return v, nil
}

// slots makes a table that so many entries fill by half at most.
func slots(entries int) []int32 {
	size := 2
	for size < 2*entries {
		size *= 2
	}
	return make([]int32, size)
}

// Rows is how many rows there are: words, buckets and phrases.
func (v *Vocabulary) Rows() int { return len(v.words) + v.buckets + len(v.phrases) }

// Words are the words in the order of their rows. They must not be changed.
func (v *Vocabulary) Words() []string { return v.words }

// Phrases are the phrases in the order of their rows, as the rows of their two words. They must not be changed.
func (v *Vocabulary) Phrases() [][2]uint16 { return v.phrases }

// Buckets is how many rows the n-grams of unknown words share.
func (v *Vocabulary) Buckets() int { return v.buckets }

// Features appends the rows that a text is the sum of.
func (v *Vocabulary) Features(dst []Feature, text string) []Feature {
	for r := newReader(v, text); r.next(); {
		dst = r.features(dst)
	}
	return dst
}

// Grams appends the rows that a word stands for where it is not in the vocabulary.
func (v *Vocabulary) Grams(dst []Feature, word string) []Feature {
	return v.grams(dst, []byte(word[:min(len(word), maxWord)]))
}

// reader reads a text's tokens and finds their rows.
type reader struct {
	scanner
	vocabulary *Vocabulary
	row        int32  // of the token, unknown if it is none of the words
	before     int32  // the same of the token before
	hash       uint64 // of the folded token
}

const unknown = -1

func newReader(v *Vocabulary, text string) reader {
	return reader{scanner: scanner{text: text}, vocabulary: v, row: unknown}
}

func (r *reader) next() bool {
	if !r.scanner.next() {
		return false
	}
	r.before = r.row
	r.hash = hashOf(r.word())
	r.row = r.vocabulary.find(r.word(), r.hash)
	return true
}

// features appends the rows of the token just read: at most maxFeatures.
func (r *reader) features(dst []Feature) []Feature {
	if r.row == unknown {
		return r.vocabulary.grams(dst, r.word())
	}
	dst = append(dst, Feature{Row: uint32(r.row), Share: 1})
	if r.joined && r.before != unknown {
		if p := r.vocabulary.phrase(uint16(r.before), uint16(r.row)); p >= 0 {
			dst = append(dst, Feature{Row: uint32(p), Share: 1})
		}
	}
	return dst
}

func (v *Vocabulary) find(word []byte, hash uint64) int32 {
	for at := spread(hash) & (len(v.wordSlots) - 1); ; at = (at + 1) & (len(v.wordSlots) - 1) {
		row := v.wordSlots[at] - 1
		if row < 0 {
			return unknown
		}
		if v.words[row] == string(word) {
			return row
		}
	}
}

func (v *Vocabulary) phrase(first, second uint16) int {
	if len(v.phrases) == 0 {
		return -1
	}
	p := [2]uint16{first, second}
	for at := phraseHash(p) & (len(v.phraseSlots) - 1); ; at = (at + 1) & (len(v.phraseSlots) - 1) {
		i := int(v.phraseSlots[at]) - 1
		if i < 0 {
			return -1
		}
		if v.phrases[i] == p {
			return len(v.words) + v.buckets + i
		}
	}
}

// grams appends the buckets of a word's n-grams, its ends marked: "<cat>" gives <ca, cat, at>, <cat, cat>. A word too short for any, and a
// number, whose neighbours mean nothing, is its own only gram. Of long words the first and the last grams count.
func (v *Vocabulary) grams(dst []Feature, word []byte) []Feature {
	var marked [maxWord + 2]byte
	text := append(append(append(marked[:0], '<'), word...), '>')
	first := len(dst)
	if c := word[0]; classes[c] == classLetter || c >= 0x80 && len(word) > 4 {
		for n := shortestGram; n <= longestGram; n++ {
			each := len(text) - n + 1
			for i := range each {
				if i < maxGrams/4 || i >= each-maxGrams/4 {
					dst = append(dst, Feature{Row: v.bucket(text[i : i+n])})
				}
			}
		}
	}
	if len(dst) == first {
		dst = append(dst, Feature{Row: v.bucket(text)})
	}
	for i := range dst[first:] {
		dst[first+i].Share = uint32(len(dst) - first)
	}
	return dst
}

func (v *Vocabulary) bucket(gram []byte) uint32 {
	return uint32(len(v.words)) + uint32(spread(hashOf(gram))%v.buckets)
}

// hashOf is FNV-1a of 64 bits.
func hashOf[T string | []byte](word T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(word) {
		h = (h ^ uint64(word[i])) * 1099511628211
	}
	return h
}

// spread brings the high bits of a hash down to where tables look.
func spread(hash uint64) int { return int((hash ^ hash>>29) & math.MaxInt32) }

func phraseHash(p [2]uint16) int {
	var key [4]byte
	binary.LittleEndian.PutUint16(key[:], p[0])
	binary.LittleEndian.PutUint16(key[2:], p[1])
	return spread(hashOf(key[:]))
}
