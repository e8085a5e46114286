package replay

import (
	"math"
	"math/big"
	"slices"

	"bursar/exchange"
	"bursar/pricing"
)

// Source is what it rests on that a cheap answer is taken to be kept or to escalate.
type Source uint8

// Sources, the best first.
const (
	Recorded  Source = iota // the same cascade has looked at the answer then
	Sampled                 // both models have answered it then, and the checks were made
	Estimated               // the share of like requests that passed
	Assumed                 // nothing is known: it escalates, which costs most
	sources
)

// String returns the source's name.
func (s Source) String() string {
	return [...]string{"recorded", "sampled", "estimated", "assumed"}[s]
}

// Checked is what came of a cheap answer. The zero value is none.
type Checked struct {
	Route                          string
	Escalated                      bool
	Source                         Source
	like                           *outcomes // that an estimate rests on
	Cheap, Second, Premium, Shadow pricing.Nano
}

// spread hands out the outcomes of like requests so that their share comes out right, one after the other.
type spread struct {
	route, team string
	like        *outcomes
}

// passes says whether the checks of a cascade keep the cheap answer to a request, and what that rests on.
func (s *Simulation) passes(r *Record, f *exchange.Facts, k *exchange.Cascade, own []*exchange.Candidate) (kept bool, why Source, like *outcomes) {
	if f.Stream && k.Buffer == 0 {
		return true, Recorded, nil // it passes unchecked
	}
	if t := r.Tried; t != nil && r.Rule == k.Route && has(own, t.Cheap) {
		switch {
		case t.Word == exchange.CascadeKept || t.Word == exchange.CascadeUnchecked:
			if k.Second == "" || k.Quality > 0 || t.Second > 0 {
				return true, Recorded, nil
			}
		case stillFails(k, t.Failed):
			return false, Recorded, nil
		}
	}
	if p := r.Sample; p != nil && p.Terms == s.digests[k] && k.Quality == 0 {
		return p.Passed, Sampled, nil
	}
	like = s.known.expect(k.Route, f.Team, own)
	if like == nil {
		return false, Assumed, nil
	}
	of := spread{k.Route, f.Team, like}
	if s.owed[of] += like.failed; s.owed[of] >= like.seen {
		s.owed[of] -= like.seen
		return false, Estimated, like
	}
	return true, Estimated, like
}

// stillFails tells whether a cascade looks for what an answer has failed by.
func stillFails(k *exchange.Cascade, check string) bool {
	switch check {
	case "agree_with":
		return k.Second != ""
	case "certificate":
		return k.Quality > 0
	case "parses", "":
		return true
	}
	return slices.Contains(k.Checks, check)
}

// check goes through the route's cascade, after the cheap answer: what was priced for it becomes what all of the request costs.
func (s *Simulation) check(result *Result, r *Record, f *exchange.Facts, d *exchange.Decision, c *exchange.Candidate, usage pricing.Usage) {
	k := d.Cascade
	own := k.Own
	if len(own) == 0 {
		own = d.Candidates // `to: asked`
	}
	kept, why, like := s.passes(r, f, k, own)
	cheap := *result
	if t := r.Tried; t != nil && t.Cost > 0 && t.Cheap == c.Target && why == Recorded {
		cheap.Cost = s.prices.change(c, t.Cost)
	}
	checked := Checked{Route: k.Route, Source: why, like: like, Cheap: cheap.Cost}
	if asked := servable(k.Ask); k.Second != "" && len(asked) > 0 {
		switch t := r.Tried; {
		case why == Recorded && t != nil && (t.Second > 0 || k.Quality > 0): // a certificate asks only where a second opinion could change something
			checked.Second = s.prices.change(asked[0], t.Second)
		case !f.Stream || k.Buffer > 0:
			checked.Second = s.prices.Cost(asked[0], &usage, f.At)
		}
		s.books.Charge(f, d, asked[0], d.MaxOutput, checked.Second, f.At.Add(r.Took))
	}
	if !kept {
		s.instead(result, &checked, r, f, d, usage)
	}
	if !checked.Escalated {
		*result = cheap
		result.Cost = checked.Cheap + checked.Second
		result.Saved[exchange.LeverRoute] += cheap.Baseline - cheap.Saved.Sum() - cheap.Cost // where what was recorded is not what was worked out
		result.Saved[exchange.LeverEscalate] = -checked.Second
	}
	if k.Shadow > 0 && f.N <= 1 {
		if to := servable(k.To); !checked.Escalated && len(to) > 0 { // an escalated request has both answers
			checked.Shadow = portion(s.prices.Cost(to[0], &usage, f.At), k.Shadow)
		}
		result.Cost += checked.Shadow
		result.Saved[exchange.LeverEscalate] -= checked.Shadow
	}
	result.Checked = checked
}

// instead has the other model answer, if it can and the budgets have room for it.
func (s *Simulation) instead(result *Result, checked *Checked, r *Record, f *exchange.Facts, d *exchange.Decision, usage pricing.Usage) {
	k := d.Cascade
	if len(d.Instead.Candidates) == 0 {
		return
	}
	next := *d
	next.Model, next.Candidates, next.MaxOutput = k.Model, d.Instead.Candidates, d.Instead.MaxOutput
	c, most, refused := s.books.Admit(f, &next)
	if refused {
		if k.Refuse {
			checked.Escalated = true
			*result = Result{Rule: d.Rule, Model: k.Model, Reason: exchange.ReasonBudgetSpent, Refused: true, Status: 429, Observed: d.Observed, Cost: checked.Cheap + checked.Second}
			result.Saved[exchange.LeverEscalate] = -result.Cost
		}
		return
	}
	premium := Result{Rule: d.Rule, Model: next.Model, Target: c.Target, Reason: d.Reason, Cap: most, Observed: d.Observed}
	s.price(&premium, &next, c, usage, r, f)
	checked.Escalated, checked.Premium = true, premium.Cost
	s.books.Charge(f, &next, c, most, premium.Cost, f.At.Add(r.Took))
	premium.Saved[exchange.LeverEscalate] = -(checked.Cheap + checked.Second)
	premium.Cost += checked.Cheap + checked.Second
	*result = premium
	d.Model, d.Candidates = next.Model, next.Candidates
}

// shadow adds what samples cost of requests that have no certificate, spread over all of them: the cheap model and the second one are asked.
func (s *Simulation) shadow(result *Result, f *exchange.Facts, k *exchange.Cascade, usage pricing.Usage) {
	if k.Shadow == 0 || f.N > 1 {
		return
	}
	for _, model := range [][]*exchange.Candidate{k.Own, k.Ask} {
		if to := servable(model); len(to) > 0 {
			cost := portion(s.prices.Cost(to[0], &usage, f.At), k.Shadow)
			result.Cost += cost
			result.Saved[exchange.LeverEscalate] -= cost
		}
	}
}

// portion is a share of a sum, to the nano-dollar.
func portion(sum pricing.Nano, share float64) pricing.Nano {
	const whole = 1_000_000
	n := new(big.Int).Mul(big.NewInt(int64(sum)), big.NewInt(int64(math.Round(share*whole))))
	return pricing.Nano(n.Quo(n, big.NewInt(whole)).Int64())
}

// CascadeSums is what a route's cascade made of the requests that it looked at.
type CascadeSums struct {
	Requests, Escalated            int64
	By                             [sources]int64
	Cheap, Second, Premium, Shadow pricing.Nano
	AssumedPremium                 pricing.Nano // of Premium, what nothing is known of
	likes                          map[*outcomes]bool
}

func (s *CascadeSums) add(c *Checked) {
	s.Requests++
	s.By[c.Source]++
	if c.Escalated {
		s.Escalated++
	}
	s.Cheap, s.Second, s.Premium, s.Shadow = s.Cheap+c.Cheap, s.Second+c.Second, s.Premium+c.Premium, s.Shadow+c.Shadow
	if c.Source == Assumed {
		s.AssumedPremium += c.Premium
	}
	if c.like != nil {
		if s.likes == nil {
			s.likes = map[*outcomes]bool{}
		}
		s.likes[c.like] = true
	}
}

// Likely is the share of like requests that escalated, of how many there are, and where the share lies with 95 % confidence (Clopper-Pearson). Of is 0
// if nothing was estimated.
func (s *CascadeSums) Likely() (share, low, high float64, of int64) {
	var all outcomes
	for o := range s.likes {
		all.seen, all.failed = all.seen+o.seen, all.failed+o.failed
	}
	if all.seen == 0 {
		return 0, 0, 1, 0
	}
	low, high = clopperPearson(all.failed, all.seen, 0.05)
	return float64(all.failed) / float64(all.seen), low, high, all.seen
}
