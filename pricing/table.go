package pricing

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
)

// Table is a list of prices by provider and model. It is immutable and safe for concurrent use.
type Table struct {
	prices map[target]*Price
	sorted []*Price
}

type target struct{ provider, model string }

// Embedded returns the prices that are built into the program. The first call parses them, which takes a few milliseconds.
func Embedded() *Table { return embedded() }

// The table is made by pricing/importfacts.
//
//go:embed prices.jsonl
var embeddedPrices []byte

var embedded = sync.OnceValue(func() *Table {
	t, err := ParseTable(embeddedPrices)
	if err != nil {
		panic(fmt.Sprintf("BUG: embedded price table: %v", err))
	}
	return t
})

// ParseTable reads prices, one JSON object per line. Lines that are empty or begin with # are skipped. An error tells the line.
func ParseTable(src []byte) (*Table, error) {
	t := &Table{prices: map[target]*Price{}}
	number := 0
	for line := range bytes.Lines(src) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		p := new(Price)
		if err := json.Unmarshal(line, p); err != nil {
			return nil, fmt.Errorf("price table line %d: %w", number, err)
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("price table line %d: %w", number, err)
		}
		at := target{p.Provider, p.Model}
		if t.prices[at] != nil {
			return nil, fmt.Errorf("price table line %d: %s/%s has a price already; put both in one line as dated entries", number, p.Provider, p.Model)
		}
		p.compile()
		t.prices[at] = p
		t.sorted = append(t.sorted, p)
	}
	slices.SortFunc(t.sorted, func(a, b *Price) int {
		return strings.Compare(a.Provider+"/"+a.Model, b.Provider+"/"+b.Model)
	})
	return t, nil
}

// Find returns the price of a provider's model: of that very name, or, for a name with a date at its end (gpt-5-mini-2025-08-07,
// claude-haiku-4-5-20251001), of the name without the date. It never goes by a mere prefix: gpt-4o-mini is not gpt-4o.
func (t *Table) Find(provider, model string) (*Price, bool) {
	if p := t.prices[target{provider, model}]; p != nil {
		return p, true
	}
	if undated, ok := cutDate(model); ok {
		p := t.prices[target{provider, undated}]
		return p, p != nil
	}
	return nil, false
}

// FindHost is Find by the host name of the provider's API, for policies that call their providers by names of their own. A port
// is ignored.
func (t *Table) FindHost(host, model string) (*Price, bool) {
	provider, ok := providerOf(host)
	if !ok {
		return nil, false
	}
	return t.Find(provider, model)
}

// All goes over the prices, sorted by provider and model.
func (t *Table) All() iter.Seq[*Price] { return slices.Values(t.sorted) }

// Hash tells tables with other prices apart: SHA-256 of all that is in it, in hex.
func (t *Table) Hash() string {
	sum := sha256.New()
	for _, p := range t.sorted {
		line, err := json.Marshal(p)
		if err != nil {
			panic(fmt.Sprintf("BUG: encode the price of %s/%s, which was decoded: %v", p.Provider, p.Model, err))
		}
		sum.Write(line)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// cutDate cuts -YYYY-MM-DD or -YYYYMMDD off a model's name.
func cutDate(model string) (string, bool) {
	for _, shape := range [...]string{"-YYYY-MM-DD", "-YYYYMMDD"} {
		at := len(model) - len(shape)
		if at > 0 && isDate(model[at:], shape) {
			return model[:at], true
		}
	}
	return "", false
}

func isDate(s, shape string) bool {
	var year, month, day int
	for i := range len(shape) {
		digit := int(s[i]) - '0'
		if shape[i] == '-' {
			if s[i] != '-' {
				return false
			}
			continue
		}
		if digit < 0 || digit > 9 {
			return false
		}
		switch shape[i] {
		case 'Y':
			year = year*10 + digit
		case 'M':
			month = month*10 + digit
		case 'D':
			day = day*10 + digit
		}
	}
	return year >= 2000 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31
}
