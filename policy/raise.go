package policy

import (
	"fmt"
	"time"

	"bursar/pricing"
)

// Raise is a higher limit for a while.
type Raise struct {
	To    pricing.Nano // the limit instead; 0 if By is meant
	By    pricing.Nano // what is added to the limit
	From  time.Time    // the first moment of it, the zero time for always
	Until time.Time    // the first moment after it
	Why   string
}

// Holds tells whether the raise is in force.
func (r *Raise) Holds(at time.Time) bool { return !at.Before(r.From) && at.Before(r.Until) }

// LimitAt returns what may be spent in the window as of a moment: the limit, or the highest that a raise in force puts in its place, and what
// other raises add. It depends on nothing but the time, and what is spent stays spent when a raise ends.
func (b *Budget) LimitAt(at time.Time) pricing.Nano {
	limit, more := b.Limit, pricing.Nano(0)
	for i := range b.Raises {
		if r := &b.Raises[i]; r.Holds(at) {
			limit, more = max(limit, r.To), more+min(r.By, mostDollars-more)
		}
	}
	return limit + min(more, mostDollars-limit)
}

// RaisedAt returns the raise in force that ends first, nil if none is.
func (b *Budget) RaisedAt(at time.Time) *Raise {
	var first *Raise
	for i := range b.Raises {
		if r := &b.Raises[i]; r.Holds(at) && (first == nil || r.Until.Before(first.Until)) {
			first = r
		}
	}
	return first
}

// raises reads the raises of a budget whose limit is known.
func (c *compiler) raises(b *Budget, file *budgetEntry, where string) {
	for i := range file.Raises.items {
		entry := &file.Raises.items[i]
		if entry.At.line == 0 {
			continue
		}
		part := fmt.Sprintf("%s.raises[%d]", where, i+1)
		r := Raise{
			To: entry.ToUSD.value, By: entry.ByUSD.value, Why: entry.Why.value,
			From: entry.From.in(c.policy.Location), Until: entry.Until.over(c.policy.Location),
		}
		switch {
		case entry.ToUSD.given() && entry.ByUSD.given():
			c.problem(entry.ByUSD.at, "keep one of them", "%s has both to_usd and by_usd", part)
		case !entry.ToUSD.given() && !entry.ByUSD.given() && entry.Strays == 0:
			c.problem(entry.At, "add to_usd: with the limit for that time, or by_usd: with what is added to it", "%s does not say how far", part)
		case entry.ByUSD.ok && r.By == 0:
			c.problem(entry.ByUSD.at, "write what is added to the limit", "%s adds nothing", part)
		case entry.ToUSD.ok && b.Limit > 0 && r.To <= b.Limit:
			c.problem(entry.ToUSD.at, "write a higher limit, or by_usd: for what is added to it", "%s to $%s does not raise the limit, which is $%s", part, r.To.Dollars(), b.Limit.Dollars())
		case entry.From.ok && entry.Until.ok && !r.From.Before(r.Until):
			c.problem(entry.Until.at, "write a later end", "%s ends before it begins", part)
		case entry.Until.ok && !r.Until.After(c.now):
			c.warn(entry.Until.at, "remove it, or give it a new end", "%s is over", part)
		}
		b.Raises = append(b.Raises, r)
	}
}

// mostDollars bounds amounts of money: what a budget's counter can safely hold.
const mostDollars = 8_000_000_000 * pricing.Dollar
