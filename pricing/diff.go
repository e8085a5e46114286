package pricing

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Change is what differs between two tables on one model.
type Change struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Kind     string `json:"change"`          // added, removed or changed
	Parts    []Part `json:"parts,omitempty"` // of a changed one, sorted by name
}

// Part is one thing of a price that differs. Rates are in $ per million tokens, fees in $, limits in tokens; "" where there is none.
type Part struct {
	Name string `json:"name"` // "from 2026-07-30 tier above 272000 input"
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Diff tells what is otherwise in a new table than in an old one, sorted by provider and model. Where a price was taken from does
// not count.
func Diff(old, now *Table) []Change {
	var changes []Change
	for p := range now.All() {
		was := old.prices[target{p.Provider, p.Model}]
		if was == nil {
			changes = append(changes, Change{Provider: p.Provider, Model: p.Model, Kind: "added"})
		} else if parts := diffParts(was.parts(), p.parts()); len(parts) > 0 {
			changes = append(changes, Change{Provider: p.Provider, Model: p.Model, Kind: "changed", Parts: parts})
		}
	}
	for p := range old.All() {
		if now.prices[target{p.Provider, p.Model}] == nil {
			changes = append(changes, Change{Provider: p.Provider, Model: p.Model, Kind: "removed"})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return slices.Compare([]string{a.Provider, a.Model}, []string{b.Provider, b.Model})
	})
	return changes
}

func diffParts(old, now map[string]string) []Part {
	var parts []Part
	all := maps.Clone(old)
	maps.Copy(all, now)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if old[name] != now[name] {
			parts = append(parts, Part{name, old[name], now[name]})
		}
	}
	return parts
}

// parts are all that is known of a price, by name.
func (p *Price) parts() map[string]string {
	all := map[string]string{}
	for name, n := range map[string]int64{"context": p.Limits.Context, "max input": p.Limits.Input, "max output": p.Limits.Output} {
		if n != 0 {
			all["limit "+name] = strconv.FormatInt(n, 10)
		}
	}
	for _, r := range p.Regions {
		all["region "+r.Name] = r.Times.String()
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		prefix := e.Label()
		if prefix != "" {
			prefix += " "
		}
		e.Rates.parts(all, prefix)
		for _, t := range e.Tiers {
			t.Rates.parts(all, prefix+"tier above "+strconv.FormatInt(t.Above, 10)+" ")
		}
		for _, m := range e.Modes {
			m.Rates.parts(all, prefix+"mode "+m.Name+" ")
		}
	}
	return all
}

// Label tells when an entry holds: "", "from 2026-07-30", "from 2026-07-30 daily 16:30-00:30".
func (e *Entry) Label() string {
	label := ""
	if !e.From.IsZero() {
		layout := time.RFC3339
		if e.From.UTC().Truncate(24 * time.Hour).Equal(e.From) {
			layout = time.DateOnly
		}
		label = "from " + e.From.UTC().Format(layout)
	}
	if e.Daily != nil {
		if label != "" {
			label += " "
		}
		text, _ := e.Daily.MarshalText() // it never fails
		label += "daily " + string(text)
	}
	return label
}

func (r Rates) parts(into map[string]string, prefix string) {
	for i, p := range r.buckets() {
		if *p != 0 {
			into[prefix+bucketNames[i]] = p.PerMillion()
		}
	}
	if r.PerRequest != 0 {
		into[prefix+"per request"] = r.PerRequest.Dollars()
	}
}

// bucketNames name what Rates.buckets points to, in the same order.
var bucketNames = [10]string{
	"input", "cache_read", "cache_write", "cache_write_1h", "audio_in", "image_in", "output", "reasoning", "audio_out", "image_out",
}
