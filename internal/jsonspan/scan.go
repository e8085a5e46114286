package jsonspan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Valid tells whether text is one JSON value: encoding/json's verdict, except that strings must be UTF-8 and that nesting ends
// at MaxDepth.
func Valid(text []byte) bool {
	at := skipSpace(text, 0)
	if at == len(text) {
		return false
	}
	end, p := scanContainer(text, at, 0)
	return p == sound && skipSpace(text, end) == len(text)
}

// scanContainer returns the end of the value at text[at], whatever its kind, or where and how it is wrong. It does not recurse:
// a bit per level remembers whether the level is an object.
func scanContainer(text []byte, at, depth int) (int, Problem) {
	var objects [MaxDepth/64 + 1]uint64
	floor := depth
	var p Problem
	for {
		switch text[at] {
		case '"':
			at, _, p = scanString(text, at+1)
		case '{', '[':
			if depth++; depth > MaxDepth {
				return at, TooDeep
			}
			object := text[at] == '{'
			at = skipSpace(text, at+1)
			if at == len(text) {
				return at, Truncated
			}
			if object {
				objects[depth/64] |= 1 << (depth % 64)
				if text[at] != '}' {
					if at, p = scanKey(text, at); p != sound {
						return at, p
					}
					continue
				}
			} else {
				objects[depth/64] &^= 1 << (depth % 64)
				if text[at] != ']' {
					continue
				}
			}
			at++
			depth--
		default:
			at, p = scanScalar(text, at)
		}
		if p != sound {
			return at, p
		}

		for { // a value ended: leave every container that ends here too
			if depth == floor {
				return at, sound
			}
			if at = skipSpace(text, at); at == len(text) {
				return at, Truncated
			}
			object := objects[depth/64]>>(depth%64)&1 == 1
			c := text[at]
			if c == ',' {
				if at = skipSpace(text, at+1); at == len(text) {
					return at, Truncated
				}
				if object {
					if at, p = scanKey(text, at); p != sound {
						return at, p
					}
				}
				break
			}
			if object && c != '}' || !object && c != ']' {
				return at, NoComma
			}
			at++
			depth--
		}
	}
}

// scanKey returns where the value of the member at text[at] begins; at least one byte is there.
func scanKey(text []byte, at int) (int, Problem) {
	if text[at] != '"' {
		return at, NoKey
	}
	end, _, p := scanString(text, at+1)
	if p != sound {
		return end, p
	}
	if end = skipSpace(text, end); end == len(text) || text[end] != ':' {
		return end, NoColon
	}
	if end = skipSpace(text, end+1); end == len(text) {
		return end, Truncated
	}
	return end, sound
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// scanString returns the end, after the closing quote, of the string whose text begins at text[at].
func scanString(text []byte, at int) (end int, escaped bool, p Problem) {
	start := at
	var seen uint64 // every byte so far or-ed together: its high bits tell whether the string is plain ASCII
	for {
		// Eight bytes at a time. Flipping bit 1 moves the quote (0x22) next to the control characters, so that one subtraction
		// finds both. A borrow can only spoil bytes after a true hit, and the first hit is the one that counts.
		var hit uint64
		for at+8 <= len(text) {
			x := binary.LittleEndian.Uint64(text[at:])
			hit = (((x ^ 2*ones) - 0x21*ones) | ((x ^ '\\'*ones) - ones)) &^ x & highs
			if hit != 0 {
				break
			}
			seen |= x
			at += 8
		}
		if hit != 0 {
			n := bits.TrailingZeros64(hit) / 8
			seen |= binary.LittleEndian.Uint64(text[at:]) & (1<<(8*n) - 1)
			at += n
		} else {
			for at < len(text) && text[at] >= ' ' && text[at] != '"' && text[at] != '\\' {
				seen |= uint64(text[at])
				at++
			}
			if at == len(text) {
				return at, escaped, Truncated
			}
		}
		switch text[at] {
		case '"':
			if seen&highs != 0 && !utf8.Valid(text[start:at]) {
				return badRune(text, start), escaped, BadUTF8
			}
			return at + 1, escaped, sound
		case '\\':
			escaped = true
			n := escapeLen(text[at:])
			if n == 0 {
				return at, true, BadEscape
			}
			at += n
		default:
			return at, escaped, BadControl
		}
	}
}

// escapeLen returns how many bytes the escape at the head of s takes, 0 if it is malformed.
func escapeLen(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s[2:]); ok {
			return 6
		}
	}
	return 0
}

// badRune returns where the first byte stands that is not UTF-8.
func badRune(text []byte, at int) int {
	for at < len(text) {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		at += n
	}
	return at
}

// scanScalar returns the end of the number or literal at text[at].
func scanScalar(text []byte, at int) (int, Problem) {
	switch text[at] {
	case 't':
		return scanWord(text, at, "true")
	case 'f':
		return scanWord(text, at, "false")
	case 'n':
		return scanWord(text, at, "null")
	}
	return scanNumber(text, at)
}

func scanWord(text []byte, at int, word string) (int, Problem) {
	if rest := text[at:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
		return at + len(word), sound
	}
	return at, BadLiteral
}

func scanNumber(text []byte, at int) (int, Problem) {
	start := at
	if text[at] == '-' {
		at++
	}
	first := at
	if at = skipDigits(text, at); at == first {
		if at == start {
			return at, NoValue
		}
		return at, BadNumber
	}
	if text[first] == '0' && at > first+1 {
		return first + 1, BadNumber
	}
	if at < len(text) && text[at] == '.' {
		fraction := at + 1
		if at = skipDigits(text, fraction); at == fraction {
			return at, BadNumber
		}
	}
	if at < len(text) && text[at]|0x20 == 'e' {
		at++
		if at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		exponent := at
		if at = skipDigits(text, at); at == exponent {
			return at, BadNumber
		}
	}
	return at, sound
}

func skipDigits(text []byte, at int) int {
	for at < len(text) && text[at]-'0' <= 9 {
		at++
	}
	return at
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && text[at] <= ' ' && isSpace(text[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// kinds tells a value's kind from its first byte.
var kinds = [256]Kind{
	'n': Null, 'f': False, 't': True, '"': String, '[': Array, '{': Object, '-': Number,
	'0': Number, '1': Number, '2': Number, '3': Number, '4': Number, '5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
}
