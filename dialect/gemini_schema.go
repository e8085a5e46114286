package dialect

import (
	"bytes"
	"encoding/json"
	"strings"
)

// openAPI says a JSON Schema in the subset of OpenAPI that Gemini's function declarations are written in. False: the subset cannot say it, and the
// schema must go as it is.
func openAPI(schema json.RawMessage) (json.RawMessage, bool) {
	decoder := json.NewDecoder(bytes.NewReader(schema))
	decoder.UseNumber()
	var root map[string]any
	if decoder.Decode(&root) != nil {
		return nil, false
	}
	r := schemaReader{root: root}
	out, ok := r.object(root)
	if !ok {
		return nil, false
	}
	raw, err := encoded(out)
	return raw, err == nil
}

// schemaReader reads one schema.
type schemaReader struct {
	root map[string]any
	deep int // of references followed: one that leads back to itself has no end, and no place in the subset
	made int // objects read by following references: those that lead to several others each multiply
}

// meanings are the keywords that the subset has under the same name and with the same values.
var meanings = map[string]bool{
	"format": true, "title": true, "description": true, "nullable": true, "default": true, "example": true, "pattern": true,
	"minimum": true, "maximum": true, "minLength": true, "maxLength": true, "minItems": true, "maxItems": true,
	"minProperties": true, "maxProperties": true, "required": true, "propertyOrdering": true,
}

// object reads one schema object.
func (r *schemaReader) object(in map[string]any) (map[string]any, bool) {
	if r.deep > 0 {
		r.made++
	}
	if r.made > mostReferred {
		return nil, false
	}
	if ref, ok := in["$ref"].(string); ok {
		return r.reference(in, ref)
	}
	out := map[string]any{}
	for name, value := range in {
		ok := true
		switch name {
		case "type":
			ok = typeOf(out, value)
		case "properties":
			out["properties"], ok = r.properties(value)
		case "items":
			out["items"], ok = r.value(value)
		case "anyOf", "oneOf":
			_, both := in["oneOf"]
			ok = !(both && name == "anyOf") && r.anyOf(out, value)
		case "enum":
			ok = enumOf(out, value)
		case "const":
			ok = enumOf(out, []any{value})
		case "additionalProperties":
			_, isSchema := value.(map[string]any)
			ok = !isSchema
		case "$schema", "$id", "$comment", "$defs", "definitions", "examples", "deprecated", "readOnly", "writeOnly", "strict":
		default:
			if ok = meanings[name]; ok {
				out[name] = value
			}
		}
		if !ok {
			return nil, false
		}
	}
	if out["type"] == nil && out["properties"] != nil {
		out["type"] = "OBJECT"
	}
	return out, true
}

func (r *schemaReader) value(v any) (map[string]any, bool) {
	in, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	return r.object(in)
}

// mostReferences bounds how deep references are followed, mostReferred how many objects they lead to.
const mostReferences, mostReferred = 16, 1000

// reference puts what a reference within the schema leads to in its place.
func (r *schemaReader) reference(in map[string]any, ref string) (map[string]any, bool) {
	path, local := strings.CutPrefix(ref, "#/")
	if r.deep++; !local || r.deep > mostReferences {
		return nil, false
	}
	defer func() { r.deep-- }()
	at := r.root
	for name := range strings.SplitSeq(path, "/") {
		next, ok := at[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(map[string]any)
		if !ok {
			return nil, false
		}
		at = next
	}
	out, ok := r.object(at)
	if text, told := in["description"]; ok && told {
		out["description"] = text
	}
	return out, ok
}

func (r *schemaReader) properties(value any) (map[string]any, bool) {
	in, ok := value.(map[string]any)
	out := make(map[string]any, len(in))
	for name, v := range in {
		if out[name], ok = r.value(v); !ok {
			return nil, false
		}
	}
	return out, ok
}

// anyOf reads alternatives; null among them makes the rest nullable.
func (r *schemaReader) anyOf(out map[string]any, value any) bool {
	list, ok := value.([]any)
	if !ok || out["anyOf"] != nil {
		return false
	}
	var all []any
	for _, v := range list {
		if in, _ := v.(map[string]any); in["type"] == "null" {
			out["nullable"] = true
			continue
		}
		one, ok := r.value(v)
		if !ok {
			return false
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return false
	}
	out["anyOf"] = all
	return true
}

// typeOf reads a type, or a list of one and null.
func typeOf(out map[string]any, value any) bool {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, v := range list {
		name, _ := v.(string)
		switch {
		case name == "null":
			out["nullable"] = true
		case name == "" || out["type"] != nil: // of several types the subset has no union but anyOf
			return false
		default:
			out["type"] = strings.ToUpper(name)
		}
	}
	return out["type"] != nil
}

// enumOf reads an enumeration, which the subset has of strings only.
func enumOf(out map[string]any, value any) bool {
	list, ok := value.([]any)
	if !ok {
		return false
	}
	for _, v := range list {
		if _, isText := v.(string); !isText {
			return false
		}
	}
	out["enum"] = list
	if out["type"] == nil {
		out["type"] = "STRING"
	}
	return true
}
