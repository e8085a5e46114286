// Command schemagen makes schema/policies.schema.json and docs/policies.md from policy/file.go, the description of policies.yaml
// that the decoder walks too. Run it with `go generate ./policy`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(".", ".."); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// run reads file.go in the policy's directory and writes both files under the repository's root.
func run(policy, root string) error {
	files, err := generate(policy)
	if err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the texts by file name.
func generate(policy string) (map[string][]byte, error) {
	d, err := readDescription(filepath.Join(policy, "file.go"))
	if err != nil {
		return nil, err
	}
	schema, err := d.schema()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"schema/policies.schema.json": schema,
		"docs/policies.md":            d.reference(),
	}, nil
}
