package semantic

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"bursar/cache/embed"
)

// content is an answer as far as it takes to tell whether another says the same. Of the text itself nothing is kept.
type content struct {
	digest   [16]byte     // of the text, normalised
	literals uint64       // of its numbers, identifiers, code and negations
	words    int          // how many
	sketch   [32]uint32   // of the set of its words: the share of equal members estimates how much two sets overlap
	vector   embed.Vector // of its text
}

// What two answers that are not equal to the letter must have in common to say the same, besides all literals.
const (
	fewWords   = 8 // shorter answers must be equal
	leastWords = 0.6
	leastAlike = 0.9
	atLength   = 1.6
)

func newContent(text string) content {
	var c content
	normal := normalise(text)
	sum := sha256.Sum256(normal)
	copy(c.digest[:], sum[:])
	for i := range c.sketch {
		c.sketch[i] = ^uint32(0)
	}
	var literals []uint64
	for _, word := range bytes.Fields(normal) {
		h := digest(word)
		c.words++
		for i := range c.sketch {
			c.sketch[i] = min(c.sketch[i], uint32(mix(h, uint64(i))>>7))
		}
		if literal(word) {
			literals = append(literals, h)
		}
	}
	slices.Sort(literals)
	for _, h := range literals {
		c.literals = mix(c.literals, h)
	}
	embed.Default().Embed(text, &c.vector)
	return c
}

// same tells whether two answers say the same: equal once case, space and punctuation are set aside (of JSON: once its form is), or of much
// the same words and direction with every number, identifier and negation alike.
func (c *content) same(o *content) bool {
	if c.digest == o.digest {
		return true
	}
	if c.words < fewWords || o.words < fewWords || c.literals != o.literals {
		return false
	}
	if float64(max(c.words, o.words)) > atLength*float64(min(c.words, o.words)) {
		return false
	}
	equal := 0
	for i := range c.sketch {
		if c.sketch[i] == o.sketch[i] {
			equal++
		}
	}
	return float64(equal) >= leastWords*float64(len(c.sketch)) && embed.Cosine(&c.vector, &o.vector) >= leastAlike
}

// normalise takes case, space and punctuation out of prose, and the form out of JSON.
func normalise(text string) []byte {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		var value any
		d := json.NewDecoder(strings.NewReader(trimmed))
		d.UseNumber()
		if d.Decode(&value) == nil && !d.More() {
			if b, err := json.Marshal(value); err == nil { // with its keys in order
				return b
			}
		}
	}
	out := make([]byte, 0, len(text))
	space := false
	for _, r := range text {
		switch {
		case r == '\'' || r == '’':
			continue
		case unicode.IsSpace(r) || strings.ContainsRune(`.,;:!?"“”‘()*`, r):
			space = len(out) > 0
			continue
		case space:
			out = append(out, ' ')
			space = false
		}
		out = append(out, string(unicode.ToLower(r))...)
	}
	return out
}

// literal tells whether a word of an answer must be in its like too.
func literal(word []byte) bool {
	if bytes.ContainsAny(word, "0123456789@/\\_{}[]<>=`") {
		return true
	}
	switch string(word) {
	case "yes", "no", "not", "never", "none", "neither", "nor", "without", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "arent", "wasnt",
		"werent", "wont", "wouldnt", "shouldnt", "couldnt", "havent", "hasnt", "hadnt", "mustnt", "unable", "impossible":
		return true
	}
	return false
}
