package replay

import (
	"time"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
	"bursar/router"
)

// Simulation is a gateway under a policy, as far as decisions go. It is fed requests in the order of their times. It is not safe for concurrent
// use.
type Simulation struct {
	policy     *policy.Policy
	prices     Prices
	books      *Books
	asksBudget bool
	stored     map[answer]kept
	last       map[uint64]*turn // each conversation's last turn
	typical    average          // output tokens of the answers so far
	known      *Known
	digests    map[*exchange.Cascade]string
	owed       map[spread]int64 // escalations that like requests have still to see, in parts
}

// turn is what a turn of a conversation has left behind.
type turn struct {
	exchange.Sticky
	warmUntil time.Time
}

// answer names what a cache could have kept.
type answer struct {
	key   uint64
	model string
}

// kept is when the cache has an answer.
type kept struct{ from, until time.Time }

// New returns a gateway that has seen no request. Cascades go by what is known.
func New(p *policy.Policy, prices Prices, known *Known) *Simulation {
	s := &Simulation{
		policy: p, prices: prices, books: NewBooks(p), stored: map[answer]kept{}, last: map[uint64]*turn{},
		known: known, digests: map[*exchange.Cascade]string{}, owed: map[spread]int64{},
	}
	for _, r := range p.Routes {
		s.asksBudget = s.asksBudget || r.When.AsksBudget()
		if r.Cascade != nil {
			s.digests[r.Cascade] = r.Cascade.Digest()
		}
	}
	return s
}

// Result is what would have come of a request.
type Result struct {
	Rule, Model, Target string
	Reason              exchange.Reason // of the decision, or of the refusal
	Refused, Hit        bool
	Status              int   // HTTP status of a refusal
	Cap                 int64 // output cap in tokens
	Cut                 bool  // the cap is below what was answered
	Cost, Baseline      pricing.Nano
	Saved               exchange.Savings
	Observed            []string // observed rules that would have decided
	Checked             Checked
	Judged              Judged
	Kept                bool         // its conversation stays, as moving costs more than it saves
	NotMoved            pricing.Nano // what it would have cost more to move, by what it did use
}

// Run decides a request, and enters what it would have cost. Answers are taken to be as long as the recorded ones whichever model gives them, and
// one that was never given to be as long as those before it.
func (s *Simulation) Run(r *Record) Result {
	f := r.Facts
	if s.asksBudget {
		f.BudgetUsed = s.books.Used(&f)
	}
	if f.Conversation != 0 {
		if last := s.last[f.Conversation]; last != nil {
			if f.Sticky = last.Sticky; f.At.After(last.warmUntil) {
				f.Sticky.Warm = 0
			}
		}
	}
	result, terms := s.run(r, &f)
	result.Judged = judge(s.policy, r, &result, terms)
	return result
}

func (s *Simulation) run(r *Record, f *exchange.Facts) (result Result, terms string) {
	d, fault := router.Decide(s.policy, f)
	result = Result{Rule: d.Rule, Model: d.Model, Reason: d.Reason, Cap: d.MaxOutput, Observed: d.Observed, Kept: d.Switch.Kept()}
	if fault != nil {
		result.Refused, result.Status = true, fault.Status
		return result, ""
	}
	usage := s.usage(r)
	if s.hit(r, f, &d) {
		c := d.Candidates[0]
		result.Hit, result.Target, result.Reason = true, c.Target, exchange.ReasonExactHit
		s.price(&result, &d, c, usage, r, f)
		return result, ""
	}
	c, most, refused := s.books.Admit(f, &d)
	result.Model, result.Reason = d.Model, d.Reason
	if refused {
		result.Refused, result.Status, result.Reason, result.Cap = true, 429, exchange.ReasonBudgetSpent, 0
		return result, ""
	}
	result.Target, result.Cap = c.Target, most
	if over := usage.Completion() - most*max(1, f.N); over > 0 {
		result.Cut = true
		usage.Reasoning, over = lower(usage.Reasoning, over)
		usage.Output, _ = lower(usage.Output, over)
	}
	s.price(&result, &d, c, usage, r, f)
	s.books.Charge(f, &d, c, most, result.Cost, f.At.Add(r.Took))
	if d.Switch.Kept() {
		s.notMoved(&result, &d, usage, r, f)
	}
	checked := d.Cascade
	switch {
	case checked == nil || d.Reason == exchange.ReasonDowngraded:
		checked = nil
	case d.Reason == exchange.ReasonUncertified:
		s.shadow(&result, f, checked, usage)
	default:
		s.check(&result, r, f, &d, c, usage)
	}
	if !result.Refused {
		s.remember(r, f, &d, &result, usage)
	}
	return result, s.termsOf(checked)
}

func lower(n, by int64) (left, rest int64) {
	taken := min(n, by)
	return n - taken, by - taken
}

// usage is what was counted, before any trim.
func (s *Simulation) usage(r *Record) pricing.Usage {
	if !r.answered() {
		return pricing.Usage{Input: r.Facts.PromptTokens, Output: s.typical.mean()}
	}
	u := r.Usage
	u.Input += r.Trimmed
	s.typical.add(u.Completion())
	return u
}

// hit tells whether the cache would have had the answer: it was stored under this policy, or it was a hit then, of an answer from before the
// replay.
func (s *Simulation) hit(r *Record, f *exchange.Facts, d *exchange.Decision) bool {
	if r.Key == 0 || d.Cache != exchange.CacheOn && d.Cache != exchange.CacheRead || s.policy.Cache.TTL <= 0 {
		return false
	}
	at, stored := s.stored[answer{r.Key, d.Model}]
	if !stored {
		return r.Hit && (r.Model == d.Model || r.Model == "")
	}
	return !f.At.Before(at.from) && f.At.Before(at.until)
}

func (s *Simulation) remember(r *Record, f *exchange.Facts, d *exchange.Decision, result *Result, usage pricing.Usage) {
	if r.Key != 0 && (d.Cache == exchange.CacheOn || d.Cache == exchange.CacheRefresh) {
		name, from := answer{r.Key, d.Model}, f.At // equal requests that come while it is under way share its answer
		if d.Cache == exchange.CacheRefresh {
			from = f.At.Add(r.Took)
		}
		if old, ok := s.stored[name]; ok && f.At.Before(old.until) {
			from = old.from
		}
		s.stored[name] = kept{from, f.At.Add(r.Took + d.CacheTTL)}
	}
	if f.Conversation == 0 {
		return
	}
	last := s.last[f.Conversation]
	if last == nil {
		last = new(turn)
		s.last[f.Conversation] = last
	}
	used, ends := usage, f.At.Add(r.Took)
	s.asServed(&used, result.Target, r, f)
	next, warm := last.After(d.Model, result.Target, &used)
	*last = turn{next, ends.Add(warm)}
}

// asServed is a usage as it would have been told by a target. One that the conversation has newly come to has no prompt cache of it, so what was
// read from one is then paid in full.
func (s *Simulation) asServed(u *pricing.Usage, target string, r *Record, f *exchange.Facts) {
	if target != r.Target {
		u.Tier, u.Region = "", ""
		if f.Sticky.Target != target {
			u.Input, u.CacheRead = u.Input+u.CacheRead, 0
		}
	}
}

// notMoved moves the saving of a conversation that was kept from a cheaper model to the lever of prompt caches: the route has not made it.
func (s *Simulation) notMoved(result *Result, d *exchange.Decision, u pricing.Usage, r *Record, f *exchange.Facts) {
	there := d.Switch.Target
	s.asServed(&u, there.Target, r, f)
	result.NotMoved = s.prices.Cost(there, &u, f.At) - (result.Cost + result.Saved[exchange.LeverTrim])
	result.Saved[exchange.LeverRoute] -= result.NotMoved
	result.Saved[exchange.LeverPromptCache] += result.NotMoved
}

// price works out the cost and the levers, as the gateway's settle does.
func (s *Simulation) price(result *Result, d *exchange.Decision, c *exchange.Candidate, u pricing.Usage, r *Record, f *exchange.Facts) {
	s.asServed(&u, c.Target, r, f)
	routed := s.prices.Cost(c, &u, f.At)
	trimmed := u
	if most := d.Trim.MaxPromptTokens; most > 0 && u.Prompt() > most {
		over := u.Prompt() - most
		trimmed.Input, over = lower(trimmed.Input, over)
		trimmed.CacheRead, _ = lower(trimmed.CacheRead, over)
	}
	served := routed
	if trimmed != u {
		served = s.prices.Cost(c, &trimmed, f.At)
	}
	result.Baseline, result.Cost = routed, served
	if b := d.Baseline; b != nil && b.Price != nil && b != c {
		standard := u
		standard.Tier, standard.Region = "", ""
		result.Baseline = s.prices.Cost(b, &standard, f.At)
	}
	result.Saved[exchange.LeverRoute] = result.Baseline - routed
	result.Saved[exchange.LeverTrim] = routed - served
	if result.Hit {
		result.Saved[exchange.LeverExact], result.Cost = served, 0
	}
}

// average is a running mean of counts.
type average struct{ sum, n int64 }

func (a *average) add(v int64) { a.sum, a.n = a.sum+v, a.n+1 }

// mean is usualOutput until anything has been answered.
func (a *average) mean() int64 {
	const usualOutput = 300
	if a.n == 0 {
		return usualOutput
	}
	return a.sum / a.n
}
