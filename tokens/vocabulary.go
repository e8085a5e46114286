package tokens

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

//go:generate go run ./vocabgen

const (
	vocabularyMagic = "bursarv2"
	noRank          = math.MaxUint32 // rank of bytes that are no token
	sieveWords      = 1 << 15
	shortToken      = 8  // longest token, in bytes, that fits the key of a shortSlot
	maskBits        = 64 // longest token, in bytes, that a mask of lengths knows
)

// vocabulary finds the rank of a token, which is also its id. Its tables hold no pointers, so the garbage collector never walks
// their 300,000 tokens. It never changes once parsed.
//
// Both tables are open-addressing with linear probing. Their hash is not seeded: the keys in them are fixed, so no input can make
// a probe longer than the longest run of full slots the vocabulary itself makes.
type vocabulary struct {
	blob    []byte   // every token, one after another, by rank
	offsets []uint32 // token r is blob[offsets[r]:offsets[r+1]]
	splits  []byte   // token r is merged of two: its first splits[r] bytes and the rest; 0 for single bytes
	longest int      // length of the longest token, in bytes

	bytes      [256]uint32 // rank of every single byte
	pairs      []uint32    // rank of every two bytes, big-endian, or noRank
	sieve      []uint64    // a bit per hash of a token: most merges that make none stop here, in a fast cache
	short      []shortSlot // tokens up to shortToken bytes
	shortShift uint8       // 64 - log2(len(short))
	long       []longSlot  // longer tokens
	longShift  uint8

	byLead [256]uint64 // lengths of the tokens that begin with a byte: bit n-1 for n bytes, up to maskBits
	byChar []uint64    // the same by the first character, if it has two or three bytes
	byTwo  []uint64    // the same by a hash of the first six bytes, for tokens of that length that begin with three bytes to a character
}

// shortSlot holds its token in the slot: one cache line answers for the tokens most text is made of.
type shortSlot struct {
	key  uint64 // the token's bytes, little-endian, zero-padded
	rank uint32
	size uint32 // length of the token in bytes; 0 marks an empty slot
}

// longSlot holds 32 bits of its token's hash, so a miss rarely touches the blob.
type longSlot struct {
	tag  uint32
	next uint32 // rank + 1; 0 marks an empty slot
}

// parseVocabulary reads what vocabgen wrote. The data is kept, not copied.
func parseVocabulary(data []byte) (*vocabulary, error) {
	header := len(vocabularyMagic) + 4
	if len(data) < header || string(data[:len(vocabularyMagic)]) != vocabularyMagic {
		return nil, fmt.Errorf("vocabulary of %d bytes does not begin with %q: run go generate ./tokens", len(data), vocabularyMagic)
	}
	count := int(binary.LittleEndian.Uint32(data[header-4:]))
	if 2*count > len(data)-header || count >= 1<<18 {
		return nil, fmt.Errorf("vocabulary of %d bytes cannot hold the %d tokens it names: run go generate ./tokens", len(data), count)
	}
	sizes := data[header : header+count]
	v := &vocabulary{
		splits: data[header+count : header+2*count], blob: data[header+2*count:],
		offsets: make([]uint32, count+1), pairs: make([]uint32, 1<<16), byChar: make([]uint64, 1<<16), byTwo: make([]uint64, 1<<16),
	}
	shorts := 0
	for rank, size := range sizes {
		v.offsets[rank+1] = v.offsets[rank] + uint32(size)
		v.longest = max(v.longest, int(size))
		if size <= shortToken {
			shorts++
		}
	}
	if int(v.offsets[count]) != len(v.blob) {
		return nil, fmt.Errorf("vocabulary names %d bytes of tokens but holds %d: run go generate ./tokens", v.offsets[count], len(v.blob))
	}
	v.index(shorts, count-shorts)
	for b, rank := range v.bytes {
		if rank > 255 {
			return nil, fmt.Errorf("vocabulary has no token of rank 0 to 255 for byte %#02x: not every text could be encoded", b)
		}
	}
	return v, nil
}

// index builds the tables.
func (v *vocabulary) index(shorts, longs int) {
	v.short, v.shortShift = make([]shortSlot, tableSize(shorts)), uint8(64-bits.Len(uint(tableSize(shorts)-1)))
	v.long, v.longShift = make([]longSlot, tableSize(longs)), uint8(64-bits.Len(uint(tableSize(longs)-1)))
	v.sieve = make([]uint64, sieveWords)
	for i := range v.bytes {
		v.bytes[i] = noRank
	}
	for i := range v.pairs {
		v.pairs[i] = noRank
	}
	for rank := range uint32(len(v.offsets) - 1) {
		start, end := int(v.offsets[rank]), int(v.offsets[rank+1])
		token := v.blob[start:end]
		switch len(token) {
		case 1:
			v.bytes[token[0]] = rank
		case 2:
			v.pairs[int(token[0])<<8|int(token[1])] = rank
		}
		v.addLength(token)
		if len(token) <= shortToken {
			v.addShort(word(v.blob, start, len(token)), len(token), rank)
		} else {
			v.addLong(token, rank)
		}
	}
}

func (v *vocabulary) addLength(token []byte) {
	if len(token) > maskBits {
		return
	}
	bit := uint64(1) << (len(token) - 1)
	v.byLead[token[0]] |= bit
	if c := firstChar(token); c > 0 {
		v.byChar[c] |= bit
		if c >= threeByteChar && len(token) >= 6 {
			v.byTwo[hashSix(token)] |= bit
		}
	}
}

// lengths returns a mask of the lengths that a token at the beginning of text may have, bit n-1 for n bytes; a few too many, but of
// those up to maskBits none too few.
func (v *vocabulary) lengths(text []byte) uint64 {
	c := firstChar(text)
	if c == 0 {
		return v.byLead[text[0]]
	}
	lengths := v.byChar[c] | 3 // a token may end within the character
	if c >= threeByteChar && lengths > 1<<5-1 {
		lengths &= 1<<5 - 1
		if len(text) >= 6 {
			lengths |= v.byTwo[hashSix(text)]
		}
	}
	return lengths
}

// firstChar returns the first character of text as a number, if it looks like one of two or three bytes, else 0.
func firstChar(text []byte) int {
	switch lead := text[0]; {
	case lead < 0xC0 || lead >= 0xF0 || len(text) < 3:
	case lead >= 0xE0:
		return int(lead&15)<<12 | int(text[1]&63)<<6 | int(text[2]&63)
	default:
		return int(lead&31)<<6 | int(text[1]&63)
	}
	return 0
}

// threeByteChar is the first character that UTF-8 writes with three bytes.
const threeByteChar = 0x800

// hashSix hashes six bytes to an index of byTwo.
func hashSix(b []byte) int {
	key := uint64(binary.LittleEndian.Uint32(b)) | uint64(b[4])<<32 | uint64(b[5])<<40
	return int(key * 0x9e3779b97f4a7c15 >> 48)
}

// tableSize returns a power of two that n tokens fill by no more than three fifths.
func tableSize(n int) int { return 1 << bits.Len(uint(n*5/3+1)) }

func (v *vocabulary) addShort(key uint64, size int, rank uint32) {
	h := hashShort(key, size)
	v.sieve[sieveWord(h)] |= 1 << (h & 63)
	i := h >> v.shortShift
	for v.short[i].size != 0 {
		i = (i + 1) & uint64(len(v.short)-1)
	}
	v.short[i] = shortSlot{key: key, rank: rank, size: uint32(size)}
}

func (v *vocabulary) addLong(token []byte, rank uint32) {
	h := hashLong(token)
	v.sieve[sieveWord(h)] |= 1 << (h & 63)
	i := h >> v.longShift
	for v.long[i].next != 0 {
		i = (i + 1) & uint64(len(v.long)-1)
	}
	v.long[i] = longSlot{tag: uint32(h), next: rank + 1}
}

// rank returns the rank of the token text[start:end], or noRank. The range is not empty.
func (v *vocabulary) rank(text []byte, start, end int) uint32 {
	size := end - start
	if size > shortToken {
		if size > v.longest {
			return noRank
		}
		return v.findLong(text[start:end], hashLong(text[start:end]))
	}
	key := word(text, start, size)
	return v.findShort(key, size, hashShort(key, size))
}

// rankOfMerge is rank for a range that is mostly no token.
func (v *vocabulary) rankOfMerge(text []byte, start, end int) uint32 {
	size := end - start
	if size > shortToken {
		if size > v.longest {
			return noRank
		}
		h := hashLong(text[start:end])
		if v.sieve[sieveWord(h)]>>(h&63)&1 == 0 {
			return noRank
		}
		return v.findLong(text[start:end], h)
	}
	key := word(text, start, size)
	h := hashShort(key, size)
	if v.sieve[sieveWord(h)]>>(h&63)&1 == 0 {
		return noRank
	}
	return v.findShort(key, size, h)
}

func (v *vocabulary) findShort(key uint64, size int, h uint64) uint32 {
	mask := uint64(len(v.short) - 1)
	for i := h >> v.shortShift; ; i++ {
		slot := &v.short[i&mask]
		if slot.key == key && slot.size == uint32(size) {
			return slot.rank
		}
		if slot.size == 0 {
			return noRank
		}
	}
}

func (v *vocabulary) findLong(piece []byte, h uint64) uint32 {
	mask := uint64(len(v.long) - 1)
	for i := h >> v.longShift; ; i++ {
		slot := v.long[i&mask]
		if slot.next == 0 {
			return noRank
		}
		if slot.tag == uint32(h) && string(v.blob[v.offsets[slot.next-1]:v.offsets[slot.next]]) == string(piece) {
			return slot.next - 1
		}
	}
}

// sieveWord takes other bits of a hash than the tables and the bit within the word do.
func sieveWord(h uint64) uint64 { return (h >> 6) % sieveWords }

// word returns the size bytes (1 to 8) of text at i as a little-endian number.
func word(text []byte, i, size int) uint64 {
	if i+8 <= len(text) {
		return binary.LittleEndian.Uint64(text[i:]) & (math.MaxUint64 >> (64 - 8*uint(size)))
	}
	var key uint64
	for k := size - 1; k >= 0; k-- {
		key = key<<8 | uint64(text[i+k])
	}
	return key
}

func hashShort(key uint64, size int) uint64 {
	high, low := bits.Mul64(key^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93+uint64(size)<<1)
	return high ^ low
}

// hashLong hashes more than 8 bytes, by words; the last word overlaps the one before it.
func hashLong(piece []byte) uint64 {
	h := uint64(len(piece)) * 0x9e3779b97f4a7c15
	last := binary.LittleEndian.Uint64(piece[len(piece)-8:])
	for len(piece) > 8 {
		high, low := bits.Mul64(binary.LittleEndian.Uint64(piece)^h, 0xd6e8feb86659fd93)
		h = high ^ low
		piece = piece[8:]
	}
	high, low := bits.Mul64(last^h, 0xa0761d6478bd642f)
	return high ^ low
}
