package pair

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"bursar/cache/embed"
)

// Side is one question of a pair, read once and compared with many. Its zero value is ready; reading into a used one reuses its memory.
type Side struct {
	text    string
	vector  embed.Vector
	tokens  []token
	vectors []embed.Vector // of the tokens
	grams   gramSet
	numbers []number
	names   []uint64 // hashes of identifiers: words with a digit and a letter in them
	dates   []uint64
	tongues []uint64 // languages, of people and of programs, and currencies
	quotes  uint64   // digest of what stands in quotation marks, 0 without
	code    uint64   // digest of code spans and of signs that only code has, 0 without
	negated int      // negations
	script  script
	wh      uint64 // first question word
	asks    uint64 // what it asks for: a way, a reason, a time, somebody, how much; 0 if it does not tell
	content int    // tokens that are not stop words
	weight  float32
	long    bool // longer than the verifier reads
	scratch []embed.Token
}

// maxTokens bounds what the verifier reads. A longer question differs from others in places that nobody compared, so it has no pair.
const maxTokens = 192

type token struct {
	start, end uint32
	hash, stem uint64
	idf        float32
	kind       embed.Kind
	stop       bool
	negation   bool
	role       bool     // a word after which it matters who or what stands
	idle       bool     // after a role it says nothing
	entity     bool     // written as a name: a capital inside the sentence, or capitals only
	digit      bool     // a number, in digits or spelled
	antonyms   []uint64 // hashes of the stems of its opposites
}

// number is a number as it counts: its digits without separators, and the unit that follows.
type number struct{ digits, unit uint64 }

type script uint8

const (
	noScript script = iota
	latin
	cyrillic
	greek
	arabic
	hebrew
	han
	kana
	hangul
	devanagari
	otherScript
)

// Read reads a question. The text must not change while the side is in use.
func (v *Verifier) Read(text string, s *Side) {
	v.embedder.Embed(text, &s.vector)
	v.ReadWith(text, &s.vector, s)
}

// ReadWith reads a question whose vector is known.
func (v *Verifier) ReadWith(text string, vector *embed.Vector, s *Side) {
	s.text, s.vector = text, *vector
	s.tokens, s.vectors = s.tokens[:0], s.vectors[:0]
	s.numbers, s.names, s.dates, s.tongues = s.numbers[:0], s.names[:0], s.dates[:0], s.tongues[:0]
	s.quotes, s.code, s.negated, s.wh, s.asks, s.content, s.weight = 0, 0, 0, 0, 0, 0, 0
	s.scratch = v.embedder.Tokens(s.scratch[:0], text)
	s.long = len(s.scratch) > maxTokens
	if s.long {
		s.scratch = s.scratch[:maxTokens]
	}
	s.readScript()
	s.readTokens(v)
	s.readLiterals()
	s.readMarks()
	s.readGrams()
}

func (s *Side) readTokens(v *Verifier) {
	for i := range s.scratch {
		t := s.scratch[i]
		if t.Kind == embed.Symbol && s.text[t.Start] == '?' {
			continue
		}
		s.tokens, s.vectors = append(s.tokens, token{}), append(s.vectors, embed.Vector{})
		into := &s.tokens[len(s.tokens)-1]
		into.start, into.end = t.Start, t.End
		into.hash, into.kind, into.idf = t.Hash, t.Kind, v.embedder.IDF(t)
		v.embedder.WordVector(t, s.text, &s.vectors[len(s.vectors)-1])
		word := v.lexicon.words.look(mix(t.Hash))
		into.stem = stemOf(t.Text(s.text), t.Hash)
		into.stop, into.negation, into.role, into.idle = word.stop, word.negation, word.role, word.idle
		into.antonyms = v.lexicon.opposites.look(into.stem)
		into.digit = t.Kind == embed.Number || word.number != 0
		into.entity = t.Kind == embed.Word && !word.stop && s.capital(t, i)
		if into.negation {
			s.negated++
		}
		if word.question && s.wh == 0 {
			s.wh, s.asks = t.Hash, s.asksFor(v, word, i)
		}
		if word.date {
			s.dates = append(s.dates, word.same)
		}
		if word.tongue {
			s.tongues = append(s.tongues, word.same)
		}
		if word.number != 0 && !word.stop {
			s.numbers = append(s.numbers, number{digits: word.number, unit: s.unitAfter(v, i)})
		}
		if !into.stop {
			s.content++
		}
		s.weight += into.idf
	}
	s.readNumbers(v)
}

// asksFor is what a question word asks for. "How come" is why, "how many" how much, and what comes later in the sentence is not looked at.
func (s *Side) asksFor(v *Verifier, w word, i int) uint64 {
	if w.asks != hashHow || i+1 >= len(s.scratch) {
		return w.asks
	}
	switch next := mix(s.scratch[i+1].Hash); {
	case next == hashCome:
		return hashWhy
	case v.lexicon.words.look(next).measure:
		return next
	default:
		return w.asks
	}
}

var hashHow, hashCome, hashWhy = hashWord("how"), hashWord("come"), hashWord("why")

func (s *Side) word(i int16) string { return s.text[s.tokens[i].start:s.tokens[i].end] }

// capital tells whether a word is written as a name. The first word of a sentence is, for no reason.
func (s *Side) capital(t embed.Token, i int) bool {
	word := t.Text(s.text)
	first, size := utf8.DecodeRuneInString(word)
	if !unicode.IsUpper(first) || word == "I" || strings.HasPrefix(word, "I'") {
		return false
	}
	if len(word) > size && capitals(word) {
		return true
	}
	if i == 0 {
		return false
	}
	between := s.text[s.scratch[i-1].End:t.Start]
	return !strings.ContainsAny(between, ".!?:\n") && s.text[s.scratch[i-1].Start] != '?'
}

// capitals tells whether a word is what strings.ToUpper makes of it.
func capitals(word string) bool {
	for _, r := range word {
		if unicode.ToUpper(r) != r {
			return false
		}
	}
	return utf8.ValidString(word)
}

// stemOf hashes a word without its commonest endings.
func stemOf(word string, hash uint64) uint64 {
	if len(word) < 5 {
		return mix(hash)
	}
	var endings []string
	switch c := word[len(word)-1]; {
	case c >= utf8.RuneSelf:
		endings = everyEnding // some letters beyond ASCII are others of ASCII in capitals
	case c|0x20 == 'g':
		endings = everyEnding[:1]
	case c|0x20 == 'd':
		endings = everyEnding[1:2]
	case c|0x20 == 's':
		endings = everyEnding[2:4]
	case c|0x20 == 'y':
		endings = everyEnding[4:]
	}
	for _, ending := range endings {
		if len(word) > len(ending)+3 && strings.EqualFold(word[len(word)-len(ending):], ending) {
			return hashWord(word[:len(word)-len(ending)])
		}
	}
	return mix(hash)
}

var everyEnding = []string{"ing", "ed", "es", "s", "ly"}

// hashWord hashes a word without regard to case, as stems are.
func hashWord(word string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(word) {
		c := word[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(h)
}

func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}
