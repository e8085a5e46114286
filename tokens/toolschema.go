package tokens

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// deepestSchema bounds how deep the JSON of tools may nest. OpenAI takes 10 levels of objects, each of which is two of JSON. It bounds
// how much indentation blows a schema up, too.
const deepestSchema = 40

// tool is one entry of a request's tools: a function, or a tool of the provider's own, of which only its JSON is known.
type tool struct {
	name, description string
	parameters        *schema
	raw               []byte // the JSON of a tool that is no function; nil for a function
}

// schema is what of a JSON schema reaches the prompt.
type schema struct {
	kind        string // its type; "" if it has none or several
	description string
	enum        []string // values as JSON
	properties  []property
	required    map[string]bool // by name of the property
	items       *schema
	anyOf       []*schema
}

type property struct {
	name   string
	schema *schema
}

// parseTools reads an array of tools in the forms of OpenAI's Chat API ({"type":"function","function":{...}}), its Responses API
// ({"type":"function","name":...}), the older `functions`, and Anthropic's ({"name":...,"input_schema":{...}}).
func parseTools(data []byte) ([]tool, error) {
	root, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	if root.open != '[' {
		return nil, errors.New("tools are not an array")
	}
	tools := make([]tool, 0, len(root.children))
	for i := range root.children {
		entry := &root.children[i]
		if entry.open != '{' {
			return nil, fmt.Errorf("tool %d is not an object", i)
		}
		fn := entry
		if inner := entry.member("function"); inner != nil && inner.open == '{' {
			fn = inner
		}
		name := fn.member("name")
		kind := entry.member("type")
		if name == nil || (kind != nil && kind.text != "function" && kind.text != "custom") {
			tools = append(tools, tool{raw: data[entry.start:entry.end]})
			continue
		}
		t := tool{name: name.text}
		if d := fn.member("description"); d != nil {
			t.description = d.text
		}
		for _, key := range [...]string{"parameters", "input_schema"} {
			if p := fn.member(key); p != nil && p.open == '{' {
				t.parameters = readSchema(p)
			}
		}
		tools = append(tools, t)
	}
	return tools, nil
}

func readSchema(n *node) *schema {
	s := &schema{}
	for i := range n.children {
		m := &n.children[i]
		switch m.key {
		case "type":
			s.kind = m.text
			for j := range m.children { // ["string","null"]
				s.anyOf = append(s.anyOf, &schema{kind: m.children[j].text})
			}
		case "description":
			s.description = m.text
		case "enum":
			for j := range m.children {
				s.enum = append(s.enum, m.children[j].json())
			}
		case "required":
			s.required = make(map[string]bool, len(m.children))
			for j := range m.children {
				s.required[m.children[j].text] = true
			}
		case "properties":
			for j := range m.children {
				s.properties = append(s.properties, property{m.children[j].key, readSchema(&m.children[j])})
			}
		case "items":
			s.items = readSchema(m)
		case "anyOf", "oneOf", "allOf":
			for j := range m.children {
				s.anyOf = append(s.anyOf, readSchema(&m.children[j]))
			}
		}
	}
	return s
}

// node is a JSON value with its members in the order they were sent, which encoding/json's maps would lose.
type node struct {
	key        string // its name if it is a member of an object
	open       byte   // '{', '[', '"' for a string, 0 for others
	text       string // value of a string, digits of a number, true, false or null
	children   []node
	start, end int // where it is in the data
}

// member returns the member of that name, or nil.
func (n *node) member(name string) *node {
	for i := range n.children {
		if n.children[i].key == name {
			return &n.children[i]
		}
	}
	return nil
}

// json returns a scalar as it stands in an enum.
func (n *node) json() string {
	if n.open == '"' {
		return `"` + n.text + `"`
	}
	return n.text
}

func parseTree(data []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	root, err := parseNode(d, data, 0)
	if err != nil {
		return nil, fmt.Errorf("read tools: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read tools: something follows the array")
	}
	return &root, nil
}

// parseNode reads one value in one pass over its bytes, however deep it is: unmarshalling level by level would read them once
// per level.
func parseNode(d *json.Decoder, data []byte, depth int) (node, error) {
	before := int(d.InputOffset())
	token, err := d.Token()
	if err != nil {
		return node{}, err
	}
	n := node{start: before + len(data[before:]) - len(bytes.TrimLeft(data[before:], " \t\r\n,:"))}
	switch v := token.(type) {
	case json.Delim:
		if depth == deepestSchema {
			return node{}, fmt.Errorf("they nest deeper than %d", deepestSchema)
		}
		n.open = byte(v)
		if err := n.parseChildren(d, data, depth+1); err != nil {
			return node{}, err
		}
	case string:
		n.open, n.text = '"', v
	case json.Number:
		n.text = v.String()
	case nil:
		n.text = "null"
	default:
		n.text = fmt.Sprint(v)
	}
	n.end = int(d.InputOffset())
	return n, nil
}

func (n *node) parseChildren(d *json.Decoder, data []byte, depth int) error {
	for d.More() {
		key := ""
		if n.open == '{' {
			token, err := d.Token()
			if err != nil {
				return err
			}
			key, _ = token.(string)
		}
		child, err := parseNode(d, data, depth)
		if err != nil {
			return err
		}
		child.key = key
		n.children = append(n.children, child)
	}
	_, err := d.Token() // the closing bracket
	return err
}
