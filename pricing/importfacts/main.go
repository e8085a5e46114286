// Command importfacts makes pricing/prices.jsonl from a file of price facts that were collected from public price lists:
//
//	go run ./pricing/importfacts -facts FILE -out pricing/prices.jsonl
//
// It prints what it had to change. The facts file is JSON: {"models": [{provider, model, rates, tiers, modes, history, ...}]}, all
// rates in pico-dollars per token.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"bursar/pricing/facts"
)

func main() {
	from := flag.String("facts", "", "file of price facts to read")
	out := flag.String("out", "", "price table to write")
	flag.Parse()
	if *from == "" || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*from, *out, os.Stderr); err != nil {
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

func run(from, out string, notes io.Writer) error {
	src, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("read facts: %w", err)
	}
	table, err := facts.Table(src, func(text string) { fmt.Fprintln(notes, text) })
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := os.WriteFile(out, append([]byte(header), table...), 0o644); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
