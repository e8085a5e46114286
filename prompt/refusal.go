package prompt

import (
	"bytes"
	"errors"
	"fmt"

	"bursar/exchange"
	"bursar/internal/jsonspan"
)

// place is where a fault lies: a byte of the body, and the path that leads there.
type place struct {
	at     int
	index  int    // the message, -1 for none
	inside string // the object within the message or request that holds the member, "" for none
	member string
}

// param returns the path as OpenAI writes it: messages[2].tool_calls.
func (p place) param() string {
	path := ""
	join := func(name string) {
		if path != "" && name != "" {
			path += "."
		}
		path += name
	}
	if p.index >= 0 {
		path = fmt.Sprintf("messages[%d]", p.index)
	}
	join(p.inside)
	join(p.member)
	return path
}

// syntax refuses what is not JSON.
func (r *reader) syntax(err error) {
	var e *jsonspan.Error
	if !errors.As(err, &e) {
		panic("BUG: a walk failed without a jsonspan.Error: " + err.Error())
	}
	hint := "Send one JSON object in UTF-8."
	if len(bytes.TrimSpace(r.e.body)) == 0 {
		r.refuse(place{at: e.Offset, index: -1}, "invalid_json", "The request body is empty.", "Send the chat request as a JSON object.")
		return
	}
	if e.Problem == jsonspan.TooDeep {
		hint = fmt.Sprintf("Nest objects and arrays at most %d deep.", jsonspan.MaxDepth)
	}
	r.refuse(place{at: e.Offset, index: -1}, "invalid_json", "The request body is not valid JSON: "+e.Problem.String()+".", hint)
}

// missing refuses a request without a member, or with one that is empty or no such thing.
func (r *reader) missing(v jsonspan.Value, name, want string) {
	in := place{index: -1, at: v.Start, member: name}
	switch {
	case v.Kind == jsonspan.None:
		r.refuse(in, "missing_required_parameter", fmt.Sprintf("The request has no %q.", name), fmt.Sprintf("Set %q to %s.", name, want))
	case v.Kind == jsonspan.String || v.Kind == jsonspan.Array:
		r.refuse(in, "invalid_value", fmt.Sprintf("The request's %q must be %s, but it is empty or has another form.", name, want), "")
	default:
		r.wrongType(in, want, v.Kind)
	}
}

// wrongType refuses a known member of a wrong type or value.
func (r *reader) wrongType(in place, want string, got jsonspan.Kind) {
	if got == jsonspan.None { // the text broke off; the walker knows better what is wrong
		return
	}
	text := fmt.Sprintf("%q must be %s", in.param(), want)
	if got == jsonspan.Number {
		text += fmt.Sprintf(", but it is %.40s.", numberAt(r.e.body, in.at))
	} else {
		text += ", but it is " + got.String() + "."
	}
	r.refuse(in, "invalid_type", text, "")
}

func numberAt(body []byte, at int) []byte {
	end := at
	for end < len(body) && bytes.IndexByte([]byte("+-.eE0123456789"), body[end]) >= 0 {
		end++
	}
	return body[at:end]
}

// alias refuses another spelling of a known member.
func (r *reader) alias(in place) {
	r.refuse(in, "ambiguous_member",
		fmt.Sprintf("A member is another spelling of %q, by case or by escapes, and servers differ in whether they take it for that one.", in.param()),
		fmt.Sprintf("Write %q, or leave it out.", in.member))
}

// twice refuses a member that comes twice.
func (r *reader) twice(in place) {
	r.refuse(in, "duplicate_member",
		fmt.Sprintf("The member %q comes twice, and servers differ in which one they take.", in.param()), "Send it once.")
}

// wrong refuses whatever the text says.
func (r *reader) wrong(in place, text string) { r.refuse(in, "invalid_request", text, "") }

func (r *reader) refuse(in place, code, text, hint string) {
	if r.fault != nil {
		return
	}
	before := r.e.body[:min(in.at, len(r.e.body))]
	where := fmt.Sprintf("Line %d, byte %d of the body.", 1+bytes.Count(before, []byte("\n")), in.at)
	if hint != "" {
		hint += " "
	}
	r.fault = &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: code, Param: in.param(), Message: text, Hint: hint + where,
		Reason: exchange.ReasonBadRequest, NoRetry: true,
	}
}
