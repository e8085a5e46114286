package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// explained are the differences that are known and meant, by dialect and path.
var explained = map[string]string{
	"anthropic messages[].content[].content":                     "a tool that said nothing: its result has no content here, and an empty text block there, which the API refuses in other places",
	"anthropic tool_choice":                                      "auto is what the API does unasked",
	"bedrock additionalModelResponseFieldPaths":                  "asks for the stop sequence that was met, which a chat completion does not tell",
	"bedrock messages[].content[].toolResult.content[].text":     "a tool that said nothing: Bedrock refuses an empty text",
	"bedrock toolConfig.toolChoice":                              "auto is what the API does unasked",
	"gemini toolConfig":                                          "AUTO is what the API does unasked",
	"gemini contents":                                            "neighbours of one role are one content here, and two there",
	"gemini contents[].parts[].functionResponse.response":        "what a tool said: here the object that it gave, or its text under output, as Google documents it; there its text under content, beside its name",
	"gemini tools[].functionDeclarations[].parameters":           "a schema that Google's own form can say is sent in that form, which every model and Vertex AI know",
	"gemini tools[].functionDeclarations[].parametersJsonSchema": "the same",
}

// differences counts what differs, by path with its indexes left out.
type differences map[string]*difference

type difference struct {
	count        int
	ours, theirs string // of the first
}

// compare adds what differs between two requests, and returns how much that is.
func (d differences) compare(dialect string, ours, theirs []byte) (int, error) {
	var a, b any
	if err := json.Unmarshal(ours, &a); err != nil {
		return 0, fmt.Errorf("ours: %w", err)
	}
	if err := json.Unmarshal(theirs, &b); err != nil {
		return 0, fmt.Errorf("theirs: %w", err)
	}
	if failed, ok := b.(map[string]any)["error"]; ok {
		return 0, fmt.Errorf("theirs: %v", failed)
	}
	before := d.sum()
	d.walk("", normal(dialect, a), normal(dialect, b))
	return d.sum() - before, nil
}

func (d differences) sum() (n int) {
	for _, one := range d {
		n += one.count
	}
	return n
}

func (d differences) walk(path string, a, b any) {
	if strings.HasSuffix(path, ".functionResponse.response") { // whatever a tool says
		d.note(path, a, b)
		return
	}
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			names := maps.Clone(a)
			maps.Copy(names, b)
			for _, name := range slices.Sorted(maps.Keys(names)) {
				d.walk(path+"."+name, a[name], b[name])
			}
			return
		}
	case []any:
		if b, ok := b.([]any); ok && len(a) == len(b) {
			for i := range a {
				d.walk(fmt.Sprintf("%s[%d]", path, i), a[i], b[i])
			}
			return
		}
	}
	d.note(path, a, b)
}

// note counts a difference, if there is one.
func (d differences) note(path string, a, b any) {
	if !reflect.DeepEqual(a, b) {
		key := strings.TrimPrefix(regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "[]"), ".")
		if d[key] == nil {
			d[key] = &difference{ours: short(a), theirs: short(b)}
		}
		d[key].count++
	}
}

func short(value any) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value)
	text := strings.TrimSpace(out.String())
	if value == nil {
		return "nothing"
	}
	return text[:min(len(text), 200)]
}

// normal is a request in which forms that an API documents to be the same are the same.
func normal(dialect string, value any) any {
	root, _ := value.(map[string]any)
	delete(root, "model") // in the URL of some
	if dialect != "anthropic" {
		return root
	}
	if text, ok := root["system"].(string); ok {
		root["system"] = blocks(text)
	}
	messages, _ := root["messages"].([]any)
	for _, m := range messages {
		m := m.(map[string]any)
		if text, ok := m["content"].(string); ok {
			m["content"] = blocks(text)
		}
		list, _ := m["content"].([]any)
		for _, b := range list {
			if b := b.(map[string]any); b["type"] == "tool_result" {
				if text, ok := b["content"].(string); ok {
					b["content"] = blocks(text)
				}
			}
		}
	}
	return root
}

// blocks is the block that a text stands for.
func blocks(text string) []any { return []any{map[string]any{"type": "text", "text": text}} }

// print lists the differences, and returns how many have no explanation.
func (d differences) print(dialect string, equal, requests int) (unknown int) {
	fmt.Printf("\n%s: %d of %d requests are equal\n", dialect, equal, requests)
	for _, path := range slices.Sorted(maps.Keys(d)) {
		one := d[path]
		why := explained[dialect+" "+path]
		if why == "" {
			why = "NOT EXPLAINED"
			unknown++
		}
		fmt.Printf("  %5d x %s: ours %s, theirs %s\n          %s\n", one.count, path, one.ours, one.theirs, why)
	}
	return unknown
}
