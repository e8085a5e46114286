package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"bursar/exchange"
	"bursar/pricing"
)

// Budget bounds what a scope may spend in a period.
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
	Line        int       // where it stands in the file

	key string // of the scope and the period, with Each for parts that differ by request
}

// BudgetScope is whom a budget bounds: a request must meet every part that is set. Each as a part's value gives every team,
// project, key or user a window of its own; requests without one are then not bounded.
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
func (b *Budget) Touches(f *exchange.Facts, c *exchange.Candidate) bool {
	s := &b.Scope
	return meets(s.Team, f.Team) && meets(s.Project, f.Project) && meets(s.Key, f.Key) && meets(s.User, f.User) &&
		(s.Model == "" || s.meetsModel(f, c)) && (s.Tag.Name == "" || slices.Contains(f.Tags, s.Tag))
}

func meets(want, is string) bool {
	return want == "" || want == is || want == Each && is != ""
}

// meetsModel goes by the tier that serves, or by the target itself if the budget names provider/model.
func (s *BudgetScope) meetsModel(f *exchange.Facts, c *exchange.Candidate) bool {
	if c == nil {
		return f.Model == s.Model
	}
	return c.Tier == s.Model || c.Target == s.Model
}

// ScopeKey names the counter of a request that the budget touches, without its window: "team=search/monthly". It is stable under
// edits of everything but the scope and the period, so raising a limit or renaming a budget never resets what is spent.
func (b *Budget) ScopeKey(f *exchange.Facts, _ *exchange.Candidate) string {
	if !b.Scope.differs() {
		return b.key
	}
	return b.Scope.key(b.Period, f)
}

// differs tells whether the scope has a part with a window for each.
func (s *BudgetScope) differs() bool {
	return s.Team == Each || s.Project == Each || s.Key == Each || s.User == Each
}

// key writes the scope and the period. f fills in the parts that are Each; without it they stay so.
func (s *BudgetScope) key(period exchange.Period, f *exchange.Facts) string {
	if f == nil {
		f = &exchange.Facts{}
	}
	var b strings.Builder
	part := func(name, want, is string) {
		if want == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
		b.WriteByte('=')
		if want != Each {
			b.WriteString(escaped(want))
			return
		}
		b.WriteString(Each) // user=each:alice is another counter than user=alice: both budgets may bound one request
		if is != "" {
			b.WriteByte(':')
			b.WriteString(escaped(is))
		}
	}
	part("team", s.Team, f.Team)
	part("project", s.Project, f.Project)
	part("key", s.Key, f.Key)
	part("user", s.User, f.User)
	if s.Model != "" {
		part("model", s.Model, "")
	}
	if s.Tag.Name != "" {
		part("tag."+escaped(s.Tag.Name), " "+s.Tag.Value, "")
	}
	if b.Len() == 0 {
		b.WriteString("everyone")
	}
	return b.String() + "/" + period.String()
}

// escaped makes a value safe between the signs of a key, and bounds its length: users and tags are whatever a client sends.
func escaped(s string) string {
	const most = 96
	s = strings.TrimPrefix(s, " ")
	if len(s) > most {
		sum := sha256.Sum256([]byte(s))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	safe := func(c byte) bool {
		return c > ' ' && c < 0x7f && !strings.ContainsRune(",=/:%{}", rune(c))
	}
	i := 0
	for i < len(s) && safe(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if safe(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
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
		fine := c.budgetScope(b, file, where)
		fine = c.budgetPeriod(b, file, where) && fine
		c.budgetSpent(b, file, where)
		for _, s := range file.WarnAt.items {
			b.WarnAt = append(b.WarnAt, s.value)
		}
		slices.Sort(b.WarnAt)
		b.WarnAt = slices.Compact(b.WarnAt)
		if file.OnStoreDown.value == "local" {
			b.OnStoreDown = Local
			c.warn(file.OnStoreDown.at, "requests are refused while the store does not answer", "on_store_down: local is loaded, but this version treats it as deny")
		}
		if fine {
			c.nameBudget(b, file, byKey, byName)
		}
		c.policy.Budgets = append(c.policy.Budgets, b)
	}
}

// nameBudget gives a budget its key and its name, and reports a second budget with one of them. Two budgets with the same
// scope and period would count every request twice on the same counter.
func (c *compiler) nameBudget(b *Budget, file *budgetEntry, byKey, byName map[string]int) {
	b.key = b.Scope.key(b.Period, nil)
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

func (c *compiler) budgetScope(b *Budget, file *budgetEntry, where string) bool {
	b.Scope = BudgetScope{
		Everyone: file.Everyone.value,
		Team:     file.Team.value, Project: file.Project.value, Key: file.Key.value, User: file.User.value, Model: file.Model.value,
	}
	if file.Team.ok && b.Scope.Team != Each {
		c.team(file.Team, where)
	}
	c.model(file.Model, where)
	switch rows := file.Tag.rows; {
	case len(rows) == 1:
		b.Scope.Tag = exchange.Tag{Name: strings.ToLower(rows[0].name), Value: rows[0].value.value}
	case len(rows) > 1:
		c.problem(rows[1].at, "write one budget per tag", "%s bounds two tags; a budget bounds one", where)
		return false
	}
	narrow := file.Team.given() || file.Project.given() || file.Key.given() || file.User.given() || file.Model.given() || file.Tag.given()
	switch {
	case file.Everyone.ok && !b.Scope.Everyone:
		c.problem(file.Everyone.at, "remove the key, or write everyone: true", "%s: everyone: false means nothing", where)
		return false
	case b.Scope.Everyone && narrow:
		c.problem(file.Everyone.at, "remove everyone, or the other parts of the scope", "%s bounds everyone, and less than everyone", where)
		return false
	case !file.Everyone.given() && !narrow && file.Strays > 0:
		return false // one of the strays was meant to say it
	case !file.Everyone.given() && !narrow:
		c.problem(file.At, "add everyone: true, or one of team, project, key, user, model and tag", "%s does not say whom it bounds", where)
		return false
	}
	return true
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
