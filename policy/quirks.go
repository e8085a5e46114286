package policy

import "strings"

// Quirks are how a provider's chat completions differ from OpenAI's.
type Quirks struct {
	Rename      map[string]string // members of a request, to the names that it has for them
	Unsupported []string          // members that it has nothing for; within others by a path
	Reasoning   string            // member of a message that holds earlier reasoning, "" for reasoning_content, none for none
}

// quirks reads them. They are of chat completions: what other dialects have nothing for is known.
func (c *compiler) quirks(p *Provider, file *quirksEntry) {
	if file == nil {
		return
	}
	if p.Dialect != "openai" && p.Dialect != "azure" {
		c.problem(file.At, "leave them out", "provider %q has quirks, which are of the dialects openai and azure; it speaks %s", p.Name, p.Dialect)
		return
	}
	for _, row := range file.Rename.rows {
		if p.Quirks.Rename == nil {
			p.Quirks.Rename = map[string]string{}
		}
		switch row.name {
		case "model", "messages", "stream":
			c.problem(row.at, "rename others", "provider %q cannot have %s under another name", p.Name, row.name)
		}
		p.Quirks.Rename[row.name] = row.value.value
	}
	for _, item := range file.Unsupported.items {
		if name, _, _ := strings.Cut(item.value, "."); name == item.value && (name == "model" || name == "messages" || name == "stream") {
			c.problem(item.at, "leave it out of the list", "provider %q cannot do without %s", p.Name, name)
		}
		p.Quirks.Unsupported = append(p.Quirks.Unsupported, item.value)
	}
	p.Quirks.Reasoning = file.Reasoning.value
}
