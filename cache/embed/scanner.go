package embed

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what a token is made of.
type Kind uint8

const (
	Word      Kind = iota // letters, with apostrophes inside: don't
	Number                // a run of digits
	Symbol                // one sign that carries meaning: % $ + # ?
	Ideograph             // one character of a script that puts no spaces between words
)

// maxWord bounds a folded token in bytes. Longer runs are cut into tokens of this size, so that no text makes one token costly.
const maxWord = 48

// scanner splits a text into folded tokens: lower case, no accents, plain widths and quotes. Folding is for the embedding alone:
// cache keys and the verifier's guards read the text as it is.
type scanner struct {
	text string
	pos  int // of the next byte to read

	start, end int // of the token within text
	kind       Kind
	folded     [maxWord]byte
	size       int  // of the token, folded
	joined     bool // only spaces lie between the token before and this one
}

func (s *scanner) word() []byte { return s.folded[:s.size] }

// next reads the next token, and reports whether there was one.
func (s *scanner) next() bool {
	s.joined = s.pos > 0
	for s.pos < len(s.text) {
		s.start, s.size = s.pos, 0
		switch c := s.text[s.pos]; classes[c] {
		case classLetter:
			return s.letters()
		case classDigit:
			return s.digits()
		case classSymbol:
			s.folded[0], s.size = c, 1
			s.pos++
			return s.token(Symbol)
		case classMulti:
			if s.rune() {
				return true
			}
		case classSpace:
			s.pos++
		default:
			s.joined = false
			s.pos++
		}
	}
	return false
}

func (s *scanner) token(kind Kind) bool {
	s.kind, s.end = kind, s.pos
	return true
}

// letters reads a word. Its first letter lies at pos.
func (s *scanner) letters() bool {
	for s.pos < len(s.text) && s.size <= maxWord-utf8.UTFMax {
		c := s.text[s.pos]
		if classes[c] == classLetter {
			s.folded[s.size] = c | 0x20
			s.size++
			s.pos++
			continue
		}
		if c < utf8.RuneSelf && c != '\'' {
			break
		}
		r, width := decode(s.text[s.pos:])
		if r == '\'' && s.size > 0 && letterAt(s.text[s.pos+width:]) {
			s.folded[s.size] = '\''
			s.size++
			s.pos += width
			continue
		}
		if !wordRune(r) {
			break
		}
		if !unicode.Is(unicode.Mn, r) {
			s.size += utf8.EncodeRune(s.folded[s.size:], r)
		}
		s.pos += width
	}
	return s.token(Word)
}

func (s *scanner) digits() bool {
	for s.pos < len(s.text) && s.size < maxWord && classes[s.text[s.pos]] == classDigit {
		s.folded[s.size] = s.text[s.pos]
		s.size++
		s.pos++
	}
	return s.token(Number)
}

// rune reads what begins with a byte beyond ASCII, and reports whether a token came of it.
func (s *scanner) rune() bool {
	r, width := decode(s.text[s.pos:])
	switch {
	case r < utf8.RuneSelf && classes[r] == classDigit:
		s.pos += width
		s.folded[0], s.size = byte(r), 1
		return s.token(Number)
	case spaceless(r) || unicode.IsDigit(r) || unicode.IsSymbol(r) && r != utf8.RuneError:
		s.size = utf8.EncodeRune(s.folded[:], r)
		s.pos += width
		if spaceless(r) {
			return s.token(Ideograph)
		}
		return s.token(Symbol)
	case wordRune(r) && !unicode.Is(unicode.Mn, r):
		return s.letters()
	}
	s.joined = s.joined && unicode.IsSpace(r)
	s.pos += width
	return false
}

func letterAt(text string) bool {
	if text == "" {
		return false
	}
	r, _ := decode(text)
	return wordRune(r)
}

// wordRune reports whether a folded rune belongs into words.
func wordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return classes[r] == classLetter
	}
	return (unicode.IsLetter(r) || unicode.Is(unicode.Mn, r)) && !spaceless(r)
}

// spaceless reports whether a rune belongs to a script that writes words without spaces between them.
func spaceless(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// decode reads the first rune of a text and folds it. Broken UTF-8 reads as U+FFFD, one byte wide.
func decode(text string) (folded rune, width int) {
	r, width := utf8.DecodeRuneInString(text)
	switch {
	case r < utf8.RuneSelf:
		if 'A' <= r && r <= 'Z' {
			r |= 0x20
		}
	case r == '\u2018' || r == '\u2019' || r == '\u02bc':
		r = '\''
	case 0xc0 <= r && int(r-0xc0) < len(plainLatin):
		r = rune(plainLatin[r-0xc0])
	case 0xff01 <= r && r <= 0xff5e: // full-width forms of ASCII
		r -= 0xff01 - '!'
		if 'A' <= r && r <= 'Z' {
			r |= 0x20
		}
	default:
		r = unicode.ToLower(r)
	}
	return r, width
}

// plainLatin has the letter without its accent for U+00C0 to U+017F.
const plainLatin = "aaaaaaaceeeeiiiidnooooo*ouuuuytsaaaaaaaceeeeiiiidnooooo/ouuuuyty" +
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"

type class uint8

const (
	classOther class = iota // ends a phrase
	classSpace
	classLetter
	classDigit
	classSymbol
	classMulti // first byte of a rune beyond ASCII
)

var classes = func() (t [256]class) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf:
			t[c] = classMulti
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			t[c] = classLetter
		case '0' <= c && c <= '9':
			t[c] = classDigit
		case strings.ContainsRune(" \t\r\n-_'\"`", rune(c)):
			t[c] = classSpace
		case strings.ContainsRune("?+#%$/&*=<>@^|~", rune(c)):
			t[c] = classSymbol
		}
	}
	return t
}()
