package policy

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// list is a sequence of entries.
type list[T any] struct {
	spot
	items []T
}

func (l *list[T]) read(d *decoder, n *yaml.Node, f field) {
	l.at, l.ok = placeOf(n), true
	if isNull(n) { // a section whose entries are all commented out
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.mismatch(n, f, "a list", "write each entry on a line that begins with a dash, or as [one, two]")
		l.ok = false
		return
	}
	l.items = make([]T, len(n.Content))
	for i, child := range n.Content {
		d.read(child, &l.items[i], field{key: f.key, path: fmt.Sprintf("%s[%d]", f.path, i+1), tag: f.tag})
	}
}

// table is a mapping of names that the file's author makes up.
type table[T any] struct {
	spot
	rows []row[T]
}

type row[T any] struct {
	at    place
	name  string
	value T
}

func (t *table[T]) read(d *decoder, n *yaml.Node, f field) {
	t.at, t.ok = placeOf(n), true
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.mismatch(n, f, "names with their entries", fmt.Sprintf("write each %s with a colon after it", f.tag.Get("each")))
		t.ok = false
		return
	}
	t.rows = make([]row[T], 0, len(n.Content)/2)
	for key, child := range d.pairs(n, f) {
		t.rows = append(t.rows, row[T]{at: placeOf(key), name: key.Value})
		last := &t.rows[len(t.rows)-1]
		if secretShape.MatchString(key.Value) {
			d.problem(last.at, secretHint(f), "a name in %s looks like a secret", f.called())
		}
		d.read(child, &last.value, field{key: key.Value, path: f.under(key.Value), tag: f.tag})
	}
}

func (t *table[T]) has(name string) bool {
	return slices.ContainsFunc(t.rows, func(r row[T]) bool { return r.name == name })
}

// words is a name, or a list of names of which none stands twice.
type words struct {
	spot
	items []text
}

func (w *words) read(d *decoder, n *yaml.Node, f field) {
	w.at = placeOf(n)
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	if len(nodes) == 0 {
		d.problem(w.at, "name at least one", "%s is an empty list", f.called())
		return
	}
	w.ok = true
	seen := make(map[string]bool, len(nodes))
	for _, child := range nodes {
		var item text
		if d.read(child, &item, f); !item.ok {
			w.ok = false
			continue
		}
		if seen[item.value] {
			d.problem(item.at, "name it once", "%s names %s twice", f.called(), quoted(item.value))
		}
		seen[item.value] = true
		w.items = append(w.items, item)
	}
}

// values returns the names.
func (w *words) values() []string {
	values := make([]string, len(w.items))
	for i := range w.items {
		values[i] = w.items[i].value
	}
	return values
}
