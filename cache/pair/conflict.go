package pair

// Conflict is a difference that makes two questions two, however alike they are.
type Conflict uint8

// Conflicts.
const (
	NoConflict Conflict = iota
	Numbers             // a number, or its unit, differs
	Identifiers
	Negation
	Entities // both name somebody or something that the other does not
	Quotes
	Code
	Dates
	Languages // another language, of people or programs, or another currency
	Script    // written in another script
	Opposites // a word against its antonym
	Roles     // the same names in other roles
	Swapped   // one word replaced by one that does not mean the same, all else equal
	TooLong   // longer than the verifier reads
	Asking    // for a way, a reason, a time or somebody, and the other for another of these
	Narrowed  // all that the other asks, for something or somebody of whom the other does not speak
	conflictCount
)

var conflictNames = [conflictCount]string{
	"none", "numbers", "identifiers", "negation", "entities", "quotes", "code", "dates", "languages", "script", "opposites", "roles", "swapped", "too_long",
	"asking", "narrowed",
}

// String returns the conflict's name.
func (c Conflict) String() string {
	if c < conflictCount {
		return conflictNames[c]
	}
	return "unknown"
}

// Literal tells whether a conflict is one of letters that an answer will repeat: no learning outweighs it.
func (c Conflict) Literal() bool {
	return c == Identifiers || c == Quotes || c == Code || c == Script || c == TooLong
}

// apart is how unlike a word and its replacement must be to be a conflict.
const apart = 0.35

func (c *comparison) conflict(f *Features) Conflict {
	switch {
	case f[namesDiffer] > 0:
		return Identifiers
	case f[quotesDiffer] > 0:
		return Quotes
	case c.a.code != c.b.code:
		return Code
	case c.a.script != c.b.script:
		return Script
	case f[numbersDiffer] > 0:
		return Numbers
	case f[datesDiffer] > 0:
		return Dates
	case f[tonguesDiffer] > 0:
		return Languages
	case f[negationOdd] > 0:
		return Negation
	case f[opposites] > 0:
		return Opposites
	case f[entitiesClash] > 0:
		return Entities
	case f[aroundRole] > 0:
		return Roles
	case c.a.asks != c.b.asks && c.a.asks != 0 && c.b.asks != 0:
		return Asking
	case f[substitution] > apart:
		return Swapped
	case c.narrowed():
		return Narrowed
	default:
		return NoConflict
	}
}

// narrowed tells whether one side has all words of content of the other, and after a word with a role one more: for a minor, at night.
func (c *comparison) narrowed() bool {
	for side, s := range [2]*Side{c.a, c.b} {
		if c.unmatchedN[side] == 0 || c.unmatchedN[1-side] > 0 {
			continue
		}
		for i := range s.tokens {
			if !s.tokens[i].role {
				continue
			}
			if j := s.filler(i); j >= 0 && !c.stems[side][j] && !s.tokens[j].idle {
				return true
			}
		}
	}
	return false
}
