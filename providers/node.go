package providers

import (
	"bytes"
	"slices"

	"bursar/internal/jsonspan"
)

// node is a JSON value that grows by deltas.
type node struct {
	key   []byte        // its name in the object it is in, still escaped
	kind  jsonspan.Kind // None before anything was said
	raw   []byte        // what it is, if neither a string, an object nor an array
	parts [][]byte      // what a string was put together from, still escaped
	kids  []*node       // members or elements
	index int64         // of an element that says its index; -1 if it does not
}

// merge takes the value due as a delta: strings are joined, objects merged by member, arrays by the index their elements say, or
// appended to; of everything else the last holds. Null says nothing.
func (n *node) merge(w *jsonspan.Walker, text, key []byte) error {
	kind := w.Kind()
	if kind != n.kind && kind != jsonspan.Null {
		*n = node{key: n.key, index: n.index, kind: kind}
	}
	switch kind {
	case jsonspan.Object:
		w.Enter(kind)
		for w.Member() {
			name := w.Key.Of(text)
			kid, err := n.member(name)
			if err == nil {
				err = kid.merge(w, text, name)
			}
			if err != nil {
				return err
			}
		}
	case jsonspan.Array:
		w.Enter(kind)
		for w.Element() {
			v := w.Value()
			if err := n.element(v, v.Of(text)); err != nil {
				return err
			}
		}
	case jsonspan.String:
		part := w.Value().Text().Of(text)
		if len(part) > 0 && (len(n.parts) == 0 || !saidOnce(key)) {
			n.parts = append(n.parts, part)
		}
	default:
		v := w.Value()
		if kind != jsonspan.Null || n.kind == jsonspan.None {
			n.kind, n.raw = kind, v.Of(text)
		}
	}
	return w.Err()
}

// saidOnce tells the strings that are names, not texts: vendors that repeat them in every delta do not mean them longer.
func saidOnce(key []byte) bool {
	switch string(key) {
	case "id", "type", "role", "name", "model", "format", "finish_reason", "object":
		return true
	}
	return false
}

// find returns the member of that name.
func (n *node) find(name []byte) *node {
	for _, kid := range n.kids {
		if bytes.Equal(kid.key, name) {
			return kid
		}
	}
	return nil
}

// member returns the member of that name, made if need be.
func (n *node) member(name []byte) (*node, error) {
	if kid := n.find(name); kid != nil {
		return kid, nil
	}
	if len(n.kids) >= mostParts {
		return nil, errTooMany
	}
	kid := &node{key: name, index: -1}
	n.kids = append(n.kids, kid)
	return kid, nil
}

// element takes one element of an array as a delta.
func (n *node) element(v jsonspan.Value, text []byte) error {
	index := int64(-1)
	if v.Kind == jsonspan.Object {
		if said, ok := jsonspan.Get(text, "index"); ok {
			if i, ok := said.Int(text); ok && i >= 0 {
				index = i
			}
		}
	}
	if index < 0 { // nothing can be added to it later: it is kept as it is
		n.kids = append(n.kids, &node{kind: jsonspan.None, raw: text, index: -1})
		return nil
	}
	at := slices.IndexFunc(n.kids, func(kid *node) bool { return kid.index == index })
	if at < 0 {
		if len(n.kids) >= mostParts {
			return errTooMany
		}
		at = len(n.kids)
		n.kids = append(n.kids, &node{index: index})
	}
	w := jsonspan.Walk(text)
	return n.kids[at].merge(&w, text, nil)
}

// replace sets a member to a value as it stands. Null and "" do not replace what is known.
func (n *node) replace(name []byte, v jsonspan.Value, text []byte) error {
	kid, err := n.member(name)
	if err != nil {
		return err
	}
	empty := v.Kind == jsonspan.Null || v.Kind == jsonspan.String && v.Len() == 2
	if kid.raw == nil || !empty {
		kid.raw = v.Of(text)
	}
	return nil
}

// append writes the value, after its name if told to.
func (n *node) append(dst []byte, named bool) []byte {
	if named {
		dst = append(append(append(dst, '"'), n.key...), '"', ':')
	}
	switch n.kind {
	case jsonspan.String:
		dst = append(dst, '"')
		for _, part := range n.parts {
			dst = append(dst, part...)
		}
		return append(dst, '"')
	case jsonspan.Object:
		dst = append(dst, '{')
		for i, kid := range n.kids {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = kid.append(dst, true)
		}
		return append(dst, '}')
	case jsonspan.Array:
		return n.appendElements(append(dst, '['))
	}
	return append(dst, n.raw...)
}

// appendElements writes the elements of an array. Calls of tools are put in order, and lose the index that only deltas have.
func (n *node) appendElements(dst []byte) []byte {
	calls := string(n.key) == "tool_calls"
	if calls {
		slices.SortStableFunc(n.kids, func(a, b *node) int { return int(max(-1, min(1, a.index-b.index))) })
	}
	for i, kid := range n.kids {
		if i > 0 {
			dst = append(dst, ',')
		}
		if calls && kid.kind == jsonspan.Object {
			kid.kids = slices.DeleteFunc(kid.kids, func(k *node) bool { return string(k.key) == "index" })
		}
		dst = kid.append(dst, false)
	}
	return append(dst, ']')
}
