package policy

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder walks YAML nodes along the structs of file.go. It never stops at a problem: whatever can be read is read.
type decoder struct {
	notes
	visited int    // nodes read, those reached by aliases counted each time
	opening string // how a file begins, for the hint to an empty one; "" is a policy
}

// mostNodes bounds what aliases can blow a file up to.
const mostNodes = 1 << 19

// field is a key of the file as its struct describes it.
type field struct {
	key  string // "" for the whole file
	path string // where it stands, for messages: providers.openai.base_url
	tag  reflect.StructTag
}

// words returns the words of a tag, as in one:"deny assume".
func (f field) words(tag string) []string { return strings.Fields(f.tag.Get(tag)) }

// under returns the path of something inside the field.
func (f field) under(key string) string {
	if f.path == "" {
		return key
	}
	return f.path + "." + key
}

// place is where something stands in the file. The zero place is nowhere: the key is absent.
type place struct{ line, column int }

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

// value is what can stand behind a key: a leaf of values.go, a list or a table.
type value interface {
	read(d *decoder, n *yaml.Node, f field)
}

// read reads a node into a value or into a pointer to a struct of file.go.
func (d *decoder) read(n *yaml.Node, into any, f field) {
	if v, ok := into.(value); ok {
		if n, ok = d.follow(n); ok {
			v.read(d, n, f)
		}
		return
	}
	d.object(n, into, f)
}

// object reads a mapping into a pointer to a struct whose fields are the keys that are known.
func (d *decoder) object(n *yaml.Node, into any, f field) {
	n, ok := d.follow(n)
	if !ok {
		return
	}
	v := reflect.ValueOf(into).Elem()
	if n.Kind != yaml.MappingNode && !isNull(n) {
		d.mismatch(n, f, "keys and values", "write the keys of it below, indented, or as { key: value }")
		return
	}
	v.FieldByName("At").Set(reflect.ValueOf(placeOf(n)))
	fields := fieldsOf(v.Type())
	var strays []string
	for key, child := range d.pairs(n, f) {
		at, known := fields[key.Value]
		if !known {
			d.unknownKey(key, child, f, fields)
			strays = append(strays, key.Value)
			continue
		}
		sub := field{key: key.Value, path: f.under(key.Value), tag: at.Tag}
		if slot := v.FieldByIndex(at.Index); slot.Kind() != reflect.Pointer {
			d.read(child, slot.Addr().Interface(), sub)
		} else {
			slot.Set(reflect.New(slot.Type().Elem()))
			d.object(child, slot.Interface(), sub)
		}
	}
	if count := v.FieldByName("Strays"); count.IsValid() {
		count.SetInt(int64(len(strays)))
	}
	d.missing(n, v.Type(), f, strays)
}

// pairs goes over the keys and values of a mapping. Keys that stand twice, and keys that are no names, are problems and left out.
func (d *decoder) pairs(n *yaml.Node, f field) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		first := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, ok := d.follow(n.Content[i])
			if !ok {
				return
			}
			switch {
			case key.Tag == "!!merge":
				d.problem(placeOf(key), "write the keys out", "merge keys (<<) are not known here")
			case key.Kind != yaml.ScalarNode || key.Tag == "!!null" || key.Value == "":
				d.problem(placeOf(n.Content[i]), "write a plain name before the colon", "a key of %s is not a name", f.called())
			case first[key.Value] > 0:
				d.problem(placeOf(n.Content[i]), "keep one of the two", "%q stands twice in %s: it is on line %d already", key.Value, f.called(), first[key.Value])
			default:
				first[key.Value] = max(1, n.Content[i].Line)
				if !yield(key, n.Content[i+1]) {
					return
				}
			}
		}
	}
}

// follow resolves an alias and counts the node. It is false once the file has blown up, which it reports once.
func (d *decoder) follow(n *yaml.Node) (*yaml.Node, bool) {
	if d.visited++; d.visited > mostNodes {
		if d.visited == mostNodes+1 {
			d.problem(placeOf(n), "write the repeated part fewer times", "the file is too large once its aliases are written out")
		}
		return nil, false
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias, n.Alias != nil
	}
	return n, true
}

// called names a field in a message.
func (f field) called() string {
	if f.path == "" {
		return "the file"
	}
	return f.path
}

func (d *decoder) unknownKey(key, child *yaml.Node, f field, fields map[string]reflect.StructField) {
	at := placeOf(key)
	if _, takesEnv := fields["key_env"]; takesEnv && secretKeys[strings.ToLower(key.Value)] {
		d.hide(child.Value)
		d.problem(at, "put the key into an environment variable and name it: key_env: OPENAI_API_KEY", "%q would put a secret into the file", key.Value)
		return
	}
	d.problem(at, d.didYouMean(key.Value, maps.Keys(fields)), "unknown key %q in %s", key.Value, f.called())
}

// secretKeys are the names under which a provider's key gets pasted into a file.
var secretKeys = map[string]bool{
	"key": true, "api_key": true, "apikey": true, "api-key": true, "token": true, "secret": true, "password": true,
	"authorization": true, "bearer": true,
}

// missing reports the needed keys that a mapping does not have, but for those that a stray key was most likely meant to be.
func (d *decoder) missing(n *yaml.Node, t reflect.Type, f field, strays []string) {
	for _, in := range reflect.VisibleFields(t) {
		tag := in.Tag
		key := tag.Get("key")
		meant := func(stray string) bool { return nearest(stray, []string{key}) != "" }
		if tag.Get("need") == "" || hasKey(n, key) || d.full() || slices.ContainsFunc(strays, meant) {
			continue
		}
		hint := "add " + key + ":"
		if like := tag.Get("like"); like != "" {
			hint += " " + like
		} else if one := tag.Get("one"); one != "" {
			hint += " with one of " + strings.Join(strings.Fields(one), ", ")
		}
		d.problem(placeOf(n), hint, "%s has no %q", f.called(), key)
	}
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Value == key || k.Kind == yaml.AliasNode && k.Alias != nil && k.Alias.Value == key {
			return true
		}
	}
	return false
}

// fieldsOf returns the keys of a struct of file.go, those of embedded structs included.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	fields := make(map[string]reflect.StructField, t.NumField())
	for _, in := range reflect.VisibleFields(t) {
		if key := in.Tag.Get("key"); key != "" {
			fields[key] = in
		}
	}
	return fields
}

// mismatch reports a node of the wrong kind.
func (d *decoder) mismatch(n *yaml.Node, f field, want, hint string) {
	d.problem(placeOf(n), hint, "%s is %s, but should be %s", f.called(), kindOf(n), want)
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	default:
		return quoted(n.Value)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
