package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

const policyDir, repository = "..", "../.."

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate(policyDir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./policy", name)
		}
	}
}

func TestRunWritesBothFiles(t *testing.T) {
	dir := t.TempDir()
	if err := run(policyDir, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"schema/policies.schema.json", "docs/policies.md"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func readSchema(t *testing.T) map[string]any {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(repository, "schema/policies.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(src, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func readYAML(t *testing.T, src []byte) any {
	t.Helper()
	var v any
	if err := yaml.Load(src, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGoodFilesFitTheSchema(t *testing.T) {
	files, _ := filepath.Glob("../testdata/good/*.yaml")
	files = append(files, "../../policies.yaml")
	if len(files) < 3 {
		t.Fatalf("files: %q", files)
	}
	schema := readSchema(t)
	for _, path := range files {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range validate(schema, readYAML(t, src), "") {
			t.Errorf("%s: %s", path, fault)
		}
	}
}

func TestBadFilesDoNotFitTheSchema(t *testing.T) {
	f := func(find, replace, want string) {
		t.Helper()
		src, err := os.ReadFile("../testdata/good/compact.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(src, []byte(find)) {
			t.Fatalf("%s is not in the file", find)
		}
		faults := validate(readSchema(t), readYAML(t, bytes.Replace(src, []byte(find), []byte(replace), 1)), "")
		if !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("%s: faults %q, want %q", replace, faults, want)
		}
	}
	f("monthly_usd: 4000", "montly_usd: 4000", ".budgets[0].montly_usd is not a known key")
	f("when_spent: block", "when_spent: stop", `.budgets[1].when_spent: "stop" is none of`)
	f("dialect: openai, ", "dialect: opena, ", `"opena" is none of`)
	f("version: 1", "vers: 1", " has no version")
	f("ttl: 24h", "ttl: 24 hours", ".cache.exact.ttl: \"24 hours\" does not match")
	f(`prompt_tokens: "< 1500"`, `prompt_tokens: "less"`, ".routes[0].when.prompt_tokens fits no form")
	f("max_output_tokens: 8000", "max_output_tokens: 0", "below 1")
	f("tools: false", "tools: maybe", ".routes[0].when.tools is not boolean")
	f("use: [rack/qwen3-8b, openai/gpt-5-mini]", "use: []", ".models.small.use fits no form")
}

// An editor shows a description for every key, and completes every word of a choice.
func TestEditorsHaveSomethingToShow(t *testing.T) {
	choices := 0
	var walk func(schema map[string]any, path string)
	walk = func(schema map[string]any, path string) {
		if doc, _ := schema["description"].(string); len(doc) < 10 {
			t.Errorf("%s has no description", path)
		}
		if words, ok := schema["enum"].([]any); ok {
			choices++
			if usual, ok := schema["default"]; ok && !slices.Contains(words, usual) {
				t.Errorf("%s: default %v is none of %v", path, usual, words)
			}
		}
		if examples, ok := schema["examples"].([]any); ok {
			for _, example := range examples {
				for _, fault := range validate(schema, example, path) {
					t.Errorf("the example of %s", fault)
				}
			}
		}
		properties, _ := schema["properties"].(map[string]any)
		for key, inner := range properties {
			walk(inner.(map[string]any), path+"."+key)
		}
		for _, below := range []string{"items", "additionalProperties"} {
			if inner, ok := schema[below].(map[string]any); ok && inner["properties"] != nil {
				walk(inner, path+"[]")
			}
		}
	}
	walk(readSchema(t), "")
	if choices < 9 {
		t.Errorf("only %d choices", choices)
	}
}

func TestEverythingHasEveryKey(t *testing.T) {
	d, err := readDescription("../file.go")
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("../testdata/good/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reference := string(d.reference())
	for name, s := range d.structs {
		for _, f := range s.fields {
			if !regexp.MustCompile(`\b` + f.key + `:`).Match(src) {
				t.Errorf("%s of %s is not in everything.yaml", f.key, name)
			}
			if !strings.Contains(reference, "| `"+f.key+"` |") {
				t.Errorf("%s of %s is not in the reference", f.key, name)
			}
		}
	}
}

// validate checks a value against the part of JSON Schema that we write.
func validate(schema map[string]any, v any, path string) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, path+fmt.Sprintf(format, args...))
	}
	if forms, ok := schema["anyOf"].([]any); ok {
		fits := func(form any) bool { return len(validate(form.(map[string]any), v, path)) == 0 }
		if !slices.ContainsFunc(forms, fits) {
			fault(" fits no form")
		}
		return faults
	}
	if !hasType(schema["type"], v) {
		fault(" is not %v", schema["type"])
		return faults
	}
	if words, ok := schema["enum"].([]any); ok && !slices.Contains(words, v) {
		fault(": %q is none of %v", v, words)
	}
	switch v := v.(type) {
	case string:
		if p, ok := schema["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			fault(": %q does not match %s", v, p)
		}
	case int, float64:
		number := asFloat(v)
		if least, ok := schema["minimum"].(float64); ok && number < least {
			fault(" is below %v", least)
		}
		if most, ok := schema["maximum"].(float64); ok && number > most {
			fault(" is above %v", most)
		}
	case []any:
		if least, ok := schema["minItems"].(float64); ok && len(v) < int(least) {
			fault(" has too few entries")
		}
		for i, item := range v {
			faults = append(faults, validate(schema["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case map[string]any:
		faults = append(faults, validateObject(schema, v, path)...)
	}
	return faults
}

func validateObject(schema, v map[string]any, path string) (faults []string) {
	needed, _ := schema["required"].([]any)
	for _, key := range needed {
		if _, ok := v[key.(string)]; !ok {
			faults = append(faults, fmt.Sprintf("%s has no %s", path, key))
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for key, item := range v {
		inner, ok := properties[key].(map[string]any)
		if !ok {
			inner, ok = schema["additionalProperties"].(map[string]any)
		}
		if !ok {
			faults = append(faults, fmt.Sprintf("%s.%s is not a known key", path, key))
			continue
		}
		faults = append(faults, validate(inner, item, path+"."+key)...)
	}
	return faults
}

func hasType(want, v any) bool {
	if several, ok := want.([]any); ok {
		return slices.ContainsFunc(several, func(one any) bool { return hasType(one, v) })
	}
	switch v := v.(type) {
	case string, time.Time: // YAML 1.2, and so the schema, knows no times; this loader does
		return want == "string"
	case bool:
		return want == "boolean"
	case int:
		return want == "integer" || want == "number"
	case float64:
		return want == "number" || want == "integer" && v == float64(int64(v))
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	default:
		return false
	}
}

func asFloat(v any) float64 {
	if i, ok := v.(int); ok {
		return float64(i)
	}
	f, _ := v.(float64)
	return f
}
