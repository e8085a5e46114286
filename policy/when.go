package policy

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/exchange"
)

// When is a route's condition: all of its keys must hold.
type When struct {
	checks   []check
	location *time.Location // the hour's
}

// check is one key of a condition, compiled.
type check struct {
	fact     fact
	key      string   // as in the file: prompt_tokens, tags.feature
	text     string   // as in the file
	names    []string // one of them must be the request's
	flag     bool
	from, to int64   // both included
	low, top float64 // both included
	hours    uint32  // a bit for each hour
}

// fact is what a check looks at.
type fact uint8

const (
	factModel fact = iota
	factTeam
	factProject
	factKey
	factUser
	factTag
	factPromptTokens
	factMaxOutput
	factComplexity
	factTools
	factStream
	factImages
	factTurns
	factBudgetUsed
	factHour
)

// Match tells whether a request meets every key, and if not, the first key that failed. It allocates nothing.
func (w *When) Match(f *exchange.Facts) (ok bool, failed string) {
	for i := range w.checks {
		if c := &w.checks[i]; !c.holds(f, w.location) {
			return false, c.key
		}
	}
	return true, ""
}

func (c *check) holds(f *exchange.Facts, location *time.Location) bool {
	switch c.fact {
	case factModel:
		return slices.Contains(c.names, f.Model)
	case factTeam:
		return slices.Contains(c.names, f.Team)
	case factProject:
		return slices.Contains(c.names, f.Project)
	case factKey:
		return slices.Contains(c.names, f.Key)
	case factUser:
		return slices.Contains(c.names, f.User)
	case factTag:
		return c.holdsTag(f.Tags)
	case factPromptTokens:
		return c.between(f.PromptTokens)
	case factMaxOutput: // no cap asked for is not a small one
		return f.MaxOutput > 0 && c.between(f.MaxOutput)
	case factComplexity: // no signal is not a low one
		return f.Complexity.Known && f.Complexity.Score >= c.low && f.Complexity.Score <= c.top
	case factTools:
		return f.Tools == c.flag
	case factStream:
		return f.Stream == c.flag
	case factImages:
		return c.between(int64(f.Images))
	case factTurns:
		return c.between(int64(f.Turns))
	case factBudgetUsed:
		return f.BudgetUsed >= c.low && f.BudgetUsed <= c.top
	default: // factHour
		return c.hours&(1<<f.At.In(location).Hour()) != 0
	}
}

func (c *check) between(v int64) bool { return v >= c.from && v <= c.to }

func (c *check) holdsTag(tags []exchange.Tag) bool {
	for i := range tags {
		if tags[i].Name == c.text && slices.Contains(c.names, tags[i].Value) {
			return true
		}
	}
	return false
}

// Always tells whether the condition is empty and so matches everything.
func (w *When) Always() bool { return len(w.checks) == 0 }

// AsksBudget tells whether the condition reads Facts.BudgetUsed.
func (w *When) AsksBudget() bool {
	return slices.ContainsFunc(w.checks, func(c check) bool { return c.fact == factBudgetUsed })
}

// Conditions goes over the keys and what they want, as the file has them.
func (w *When) Conditions() iter.Seq2[string, string] {
	return func(yield func(key, want string) bool) {
		for i := range w.checks {
			if c := &w.checks[i]; !yield(c.key, c.want()) {
				return
			}
		}
	}
}

func (c *check) want() string {
	switch {
	case len(c.names) > 0:
		return strings.Join(c.names, " or ")
	case c.fact == factTools || c.fact == factStream:
		return strconv.FormatBool(c.flag)
	default:
		return c.text
	}
}

// when compiles a condition, in the order of the docs.
func (c *compiler) when(file *whenEntry, where string) *When {
	w := &When{location: c.policy.Location}
	if file == nil {
		return w
	}
	named := func(fact fact, key string, names words) {
		if names.given() {
			w.checks = append(w.checks, check{fact: fact, key: key, names: names.values()})
		}
	}
	compared := func(fact fact, key string, by comparison) {
		if by.given() {
			w.checks = append(w.checks, check{fact: fact, key: key, text: by.text, from: by.from, to: by.to, low: by.low, top: by.top})
		}
	}
	flagged := func(fact fact, key string, by toggle) {
		if by.given() {
			w.checks = append(w.checks, check{fact: fact, key: key, flag: by.value})
		}
	}
	for _, name := range file.Model.items {
		if name.value != Auto {
			c.model(name, where+".model", Auto)
		}
	}
	for _, name := range file.Team.items {
		c.team(name, where+".team")
	}
	named(factModel, "model", file.Model)
	named(factTeam, "team", file.Team)
	named(factProject, "project", file.Project)
	named(factKey, "key", file.Key)
	named(factUser, "user", file.User)
	for _, row := range file.Tags.rows {
		name := strings.ToLower(row.name) // headers have no case
		w.checks = append(w.checks, check{fact: factTag, key: "tags." + name, text: name, names: row.value.values()})
	}
	compared(factPromptTokens, "prompt_tokens", file.PromptTokens)
	compared(factMaxOutput, "max_output", file.MaxOutput)
	compared(factComplexity, "complexity", file.Complexity)
	flagged(factTools, "tools", file.Tools)
	flagged(factStream, "stream", file.Stream)
	compared(factImages, "images", file.Images)
	compared(factTurns, "turns", file.Turns)
	compared(factBudgetUsed, "budget_used", file.BudgetUsed)
	if h := file.Hour; h.given() {
		w.checks = append(w.checks, check{fact: factHour, key: "hour", text: h.text, hours: h.set})
	}
	if w.Always() && file.At.line > 0 && file.Strays == 0 {
		c.problem(file.At, "give it a key, or leave `when` out to match everything", "%s is empty", where)
	}
	return w
}
