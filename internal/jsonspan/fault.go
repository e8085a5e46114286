package jsonspan

import "fmt"

// Error is why a text was refused. Offset is the byte at which it became wrong.
type Error struct {
	Offset  int
	Problem Problem
}

// Error returns what is wrong and where.
func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Problem, e.Offset) }

// Problem is what can be wrong with a text.
type Problem uint8

// Problems.
const (
	sound      Problem = iota
	Truncated          // the text ends inside a value
	NoValue            // a byte that begins no value
	BadLiteral         // nearly true, false or null
	BadNumber          // 01, 1., -, 1e
	BadEscape          // \x, \u12
	BadControl         // a raw control character in a string
	BadUTF8            // a string that is not UTF-8
	NoKey              // a member without a quoted key
	NoColon            // a key without a colon
	NoComma            // neither a comma nor the end after a value
	Trailing           // more text after the value
	TooDeep            // more than MaxDepth levels
	problemCount
)

var problemNames = [problemCount]string{
	"no problem", "unexpected end of JSON", "expected a JSON value", "unknown literal", "malformed number",
	"malformed escape in a string", "raw control character in a string", "invalid UTF-8 in a string", "expected a quoted key",
	"expected ':' after a key", "expected ',' or the end of the object or array", "unexpected text after the JSON value",
	"objects and arrays nested too deep",
}

// String returns the problem in words.
func (p Problem) String() string {
	if p < problemCount {
		return problemNames[p]
	}
	return "unknown problem"
}
