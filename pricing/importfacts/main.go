// Command importfacts makes pricing/prices.jsonl from a file of price facts that were collected from public price lists:
//
//	go run ./pricing/importfacts -facts FILE -out pricing/prices.jsonl
//
// It prints what it had to change. The facts file is JSON: {"models": [{provider, model, rates, tiers, modes, history, ...}]}, all
// rates in pico-dollars per token.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"bursar/pricing"
)

func main() {
	facts := flag.String("facts", "", "file of price facts to read")
	out := flag.String("out", "", "price table to write")
	flag.Parse()
	if *facts == "" || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*facts, *out, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "importfacts:", err)
		os.Exit(1)
	}
}

const header = `# Prices of language models, one model per line. Made by pricing/importfacts; corrections belong in the policy's overrides.
# Rates are pico-dollars per token: 1 $ per million tokens is 1000000. A bucket that is not named falls back as pricing.Rates tells.
# Prices are facts. They were collected, as of 2026-08-21, from these lists, all under the MIT licence:
#   genai-prices (pydantic/genai-prices), Portkey models (Portkey-AI/models), LiteLLM price file (BerriAI/litellm), models.dev (sst/models.dev)
# "source" names the list that a line's input and output rates were taken from.
`

func run(facts, out string, notes io.Writer) error {
	src, err := os.ReadFile(facts)
	if err != nil {
		return fmt.Errorf("read facts: %w", err)
	}
	var file struct {
		Schema string  `json:"schema"`
		Models []model `json:"models"`
	}
	if err := json.Unmarshal(src, &file); err != nil {
		return fmt.Errorf("decode facts %s: %w", facts, err)
	}
	if file.Schema != "pricing_facts/1" {
		return fmt.Errorf("facts %s have schema %q, this program reads pricing_facts/1", facts, file.Schema)
	}
	table := bytes.NewBufferString(header)
	slices.SortFunc(file.Models, func(a, b model) int { return strings.Compare(a.name(), b.name()) })
	for i := range file.Models {
		m := &file.Models[i]
		price, err := m.price(func(format string, args ...any) {
			fmt.Fprintf(notes, "%s: %s\n", m.name(), fmt.Sprintf(format, args...))
		})
		if err != nil {
			return fmt.Errorf("model %s: %w", m.name(), err)
		}
		line, err := json.Marshal(price)
		if err != nil {
			return fmt.Errorf("encode price of %s: %w", m.name(), err)
		}
		table.Write(line)
		table.WriteByte('\n')
	}
	if _, err := pricing.ParseTable(table.Bytes()); err != nil {
		return fmt.Errorf("the table made from %s is not valid: %w", facts, err)
	}
	if err := os.WriteFile(out, table.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
