package tokens

import "unicode/utf8"

// splitter returns the end of the piece that begins at i < len(text): what one match of an encoding's regular expression takes.
// Bytes are merged within pieces only. The splitters are written out by hand because a backtracking regex engine spends ten
// times what all the rest of counting does.
type splitter func(t *classTable, text []byte, i int) int

// nextO200k cuts as o200k_base and o200k_harmony do:
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	\p{N}{1,3}
//	 ?[^\s\p{L}\p{N}]+[\r\n/]*
//	\s*[\r\n]+
//	\s+(?!\S)
//	\s+
func nextO200k(t *classTable, text []byte, i int) int {
	if end := asciiWord(t, text, i); end > 0 {
		return end + contraction(text, end)
	}
	c, size := t.at(text, i)
	after := i + size
	if end := capitalWord(t, text, i, after, c); end > 0 {
		return end + contraction(text, end)
	}
	return t.rest(text, i, after, c, true)
}

// asciiWord matches the first two lines of the o200k pattern where only ASCII decides; 0 means that more must be looked at.
// Among ASCII letters the two lines come to the same: capitals, then small letters.
func asciiWord(t *classTable, text []byte, i int) int {
	start := i
	if c := t.ascii[text[i]]; c&isLetter == 0 {
		if c&(isNumber|isNewline) != 0 || text[i] >= utf8.RuneSelf {
			return 0
		}
		start++
	}
	j := start
	for j < len(text) && t.ascii[text[j]]&isUpper != 0 {
		j++
	}
	for j < len(text) && t.ascii[text[j]]&isLower != 0 {
		j++
	}
	if j == start || (j < len(text) && text[j] >= utf8.RuneSelf) {
		return 0
	}
	return j
}

// capitalWord matches the first two lines of the o200k pattern without their contraction; 0 means neither matches. The first code
// point has class c and ends at after. It is the optional prefix if it can be, and only if that fails a part of the word:
// marks (\p{M}) can be both.
func capitalWord(t *classTable, text []byte, i, after int, c class) int {
	if c&isLetter != 0 {
		if end := lowerWord(t, text, i); end > 0 {
			return end
		}
		return upperWord(t, text, i)
	}
	if c&(isNumber|isNewline) != 0 {
		return 0
	}
	if end := lowerWord(t, text, after); end > 0 {
		return end
	}
	if c&isLower != 0 { // a mark
		return lowerWord(t, text, i)
	}
	return upperWord(t, text, after)
}

// lowerWord matches [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ at i and returns its end, or 0. The first set is
// taken greedily; if nothing of the second follows, it is given back up to the last code point that is in both.
func lowerWord(t *classTable, text []byte, i int) int {
	lastBoth := 0
	for i < len(text) {
		c, size := t.at(text, i)
		if c&isUpper == 0 {
			if c&isLower != 0 {
				return lowerRun(t, text, i+size)
			}
			break
		}
		i += size
		if c&isLower != 0 {
			lastBoth = i
		}
	}
	return lastBoth
}

// upperWord matches [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]* at i and returns its end, or 0.
func upperWord(t *classTable, text []byte, i int) int {
	start := i
	for i < len(text) {
		c, size := t.at(text, i)
		if c&isUpper == 0 {
			break
		}
		i += size
	}
	if i == start {
		return 0
	}
	return lowerRun(t, text, i)
}

func lowerRun(t *classTable, text []byte, i int) int {
	for i < len(text) {
		c, size := t.at(text, i)
		if c&isLower == 0 {
			break
		}
		i += size
	}
	return i
}

// contraction returns the length of (?i:'s|'t|'re|'ve|'m|'ll|'d) at i, or 0. Case-insensitively U+017F, the long s, is an s:
// so the Rust reference has it.
func contraction(text []byte, i int) int {
	if i+1 >= len(text) || text[i] != '\'' {
		return 0
	}
	second := byte(0)
	if i+2 < len(text) {
		second = text[i+2]
	}
	switch text[i+1] {
	case 's', 'S', 't', 'T', 'm', 'M', 'd', 'D':
		return 2
	case 'r', 'R', 'v', 'V':
		if second|0x20 == 'e' {
			return 3
		}
	case 'l', 'L':
		if second|0x20 == 'l' {
			return 3
		}
	case 0xC5:
		if second == 0xBF {
			return 3
		}
	}
	return 0
}

// nextCL100k cuts as cl100k_base does:
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)
//	[^\r\n\p{L}\p{N}]?\p{L}+
//	\p{N}{1,3}
//	 ?[^\s\p{L}\p{N}]+[\r\n]*
//	\s*[\r\n]+
//	\s+(?!\S)
//	\s+
func nextCL100k(t *classTable, text []byte, i int) int {
	if size := contraction(text, i); size > 0 {
		return i + size
	}
	c, size := t.at(text, i)
	after := i + size
	if c&isLetter != 0 {
		return letterRun(t, text, after)
	}
	if c&(isNumber|isNewline) == 0 && after < len(text) {
		if following, size := t.at(text, after); following&isLetter != 0 {
			return letterRun(t, text, after+size)
		}
	}
	return t.rest(text, i, after, c, false)
}

func letterRun(t *classTable, text []byte, i int) int {
	for i < len(text) {
		c, size := t.at(text, i)
		if c&isLetter == 0 {
			break
		}
		i += size
	}
	return i
}

// rest matches the lines after the words, which the encodings share but for the slash: numbers, symbols, white space. The code
// point at i has class c, ends at after, and begins no word.
func (t *classTable) rest(text []byte, i, after int, c class, slash bool) int {
	switch {
	case c&isNumber != 0:
		for range 2 {
			if after == len(text) {
				break
			}
			following, size := t.at(text, after)
			if following&isNumber == 0 {
				break
			}
			after += size
		}
		return after
	case c&isSpace == 0:
		return t.symbols(text, after, slash)
	case text[i] == ' ' && after < len(text):
		if following, size := t.at(text, after); following&(isSpace|isLetter|isNumber) == 0 {
			return t.symbols(text, after+size, slash)
		}
	}
	return t.spaces(text, i)
}

// symbols goes on with [^\s\p{L}\p{N}]*[\r\n/]* at i.
func (t *classTable) symbols(text []byte, i int, slash bool) int {
	for i < len(text) {
		c, size := t.at(text, i)
		if c&(isSpace|isLetter|isNumber) != 0 {
			break
		}
		i += size
	}
	for i < len(text) && (text[i] == '\r' || text[i] == '\n' || (slash && text[i] == '/')) {
		i++
	}
	return i
}

// spaces matches \s*[\r\n]+|\s+(?!\S)|\s+ at i, which is white space: up to the last newline of the run, else all of the run at
// the end of the text, else all but its last code point (which the next piece begins with), else the one there is.
func (t *classTable) spaces(text []byte, i int) int {
	start, last, newline := i, i, 0
	for i < len(text) {
		c, size := t.at(text, i)
		if c&isSpace == 0 {
			break
		}
		last = i
		i += size
		if c&isNewline != 0 {
			newline = i
		}
	}
	switch {
	case newline > 0:
		return newline
	case i == len(text) || last == start:
		return i
	}
	return last
}
