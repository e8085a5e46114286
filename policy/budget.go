package policy

import (
	"bursar/exchange"
	"bursar/pricing"
)

// Budget bounds what a scope may spend in a period. A request must meet every part of the scope that is set.
type Budget struct {
	Name        string // given, or made of scope and period: "team=search/monthly"
	Scope       BudgetScope
	Period      exchange.Period
	Limit       pricing.Nano
	WarnAt      []float64 // used shares to warn at, ascending
	WhenSpent   WhenSpent
	DowngradeTo *Model    // set if and only if WhenSpent is Downgrade
	OnStoreDown StoreDown // what happens while nobody knows what is spent
	Observe     bool      // count and log, change nothing
	Line        int

	key string // scope and period, if they are the same for every request
}

// BudgetScope is whom a budget bounds. Empty parts bound nobody; Each as a part's value gives everyone a window of their own.
type BudgetScope struct {
	Everyone                        bool
	Team, Project, Key, User, Model string
	Tag                             exchange.Tag
}

// Each is the value of a scope part that gives each team, project, key or user a window of its own.
const Each = "each"

// WhenSpent is what a budget does when it has no room.
type WhenSpent uint8

// What a spent budget does.
const (
	Block     WhenSpent = iota // refuse
	Downgrade                  // send requests to DowngradeTo
	Warn                       // let pass, warn
	Observe                    // let pass, count
)

// StoreDown is what a budget does while the budget store does not answer.
type StoreDown uint8

// What a budget does without its store.
const (
	Deny  StoreDown = iota // refuse
	Local                  // go on with a bounded slice of its own
)

// Touches tells whether a request, served by c, is bounded by the budget. c may be nil before a target is chosen: a budget on
// a model then goes by what the client asked for.
func (b *Budget) Touches(f *exchange.Facts, c *exchange.Candidate) bool { return false }

// ScopeKey names the counter of a request that the budget touches, without its window: "team=search/monthly". It is stable under
// edits of the limit, so an edit never resets what is spent.
func (b *Budget) ScopeKey(f *exchange.Facts, c *exchange.Candidate) string { return b.key }
