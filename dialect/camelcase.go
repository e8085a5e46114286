package dialect

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"bursar/exchange"
)

// camelCased renames members that are written in snake_case, as Google's API takes both and its own examples for curl are written so. What is the
// client's own (arguments, results, schemas) stays as it is.
func camelCased(body []byte) []byte {
	for _, sign := range []string{`"inline_data"`, `"mime_type"`, `"file_data"`, `"file_uri"`, `"function_`, `"system_instruction"`, `"generation_config"`, `"tool_config"`, `"safety_settings"`, `"cached_content"`, `"thought_signature"`, `"media_resolution"`, `"output_dimensionality"`, `"task_type"`} {
		if bytes.Contains(body, []byte(sign)) {
			return camel(body, deepestMember)
		}
	}
	return body
}

// theirs are members whose values are the client's own.
var theirs = map[string]bool{
	"args": true, "response": true, "parameters": true, "parametersJsonSchema": true, "responseSchema": true, "responseJsonSchema": true,
	"partMetadata": true, "labels": true,
}

// deepestMember is how deep a member of the API's own may stand, deepest how deep schemas are looked into. Each level reads what is below it again.
const deepestMember, deepest = 16, 64

func camel(raw json.RawMessage, deep int) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || deep == 0:
		return raw
	case raw[0] == '{':
		all, ok := membersOf(raw)
		if !ok {
			return raw
		}
		for i := range all {
			if all[i].name = camelName(all[i].name); !theirs[all[i].name] {
				all[i].value = camel(all[i].value, deep-1)
			}
		}
		return object(all)
	case raw[0] == '[':
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) != nil {
			return raw
		}
		for i := range all {
			all[i] = camel(all[i], deep-1)
		}
		return encode(nil, all)
	}
	return raw
}

func camelName(name string) string {
	words := strings.Split(name, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" && words[0] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	if words[0] == "" { // names that begin with _ are nobody's
		return name
	}
	return strings.Join(words, "")
}

// member is one member of an object, where their order matters: models answer in the order of a schema's properties.
type member struct {
	name  string
	value json.RawMessage
}

// membersOf reads the members of an object in their order. False: it is none.
func membersOf(raw json.RawMessage) (all []member, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		m := member{name: name.(string)} // no other token stands before a value
		if decoder.Decode(&m.value) != nil {
			return nil, false
		}
		all = append(all, m)
	}
	return all, true
}

// object writes members as an object.
func object(all []member) json.RawMessage {
	out := []byte{'{'}
	for i, m := range all {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(encode(out, m.name), ':'), m.value...)
	}
	return append(out, '}')
}

// respell gives members of an object their names in camelCase, also where nothing else in the request is written in snake_case, or the name
// has escapes: Google would read it, so that a number of answers or a cap must not go unseen.
func respell(members map[string]json.RawMessage, at string) *exchange.Fault {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		camel := camelName(name)
		if camel == name {
			continue
		}
		if _, twice := members[camel]; twice {
			return malformed(at+name, "left out: `"+camel+"` says the same")
		}
		members[camel] = members[name]
		delete(members, name)
	}
	return nil
}
