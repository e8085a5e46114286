package pair

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"bursar/cache/embed"
)

// readNumbers collects the numbers that stand by themselves, in the form in which 1,000 and 1000 are one.
func (s *Side) readNumbers(v *Verifier) {
	for i := 0; i < len(s.scratch); i++ {
		if s.scratch[i].Kind != embed.Number || s.partOfName(i) {
			continue
		}
		from, last := s.scratch[i].Start, i
		for last+1 < len(s.scratch) && s.scratch[last+1].Kind == embed.Number && s.joins(last) {
			last++
		}
		digits := uint64(14695981039346656037)
		for j := from; j < s.scratch[last].End; j++ {
			if c := s.text[j]; c != ',' && c != ' ' {
				digits = (digits ^ uint64(c)) * 1099511628211
			}
		}
		unit := s.unitAfter(v, last)
		if before := s.signBefore(int(from)); before != 0 {
			unit = before
		}
		s.numbers = append(s.numbers, number{digits: mix(digits), unit: unit})
		i = last
	}
}

// joins tells whether a number goes on after a token: 1,000 3.14 12:30 2024-05-01.
func (s *Side) joins(i int) bool {
	between := s.text[s.scratch[i].End:s.scratch[i+1].Start]
	return len(between) == 1 && strings.Contains(",.:-/", between)
}

// partOfName tells whether letters touch a number, as in D-7781 or 4b. Units that are written close, as 5GB, are no names.
func (s *Side) partOfName(i int) bool {
	t := s.scratch[i]
	if start := int(t.Start); start > 0 {
		r, size := utf8.DecodeLastRuneInString(s.text[:start])
		if unicode.IsLetter(r) {
			return true
		}
		if (r == '-' || r == '_') && start-size > 0 {
			r, _ := utf8.DecodeLastRuneInString(s.text[:start-size])
			if unicode.IsLetter(r) {
				return true
			}
		}
	}
	end := int(t.End)
	r, _ := utf8.DecodeRuneInString(s.text[end:])
	return unicode.IsLetter(r) && !closeUnit(s.text[end:])
}

// closeUnit tells whether a short word, a unit or an ordinal's ending, follows right after a number.
func closeUnit(rest string) bool {
	n := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) })
	if n < 0 {
		n = len(rest)
	}
	if n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		return false
	}
	_, known := closeUnits[strings.ToLower(rest[:n])]
	return known
}

var closeUnits = func() map[string]struct{} {
	m := map[string]struct{}{"st": {}, "nd": {}, "rd": {}, "th": {}, "x": {}, "d": {}}
	for group := range strings.FieldsSeq(units) {
		for name := range strings.SplitSeq(group, "/") {
			m[name] = struct{}{}
		}
	}
	return m
}()

// unitAfter is the unit that follows a token, 0 if none does.
func (s *Side) unitAfter(v *Verifier, i int) uint64 {
	if i+1 >= len(s.scratch) {
		return 0
	}
	if t := s.scratch[i+1]; t.Kind == embed.Symbol {
		if s.text[t.Start] == '%' {
			return hashWord("percent")
		}
		return 0
	}
	if w := v.lexicon.words.look(mix(s.scratch[i+1].Hash)); w.unit {
		return w.same
	}
	return 0
}

// signBefore is the currency that a sign right before a number names, 0 if none does.
func (s *Side) signBefore(start int) uint64 {
	r, _ := utf8.DecodeLastRuneInString(s.text[:start])
	if unicode.Is(unicode.Sc, r) {
		return mix(uint64(r))
	}
	return 0
}

// readLiterals collects what must be repeated to the letter: identifiers, quoted text and code.
func (s *Side) readLiterals() {
	for word := range strings.FieldsSeq(s.text) {
		if plain(word) {
			continue
		}
		word = strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if name := identifier(word); name != 0 {
			s.names = append(s.names, name)
		}
	}
	s.quotes = s.readQuotes()
}

// plain tells of a word in ASCII that it has no digit and no mark that makes an identifier.
func plain(word string) bool {
	for i := range len(word) {
		if c := byteKinds[word[i]]; c&identifying != 0 || word[i] == '.' && i+1 < len(word) {
			return false
		}
	}
	return true
}

// byteKinds tells what a byte may be part of.
var byteKinds = func() (kinds [256]uint8) {
	for c := range kinds {
		if c >= utf8.RuneSelf || strings.IndexByte("0123456789@/\\_", byte(c)) >= 0 {
			kinds[c] |= identifying
		}
		if strings.IndexByte("{}[]<>=;|\\^~*+_", byte(c)) >= 0 {
			kinds[c] |= coding
		}
		if c == '"' || c == 0xc2 || c == 0xe2 { // the first bytes of “ and «
			kinds[c] |= quoting
		}
	}
	return kinds
}()

const (
	identifying = 1 << iota // identifiers; bytes beyond ASCII may be
	coding                  // code
	quoting                 // marks that open a quote
)

// identifier hashes a word that has digits and letters, or an @ or a path in it, without its hyphens; 0 for other words.
func identifier(word string) uint64 {
	digits, letters, marks := false, false, false
	for i, r := range word {
		switch {
		case unicode.IsDigit(r):
			digits = true
			if closeUnit(word[i+1:]) && !letters {
				return 0
			}
		case unicode.IsLetter(r):
			letters = true
		case r == '@' || r == '/' || r == '\\' || r == '_' || r == '.' && i > 0 && i+1 < len(word):
			marks = true
		}
	}
	if !letters || !digits && !marks {
		return 0
	}
	h := uint64(14695981039346656037)
	for _, r := range word {
		if r == '-' || r == '_' || r == '#' {
			continue
		}
		h = (h ^ uint64(unicode.ToLower(r))) * 1099511628211
	}
	return mix(h)
}

// readQuotes digests what stands in double quotes; apostrophes are not quotes.
func (s *Side) readQuotes() uint64 {
	var sum uint64
	if !s.has(quoting) {
		return 0
	}
	rest := s.text
	for {
		start := strings.IndexAny(rest, `"“«`)
		if start < 0 {
			return sum
		}
		_, size := utf8.DecodeRuneInString(rest[start:])
		rest = rest[start+size:]
		end := strings.IndexAny(rest, `"”»`)
		if end < 0 {
			return sum
		}
		sum += hashWord(strings.TrimSpace(rest[:end])) | 1
		_, size = utf8.DecodeRuneInString(rest[end:])
		rest = rest[end+size:]
	}
}

func (s *Side) has(kind uint8) bool {
	for i := range len(s.text) {
		if byteKinds[s.text[i]]&kind != 0 {
			return true
		}
	}
	return false
}

// readMarks digests code: what stands in backticks, and the signs that prose has no use for, in their order.
func (s *Side) readMarks() {
	h, signs := uint64(14695981039346656037), 0
	inside := false
	for i := range len(s.text) {
		c := s.text[i]
		switch {
		case c == '`':
			inside = !inside
			signs++
		case inside || byteKinds[c]&coding != 0:
			h = (h ^ uint64(c)) * 1099511628211
			signs++
		}
	}
	if signs > 0 {
		s.code = mix(h) | 1
	}
}

func (s *Side) readScript() {
	var counts [otherScript + 1]int
	for _, r := range s.text {
		if 'a' <= r|0x20 && r|0x20 <= 'z' {
			counts[latin]++
		} else if r >= utf8.RuneSelf && unicode.IsLetter(r) {
			counts[scriptOf(r)]++
		}
	}
	s.script = noScript
	for i, n := range counts {
		if n > counts[s.script] {
			s.script = script(i)
		}
	}
}

func scriptOf(r rune) script {
	switch {
	case r < 0x250:
		return latin
	case unicode.Is(unicode.Cyrillic, r):
		return cyrillic
	case unicode.Is(unicode.Greek, r):
		return greek
	case unicode.Is(unicode.Arabic, r):
		return arabic
	case unicode.Is(unicode.Hebrew, r):
		return hebrew
	case unicode.Is(unicode.Hiragana, r), unicode.Is(unicode.Katakana, r):
		return kana
	case unicode.Is(unicode.Han, r):
		return han
	case unicode.Is(unicode.Hangul, r):
		return hangul
	case unicode.Is(unicode.Devanagari, r):
		return devanagari
	default:
		return otherScript
	}
}
