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
	conflictCount
)

var conflictNames = [conflictCount]string{
	"none", "numbers", "identifiers", "negation", "entities", "quotes", "code", "dates", "languages", "script", "opposites", "roles", "swapped", "too_long",
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
	case f[substitution] > apart:
		return Swapped
	default:
		return NoConflict
	}
}
