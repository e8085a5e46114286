package tokens

import "strings"

// toolStyle is how a family writes the tools a request offers into its prompt.
type toolStyle uint8

const (
	asNamespace toolStyle = iota // a TypeScript namespace, as OpenAI does
	asOutline                    // unknown text around names and descriptions, known by what it adds for each
	asJSON                       // the JSON as it was sent
)

// toolFrame is what tools add to the prompt beside their own words, in tokens.
type toolFrame struct {
	style toolStyle
	first int64 // once, if there is any tool
	each  int64 // per tool

	// asOutline only:
	description, firstProperty, property, propertyDescription, enum int64 // per one of each
}

// toolsKind sets counts of tools apart from counts of text in the memo.
const toolsKind = 1 << 7

// Tools returns how many tokens the value of a request's `tools` (or `functions`) adds to the prompt of family f: a JSON array of
// tools in OpenAI's Chat or Responses form or in Anthropic's. For OpenAI's own families the tools are written out as the provider
// does; counts for others are estimates. What is no array of such tools counts as the text it is. The count of a tool set is remembered,
// so an agent that sends the same set every time pays for it once.
func (c *Counter) Tools(f Family, tools []byte) int64 {
	if len(tools) == 0 {
		return 0
	}
	key := c.memo.key(toolsKind|uint8(f), tools)
	if n, ok := c.memo.get(key); ok {
		return n
	}
	n := c.countTools(f, tools)
	c.memo.put(key, n)
	return n
}

func (c *Counter) countTools(f Family, tools []byte) int64 {
	frame := &f.traits().tools
	functions, err := parseTools(tools)
	if err != nil { // the provider will refuse it, or knows kinds of tools that we do not
		return frame.first + frame.each + c.Count(f, tools)
	}
	if len(functions) == 0 {
		return 0
	}
	n := frame.first + frame.each*int64(len(functions))
	switch frame.style {
	case asJSON:
		return n + c.Count(f, tools)
	case asOutline:
		o := outline{frame: frame}
		for _, fn := range functions {
			o.tool(fn)
		}
		return n + o.tokens + c.Count(f, o.text)
	}
	for _, fn := range functions { // tools of the provider's own, such as web_search, have no schema to write out
		if fn.raw != nil {
			n += c.Count(f, fn.raw)
		}
	}
	return n + c.Count(f, namespace(functions))
}

// ToolChoice returns how many tokens a `tool_choice` adds: name is the function it asks for, or none, auto, required or "".
func (c *Counter) ToolChoice(f Family, name string) int64 {
	switch name {
	case "", "auto", "required":
		return 0
	case "none":
		return 1
	}
	return 7 + c.Count(f, []byte(name))
}

// Call returns how many tokens a tool call in the history adds to its message: the function's name and its arguments as sent, with
// what stands around them.
func (c *Counter) Call(f Family, name, arguments []byte) int64 {
	return f.traits().frame.Call + c.Text(f, name) + c.Text(f, arguments)
}

// namespace writes functions out as OpenAI puts them into the prompt:
//
//	namespace functions {
//
//	// Get the weather
//	type get_weather = (_: {
//	// The city
//	location: string,
//	unit?: "celsius" | "fahrenheit",
//	}) => any;
//
//	} // namespace functions
func namespace(functions []tool) []byte {
	text := []byte("namespace functions {\n\n")
	for _, fn := range functions {
		if fn.raw != nil {
			continue
		}
		if fn.description != "" {
			text = append(text, "// "+fn.description+"\n"...)
		}
		text = append(text, "type "+fn.name...)
		if fn.parameters == nil || len(fn.parameters.properties) == 0 {
			text = append(text, " = () => any;\n\n"...)
			continue
		}
		text = append(text, " = (_: {\n"...)
		text = appendProperties(text, fn.parameters, 0)
		text = append(text, "\n}) => any;\n\n"...)
	}
	return append(text, "} // namespace functions"...)
}

// appendProperties writes one line per property, without a newline after the last. Descriptions are left out two objects deep.
func appendProperties(text []byte, s *schema, indent int) []byte {
	for i, p := range s.properties {
		if i > 0 {
			text = append(text, '\n')
		}
		if p.schema.description != "" && indent < 2 {
			text = append(text, strings.Repeat(" ", indent)+"// "+p.schema.description+"\n"...)
		}
		text = append(text, strings.Repeat(" ", indent)+p.name...)
		if !s.required[p.name] {
			text = append(text, '?')
		}
		text = append(text, ": "...)
		text = appendType(text, p.schema, indent)
		text = append(text, ',')
	}
	return text
}

func appendType(text []byte, s *schema, indent int) []byte {
	switch {
	case len(s.enum) > 0:
		for i, value := range s.enum {
			if i > 0 {
				text = append(text, " | "...)
			}
			text = append(text, value...)
		}
		return text
	case len(s.anyOf) > 0:
		for i, option := range s.anyOf {
			if i > 0 {
				text = append(text, " | "...)
			}
			text = appendType(text, option, indent)
		}
		return text
	}
	switch s.kind {
	case "string", "boolean", "null", "number":
		return append(text, s.kind...)
	case "integer":
		return append(text, "number"...)
	case "array":
		if s.items == nil {
			return append(text, "any[]"...)
		}
		return append(appendType(text, s.items, indent), "[]"...)
	case "object":
		text = append(text, "{\n"...)
		text = appendProperties(text, s, indent+2)
		return append(text, "\n}"...)
	}
	return append(text, "any"...)
}

// outline gathers the words of tools, to be counted at once, and what the family adds for each of them.
type outline struct {
	frame  *toolFrame
	tokens int64
	text   []byte
}

func (o *outline) tool(fn tool) {
	o.word(fn.name)
	o.text = append(o.text, fn.raw...)
	if fn.description != "" {
		o.tokens += o.frame.description
		o.word(fn.description)
	}
	if fn.parameters != nil {
		o.schema(fn.parameters)
	}
}

// schema adds an object's properties, and what is below them.
func (o *outline) schema(s *schema) {
	for i, p := range s.properties {
		if i == 0 {
			o.tokens += o.frame.firstProperty
		} else {
			o.tokens += o.frame.property
		}
		o.word(p.name)
		o.word(p.schema.kind)
		if p.schema.description != "" {
			o.tokens += o.frame.propertyDescription
			o.word(p.schema.description)
		}
		o.schema(p.schema)
	}
	if len(s.enum) > 0 {
		o.tokens += o.frame.enum
		for _, value := range s.enum {
			o.word(value)
		}
	}
	for _, option := range s.anyOf {
		o.word(option.kind)
		o.schema(option)
	}
	if s.items != nil {
		o.word(s.items.kind)
		o.schema(s.items)
	}
}

func (o *outline) word(text string) { o.text = append(append(o.text, text...), '\n') }
