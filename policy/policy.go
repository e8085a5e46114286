// Package policy turns policies.yaml into a compiled, immutable Policy, and tells every problem of a file at once, each with
// its line, its column and what to do. It is separate so that nobody else knows YAML: the rest of the house sees only names
// that resolve, money that is exact and rules that are typed.
package policy

import (
	"fmt"
	"io"
	"os"
	"time"

	"bursar/exchange"
)

//go:generate go run ./schemagen

// Policy is one loaded policies.yaml. Nothing in it ever changes, so a request keeps the one it started with.
type Policy struct {
	File      string         // the name it was loaded under
	Hash      string         // SHA-256 of the file's bytes, in hex
	Location  *time.Location // where a day and a month begin
	Providers map[string]*Provider
	Models    map[string]*Model
	Teams     map[string]*Team
	Keys      []Key     // in file order
	Budgets   []*Budget // in file order; no two have the same scope and period
	Limits    []*Limit  // in file order; no two have the same scope
	Routes    []*Route  // in file order; the last one that is not observed matches everything

	Default  *Model // where auto goes when no rule says otherwise
	Baseline *Model // what savings are measured against; Default if the file names none
	// Yardstick is the first target of Baseline whose price is known, nil if there is none.
	Yardstick *exchange.Candidate

	UnknownPrice UnknownPrice // what happens to a target without a price

	MoveDown   MoveDown // which routes move a conversation to a cheaper model
	TurnsAhead int64    // over how many turns that has to pay, > 0

	AllowPerCallTools bool // tools that a provider runs itself and bills by the call, which no budget bounds, may be asked for
	Cache             Cache
	Trim              exchange.Trim
	Summarizer        *Model // sums up what trims drop; nil if nobody does
	Output            Output
	Events            Events
	Warnings          []Warning // what loads but deserves a look, in file order

	prices *priceBook
	listed map[string]*Model // provider/model of every target the file lists, each as a model of its own
}

// Load reads and parses the policy at path, with the process's environment. A file with problems gives a *Problems.
func Load(path string) (*Policy, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return Parse(path, src, os.Getenv)
}

// LoadWithKeys is Load as if every key that the file names by key_env were there: for what must not hang on the machine it runs on.
func LoadWithKeys(path string) (*Policy, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return Parse(path, src, func(name string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return "absent"
	})
}

// readFile reads no more of a file than it takes to see that it is too large.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, mostBytes+1))
}

// Team is who pays.
type Team struct{ Name, Owner, CostCenter string }

// Output bounds how long answers may get, in tokens.
type Output struct {
	DefaultMaxTokens int64 // cap of a request that asks for none, > 0
	MaxTokens        int64 // no request gets more; 0 is no limit
	LeastUseful      int64 // no cap is lowered below this for want of money; > 0
	HoldP99          bool  // where room is scarce, hold for what 99 in 100 answers need, not for the whole cap
}

// UnknownPrice is what the policy does with a target that no price is known for.
type UnknownPrice uint8

// What to do with an unknown price.
const (
	DenyUnknown   UnknownPrice = iota // do not use the target
	AssumeUnknown                     // count it at prices.assume_usd
)

// MoveDown is which routes take a conversation to a model that is cheaper than the one which served its last turn.
type MoveDown uint8

// Which routes do.
const (
	MoveForBudgets MoveDown = iota // those with a condition on the budget, where that saves
	MoveWhereSaves                 // all, where that saves
	MoveAlways                     // all
	MoveNever                      // none
)

var moveDownWords = [...]string{"budget", "saves", "always", "never"}

// String returns the word of the policy file.
func (m MoveDown) String() string { return moveDownWords[m] }

// Cache is what may be answered from earlier answers.
type Cache struct {
	Scope Scope         // who shares answers
	TTL   time.Duration // how long an exact answer lives; 0 means that nothing is cached
	Stale time.Duration // how long after that it may be given while it is fetched anew; 0 is not at all
	Wait  time.Duration // how long a request waits for the answer to an equal one
	// Namespace sets answers apart within their scope, "" if the file has none.
	Namespace string
	Semantic  *Semantic // nil if the file has none: nothing is compared
}

// Semantic configures answers to questions that mean the same.
type Semantic struct {
	MaxFalseHits float64 // bound on the share of wrong hits, 0..1
	TTL          time.Duration
	Scope        Scope
	Opinion      *Opinion // nil asks nobody
}

// Opinion is an embedder that is asked where the verifier leaves it open whether two questions mean the same.
type Opinion struct {
	Provider *Provider
	Embedder *exchange.Candidate
	Dims     int           // 0 is the model's own
	Deadline time.Duration // how long a request waits
}

// Scope is who shares cached answers.
type Scope uint8

// Scopes, from narrowest to widest.
const (
	ScopeKey Scope = iota
	ScopeTeam
	ScopeEveryone
)

// Key returns the sharing scope of a request: the first part of every cache key.
func (s Scope) Key(f *exchange.Facts) string {
	switch s {
	case ScopeKey:
		return "key=" + f.Key
	case ScopeTeam:
		return "team=" + f.Team
	default:
		return "everyone"
	}
}
