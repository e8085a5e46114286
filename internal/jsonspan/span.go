// Package jsonspan walks JSON text where it lies: strictly, in one pass, without copying and without allocating.
// It is separate because request, answer and cache all need to find parts of bodies that must stay byte-exact.
package jsonspan

// MaxDepth is how many objects and arrays may be nested in each other; deeper text is refused with TooDeep.
const MaxDepth = 512

// Span is a part of a text: its first byte and the one after its last.
type Span struct{ Start, End int }

// Of returns the bytes of b that the span covers.
func (s Span) Of(b []byte) []byte { return b[s.Start:s.End] }

// Len returns how many bytes the span covers.
func (s Span) Len() int { return s.End - s.Start }

// Kind is what a JSON value is.
type Kind uint8

// Kinds. None is no value: the end of the text, or a byte that begins none.
const (
	None Kind = iota
	Null
	False
	True
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"nothing", "null", "false", "true", "a number", "a string", "an array", "an object"}

// String returns the kind as a sentence names it: "a string", "null".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is one JSON value in a text, surrounding whitespace excluded and a string's quotes included.
type Value struct {
	Span
	Kind    Kind
	Escaped bool // a string that holds a backslash: its Text must be unescaped before it is compared or counted
}

// Text returns what stands between a string's quotes, still escaped. It is for strings only.
func (v Value) Text() Span { return Span{v.Start + 1, v.End - 1} }

// Int returns the value of an integer written in plain digits, such as 42 or -1. It is false for every other value, also for
// 1e2 and 4.0 and for what does not fit an int64.
func (v Value) Int(b []byte) (int64, bool) {
	if v.Kind != Number {
		return 0, false
	}
	digits := v.Of(b)
	negative := digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	if len(digits) > 18 { // 10^18 fits; the few larger int64s are no count of anything
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
