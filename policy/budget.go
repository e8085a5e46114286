package policy

import (
	"fmt"
	"slices"

	"bursar/exchange"
	"bursar/pricing"
)

// Budget bounds what a scope may spend in a period.
type Budget struct {
	Name        string // given, or made of scope and period: "team=search/monthly"
	Scope       Who
	Period      exchange.Period
	Limit       pricing.Nano // but for raises: see LimitAt
	Raises      []Raise      // in file order
	WarnAt      []float64    // used shares to warn at, ascending
	WhenSpent   WhenSpent
	DowngradeTo *Model       // set if and only if WhenSpent is Downgrade
	OnStoreDown StoreDown    // what happens while nobody knows what is spent
	Local       pricing.Nano // what each gateway may spend meanwhile, if OnStoreDown is Local
	Observe     bool         // count and log, change nothing
	Line        int          // where it stands in the file

	key string // of the scope and the period, with Each for parts that differ by request
}

// WhenSpent is what a budget does when it has no room.
type WhenSpent uint8

// What a spent budget does.
const (
	Block     WhenSpent = iota // refuse
	Downgrade                  // send requests to DowngradeTo
	Warn                       // let pass, warn
	Observe                    // let pass, count
)

var whenSpentNames = [...]string{"block", "downgrade", "warn", "observe"}

// String returns the word of the file.
func (w WhenSpent) String() string { return whenSpentNames[w] }

// StoreDown is what a budget does while the budget store does not answer.
type StoreDown uint8

// What a budget does without its store.
const (
	Deny  StoreDown = iota // refuse
	Local                  // go on with a bounded slice of its own
)

// String returns the word of the file.
func (s StoreDown) String() string {
	if s == Local {
		return "local"
	}
	return "deny"
}

// Touches tells whether a request, served by c, is bounded by the budget. c may be nil before a target is chosen: a budget on
// a model then goes by what the client asked for.
func (b *Budget) Touches(f *exchange.Facts, c *exchange.Candidate) bool { return b.Scope.touches(f, c) }

// ScopeKey names the counter of a request that the budget touches, without its window: "team=search/monthly". It is stable under
// edits of everything but the scope and the period, so raising a limit or renaming a budget never resets what is spent.
func (b *Budget) ScopeKey(f *exchange.Facts, _ *exchange.Candidate) string {
	if !b.Scope.Differs() {
		return b.key
	}
	return b.Scope.key(f) + "/" + b.Period.String()
}

func (c *compiler) budgets() {
	byKey, byName := map[string]int{}, map[string]int{}
	for i := range c.file.Budgets.items {
		file := &c.file.Budgets.items[i]
		where := fmt.Sprintf("budgets[%d]", i+1)
		if file.At.line == 0 {
			continue // not even a mapping; told already
		}
		b := &Budget{Line: file.At.line, Observe: file.Mode.value == "observe"}
		fine := c.who(&b.Scope, &file.scopeEntry, file.At, file.Strays, where)
		fine = c.budgetPeriod(b, file, where) && fine
		c.raises(b, file, where)
		c.budgetSpent(b, file, where)
		for _, s := range file.WarnAt.items {
			b.WarnAt = append(b.WarnAt, s.value)
		}
		slices.Sort(b.WarnAt)
		b.WarnAt = slices.Compact(b.WarnAt)
		if file.OnStoreDown.value == "local" {
			b.OnStoreDown, b.Local = Local, file.LocalUSD.value
		}
		c.budgetAlone(file, where)
		if fine {
			c.nameBudget(b, file, byKey, byName)
		}
		c.policy.Budgets = append(c.policy.Budgets, b)
	}
}

// budgetAlone checks what a budget allows without the store.
func (c *compiler) budgetAlone(file *budgetEntry, where string) {
	local := file.OnStoreDown.value == "local"
	switch {
	case local && !file.LocalUSD.given():
		c.problem(file.OnStoreDown.at, "add local_usd: with what each gateway may spend while the store is away", "%s goes on without its store, but does not say how far", where)
	case local && file.LocalUSD.ok && file.LocalUSD.value == 0:
		c.problem(file.LocalUSD.at, "write more than 0, or on_store_down: deny", "%s goes on without its store, but with nothing", where)
	case !local && file.LocalUSD.given() && (file.OnStoreDown.ok || !file.OnStoreDown.given()):
		c.problem(file.LocalUSD.at, "write on_store_down: local, or remove it", "%s has local_usd, but refuses without its store", where)
	}
}

// nameBudget gives a budget its key and its name, and reports a second budget with one of them. Two budgets with the same
// scope and period would count every request twice on the same counter.
func (c *compiler) nameBudget(b *Budget, file *budgetEntry, byKey, byName map[string]int) {
	b.key = b.Scope.key(nil) + "/" + b.Period.String()
	b.Name = b.key
	if line := byKey[b.key]; line > 0 {
		c.problem(file.At, "keep one; warn_at warns before the limit", "the budget on line %d already bounds %s", line, b.key)
		return
	}
	byKey[b.key] = file.At.line
	at := file.At
	if file.Name.ok {
		b.Name, at = file.Name.value, file.Name.at
	}
	if line := byName[b.Name]; line > 0 {
		c.problem(at, "give each budget a name of its own", "the budget on line %d is already called %s", line, quoted(b.Name))
	}
	byName[b.Name] = file.At.line
}

func (c *compiler) budgetPeriod(b *Budget, file *budgetEntry, where string) bool {
	first := ""
	for _, limit := range []struct {
		key    string
		amount dollars
		period exchange.Period
	}{
		{"daily_usd", file.DailyUSD, exchange.PeriodDaily},
		{"weekly_usd", file.WeeklyUSD, exchange.PeriodWeekly},
		{"monthly_usd", file.MonthlyUSD, exchange.PeriodMonthly},
		{"quarterly_usd", file.QuarterlyUSD, exchange.PeriodQuarterly},
		{"yearly_usd", file.YearlyUSD, exchange.PeriodYearly},
		{"total_usd", file.TotalUSD, exchange.PeriodTotal},
	} {
		if !limit.amount.given() {
			continue
		}
		if first != "" {
			c.problem(limit.amount.at, "write a second budget for the other period", "%s has two periods, %s and %s", where, first, limit.key)
			return false
		}
		first, b.Period, b.Limit = limit.key, limit.period, limit.amount.value
	}
	if first == "" && file.Strays == 0 {
		c.problem(file.At, "add one of daily_usd, weekly_usd, monthly_usd, quarterly_usd, yearly_usd and total_usd", "%s has no limit", where)
	}
	return first != ""
}

func (c *compiler) budgetSpent(b *Budget, file *budgetEntry, where string) {
	b.WhenSpent = WhenSpent(max(0, slices.Index(whenSpentNames[:], file.WhenSpent.value)))
	b.Observe = b.Observe || b.WhenSpent == Observe
	b.DowngradeTo = c.model(file.DowngradeTo, where+".downgrade_to")
	switch {
	case b.WhenSpent == Downgrade && !file.DowngradeTo.given():
		c.problem(file.WhenSpent.at, "add downgrade_to: with the name of a cheaper model", "%s downgrades, but does not say to what", where)
	case b.WhenSpent != Downgrade && file.DowngradeTo.given() && (file.WhenSpent.ok || !file.WhenSpent.given()):
		c.problem(file.DowngradeTo.at, "write when_spent: downgrade, or remove it", "%s has downgrade_to, but does not downgrade", where)
	case b.WhenSpent == Downgrade && b.DowngradeTo != nil && c.policy.Default != nil && b.DowngradeTo.Rank > c.policy.Default.Rank:
		c.warn(file.DowngradeTo.at, "name a cheaper model", "%s downgrades to %q, which costs more than the default model", where, b.DowngradeTo.Name)
	}
}
