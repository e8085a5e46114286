package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/pricing"
	"bursar/pricing/facts"
)

// pricesCommand lists the built-in prices, compares a file of prices with them, and turns collected facts into such a file.
func pricesCommand(p *program, args []string) error {
	if len(args) == 0 {
		return usageError{"say list, diff or import"}
	}
	verb := args[0]
	if verb == "-h" || verb == "-help" || verb == "--help" {
		verb, args = "list", []string{"list", "-h"} // it has the most to tell
	}
	switch verb {
	case "list":
		return listPrices(p, args[1:])
	case "diff":
		return diffPrices(p, args[1:])
	case "import":
		return importPrices(p, args[1:])
	}
	return usageError{fmt.Sprintf("no %q: say list, diff or import", verb)}
}

// listedPrice is what -json prints of a price. Rates are in pico-dollars per token: 1 $ per million tokens is 1000000.
type listedPrice struct {
	Provider string           `json:"provider"`
	Model    string           `json:"model"`
	At       time.Time        `json:"at"`
	Limits   pricing.Limits   `json:"limits,omitzero"`
	Price    *pricing.Entry   `json:"price"` // the one that holds at that time
	Dated    int              `json:"dated"` // how many there are
	Regions  []pricing.Region `json:"regions,omitempty"`
	Source   string           `json:"source"`
}

func listPrices(p *program, args []string) error {
	f := p.flags("prices list")
	provider := f.String("provider", "", "only this provider's")
	glob := f.String("model", "*", "only models whose name is like this, such as 'gpt-5*'")
	when := f.String("at", "", "prices of that time: 2026-08-31, or 2026-08-31T23:59:59Z; default is now")
	asJSON := f.Bool("json", false, "print JSON")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	at, err := parseMoment(*when, p.clock())
	if err != nil {
		return err
	}
	listed := []listedPrice{}
	for price := range pricing.Embedded().All() {
		like, err := likeModel(*glob, price.Model)
		if err != nil {
			return usageError{fmt.Sprintf("-model %q: %v", *glob, err)}
		}
		if !like || *provider != "" && *provider != price.Provider {
			continue
		}
		listed = append(listed, listedPrice{
			Provider: price.Provider, Model: price.Model, At: at, Limits: price.Limits, Price: price.EntryAt(at), Dated: len(price.Entries),
			Regions: price.Regions, Source: price.Source,
		})
	}
	if *asJSON {
		e := json.NewEncoder(p.out)
		e.SetIndent("", "  ")
		return e.Encode(listed)
	}
	if len(listed) == 0 {
		fmt.Fprintln(p.err, "no price is like that; bursar prices list names all")
		return errFailed
	}
	return printPrices(p, listed)
}

// likeModel matches a model's name. A star goes over slashes too, which many names have.
func likeModel(glob, model string) (bool, error) {
	const instead = "\x1f"
	return path.Match(strings.ReplaceAll(glob, "/", instead), strings.ReplaceAll(model, "/", instead))
}

func printPrices(p *program, listed []listedPrice) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tINPUT\tCACHE READ\tCACHE WRITE\t1H\tOUTPUT\tREASONING\tAUDIO IN\tAUDIO OUT\tIMAGE OUT\tHOLDS\tTIERS AND MODES\tSOURCE")
	for _, l := range listed {
		r := &l.Price.Rates
		cells := []string{l.Provider + "/" + l.Model}
		for _, rate := range []pricing.Pico{
			r.Input, r.CacheRead, r.CacheWrite, r.CacheWrite1h, r.Output, r.Reasoning, r.AudioIn, r.AudioOut, r.ImageOut,
		} {
			cell := "" // falls back as pricing.Rates tells
			if rate != 0 {
				cell = rate.PerMillion()
			}
			cells = append(cells, cell)
		}
		var more []string
		for _, t := range l.Price.Tiers {
			more = append(more, fmt.Sprintf(">%d: %s/%s", t.Above, t.Rates.Input.PerMillion(), t.Rates.Output.PerMillion()))
		}
		for _, m := range l.Price.Modes {
			more = append(more, fmt.Sprintf("%s: %s/%s", m.Name, m.Rates.Input.PerMillion(), m.Rates.Output.PerMillion()))
		}
		cells = append(cells, l.Price.Label(), strings.Join(more, ", "), l.Source)
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	fmt.Fprintf(w, "$ per million tokens; %d models\n", len(listed))
	return w.Flush()
}

// parseMoment reads a day (its first moment) or a time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return parseDay(text, 0)
}

func diffPrices(p *program, args []string) error {
	f := p.flags("prices diff")
	asJSON := f.Bool("json", false, "print JSON")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError{"name one file of prices or of price facts"}
	}
	src, err := p.readFile(rest[0])
	if err != nil {
		return err
	}
	if facts.Is(src) {
		if src, err = facts.Table(src, func(string) {}); err != nil {
			return fmt.Errorf("%s: %w", rest[0], err)
		}
	}
	table, err := pricing.ParseTable(src)
	if err != nil {
		return fmt.Errorf("%s: %w", rest[0], err)
	}
	changes := pricing.Diff(pricing.Embedded(), table)
	if *asJSON {
		e := json.NewEncoder(p.out)
		e.SetIndent("", "  ")
		return e.Encode(append([]pricing.Change{}, changes...))
	}
	return printChanges(p, changes)
}

func printChanges(p *program, changes []pricing.Change) error {
	signs := map[string]string{"added": "+", "removed": "-", "changed": "~"}
	counts := map[string]int{}
	for _, c := range changes {
		counts[c.Kind]++
		fmt.Fprintf(p.out, "%s %s/%s\n", signs[c.Kind], c.Provider, c.Model)
		for _, part := range c.Parts {
			fmt.Fprintf(p.out, "    %s: %s -> %s\n", part.Name, orNone(part.Old), orNone(part.New))
		}
	}
	_, err := fmt.Fprintf(p.out, "%d added, %d changed, %d removed\n", counts["added"], counts["changed"], counts["removed"])
	return err
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

func importPrices(p *program, args []string) error {
	f := p.flags("prices import")
	out := f.String("out", "", "price table to write (required)")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 || *out == "" {
		return usageError{"name one facts file, and -out FILE"}
	}
	src, err := p.readFile(rest[0])
	if err != nil {
		return err
	}
	changed := 0
	table, err := facts.Table(src, func(text string) {
		changed++
		fmt.Fprintln(p.out, text)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", rest[0], err)
	}
	header := "# Prices of language models, one model per line, in pico-dollars per token. Made by bursar prices import.\n"
	if err := writeNew(*out, append([]byte(header), table...)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s: %d models, %d things changed\n", *out, strings.Count(string(table), "\n"), changed)
	return err
}

// writeNew writes a file that is either there whole or as it was.
func writeNew(name string, text []byte) error {
	temporary := name + ".new"
	err := os.WriteFile(temporary, text, 0o644)
	if err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("-out: %w", err), os.RemoveAll(temporary))
	}
	return nil
}
