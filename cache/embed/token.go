package embed

// Token is one word, number or sign of a text.
type Token struct {
	Start, End uint32 // bytes of the text
	Row        int32  // of the vocabulary's word, negative if it has none
	Kind       Kind
	Hash       uint64 // of the folded token: equal tokens have equal hashes, others only if someone forged them
}

// Known reports whether the model has a row for the token's word.
func (t Token) Known() bool { return t.Row >= 0 }

// Text returns the token as it stands in the text that it was read from.
func (t Token) Text(text string) string { return text[t.Start:t.End] }

// Tokens appends the tokens of a text, split as Embed splits them.
func (m *Model) Tokens(dst []Token, text string) []Token {
	for r := newReader(&m.Vocabulary, text); r.next(); {
		dst = append(dst, Token{Start: uint32(r.start), End: uint32(r.end), Row: r.row, Kind: r.kind, Hash: r.hash})
	}
	return dst
}

// IDF returns how telling a token is: the natural logarithm of how many texts there are to one that has it. Unknown words get the maximum.
func (m *Model) IDF(t Token) float32 {
	if !t.Known() {
		return m.rarest
	}
	return float32(m.idf[t.Row]) / idfScale
}

// WordVector writes the vector of one token of text. Vectors of words, of unknown words and of texts compare by Cosine.
func (m *Model) WordVector(t Token, text string, out *Vector) {
	if t.Known() {
		*out = m.rows[t.Row]
		return
	}
	m.Embed(t.Text(text), out)
}

// Split calls yield with each token of a text, folded, and whether only spaces lie between it and the one before.
func Split(text string, yield func(word []byte, joined bool)) {
	for s := (scanner{text: text}); s.next(); {
		yield(s.word(), s.joined)
	}
}

// Fold appends a text's tokens as the model sees them, with a space between each.
func Fold(dst []byte, text string) []byte {
	first := len(dst)
	Split(text, func(word []byte, _ bool) {
		if len(dst) > first {
			dst = append(dst, ' ')
		}
		dst = append(dst, word...)
	})
	return dst
}
