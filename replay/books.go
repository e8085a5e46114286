package replay

import (
	"container/heap"
	"slices"
	"time"

	"bursar/budget"
	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
)

// Books are the budget windows of a policy, with what is spent in them and held for requests that are under way.
type Books struct {
	policy   *policy.Policy
	calendar *budget.Calendar
	spent    []map[string]*balance // by budget, then by scope
	open     holds
}

// balance is what a scope has spent in its current window, and what is held there.
type balance struct {
	window      string
	spent, held pricing.Nano
}

// NewBooks returns windows in which nothing is spent.
func NewBooks(p *policy.Policy) *Books {
	b := &Books{policy: p, calendar: budget.NewCalendar(p.Location), spent: make([]map[string]*balance, len(p.Budgets))}
	for i := range b.spent {
		b.spent[i] = map[string]*balance{}
	}
	return b
}

// balance returns what the request's scope has spent of a budget, nil if the budget does not touch the request.
func (b *Books) balance(i int, f *exchange.Facts, c *exchange.Candidate) *balance {
	line := b.policy.Budgets[i]
	if !line.Touches(f, c) {
		return nil
	}
	key := line.ScopeKey(f, c)
	at := b.spent[i][key]
	if at == nil {
		at = new(balance)
		b.spent[i][key] = at
	}
	if window := b.calendar.Window(line.Period, f.At).ID; at.window != window {
		*at = balance{window: window}
	}
	return at
}

// Set says what the request's scope has spent of a budget.
func (b *Books) Set(line *policy.Budget, f *exchange.Facts, spent pricing.Nano) {
	i := slices.Index(b.policy.Budgets, line)
	scope := *f
	if m := line.Scope.Model; m != "" {
		scope.Model = m
	}
	if at := b.balance(i, &scope, nil); at != nil {
		at.spent = spent
	}
}

// Used returns the used share of the fullest budget that touches a request, 0 if none does.
func (b *Books) Used(f *exchange.Facts) float64 {
	b.settle(f.At)
	model, ok := b.policy.Resolve(f.Model)
	if !ok {
		model = b.policy.Default
	}
	var used float64
	for i, line := range b.policy.Budgets {
		if at := b.balance(i, f, model.Use[0]); at != nil {
			if limit := line.LimitAt(f.At); limit > 0 {
				used = max(used, float64(at.spent+at.held)/float64(limit))
			}
		}
	}
	return used
}

// Admit finds the candidate that the budgets have room for, as the gateway's reserve does: the first whose worst case fits, with as low an output cap
// as is still useful; else the model that a spent budget downgrades to; else the next candidate. It writes a downgrade into the decision, and
// returns the output cap in tokens.
func (b *Books) Admit(f *exchange.Facts, d *exchange.Decision) (c *exchange.Candidate, most int64, refused bool) {
	b.settle(f.At)
	downgrades := 0
	for k := 0; k < len(d.Candidates); {
		c = d.Candidates[k]
		most, short := b.room(f, d, c)
		if short == nil {
			return c, most, false
		}
		if short.WhenSpent == policy.Downgrade && downgrades < len(b.policy.Budgets) {
			if targets := servable(short.DowngradeTo.Use); len(targets) > 0 {
				downgrades++
				d.Model, d.Reason, d.Candidates, k = short.DowngradeTo.Name, exchange.ReasonDowngraded, targets, 0
				if cap := short.DowngradeTo.MaxOutput; cap > 0 {
					d.MaxOutput = min(d.MaxOutput, cap)
				}
				continue
			}
		}
		k++
	}
	return nil, 0, true
}

// room returns the output cap that all budgets have room for, or the budget that has none.
func (b *Books) room(f *exchange.Facts, d *exchange.Decision, c *exchange.Candidate) (most int64, short *policy.Budget) {
	most = d.MaxOutput
	if c.MaxOutput > 0 {
		most = min(most, c.MaxOutput)
	}
	least, n := min(most, b.policy.Output.LeastUseful), max(1, f.N)
	prompt, wanted := promptBound(f, d), most
	for i, line := range b.policy.Budgets {
		at := b.balance(i, f, c)
		if at == nil || !line.Refuses(b.policy, c) {
			continue
		}
		room := line.LimitAt(f.At) - at.spent - at.held
		if room < c.Price.Worst(prompt, least*n, f.At) {
			return 0, line
		}
		if room < c.Price.Worst(prompt, most*n, f.At) {
			most = min(most, c.Price.Affordable(prompt, room, f.At)/n)
		}
	}
	if most < wanted && d.Reason != exchange.ReasonDowngraded {
		d.Reason = exchange.ReasonCapShrunk
	}
	return most, nil
}

// promptBound is what is held for the prompt in tokens: its count after the trim, and what docs/money.md says of what providers add unseen.
func promptBound(f *exchange.Facts, d *exchange.Decision) int64 {
	prompt := f.PromptTokens
	if trim := d.Trim.MaxPromptTokens; trim > 0 {
		prompt = min(prompt, trim)
	}
	if f.PromptMethod == exchange.MethodEstimate {
		return prompt + prompt/4 + 64
	}
	return prompt + prompt/50 + 16
}

func servable(all []*exchange.Candidate) []*exchange.Candidate {
	var can []*exchange.Candidate
	for _, c := range all {
		if c.Unavailable == "" && c.Price != nil {
			can = append(can, c)
		}
	}
	return can
}

// Charge holds a request's worst case in every window that it touches until its answer ends, and its cost from then on.
func (b *Books) Charge(f *exchange.Facts, d *exchange.Decision, c *exchange.Candidate, most int64, cost pricing.Nano, ends time.Time) {
	if !ends.After(f.At) {
		for i := range b.policy.Budgets {
			if at := b.balance(i, f, c); at != nil {
				at.spent += cost
			}
		}
		return
	}
	worst := max(cost, c.Price.Worst(promptBound(f, d), most*max(1, f.N), f.At))
	for i := range b.policy.Budgets {
		if at := b.balance(i, f, c); at != nil {
			at.held += worst
			heap.Push(&b.open, hold{ends, at, at.window, worst, cost})
		}
	}
}

// settle replaces the holds of requests that have ended by what they cost.
func (b *Books) settle(now time.Time) {
	for len(b.open) > 0 && !b.open[0].ends.After(now) {
		if h := heap.Pop(&b.open).(hold); h.at.window == h.window {
			h.at.held -= h.worst
			h.at.spent += h.cost
		}
	}
}

// hold is money held in one window.
type hold struct {
	ends        time.Time
	at          *balance
	window      string
	worst, cost pricing.Nano
}

// holds are a heap, the one that ends first on top.
type holds []hold

func (h holds) Len() int           { return len(h) }
func (h holds) Less(i, j int) bool { return h[i].ends.Before(h[j].ends) }
func (h holds) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *holds) Push(x any)        { *h = append(*h, x.(hold)) }

// Pop takes the last one.
func (h *holds) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
