package tokens

import (
	"unicode"
	"unicode/utf8"
)

// class is what the patterns of the encodings ask of a code point, as a set of bits.
type class uint8

const (
	isLetter  class = 1 << iota // \p{L}
	isNumber                    // \p{N}
	isSpace                     // \s
	isNewline                   // \r or \n
	isUpper                     // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]: what a capitalised word begins with
	isLower                     // [\p{Ll}\p{Lm}\p{Lo}\p{M}]: what a word goes on with
)

// classTable tells the class of every code point. Most pages of 256 code points are alike, so equal ones are stored once and the
// whole table stays within the CPU's fast caches.
type classTable struct {
	ascii [256]class // by byte; bytes that are no ASCII have no class here
	page  [(unicode.MaxRune + 1) >> 8]uint8
	pages [][256]class
}

func newClassTable() *classTable {
	all := make([]class, unicode.MaxRune+1)
	set := func(bit class, tables ...*unicode.RangeTable) {
		for _, table := range tables {
			for _, r := range table.R16 {
				for c := uint32(r.Lo); c <= uint32(r.Hi); c += uint32(r.Stride) {
					all[c] |= bit
				}
			}
			for _, r := range table.R32 {
				for c := r.Lo; c <= r.Hi; c += r.Stride {
					all[c] |= bit
				}
			}
		}
	}
	set(isLetter, unicode.L)
	set(isNumber, unicode.N)
	set(isSpace, unicode.White_Space)
	set(isUpper, unicode.Lu, unicode.Lt, unicode.Lm, unicode.Lo, unicode.M)
	set(isLower, unicode.Ll, unicode.Lm, unicode.Lo, unicode.M)
	all['\r'] |= isNewline
	all['\n'] |= isNewline

	t := &classTable{}
	copy(t.ascii[:utf8.RuneSelf], all)
	known := map[[256]class]uint8{}
	for p := range t.page {
		page := [256]class(all[p<<8:])
		i, ok := known[page]
		if !ok {
			i = uint8(len(t.pages))
			known[page] = i
			t.pages = append(t.pages, page)
		}
		t.page[p] = i
	}
	return t
}

// at returns the class and the length in bytes of the code point at text[i]. A byte that is not UTF-8 has the class of the
// replacement character U+FFFD, which is a symbol, and length 1.
func (t *classTable) at(text []byte, i int) (class, int) {
	if b := text[i]; b < utf8.RuneSelf {
		return t.ascii[b], 1
	}
	r, size := utf8.DecodeRune(text[i:])
	return t.pages[t.page[r>>8]][r&0xff], size
}
