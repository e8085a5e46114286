package pricing

import (
	"slices"
	"time"
)

// Contract is what was agreed with a provider for some time: rates of one's own, or a part of the list price.
type Contract struct {
	From, Until time.Time // from inclusive, until exclusive; zero is unbounded
	Rates       *Rates    // nil: those of the list
	Pays        Ratio     // what is paid of the list price, 17/20 for a discount of 15 %; not beside Rates
}

// Under returns the price as it is under contracts. Where several hold at a time the last one does, and where none does the list price.
// A contract's rates have no tiers, modes or parts of the day, and hold in every region.
func (p *Price) Under(contracts []Contract) *Price {
	if len(contracts) == 0 {
		return p
	}
	out := &Price{Provider: p.Provider, Model: p.Model, Limits: p.Limits, Regions: p.Regions, Source: "contract"}
	turns := []time.Time{{}}
	for _, c := range contracts {
		for _, at := range [...]time.Time{c.From, c.Until} {
			if !at.IsZero() {
				turns = append(turns, at)
			}
		}
	}
	slices.SortFunc(turns, time.Time.Compare)
	turns = slices.CompactFunc(turns, time.Time.Equal)
	for i, from := range turns {
		var until time.Time
		if i+1 < len(turns) {
			until = turns[i+1]
		}
		c := holding(contracts, from)
		if c != nil && c.Rates != nil {
			out.Entries = append(out.Entries, Entry{From: from, Rates: *c.Rates, everywhere: true})
			continue
		}
		for _, e := range p.between(from, until) {
			if c != nil {
				e.Pays = c.Pays
			}
			out.Entries = append(out.Entries, e)
		}
	}
	out.compile()
	return out
}

// holding returns the last contract that holds at a time, nil if none does.
func holding(all []Contract, at time.Time) *Contract {
	for i := len(all) - 1; i >= 0; i-- {
		if c := &all[i]; !at.Before(c.From) && (c.Until.IsZero() || at.Before(c.Until)) {
			return c
		}
	}
	return nil
}

// between returns the entries that may hold in a span of time, the first ones as of its beginning.
func (p *Price) between(from, until time.Time) []Entry {
	// The last entry that has begun by then and holds all day, for what came before it never holds again; or the first of all, which is for
	// all that is older.
	first := 0
	for i := range p.Entries {
		if e := &p.Entries[i]; e.Daily == nil && !from.Before(e.From) {
			first = i
		}
	}
	var all []Entry
	for i, e := range p.Entries[first:] {
		if i > 0 && !until.IsZero() && !e.From.Before(until) {
			break
		}
		if i == 0 || e.From.Before(from) {
			e.From = from
		}
		all = append(all, e)
	}
	return all
}
