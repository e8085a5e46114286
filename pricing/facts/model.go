package facts

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"bursar/pricing"
)

// model is one model in the facts file.
type model struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Currency string `json:"currency"`
	Unit     string `json:"unit"`
	Rates    rates  `json:"rates"`
	Tiers    []struct {
		Above int64 `json:"input_tokens_above"`
		Rates rates `json:"rates"`
	} `json:"tiers"`
	Modes map[string]struct {
		Rates rates `json:"rates"`
	} `json:"modes"`
	History     []dated                `json:"history"`
	Regions     map[string]json.Number `json:"region_multiplier"` // "us,eu": 1.1
	Multipliers map[string]json.Number `json:"multipliers"`       // "us" is a region, "fast" a mode
	Context     int64                  `json:"context_window"`
	MaxInput    int64                  `json:"max_input"`
	MaxOutput   int64                  `json:"max_output"`
	Source      string                 `json:"price_source"`
}

// dated is one entry of a model's history.
type dated struct {
	From  string   `json:"effective_from"` // YYYY-MM-DD, "" for always
	Daily []string `json:"daily_window"`   // two times of day in UTC
	Rates rates    `json:"rates"`
}

func (m *model) name() string { return m.Provider + "/" + m.Model }

// price carries a model over. note is told what was changed.
func (m *model) price(note func(format string, args ...any)) (*pricing.Price, error) {
	if m.Currency != "USD" || m.Unit != "picoUSD_per_token" {
		return nil, fmt.Errorf("rates are in %s %s, not in USD picoUSD_per_token", m.Currency, m.Unit)
	}
	p := &pricing.Price{
		Provider: m.Provider, Model: m.Model, Source: m.Source,
		Limits: pricing.Limits{Context: m.Context, Input: m.MaxInput, Output: m.MaxOutput},
	}
	now := pricing.Entry{Rates: m.Rates.plausible(note)}
	for _, t := range m.Tiers {
		now.Tiers = append(now.Tiers, pricing.Tier{Above: t.Above, Rates: t.Rates.plausible(note)})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Modes)) {
		mode := m.Modes[name].Rates.plausible(note)
		if now.Rates.Input > 0 && mode.Input > dearestMode*now.Rates.Input {
			note("mode %s is at %d for input at %d, more than %d times as much; left out", name, mode.Input, now.Rates.Input, dearestMode)
			continue
		}
		now.Modes = append(now.Modes, pricing.Mode{Name: name, Rates: mode})
	}
	if err := m.multiply(p, &now); err != nil {
		return nil, err
	}
	return p, m.date(p, now, note)
}

// dearestMode is how many times the list price a service mode may cost and still be believed: the dearest that is sold costs six
// times as much. A slip of the decimal point here would inflate every hold.
const dearestMode = 8

// multiply turns multipliers into regions and modes.
func (m *model) multiply(p *pricing.Price, now *pricing.Entry) error {
	regions := map[string]json.Number{}
	for names, times := range m.Regions {
		for name := range strings.SplitSeq(names, ",") {
			regions[name] = times
		}
	}
	for name, times := range m.Multipliers {
		if name != "fast" {
			regions[name] = times
			continue
		}
		by, ok := new(big.Rat).SetString(times.String())
		if !ok {
			return fmt.Errorf("multiplier %s: %q is not a number", name, times)
		}
		now.Modes = append(now.Modes, pricing.Mode{Name: name, Rates: rates(now.Rates).each(func(r pricing.Pico) pricing.Pico {
			return ceil(r, by)
		})})
	}
	for _, name := range slices.Sorted(maps.Keys(regions)) {
		by, ok := new(big.Rat).SetString(regions[name].String())
		if !ok {
			return fmt.Errorf("multiplier of region %s: %q is not a number", name, regions[name])
		}
		r := pricing.Region{Name: name}
		if err := r.Times.UnmarshalText([]byte(by.String())); err != nil {
			return fmt.Errorf("region %s: %w", name, err)
		}
		p.Regions = append(p.Regions, r)
	}
	return nil
}

// date makes the dated entries. The lists give tiers and modes of today only; those of an older entry are taken to have stood in
// the same relation to its rates.
func (m *model) date(p *pricing.Price, now pricing.Entry, note func(string, ...any)) error {
	p.Entries = []pricing.Entry{now}
	if len(m.History) == 0 {
		return nil
	}
	if !slices.ContainsFunc(m.History, func(d dated) bool { return d.Rates == m.Rates }) {
		note("its history does not lead to its rates; the history is left out")
		return nil
	}
	p.Entries = nil
	for _, h := range m.History {
		e := pricing.Entry{Rates: h.Rates.plausible(note)}
		if h.From != "" {
			from, err := time.Parse(time.DateOnly, h.From)
			if err != nil {
				return fmt.Errorf("effective_from: %w", err)
			}
			e.From = from
		}
		if len(h.Daily) == 2 && len(h.Daily[0]) >= 5 && len(h.Daily[1]) >= 5 {
			e.Daily = new(pricing.Window)
			if err := e.Daily.UnmarshalText([]byte(h.Daily[0][:5] + "-" + h.Daily[1][:5])); err != nil {
				return err
			}
		}
		for _, t := range now.Tiers {
			e.Tiers = append(e.Tiers, pricing.Tier{Above: t.Above, Rates: rates(t.Rates).inProportion(e.Rates, now.Rates)})
		}
		for _, mode := range now.Modes {
			e.Modes = append(e.Modes, pricing.Mode{Name: mode.Name, Rates: rates(mode.Rates).inProportion(e.Rates, now.Rates)})
		}
		if n := len(p.Entries); n > 0 && e.Daily == nil && p.Entries[n-1].Rates == e.Rates {
			continue // only something that the facts do not carry changed on that day
		}
		p.Entries = append(p.Entries, e)
	}
	return nil
}
