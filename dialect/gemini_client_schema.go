package dialect

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// jsonSchema says a schema of Google's subset of OpenAPI as JSON Schema: types in small letters, nullable as a type, properties in the order that
// propertyOrdering gives them. What is no schema stays as it is.
func jsonSchema(raw json.RawMessage) json.RawMessage { return jsonSchemaTo(raw, deepest) }

func jsonSchemaTo(raw json.RawMessage, deep int) json.RawMessage {
	all, ok := membersOf(raw)
	if !ok || deep == 0 {
		return raw
	}
	var out []member
	var order []string
	nullable := false
	for _, m := range all {
		switch name := camelName(m.name); name {
		case "nullable":
			nullable = string(m.value) == "true"
			continue
		case "propertyOrdering":
			if json.Unmarshal(m.value, &order) != nil {
				order = nil
			}
			continue
		default:
			out = append(out, member{keyword(name), schemaValue(name, m.value, deep-1)})
		}
	}
	for i, m := range out {
		switch {
		case m.name == "properties":
			out[i].value = ordered(m.value, order)
		case m.name == "type" && nullable && m.value[0] == '"':
			out[i].value = encode(nil, []json.RawMessage{m.value, json.RawMessage(`"null"`)})
		case m.name == "enum" && nullable:
			var values []json.RawMessage
			if json.Unmarshal(m.value, &values) == nil {
				out[i].value = encode(nil, append(values, json.RawMessage("null")))
			}
		}
	}
	return object(out)
}

// keyword is a member's name in JSON Schema.
func keyword(name string) string {
	switch name {
	case "example":
		return "examples"
	case "ref", "defs":
		return "$" + name
	}
	return name
}

// schemaValue is a member's value in JSON Schema.
func schemaValue(name string, raw json.RawMessage, deep int) json.RawMessage {
	switch name {
	case "type":
		var kind string
		if json.Unmarshal(raw, &kind) == nil {
			return encode(nil, strings.ToLower(kind))
		}
	case "example":
		return encode(nil, []json.RawMessage{raw})
	case "items", "additionalProperties":
		return jsonSchemaTo(raw, deep)
	case "anyOf", "oneOf", "allOf", "prefixItems":
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) == nil {
			for i := range all {
				all[i] = jsonSchemaTo(all[i], deep)
			}
			return encode(nil, all)
		}
	case "properties", "defs", "$defs":
		if all, ok := membersOf(raw); ok {
			for i := range all {
				all[i].value = jsonSchemaTo(all[i].value, deep)
			}
			return object(all)
		}
	case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties": // int64, which proto JSON writes as text
		var text string
		if json.Unmarshal(raw, &text) == nil {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				return encode(nil, n)
			}
		}
	}
	return raw
}

// ordered puts properties into the order that is asked for; those that are not named come after.
func ordered(raw json.RawMessage, order []string) json.RawMessage {
	all, ok := membersOf(raw)
	if !ok || len(order) == 0 {
		return raw
	}
	place := func(m member) int {
		if i := slices.Index(order, m.name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(all, func(a, b member) int { return place(a) - place(b) })
	return object(all)
}
