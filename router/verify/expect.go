package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"bursar/internal/jsonspan"
)

// Expectation is what a request asks of the form of its answer. The zero value asks nothing.
type Expectation struct {
	tools    map[string]*schema // by name; nil where a tool has no schema
	offered  bool
	required bool   // some tool must be called
	named    string // this tool must be called
	object   bool   // the text must be a JSON object
	schema   *schema
}

// mostSchema bounds the tools and formats that are read, in bytes. Of what is larger nothing is expected.
const mostSchema = 1 << 20

// Expect reads the request: a chat completion's body. What it cannot read it does not expect.
func Expect(request []byte) *Expectation {
	x := new(Expectation)
	x.readTools(part(request, "tools"))
	x.readChoice(part(request, "tool_choice"))
	x.readFormat(part(request, "response_format"))
	return x
}

func part(request []byte, name string) []byte {
	v, ok := jsonspan.Get(request, name)
	if !ok || v.Len() > mostSchema {
		return nil
	}
	return v.Of(request)
}

func (x *Expectation) readTools(text []byte) {
	var tools []struct {
		Function struct {
			Name       string          `json:"name"`
			Parameters json.RawMessage `json:"parameters"`
		} `json:"function"`
	}
	if len(text) == 0 || json.Unmarshal(text, &tools) != nil {
		return
	}
	x.tools = make(map[string]*schema, len(tools))
	for _, t := range tools {
		if t.Function.Name != "" {
			x.offered = true
			x.tools[t.Function.Name] = parseSchema(t.Function.Parameters)
		}
	}
}

func (x *Expectation) readChoice(text []byte) {
	var named struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	switch {
	case string(text) == `"required"`:
		x.required = true
	case bytes.HasPrefix(text, []byte("{")) && json.Unmarshal(text, &named) == nil:
		x.named = named.Function.Name
	}
}

func (x *Expectation) readFormat(text []byte) {
	var format struct {
		Type   string `json:"type"`
		Schema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if len(text) == 0 || json.Unmarshal(text, &format) != nil {
		return
	}
	switch format.Type {
	case "json_object":
		x.object = true
	case "json_schema":
		x.schema = parseSchema(format.Schema.Schema)
	}
}

// misfit says how a choice does not fit the request, "" if it does.
func (x *Expectation) misfit(c *choice) string {
	calls := c.calls()
	for i := range calls {
		if why := x.call(&calls[i].Function); why != "" {
			return why
		}
	}
	switch {
	case len(calls) > 0:
		return ""
	case x.named != "":
		return fmt.Sprintf("it does not call %q, which it had to", short(x.named))
	case x.required:
		return "it calls no tool, and had to"
	case x.object || x.schema != nil:
		return x.text(c.text())
	}
	return ""
}

func (x *Expectation) call(f *function) string {
	if x.named != "" && f.Name != x.named {
		return fmt.Sprintf("it calls another tool than %q, which it had to", short(x.named))
	}
	s, known := x.tools[f.Name]
	if !known && x.offered {
		return "it calls a tool that was not offered"
	}
	arguments := f.Arguments
	if strings.TrimSpace(arguments) == "" { // what some providers write for a tool without parameters
		arguments = "{}"
	}
	return fits([]byte(arguments), s, fmt.Sprintf("the arguments of %q", short(f.Name)))
}

func (x *Expectation) text(text string) string { return fits([]byte(text), x.schema, "the text") }

// fits says how a text is not a JSON value that fits the schema; without one, how it is not an object.
func fits(text []byte, s *schema, what string) string {
	if !jsonspan.Valid(text) {
		return what + " is no JSON"
	}
	if s == nil {
		if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
			return what + " is no JSON object"
		}
		return ""
	}
	if len(text) > mostChecked {
		return "" // it parses; more is not looked at
	}
	value, err := decode(text)
	if err != nil {
		return what + " is no JSON"
	}
	if why := s.misfit(value); why != "" {
		return what + ": " + why
	}
	return ""
}

// mostChecked bounds the JSON that is compared with a schema, in bytes.
const mostChecked = 1 << 20

// decode reads a JSON value with its numbers as they are written.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
