package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := unescaped(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// unescaped leaves < and > as they are: comparisons are full of them, and people read the schema.
func unescaped(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// schema writes the JSON schema, of the draft that editors know best.
func (d *description) schema() ([]byte, error) {
	whole, err := d.structSchema(root, "")
	if err != nil {
		return nil, err
	}
	head := object{
		{"$schema", "http://json-schema.org/draft-07/schema#"},
		{"$comment", "Made by go generate ./policy from policy/file.go. Do not edit."},
		{"title", "Bursar policies.yaml"},
	}
	text, err := unescaped(append(head, whole...))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func (d *description) structSchema(name, doc string) (object, error) {
	s, ok := d.structs[name]
	if !ok {
		return nil, fmt.Errorf("schemagen does not know the type %s", name)
	}
	if doc == "" {
		doc = s.doc
	}
	var properties object
	needed := []string{}
	for _, f := range s.fields {
		schema, err := d.fieldSchema(f)
		if err != nil {
			return nil, err
		}
		properties = append(properties, member{f.key, schema})
		if f.tag.Get("need") != "" {
			needed = append(needed, f.key)
		}
	}
	o := object{{"description", doc}, {"type", "object"}, {"properties", properties}, {"additionalProperties", false}}
	if len(needed) > 0 {
		o = append(o, member{"required", needed})
	}
	return o, nil
}

func (d *description) fieldSchema(f field) (object, error) {
	one, err := d.kindSchema(f)
	if err != nil {
		return nil, err
	}
	doc := member{"description", f.described()}
	switch f.holder {
	case "list":
		o := object{doc, {"type", "array"}, {"items", one}}
		if f.tag.Get("need") != "" {
			o = append(o, member{"minItems", 1})
		}
		return o, nil
	case "table":
		return object{doc, {"type", "object"}, {"additionalProperties", one}}, nil
	}
	if _, isStruct := d.structs[f.kind]; isStruct {
		one[0] = doc
		return one, nil
	}
	o := append(object{doc}, one...)
	if example, ok := f.exampleJSON(); ok {
		o = append(o, member{"examples", []any{example}})
	}
	return o, nil
}

// described is a field's comment with what holds if it is absent.
func (f field) described() string {
	if usual := f.tag.Get("usual"); usual != "" {
		return f.doc + " Default: " + usual + "."
	}
	return f.doc
}

// exampleJSON is the field's example, if it is a plain word.
func (f field) exampleJSON() (any, bool) {
	like := f.tag.Get("like")
	if like == "" || strings.ContainsAny(like, "[{") {
		return nil, false
	}
	if f.kind == "text" || f.kind == "prose" || f.kind == "words" || f.kind == "span" || f.kind == "hours" || f.kind == "date" || f.kind == "comparison" && like != "true" {
		return like, true
	}
	return json.RawMessage(like), json.Valid([]byte(like))
}

// What leaves look like. They are a little wider than the decoder, which has the last word.
const (
	spanPattern       = `^([0-9]+d)?([0-9]+(\.[0-9]+)?(ms|s|m|h))*$`
	moneyPattern      = `^[0-9][0-9_]*(\.[0-9]+)?$`
	sharePattern      = `^[0-9]+(\.[0-9]+)?%$`
	comparisonPattern = `^((<|<=|>|>=|=|==)? *[0-9][0-9_]*(\.[0-9]+)?%?|[0-9][0-9_]*(\.[0-9]+)?%? *\.\. *[0-9][0-9_]*(\.[0-9]+)?%?)$`
	datePattern       = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2}))?$`
	hoursPattern      = `^[0-9]{1,2}(:00)? *- *[0-9]{1,2}(:00)?$`
)

func (d *description) kindSchema(f field) (object, error) {
	word := object{{"type", []string{"string", "number"}}}
	pattern := func(p string) object { return object{{"type", "string"}, {"pattern", p}} }
	switch f.kind {
	case "text", "prose":
		return word, nil
	case "words":
		list := object{{"type", "array"}, {"items", word}, {"minItems", 1}, {"uniqueItems", true}}
		return object{{"anyOf", []object{word, list}}}, nil
	case "choice":
		o := object{{"type", "string"}, {"enum", f.words("one")}}
		if usual := f.words("usual"); len(usual) == 1 {
			o = append(o, member{"default", usual[0]})
		}
		return o, nil
	case "toggle":
		return object{{"type", "boolean"}}, nil
	case "whole":
		return f.wholeSchema()
	case "span":
		return pattern(spanPattern), nil
	case "dollars", "rate":
		number := object{{"type", "number"}, {"minimum", 0}}
		return object{{"anyOf", []object{number, pattern(moneyPattern)}}}, nil
	case "share":
		number := object{{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1}}
		return object{{"anyOf", []object{pattern(sharePattern), number}}}, nil
	case "comparison":
		forms := []object{pattern(comparisonPattern), {{"type", "number"}, {"minimum", 0}}}
		if strings.Contains(f.tag.Get("unit"), "flag") {
			forms = append(forms, object{{"type", "boolean"}})
		}
		return object{{"anyOf", forms}}, nil
	case "hours":
		return pattern(hoursPattern), nil
	case "date":
		return pattern(datePattern), nil
	default:
		return d.structSchema(f.kind, "")
	}
}

func (f field) wholeSchema() (object, error) {
	o := object{{"type", "integer"}, {"minimum", 0}}
	for _, bound := range []struct{ tag, name string }{{"least", "minimum"}, {"most", "maximum"}} {
		text := f.tag.Get(bound.tag)
		if text == "" {
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", bound.tag, f.key, err)
		}
		if bound.name == "minimum" {
			o[1].value = v
		} else {
			o = append(o, member{bound.name, v})
		}
	}
	return o, nil
}
