package prompt

import (
	"bytes"
	"fmt"
	"slices"

	"bursar/exchange"
	"bursar/internal/jsonspan"
)

// Distinct refuses a body that is not one JSON object in UTF-8, or that has a member twice anywhere: of two, each reader may take another. It is
// for requests of other APIs than chat completions, which Read does not know.
func Distinct(body []byte) error {
	d := distinct{body: body, w: jsonspan.Walk(body)}
	if kind := d.w.Kind(); kind != jsonspan.Object && kind != jsonspan.None {
		return &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "not_an_object", Reason: exchange.ReasonBadRequest, NoRetry: true,
			Message: "The request body is " + kind.String() + ", not a JSON object.", Hint: "Send an object.",
		}
	}
	d.value()
	if d.fault != nil {
		return d.fault
	}
	if err := d.w.End(); err != nil {
		return &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "invalid_json", Reason: exchange.ReasonBadRequest, NoRetry: true, Err: err,
			Message: fmt.Sprintf("The request body is not valid JSON: %v.", err), Hint: "Send one JSON object in UTF-8.",
		}
	}
	return nil
}

// distinct is one pass over a body. The names of the objects that are under way lie in keys, one object's behind those of the one it is in.
type distinct struct {
	body  []byte
	w     jsonspan.Walker
	keys  [][]byte
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

// compare finds a name that comes twice.
func (d *distinct) compare(keys [][]byte) {
	slices.SortFunc(keys, bytes.Compare)
	for i := 1; i < len(keys) && d.fault == nil; i++ {
		if bytes.Equal(keys[i-1], keys[i]) {
			d.fault = &exchange.Fault{
				Status: 400, Type: "invalid_request_error", Code: "duplicate_member", Param: string(keys[i]), Reason: exchange.ReasonBadRequest, NoRetry: true,
				Message: fmt.Sprintf("An object of the request has the member %q twice.", keys[i]), Hint: "Send it once.",
			}
		}
	}
}
