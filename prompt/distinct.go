package prompt

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"bursar/exchange"
	"bursar/internal/jsonspan"
)

// Distinct refuses a body that is not one JSON object in UTF-8, or that has a member twice anywhere: of two, each reader may take another. It is
// for requests of other APIs than chat completions, which Read does not know. Cased tells of two names in one object that differ by case alone: decoders
// that ignore case, as Go's does, may take one for the other, so what we have read may not be what a provider reads.
func Distinct(body []byte) (cased bool, err error) {
	d := distinct{body: body, w: jsonspan.Walk(body)}
	if kind := d.w.Kind(); kind != jsonspan.Object && kind != jsonspan.None {
		return false, &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "not_an_object", Reason: exchange.ReasonBadRequest, NoRetry: true,
			Message: "The request body is " + kind.String() + ", not a JSON object.", Hint: "Send an object.",
		}
	}
	d.value()
	if d.fault != nil {
		return false, d.fault
	}
	if err := d.w.End(); err != nil {
		return false, &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "invalid_json", Reason: exchange.ReasonBadRequest, NoRetry: true, Err: err,
			Message: fmt.Sprintf("The request body is not valid JSON: %v.", err), Hint: "Send one JSON object in UTF-8.",
		}
	}
	return d.cased, nil
}

// distinct is one pass over a body. The names of the objects that are under way lie in keys, one object's behind those of the one it is in.
type distinct struct {
	body  []byte
	w     jsonspan.Walker
	keys  [][]byte
	cased bool
	fault *exchange.Fault
}

func (d *distinct) value() {
	switch d.w.Kind() {
	case jsonspan.Object:
		from := len(d.keys)
		d.w.Enter(jsonspan.Object)
		for d.w.Member() {
			d.keys = append(d.keys, d.key())
			d.value()
		}
		d.compare(d.keys[from:])
		d.keys = d.keys[:from]
	case jsonspan.Array:
		d.w.Enter(jsonspan.Array)
		for d.w.Element() {
			d.value()
		}
	default:
		d.w.Value()
	}
}

// key is the name of the current member, unescaped.
func (d *distinct) key() []byte {
	key := d.w.Key.Of(d.body)
	if d.w.KeyEscaped {
		key, _ = jsonspan.Unescape(nil, key) // the walker has validated it
	}
	return key
}

// compare finds a name that comes twice, and names that differ by case alone.
func (d *distinct) compare(keys [][]byte) {
	slices.SortFunc(keys, func(a, b []byte) int { return cmp.Or(compareFolded(a, b), bytes.Compare(a, b)) })
	for i := 1; i < len(keys) && d.fault == nil; i++ {
		switch {
		case bytes.Equal(keys[i-1], keys[i]):
			d.fault = &exchange.Fault{
				Status: 400, Type: "invalid_request_error", Code: "duplicate_member", Param: string(keys[i]), Reason: exchange.ReasonBadRequest, NoRetry: true,
				Message: fmt.Sprintf("An object of the request has the member %q twice.", keys[i]), Hint: "Send it once.",
			}
		case compareFolded(keys[i-1], keys[i]) == 0:
			d.cased = true
		}
	}
}

// compareFolded orders names as they are in lower case. Of letters beyond ASCII those matter that fold into it: names that we know are ASCII.
func compareFolded(a, b []byte) int {
	for len(a) > 0 && len(b) > 0 {
		x, n := folded(a)
		y, m := folded(b)
		if x != y {
			return cmp.Compare(x, y)
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

// folded is the first letter of a name, in lower case, and its size.
func folded(name []byte) (c byte, size int) {
	switch c = name[0]; {
	case c >= 'A' && c <= 'Z':
		return c | 0x20, 1
	case c == 0xc5 && bytes.HasPrefix(name, []byte("ſ")):
		return 's', len("ſ")
	case c == 0xe2 && bytes.HasPrefix(name, []byte("\u212a")): // the sign of Kelvin
		return 'k', len("\u212a")
	}
	return c, 1
}
