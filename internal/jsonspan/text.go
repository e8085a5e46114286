package jsonspan

import (
	"bytes"
	"unicode/utf8"
)

// Unescape appends to dst the text of a JSON string, given what stands between its quotes. Half a surrogate pair becomes
// U+FFFD, as everywhere in Go. A malformed escape, which no walked string has, is an *Error with its offset in raw.
func Unescape(dst, raw []byte) ([]byte, error) {
	for at := 0; ; {
		n := bytes.IndexByte(raw[at:], '\\')
		if n < 0 {
			return append(dst, raw[at:]...), nil
		}
		dst = append(dst, raw[at:at+n]...)
		at += n
		r, size := unescapeRune(raw[at:])
		if size == 0 {
			return dst, &Error{Offset: at, Problem: BadEscape}
		}
		dst = utf8.AppendRune(dst, r)
		at += size
	}
}

// unescapeRune returns the character of the escape at the head of s and how many bytes it takes, 0 if it is malformed.
func unescapeRune(s []byte) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return 0, 0
	}
	r, ok := hex4(s[2:])
	switch {
	case !ok:
		return 0, 0
	case r < 0xd800 || r > 0xdfff:
		return r, 6
	}
	if r < 0xdc00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low, ok := hex4(s[8:]); ok && low >= 0xdc00 && low <= 0xdfff {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads four hexadecimal digits at the head of s.
func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Equal tells whether raw, what stands between a string's quotes, is text, however it is escaped.
func Equal(raw []byte, text string) bool {
	for len(raw) > 0 {
		r, size := rune(0), 0
		if raw[0] == '\\' {
			r, size = unescapeRune(raw)
		} else {
			r, size = utf8.DecodeRune(raw)
		}
		want, n := utf8.DecodeRuneInString(text)
		if size == 0 || n == 0 || r != want {
			return false
		}
		raw, text = raw[size:], text[n:]
	}
	return text == ""
}

// Quote appends text to dst as a JSON string with its quotes. Only what must be is escaped; bytes that are not UTF-8 become
// U+FFFD.
func Quote(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for at := 0; at < len(text); {
		c := text[at]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[at:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, text[from:at]...), "\ufffd"...)
				from = at + 1
			}
			at += size
			continue
		}
		at++
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:at-1]...)
		from = at
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, text[from:]...), '"')
}

// Compact appends valid JSON to dst without the whitespace between its tokens. Number text, escapes and the order of keys stay
// as they are.
func Compact(dst, raw []byte) []byte {
	from := 0
	for at := 0; at < len(raw); {
		switch c := raw[at]; {
		case c == '"':
			at, _, _ = scanString(raw, at+1)
		case c <= ' ':
			dst = append(dst, raw[from:at]...)
			at = skipSpace(raw, at+1)
			from = at
		default:
			at++
		}
	}
	return append(dst, raw[from:]...)
}
