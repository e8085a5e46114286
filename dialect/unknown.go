package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknownMember is a member that nobody here knows, within a message, a tool or another part of a request.
type unknownMember struct {
	at, name string
	answered bool // it is of an earlier answer
}

// strictly reads a value, and notes the members in it that nobody knows. Where there are none, as nearly always, that costs nothing.
func (r *chatRequest) strictly(raw json.RawMessage, into any, at string) error {
	if len(given(raw)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil || !strings.Contains(err.Error(), "unknown field") { // encoding/json has no type for it
		return err
	}
	value := reflect.ValueOf(into).Elem()
	value.SetZero() // of what was read so far
	r.unknown = unknownIn(raw, value.Type(), at, r.unknown)
	return json.Unmarshal(raw, into)
}

// unknownIn walks a value beside the type that it is read into. What says nothing is not lost.
func unknownIn(raw json.RawMessage, shape reflect.Type, at string, found []unknownMember) []unknownMember {
	switch shape.Kind() {
	case reflect.Pointer:
		return unknownIn(raw, shape.Elem(), at, found)
	case reflect.Slice:
		var all []json.RawMessage
		if shape.Elem().Kind() == reflect.Uint8 || json.Unmarshal(raw, &all) != nil {
			return found
		}
		for i := range all {
			found = unknownIn(all[i], shape.Elem(), fmt.Sprintf("%s[%d]", at, i), found)
		}
	case reflect.Struct:
		var all members
		if json.Unmarshal(raw, &all) != nil {
			return found
		}
		known := map[string]reflect.Type{}
		for field := range shape.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			known[name] = field.Type
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			inner, is := known[name]
			switch value := string(all[name]); {
			case is:
				found = unknownIn(all[name], inner, at+"."+name, found)
			case value != `""` && !isUsual(name, value):
				found = append(found, unknownMember{at: at, name: name})
			}
		}
	}
	return found
}

// within reads the members of a request that have members of their own.
func (r *chatRequest) within() error {
	for name, into := range map[string]any{"messages": &r.Messages, "tools": &r.Tools, "response_format": &r.ResponseFormat} {
		if err := r.strictly(r.Rest[name], into, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for i := range r.unknown {
		r.unknown[i].answered = r.saidAt(r.unknown[i].at)
	}
	return nil
}

// saidAt tells whether a way leads into an earlier answer.
func (r *chatRequest) saidAt(at string) bool {
	var i int
	_, err := fmt.Sscanf(at, "messages[%d]", &i)
	return err == nil && i < len(r.Messages) && r.Messages[i].Role == "assistant"
}

// labels are members that clients write where nobody reads them: which message it is and from when, and hints for a cache or of a form.
var labels = []string{"id", "type", "status", "timestamp", "createdAt", "created_at", "cache_control", "strict"}

// unknown loses what nobody knows. Of an earlier answer it is noted: clients send back what they were told, and it asks for nothing. So are labels.
func (l *losses) unknown(all []unknownMember) {
	for _, m := range all {
		if m.answered || slices.Contains(labels, m.name) || m.name == "format" && strings.HasSuffix(m.at, ".image_url") {
			l.note(m.name)
		} else {
			l.lose(m.at + "." + m.name)
		}
	}
}
