package jsonspan

// Walker reads one JSON text from front to back. Everything it passes is validated, looked at or not; after the first error
// every method returns nothing, so loops need no error checks inside and Err or End tells the whole story.
//
//	w := jsonspan.Walk(body)
//	if w.Enter(jsonspan.Object) {
//		for w.Member() {
//			if w.KeyIs("model") {
//				model = w.Value()
//			}
//		}
//	}
//	err := w.End()
//
// A value that a loop does not take is skipped. A loop over Member or Element must run until it returns false before the
// surrounding loop goes on.
type Walker struct {
	Key        Span // the name of the current member between its quotes, still escaped; set by Member
	KeyEscaped bool // Key holds a backslash

	text  []byte
	at    int
	depth int
	state state
	err   *Error
}

// state is what may come next.
type state uint8

const (
	due    state = iota // a value
	opened              // a first member or element, or the end of the container
	ended               // a comma and the next, or the end of the container
)

// Walk begins a walk at the text's only value.
func Walk(text []byte) Walker { return Walker{text: text} }

// Kind tells what value is next without taking it: None if none is.
func (w *Walker) Kind() Kind {
	if w.err != nil || w.state != due {
		return None
	}
	w.at = skipSpace(w.text, w.at)
	if w.at == len(w.text) {
		return None
	}
	return kinds[w.text[w.at]]
}

// Offset returns where the walk stands: before Value or Enter, after Kind, the first byte of the next value; after the last
// Member or Element, the byte after the container.
func (w *Walker) Offset() int { return w.at }

// Value takes the next value, nested ones whole.
func (w *Walker) Value() Value {
	kind := w.Kind()
	if w.err != nil {
		return Value{}
	}
	if w.state != due {
		panic("BUG: jsonspan: Value without a Member or Element before it")
	}
	if w.at == len(w.text) {
		w.fail(w.at, Truncated)
		return Value{}
	}
	v := Value{Kind: kind}
	v.Start = w.at
	var p Problem
	switch kind {
	case String:
		v.End, v.Escaped, p = scanString(w.text, w.at+1)
	case Object, Array:
		v.End, p = scanContainer(w.text, w.at, w.depth)
	default:
		v.End, p = scanScalar(w.text, w.at)
	}
	if p != sound {
		w.fail(v.End, p)
		return Value{}
	}
	w.at, w.state = v.End, ended
	return v
}

// Enter goes into the next value if it is of the given kind, Object or Array. If not, it takes nothing and returns false.
func (w *Walker) Enter(kind Kind) bool {
	if w.Kind() != kind {
		return false
	}
	if w.depth++; w.depth > MaxDepth {
		w.fail(w.at, TooDeep)
		return false
	}
	w.at++
	w.state = opened
	return true
}

// Member goes to the next member of the object entered and sets Key; its value is then due. It returns false, and leaves the
// object, after the last one.
func (w *Walker) Member() bool {
	if !w.next('}') {
		return false
	}
	if w.at == len(w.text) || w.text[w.at] != '"' {
		return w.fail(w.at, NoKey)
	}
	end, escaped, p := scanString(w.text, w.at+1)
	if p != sound {
		return w.fail(end, p)
	}
	w.Key, w.KeyEscaped = Span{w.at + 1, end - 1}, escaped
	w.at = skipSpace(w.text, end)
	if w.at == len(w.text) || w.text[w.at] != ':' {
		return w.fail(w.at, NoColon)
	}
	w.at++
	w.state = due
	return true
}

// Element goes to the next element of the array entered; it is then due. It returns false, and leaves the array, after the last.
func (w *Walker) Element() bool {
	if !w.next(']') {
		return false
	}
	w.state = due
	return true
}

// next passes the comma before a member or element, or the container's last byte.
func (w *Walker) next(end byte) bool {
	if w.err != nil {
		return false
	}
	if w.state == due {
		if w.Value(); w.err != nil {
			return false
		}
	}
	w.at = skipSpace(w.text, w.at)
	if w.at == len(w.text) {
		return w.fail(w.at, Truncated)
	}
	switch c := w.text[w.at]; {
	case c == end:
		w.at++
		w.depth--
		w.state = ended
		return false
	case w.state == opened:
		return true
	case c == ',':
		w.at = skipSpace(w.text, w.at+1)
		return true
	}
	return w.fail(w.at, NoComma)
}

// KeyIs tells whether the current member's name is name, however it is escaped.
func (w *Walker) KeyIs(name string) bool {
	raw := w.Key.Of(w.text)
	if !w.KeyEscaped {
		return string(raw) == name
	}
	return Equal(raw, name)
}

// Err returns the *Error that ended the walk, nil if it goes on.
func (w *Walker) Err() error {
	if w.err == nil {
		return nil
	}
	return w.err
}

// End takes what is left, the text's value included if nothing took it, and returns the first error: trailing text is one.
func (w *Walker) End() error {
	if w.err == nil && w.state == due {
		w.Value()
	}
	if w.err == nil {
		if w.at = skipSpace(w.text, w.at); w.at != len(w.text) {
			w.fail(w.at, Trailing)
		}
	}
	return w.Err()
}

func (w *Walker) fail(at int, p Problem) bool {
	if at >= len(w.text) {
		at, p = len(w.text), Truncated
	}
	w.err = &Error{Offset: at, Problem: p}
	return false
}
