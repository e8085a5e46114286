// Package facts turns a file of price facts, collected from public price lists, into a price table. It is separate because it
// doubts what it reads: lists contradict themselves, and what it has to mend, it tells.
package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/pricing"
)

// Schema is the version of the facts file that is read.
const Schema = "pricing_facts/1"

// Is tells whether a file claims to be one of price facts, of any version.
func Is(src []byte) bool {
	var file struct {
		Schema string `json:"schema"`
	}
	return json.Unmarshal(src, &file) == nil && file.Schema != ""
}

// Table makes a price table, as pricing.ParseTable reads it, of a facts file: {"schema": "pricing_facts/1", "models": [{provider,
// model, rates, tiers, modes, history, ...}]}, all rates in pico-dollars per token. note is told each thing that was changed, with
// the model it is of. The table is valid; a file that would make an invalid one is an error.
func Table(src []byte, note func(text string)) ([]byte, error) {
	var file struct {
		Schema string  `json:"schema"`
		Models []model `json:"models"`
	}
	if err := json.Unmarshal(src, &file); err != nil {
		return nil, fmt.Errorf("decode facts: %w", err)
	}
	if file.Schema != Schema {
		return nil, fmt.Errorf("facts have schema %q, this program reads %s", file.Schema, Schema)
	}
	var table bytes.Buffer
	slices.SortFunc(file.Models, func(a, b model) int { return strings.Compare(a.name(), b.name()) })
	for i := range file.Models {
		m := &file.Models[i]
		price, err := m.price(func(format string, args ...any) {
			note(m.name() + ": " + fmt.Sprintf(format, args...))
		})
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", m.name(), err)
		}
		line, err := json.Marshal(price)
		if err != nil {
			return nil, fmt.Errorf("encode price of %s: %w", m.name(), err)
		}
		table.Write(line)
		table.WriteByte('\n')
	}
	if _, err := pricing.ParseTable(table.Bytes()); err != nil {
		return nil, fmt.Errorf("the table made from the facts is not valid: %w", err)
	}
	return table.Bytes(), nil
}
