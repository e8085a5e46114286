package verify

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// schema is a JSON schema. Of its words those are understood that say of which kind and how large a value is, and of what it is made:
// type, enum, const, properties, required, additionalProperties, items, prefixItems, anyOf, oneOf, allOf, not, $ref within the schema, and the
// bounds of numbers, lengths and counts. Others (pattern, format, if, ...) ask nothing here, so an answer is never found at fault for what was
// not understood.
type schema struct {
	root any
}

func parseSchema(text []byte) *schema {
	if len(text) == 0 {
		return nil
	}
	root, err := decode(text)
	if err != nil {
		return nil
	}
	if _, ok := root.(map[string]any); !ok {
		return nil
	}
	return &schema{root}
}

// misfit says where a value does not fit, "" if it does.
func (s *schema) misfit(v any) string {
	f := fitter{root: s.root, steps: mostSteps}
	return f.fit(v, s.root, "", 0)
}

// A fitter compares one value. Schemas may be recursive and branch, so its work is bounded: beyond it everything fits.
type fitter struct {
	root  any
	steps int
}

const (
	mostSteps = 100_000
	mostDepth = 64
)

func (f *fitter) fit(v, with any, at string, depth int) string {
	f.steps--
	if f.steps < 0 || depth > mostDepth {
		return ""
	}
	s, ok := with.(map[string]any)
	if !ok {
		if with == false {
			return f.say(at, "is not allowed")
		}
		return ""
	}
	if ref, ok := s["$ref"].(string); ok {
		if to, found := f.resolve(ref); found {
			if why := f.fit(v, to, at, depth+1); why != "" {
				return why
			}
		}
	}
	if why := f.fitKind(v, s, at); why != "" {
		return why
	}
	if why := f.fitBranches(v, s, at, depth); why != "" {
		return why
	}
	switch v := v.(type) {
	case map[string]any:
		return f.fitObject(v, s, at, depth)
	case []any:
		return f.fitArray(v, s, at, depth)
	case string:
		return f.between(int64(utf8.RuneCountInString(v)), s, "minLength", "maxLength", at, "characters")
	case json.Number:
		return f.fitNumber(v, s, at)
	}
	return ""
}

func (f *fitter) say(at, what string, args ...any) string {
	if at == "" {
		at = "it"
	}
	return short(at) + " " + fmt.Sprintf(what, args...)
}

// resolve finds what a reference within the schema points to.
func (f *fitter) resolve(ref string) (any, bool) {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	at := f.root
	for _, name := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		if name == "" {
			continue
		}
		f.steps--
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]; !ok {
			return nil, false
		}
	}
	return at, true
}

// fitKind compares with type, enum and const.
func (f *fitter) fitKind(v any, s map[string]any, at string) string {
	switch want := s["type"].(type) {
	case string:
		if !isKind(v, want) {
			return f.say(at, "is no %s", short(want))
		}
	case []any:
		if !slices.ContainsFunc(want, func(w any) bool { kind, ok := w.(string); return ok && isKind(v, kind) }) {
			return f.say(at, "is of none of the kinds allowed")
		}
	}
	if enum, ok := s["enum"].([]any); ok {
		f.steps -= len(enum)
		if !slices.ContainsFunc(enum, func(w any) bool { return same(v, w) }) {
			return f.say(at, "is none of the values allowed")
		}
	}
	if want, ok := s["const"]; ok && !same(v, want) {
		return f.say(at, "is not the value demanded")
	}
	return ""
}

func isKind(v any, kind string) bool {
	switch kind {
	case "object":
		_, ok := v.(map[string]any)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "string":
		_, ok := v.(string)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "null":
		return v == nil
	case "number":
		_, ok := v.(json.Number)
		return ok
	case "integer":
		n, ok := v.(json.Number)
		return ok && isWhole(n)
	default:
		return true
	}
}

// isWhole tells whether a number is one: 3, 3.0 and 3e2 are.
func isWhole(n json.Number) bool {
	if _, err := n.Int64(); err == nil {
		return true
	}
	r, ok := rational(n)
	return !ok || r.IsInt()
}

// rational is a number's exact value. Numbers with large exponents are not worked out.
func rational(n json.Number) (*big.Rat, bool) {
	text := n.String()
	if _, exponent, found := strings.Cut(strings.ToLower(text), "e"); len(text) > 100 || found && len(strings.TrimLeft(exponent, "+-0")) > 2 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// same tells whether two values are equal; numbers by their value.
func same(a, b any) bool {
	x, ok := a.(json.Number)
	y, too := b.(json.Number)
	if !ok || !too {
		return reflect.DeepEqual(a, b)
	}
	p, fine := rational(x)
	q, too := rational(y)
	if !fine || !too {
		return x == y
	}
	return p.Cmp(q) == 0
}

// fitBranches compares with allOf, anyOf, oneOf and not.
func (f *fitter) fitBranches(v any, s map[string]any, at string, depth int) string {
	all, _ := s["allOf"].([]any)
	for _, with := range all {
		if why := f.fit(v, with, at, depth+1); why != "" {
			return why
		}
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		branches, ok := s[word].([]any)
		if !ok || len(branches) == 0 {
			continue
		}
		fitting := 0
		for _, with := range branches {
			if f.fit(v, with, at, depth+1) == "" {
				fitting++
			}
		}
		if fitting == 0 || f.steps >= 0 && word == "oneOf" && fitting > 1 {
			return f.say(at, "fits %d of the forms of %s", fitting, word)
		}
	}
	if with, ok := s["not"]; ok {
		if why := f.fit(v, with, at, depth+1); why == "" && f.steps >= 0 && depth < mostDepth {
			return f.say(at, "fits what it must not")
		}
	}
	return ""
}

func (f *fitter) fitObject(v, s map[string]any, at string, depth int) string {
	required, _ := s["required"].([]any)
	for _, name := range required {
		if name, ok := name.(string); ok {
			if _, there := v[name]; !there {
				return f.say(at, "lacks %q", short(name))
			}
		}
	}
	properties, _ := s["properties"].(map[string]any)
	_, patterns := s["patternProperties"]
	for name, member := range v {
		inside := name
		if at != "" {
			inside = at + "." + name
		}
		if with, known := properties[name]; known {
			if why := f.fit(member, with, inside, depth+1); why != "" {
				return why
			}
		} else if more, ok := s["additionalProperties"]; ok && !patterns {
			if more == false {
				return f.say(at, "has a member that is not allowed")
			}
			if why := f.fit(member, more, inside, depth+1); why != "" {
				return why
			}
		}
	}
	return f.between(int64(len(v)), s, "minProperties", "maxProperties", at, "members")
}

func (f *fitter) fitArray(v []any, s map[string]any, at string, depth int) string {
	first, _ := s["prefixItems"].([]any)
	items, ok := s["items"]
	for i, element := range v {
		with, given := items, ok
		if i < len(first) {
			with, given = first[i], true
		}
		if !given {
			break
		}
		if why := f.fit(element, with, at+"[]", depth+1); why != "" {
			return why
		}
	}
	return f.between(int64(len(v)), s, "minItems", "maxItems", at, "elements")
}

func (f *fitter) fitNumber(v json.Number, s map[string]any, at string) string {
	n, ok := rational(v)
	if !ok {
		return ""
	}
	for _, bound := range []struct {
		word string
		bad  func(order int) bool
	}{
		{"minimum", func(o int) bool { return o < 0 }},
		{"maximum", func(o int) bool { return o > 0 }},
		{"exclusiveMinimum", func(o int) bool { return o <= 0 }},
		{"exclusiveMaximum", func(o int) bool { return o >= 0 }},
	} {
		limit, ok := s[bound.word].(json.Number)
		if !ok {
			continue
		}
		if r, ok := rational(limit); ok && bound.bad(n.Cmp(r)) {
			return f.say(at, "is beyond its %s", bound.word)
		}
	}
	return ""
}

// between compares a length with its bounds.
func (f *fitter) between(n int64, s map[string]any, least, most, at, of string) string {
	if bound, ok := s[least].(json.Number); ok {
		if b, err := bound.Int64(); err == nil && n < b {
			return f.say(at, "has %d %s, at least %d are demanded", n, of, b)
		}
	}
	if bound, ok := s[most].(json.Number); ok {
		if b, err := bound.Int64(); err == nil && n > b {
			return f.say(at, "has %d %s, at most %d are allowed", n, of, b)
		}
	}
	return ""
}
