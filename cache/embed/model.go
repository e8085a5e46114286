package embed

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the model's file
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// A Model has the rows of a vocabulary. It never changes and is safe for concurrent use.
type Model struct {
	Vocabulary
	rows    []Vector
	weights []uint16 // of each row in the sum
	idf     []uint16 // of each word, times idfScale
	rarest  float32  // the greatest of idf, as a number
	version string
}

// A model's file, numbers little-endian:
//
//	offset  bytes
//	0       8   "bursarE1"
//	8       32  SHA-256 of the rest
//	40      4   words
//	44      4   buckets
//	48      4   phrases
//	52          a row for each, 128 bytes: its direction, as a Vector
//	            2 bytes for each row: its weight
//	            2 bytes for each word: its idf, times 4096
//	            4 bytes for each phrase: the rows of its two words
//	            1 byte for each word: its length; then all words
const (
	fileMagic  = "bursarE1"
	fileHeader = 52
	idfScale   = 4096
)

//go:embed model.bin
var shipped string

// Default returns the model that is part of the program.
func Default() *Model { return loadDefault() }

var loadDefault = sync.OnceValue(func() *Model {
	m, err := parse(shipped)
	if err != nil {
		panic("BUG: the embedded model cannot be read: " + err.Error())
	}
	return m
})

// Open reads a model's file whole and checks its digest.
func Open(file []byte) (*Model, error) {
	m, err := parse(string(file))
	if err != nil {
		return nil, fmt.Errorf("open embedding model: %w", err)
	}
	if digest := sha256.Sum256(file[40:]); !bytes.Equal(digest[:], file[8:40]) {
		return nil, errors.New("open embedding model: its digest is not that of its contents: the file is damaged")
	}
	return m, nil
}

// Version names the model by its digest. Vectors of different versions do not compare: the version belongs into what tells partitions apart.
func (m *Model) Version() string { return m.version }

// parse reads a file without checking its digest, which would take longer than all the rest. Rows stay where they lie.
func parse(file string) (*Model, error) {
	if len(file) < fileHeader || file[:8] != fileMagic {
		return nil, errors.New("it does not begin as models do")
	}
	number := func(at int) int { return int(binary.LittleEndian.Uint32([]byte(file[at : at+4]))) }
	words, buckets, phrases := number(40), number(44), number(48)
	rows := words + buckets + phrases
	if size := fileHeader + rows*(Dim+2) + words*3 + phrases*4; rows == 0 || len(file) < size {
		return nil, fmt.Errorf("it has %d bytes, and %d rows need more", len(file), rows)
	}
	rest := file[fileHeader:]
	take := func(n int) (part string) { part, rest = rest[:n], rest[n:]; return part }
	shorts := func(n int) []uint16 {
		part, list := take(2*n), make([]uint16, n)
		for i := range list {
			list[i] = uint16(part[2*i]) | uint16(part[2*i+1])<<8
		}
		return list
	}
	m := &Model{version: hex.EncodeToString([]byte(file[8:16]))}
	// 6 MB of rows are not copied: bytes have no alignment, and the file outlives the model and is never written to.
	m.rows = unsafe.Slice((*Vector)(unsafe.Pointer(unsafe.StringData(take(rows*Dim)))), rows)
	m.weights = shorts(rows)
	m.idf = shorts(words)
	for _, x := range m.idf {
		m.rarest = max(m.rarest, float32(x)/idfScale)
	}
	pairs, list := shorts(2*phrases), make([][2]uint16, phrases)
	for i := range list {
		list[i] = [2]uint16(pairs[2*i:])
	}
	lengths, known := take(words), make([]string, words)
	for i := range known {
		if len(rest) < int(lengths[i]) {
			return nil, errors.New("it ends within its words")
		}
		known[i] = take(int(lengths[i]))
	}
	vocabulary, err := NewVocabulary(known, buckets, list)
	if err != nil {
		return nil, err
	}
	m.Vocabulary = *vocabulary
	return m, nil
}

// Trained is what a trainer knows of a model: for each row of the vocabulary its coordinates, of any length, which is the row's weight; and
// for each word its idf.
type Trained struct {
	*Vocabulary
	Rows [][Dim]float32
	IDF  []float32
}

// File returns the model's file.
func (t Trained) File() ([]byte, error) {
	if len(t.Rows) != t.Vocabulary.Rows() || len(t.IDF) != len(t.words) {
		return nil, fmt.Errorf("model: %d rows and %d idf for a vocabulary of %d rows and %d words", len(t.Rows), len(t.IDF), t.Vocabulary.Rows(), len(t.words))
	}
	file := append(make([]byte, 0, len(t.Rows)*(Dim+2)), fileMagic...)
	file = append(file, make([]byte, sha256.Size)...)
	for _, n := range [...]int{len(t.words), t.buckets, len(t.phrases)} {
		file = binary.LittleEndian.AppendUint32(file, uint32(n))
	}
	lengths, longest := make([]float64, len(t.Rows)), 0.0
	for i := range t.Rows {
		lengths[i] = length(&t.Rows[i])
		longest = max(longest, lengths[i])
	}
	for i := range t.Rows {
		for _, x := range t.Rows[i] {
			file = append(file, byte(Quantize(float64(x)*Scale/max(lengths[i], math.SmallestNonzeroFloat32))))
		}
	}
	for _, l := range lengths {
		file = binary.LittleEndian.AppendUint16(file, uint16(math.Round(l/longest*math.MaxUint16)))
	}
	for _, x := range t.IDF {
		file = binary.LittleEndian.AppendUint16(file, uint16(max(0, min(math.MaxUint16, math.Round(float64(x)*idfScale)))))
	}
	for _, p := range t.phrases {
		file = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(file, p[0]), p[1])
	}
	for _, w := range t.words {
		file = append(file, byte(len(w)))
	}
	for _, w := range t.words {
		file = append(file, w...)
	}
	digest := sha256.Sum256(file[40:])
	copy(file[8:], digest[:])
	return file, nil
}

func length(row *[Dim]float32) float64 {
	var square float64
	for _, x := range row {
		square += float64(x) * float64(x)
	}
	return math.Sqrt(square)
}
