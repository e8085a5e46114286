package jsonspan

// Get finds one value by the names on the way to it, such as "usage", "prompt_tokens", or by position in an array, such as
// "choices", "0", "finish_reason". Of doubled keys it takes the first. It is false if the value is absent or the text before
// its end is not JSON; the text behind it is not looked at.
func Get(text []byte, path ...string) (Value, bool) {
	w := Walk(text)
	for _, name := range path {
		if !w.find(name) {
			return Value{}, false
		}
	}
	v := w.Value()
	return v, w.err == nil
}

// find goes to the named member of the object due, or to the numbered element of the array due.
func (w *Walker) find(name string) bool {
	switch w.Kind() {
	case Object:
		w.Enter(Object)
		for w.Member() {
			if w.KeyIs(name) {
				return true
			}
		}
	case Array:
		index, ok := position(name)
		if !ok {
			return false
		}
		w.Enter(Array)
		for ; w.Element(); index-- {
			if index == 0 {
				return true
			}
		}
	}
	return false
}

func position(name string) (int, bool) {
	if name == "" || len(name) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(name) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
