package pricing

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Price is what one model of one provider costs, at every date that is known. It is immutable once made, by Flat or by
// ParseTable, and safe for concurrent use. All rates are US dollars.
type Price struct {
	Provider string   `json:"provider"`
	Model    string   `json:"model"`
	Limits   Limits   `json:"limits,omitzero"`
	Entries  []Entry  `json:"entries"` // sorted by From
	Regions  []Region `json:"regions,omitempty"`
	Source   string   `json:"source,omitempty"` // whose price list it is taken from

	sheets  []sheet // Entries, compiled: every bucket, tier and mode has a rate
	dearest Ratio   // the largest multiplier of any region, at least 1
}

// Limits are a model's bounds in tokens. 0 is unknown.
type Limits struct {
	Context int64 `json:"context,omitempty"` // prompt and answer together
	Input   int64 `json:"input,omitempty"`
	Output  int64 `json:"output,omitempty"`
}

// Entry is a price list valid from a date on, until the next entry. The list is picked by the time a request starts.
type Entry struct {
	From  time.Time `json:"from,omitzero"`  // inclusive; zero is always
	Daily *Window   `json:"daily,omitzero"` // nil is all day; else it holds only within this part of the day
	Rates Rates     `json:"rates"`
	Tiers []Tier    `json:"tiers,omitempty"` // sorted by Above
	Modes []Mode    `json:"modes,omitempty"`

	// Marginal tiers hold for the prompt's tokens above their bound only; cached tokens come first, as they do in a prompt. The answer and
	// the fee are those of the last tier reached. Tiers that are not marginal hold for the whole request.
	Marginal bool `json:"marginal,omitempty"`
	// Pays is what is paid of all that, 17/20 for a discount of 15 %; zero is all of it.
	Pays Ratio `json:"pays,omitzero"`

	everywhere bool // no region multiplies it: the rates are a contract's
}

// Tier holds when the prompt has more than Above tokens.
type Tier struct {
	Above int64 `json:"above"` // prompt tokens, cached ones included
	Rates Rates `json:"rates"`
}

// Mode is a service tier other than the standard one: batch, flex, priority, fast.
type Mode struct {
	Name  string `json:"name"`
	Rates Rates  `json:"rates"`
}

// Region multiplies every rate for requests served there. Regions that are not listed cost the list price.
type Region struct {
	Name  string `json:"name"`
	Times Ratio  `json:"times"`
}

// Flat returns a price of one rate for ever, such as an override of a policy. Buckets left at zero fall back as Rates tells.
func Flat(provider, model string, r Rates) *Price {
	p := &Price{Provider: provider, Model: model, Entries: []Entry{{Rates: r}}, Source: "override"}
	p.compile()
	return p
}

// Cost returns what a call that started at this time cost: exact, rounded once, half to even. A usage beyond all bounds costs
// the largest Nano, never a wrapped one; negative counts are taken as none.
//
// A served tier that the price does not know costs what the dearest known one would.
func (p *Price) Cost(u *Usage, at time.Time) Nano {
	s := p.sheetAt(at)
	modes := s.tiers[0].modes // every tier has the same
	paid := s.pays
	if !s.everywhere {
		paid = p.region(u.Region).by(s.pays)
	}
	if standard(u.Tier) {
		return s.sum(u, listPrice).times(paid).nano(halfEven)
	}
	for i := range modes {
		if modes[i].Name == u.Tier {
			return s.sum(u, i).times(paid).nano(halfEven)
		}
	}
	dearest := s.sum(u, listPrice)
	for i := range modes {
		dearest = dearest.max(s.sum(u, i))
	}
	return dearest.times(paid).nano(halfEven)
}

// Worst returns an upper bound of Cost for every call of at most this many prompt and output tokens, however the provider
// splits them into buckets, whatever mode and region it serves. It is rounded up.
func (p *Price) Worst(prompt, output int64, at time.Time) Nano {
	s := p.sheetAt(at)
	b := s.tier(prompt).bound
	return b.fixed(prompt).plus(b.out, output).times(p.most(s)).nano(up)
}

// Affordable returns the largest output for which Worst(prompt, output, at) <= budget, 0 if there is none. It is the largest
// int64 if the answer is free.
func (p *Price) Affordable(prompt int64, budget Nano, at time.Time) int64 {
	s := p.sheetAt(at)
	b := s.tier(prompt).bound
	return b.fixed(prompt).room(budget, p.most(s), b.out)
}

// most is the largest multiplier of a sheet.
func (p *Price) most(s *sheet) Ratio {
	if s.everywhere {
		return s.pays
	}
	return p.dearest.by(s.pays)
}

// standard tells whether a served tier is the list price. Providers spell it differently.
func standard(tier string) bool {
	return tier == "" || tier == "default" || tier == "standard"
}

func (p *Price) region(name string) Ratio {
	if name != "" {
		for i := range p.Regions {
			if p.Regions[i].Name == name {
				return p.Regions[i].Times
			}
		}
	}
	return one
}

// EntryAt returns the price list that holds at a time. It must not be changed.
func (p *Price) EntryAt(at time.Time) *Entry { return &p.Entries[p.indexAt(at)] }

func (p *Price) sheetAt(at time.Time) *sheet { return &p.sheets[p.indexAt(at)] }

// indexAt picks the last entry that has begun and whose window is open. The first one is for all that is older.
func (p *Price) indexAt(at time.Time) int {
	for i := len(p.sheets) - 1; i > 0; i-- {
		if s := &p.sheets[i]; !at.Before(s.from) && (s.daily == nil || s.daily.Contains(at)) {
			return i
		}
	}
	return 0
}

// compile checks the price and works out its sheets. It must have been called before anything is asked of a price.
func (p *Price) compile() {
	p.dearest = one
	for _, r := range p.Regions {
		if p.dearest.less(r.Times) {
			p.dearest = r.Times
		}
	}
	p.sheets = make([]sheet, len(p.Entries))
	for i := range p.Entries {
		p.sheets[i] = newSheet(&p.Entries[i])
	}
}

// check tells what is wrong with a price that was read from a file.
func (p *Price) check() error {
	if p.Provider == "" || p.Model == "" {
		return fmt.Errorf("price without provider or model")
	}
	name := p.Provider + "/" + p.Model
	if len(p.Entries) == 0 {
		return fmt.Errorf("price of %s: no entry; give at least one with rates", name)
	}
	if p.Entries[0].Daily != nil {
		return fmt.Errorf("price of %s: the first entry holds only part of the day; put one that holds all day before it", name)
	}
	if !slices.IsSortedFunc(p.Entries, func(a, b Entry) int { return a.From.Compare(b.From) }) {
		return fmt.Errorf("price of %s: entries are not sorted by date", name)
	}
	for _, r := range p.Regions {
		if r.Name == "" || r.Times.den == 0 {
			return fmt.Errorf("price of %s: a region without name or multiplier", name)
		}
	}
	for i := range p.Entries {
		if err := p.Entries[i].check(); err != nil {
			return fmt.Errorf("price of %s: entry %d: %w", name, i+1, err)
		}
	}
	return nil
}

func (e *Entry) check() error {
	if err := e.Rates.check(); err != nil {
		return err
	}
	if e.Pays != (Ratio{}) && (one.less(e.Pays) || e.Pays.less(Ratio{1, 100})) {
		return fmt.Errorf("pays %s is not between 1/100 and 1/1", e.Pays)
	}
	if !slices.IsSortedFunc(e.Tiers, func(a, b Tier) int { return cmp.Compare(a.Above, b.Above) }) {
		return fmt.Errorf("tiers are not sorted by size")
	}
	for i := range e.Tiers {
		if err := e.Tiers[i].Rates.check(); err != nil {
			return fmt.Errorf("tier above %d: %w", e.Tiers[i].Above, err)
		}
	}
	for i := range e.Modes {
		if standard(e.Modes[i].Name) {
			return fmt.Errorf("mode %q is the standard one: its rates are the entry's", e.Modes[i].Name)
		}
		if err := e.Modes[i].Rates.check(); err != nil {
			return fmt.Errorf("mode %s: %w", e.Modes[i].Name, err)
		}
	}
	return nil
}
