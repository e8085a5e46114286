package router

import (
	"unicode/utf8"

	"bursar/exchange"
)

// Read counts the marks in the text that the user wrote last. It goes over the text once, allocates nothing, and takes time linear
// in its length whatever it holds; bytes that are not UTF-8 are passed over. The words it knows are in lexicon.go.
//
// Within a fenced block of code only marks of code are counted: an English word there is an identifier or a comment.
func Read(text []byte) exchange.Signals {
	r := reader{text: text, lineStart: true}
	r.s.Bytes = len(text)
	for r.at < len(text) {
		c := text[r.at]
		if c < utf8.RuneSelf && kinds[c] == letter || c >= firstLatinLead && c <= lastLatinLead {
			r.word()
			continue
		}
		if c >= utf8.RuneSelf {
			r.symbol()
			continue
		}
		switch kinds[c] {
		case space:
			r.at++
			continue // a line's indent is still its start
		case newline:
			r.at++
			r.lineStart = true
			continue
		case digit:
			r.number()
		case punctuation:
			r.punctuation(c)
		}
		r.lineStart = false
	}
	return r.s
}

// reader is a place in a text.
type reader struct {
	text       []byte
	at         int
	s          exchange.Signals
	lineStart  bool
	inFence    bool
	inCode     bool // between two single backticks
	quantities int
	previous   uint64 // hash of the word before, for phrases of two words
	last       mark   // what that word, or the phrase it ended, was
}

// peek returns the byte so many places on, 0 past the end.
func (r *reader) peek(n int) byte {
	if r.at+n < len(r.text) {
		return r.text[r.at+n]
	}
	return 0
}

// Two-byte sequences that begin with these are Latin letters with accents, but for × and ÷.
const (
	firstLatinLead = 0xC3
	lastLatinLead  = 0xC9
)

// word reads a run of Latin letters. It works on copies of the reader's fields: this is where the time goes.
func (r *reader) word() {
	text, hash := r.text[r.at:], uint64(hashSeed)
	cases := uint64(0) // of the last 64 letters, newest last: 1 is lower
	i := 0
	for i < len(text) {
		c := text[i]
		if low := lowered[c]; low != 0 {
			hash = (hash ^ uint64(low)) * hashPrime
			cases = cases<<1 | uint64(c>>5&1)
			i++
			continue
		}
		if c < firstLatinLead || c > lastLatinLead {
			break
		}
		low, ok := accented(text[i:])
		if !ok {
			break
		}
		hash = ((hash^uint64(c))*hashPrime ^ uint64(low)) * hashPrime
		cases = 0 // not followed: which of these is upper is a matter of each alphabet
		i += 2
	}
	if i == 0 { // not a letter after all: ×, ÷ or a broken sequence
		r.symbol()
		return
	}
	r.at += i
	r.lineStart = false
	r.s.Words++
	camel := cases>>1&^cases != 0 // a lower one, then an upper one
	if camel || len(text) > i+1 && text[i] == '_' && kinds[text[i+1]] == letter {
		r.s.CodeMarks++
	}
	if i == 1 && !r.inFence && operator(text[1:]) {
		r.s.MathMarks++ // x = 5, n^2
	}
	r.mark(hash)
}

// accented reads a two-byte Latin letter and returns its second byte, in lower case where that is a matter of one bit: À to Þ.
func accented(text []byte) (low byte, ok bool) {
	if len(text) < 2 || text[1]&0xC0 != 0x80 {
		return 0, false
	}
	c := text[1]
	if text[0] != 0xC3 {
		return c, true
	}
	if c < 0x9F { // ß has no other case
		c += 0x20
	}
	return c, c != 0xB7 // × and ÷
}

// mark counts what a word means, alone or after the word before it.
func (r *reader) mark(hash uint64) {
	found, hint := markNone, lexicon.hint(hash)
	if r.previous != 0 {
		found = lexicon.find(phrase(r.previous, hash)) // a phrase says more than its last word
	}
	if found == markNone && hint&mayMark != 0 {
		found = lexicon.find(hash)
	}
	afterLookup := r.last == markLookup
	r.previous, r.last = 0, found
	if hint&mayBegin != 0 {
		r.previous = hash
	}
	if found == markNone || r.inFence && found != markCode {
		return
	}
	switch found {
	case markCode:
		r.s.CodeMarks++
	case markMath:
		r.s.MathMarks++
	case markConstraint:
		r.s.Constraints++
	case markStep:
		r.s.Steps++
	case markReasoning:
		r.s.Reasoning++
	case markDeep:
		r.s.Reasoning += 2
	case markLookup:
		r.s.Lookups++
	case markReference:
		if afterLookup && r.s.Lookups > 0 { // "what is that?" asks for what was said before, however hard that was
			r.s.Lookups--
		}
	}
}

// number reads a number: that of a list's item, the start of an expression, or a quantity. A text with several quantities asks for
// reckoning, so each from the second on is a mark of mathematics; parts of dates, times, ranges and names are no quantities.
func (r *reader) number() {
	atLineStart, alone := r.lineStart, r.at == 0 || standsBefore[r.text[r.at-1]]
	for r.at < len(r.text) && (kinds[r.text[r.at]] == digit || (r.text[r.at] == '.' || r.text[r.at] == ',') && kinds[r.peek(1)] == digit) {
		r.at++
	}
	next := r.peek(0)
	switch {
	case r.inFence:
	case atLineStart && (next == '.' || next == ')') && r.peek(1) == ' ':
		r.s.Steps++
	case operator(r.text[r.at:]):
		r.s.MathMarks++
	case alone && kinds[next] != letter && next != '_' && !(kinds[r.peek(1)] == digit && (next == '-' || next == '/' || next == ':')):
		if r.quantities++; r.quantities > 1 {
			r.s.MathMarks++
		}
	}
}

// operator tells whether an arithmetic operator and something to apply it to follow. A hyphen and a slash are not taken for
// operators: they make dates, ranges and fractions of pages.
func operator(rest []byte) bool {
	rest = cutSpace(rest)
	if len(rest) < 2 || !operators[rest[0]] {
		return false
	}
	if rest[0] == 0xC3 { // × and ÷
		if rest[1] != 0x97 && rest[1] != 0xB7 {
			return false
		}
		rest = rest[1:]
	}
	rest = cutSpace(rest[1:])
	if len(rest) == 0 {
		return false
	}
	c := rest[0]
	return c == '(' || c == '\\' || kinds[c] == digit || kinds[c] == letter
}

func cutSpace(text []byte) []byte {
	if len(text) > 0 && text[0] == ' ' {
		return text[1:]
	}
	return text
}

// punctuation reads one ASCII sign, or a run of backticks.
func (r *reader) punctuation(c byte) {
	next := r.peek(1)
	r.at++
	if c == '`' {
		r.backticks()
		return
	}
	switch {
	case pairOfCode(c, next):
		r.s.CodeMarks++
		r.at++
	case (c == '{' || c == ';') && (next == '\n' || next == 0):
		r.s.CodeMarks++
	case r.inFence:
	case c == '?':
		if next != '?' {
			r.s.Questions++
		}
	case c == '\\' && (next < utf8.RuneSelf && kinds[next] == letter || next == '(' || next == '['):
		r.s.MathMarks++ // LaTeX
	case c == '$' && next == '$':
		r.s.MathMarks++
		r.at++
	case (c == '-' || c == '*') && r.lineStart && next == ' ':
		r.s.Steps++
	}
}

// pairOfCode tells the two-byte signs that prose does not have.
func pairOfCode(c, next byte) bool {
	switch c {
	case '(':
		return next == ')'
	case '{':
		return next == '}'
	case '[':
		return next == ']'
	case '=':
		return next == '=' || next == '>'
	case '!':
		return next == '='
	case '-':
		return next == '>'
	case ':':
		return next == ':' || next == '='
	case '&':
		return next == '&'
	case '|':
		return next == '|'
	case '<':
		return next == '/'
	case '}', ')':
		return next == ';'
	case '/':
		return next == '*'
	}
	return false
}

// backticks reads the rest of a run of backticks: three or more open or close a fence, fewer a word of code. Only what opens counts.
func (r *reader) backticks() {
	n := 1
	for r.peek(0) == '`' {
		r.at++
		n++
	}
	switch {
	case n >= 3:
		if r.inFence = !r.inFence; r.inFence {
			r.s.CodeMarks++
		}
	case !r.inFence:
		if r.inCode = !r.inCode; r.inCode {
			r.s.CodeMarks++
		}
	}
}

// symbol reads one rune that is no Latin letter.
func (r *reader) symbol() {
	c, size := utf8.DecodeRune(r.text[r.at:])
	r.at += size
	wasLineStart := r.lineStart
	r.lineStart = false
	switch {
	case c == utf8.RuneError:
	case nonLatinLetter(c):
		r.s.NonLatin++
	case r.inFence:
	case c >= 0x2200 && c <= 0x22FF, c >= 0x2070 && c <= 0x209C, c == '×', c == '÷', c == '±', c == '²', c == '³':
		r.s.MathMarks++ // operators, super- and subscripts
	case c == '？', c == '؟':
		r.s.Questions++
	case c == '•' && wasLineStart:
		r.s.Steps++
	}
}

// nonLatinLetter goes by blocks, not by properties: it is asked for every character of a Chinese text.
func nonLatinLetter(c rune) bool {
	switch {
	case c < 0x370:
		return false
	case c < 0x2000:
		return c < 0x1E00 || c >= 0x1F00 // all scripts from Greek to Mongolian; between them is more Latin
	case c < 0x3040:
		return c >= 0x2C00 && c < 0x2E00
	case c < 0xD7B0:
		return true // Japanese, Chinese, Korean, Yi and others
	default:
		return c >= 0xF900 && c < 0xFE00 || c >= 0xFE70 && c < 0xFEFF || c >= 0xFF66 && c < 0xFFDD || c >= 0x20000 && c < 0x32000
	}
}

// kind sorts ASCII.
type kind uint8

const (
	punctuation kind = iota
	letter
	digit
	space
	newline
)

var kinds = func() (k [256]kind) {
	for c := range 26 {
		k['a'+c], k['A'+c] = letter, letter
	}
	for c := range 10 {
		k['0'+c] = digit
	}
	k[' '], k['\t'], k['\r'], k['\n'] = space, space, space, newline
	return k
}()

// lowered is the lower case of ASCII letters, 0 for all other bytes.
var lowered = func() (l [256]byte) {
	for c := range 26 {
		l['a'+c], l['A'+c] = byte('a'+c), byte('a'+c)
	}
	return l
}()

// operators are the first bytes of arithmetic operators.
var operators = [256]bool{'+': true, '*': true, '^': true, '=': true, '<': true, '>': true, '%': true, 0xC3: true}

// standsBefore are the bytes that a quantity may follow.
var standsBefore = [256]bool{' ': true, '\n': true, '\t': true, '(': true, '[': true, '$': true, '"': true, '=': true, ',': true}
