package main

import (
	"bytes"
	"fmt"
	"strings"
)

const preface = `# policies.yaml, key by key

<!-- Made by go generate ./policy from policy/file.go. Do not edit. -->

This is the reference. For a policy to start from, with comments, see ` + "`policies.yaml`" + ` at the root of the repository. Its first line,

    # yaml-language-server: $schema=./schema/policies.schema.json

makes editors complete and check it while you type. ` + "`bursar check`" + ` tells every problem of a file at once, with its line.

Names refer to names: a name that does not exist, and a key that is not known, keep the file from loading. Secrets never stand in
the file; ` + "`key_env`" + ` names the environment variable that holds one. The gateway reloads a file that changes, and keeps the last one
that was good.

`

// reference writes docs/policies.md: a section for each struct, in the order of the file.
func (d *description) reference() []byte {
	var b bytes.Buffer
	b.WriteString(preface)
	d.section(&b, root, "", d.structs[root].doc)
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

func (d *description) section(b *bytes.Buffer, name, path, doc string) {
	if path == "" {
		fmt.Fprintf(b, "## The file\n\n%s\n\n", doc)
	} else {
		fmt.Fprintf(b, "## `%s`\n\n%s\n\n", path, doc)
	}
	b.WriteString("| key | value | if absent | meaning |\n|---|---|---|---|\n")
	s := d.structs[name]
	for _, f := range s.fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.key, cell(d.looks(f)), cell(f.absent()), cell(f.doc+f.likeness()))
	}
	b.WriteByte('\n')
	for _, f := range s.fields {
		if inner, isStruct := d.structs[f.kind]; isStruct {
			d.section(b, f.kind, join(path, f.key)+f.brackets(), inner.doc)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// brackets shows in a heading that a key has many entries.
func (f field) brackets() string {
	switch f.holder {
	case "list":
		return "[]"
	case "table":
		return "." + strings.ToUpper(strings.ReplaceAll(f.tag.Get("each"), " ", "_"))
	default:
		return ""
	}
}

func (f field) absent() string {
	switch {
	case f.tag.Get("need") != "":
		return "**needed**"
	default:
		return f.tag.Get("usual")
	}
}

func (f field) likeness() string {
	if like := f.tag.Get("like"); like != "" {
		return " Like `" + like + "`."
	}
	return ""
}

// looks says what may stand behind a key.
func (d *description) looks(f field) string {
	one := d.leafLooks(f)
	switch f.holder {
	case "list":
		return "list of " + one
	case "table":
		return one + " by " + f.tag.Get("each")
	default:
		return one
	}
}

func (d *description) leafLooks(f field) string {
	refers := func(one string) string {
		if names := f.tag.Get("names"); names != "" {
			return names
		}
		return one
	}
	switch f.kind {
	case "prose":
		return "text, of any number of lines"
	case "text":
		return refers("text")
	case "words":
		return refers("name") + ", or a list"
	case "choice":
		return "`" + strings.Join(f.words("one"), "` `") + "`"
	case "toggle":
		return "true, false"
	case "whole":
		return "whole number" + f.span()
	case "span":
		return "duration"
	case "dollars":
		return "dollars"
	case "rate":
		return "$ per million tokens"
	case "share":
		return "percentage"
	case "comparison":
		return "comparison of a " + strings.ReplaceAll(f.tag.Get("unit"), " or flag", ", or true, false")
	case "hours":
		return "hours"
	case "date":
		return "date"
	default:
		return "keys"
	}
}

func (f field) span() string {
	least, most := f.tag.Get("least"), f.tag.Get("most")
	switch {
	case least != "" && most != "":
		return " " + least + " to " + most
	case least != "":
		return " from " + least
	default:
		return ""
	}
}

// cell makes a text safe in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
