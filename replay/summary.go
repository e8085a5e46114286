package replay

import (
	"time"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
)

// Summary adds up what a replay found.
type Summary struct {
	Total Sums
	Teams map[string]*Sums
	Rules map[string]*Share // "" are requests that no rule was read for
	Tiers map[string]*Share // by model that would have served, "" for refusals

	// Observed counts, for each rule in mode observe, the requests that it would have decided.
	Observed map[string]int64
	Changes  map[Change]*Sums // what is decided otherwise, and for whom

	Cascades               map[string]*CascadeSums // by route, under the new policy
	Quality, QualityBefore Quality
	Kept                   int64        // requests of conversations that stay, as moving costs more than it saves
	NotMoved               pricing.Nano // and what that saves

	First, Last time.Time
	baselines   *baselines
}

// Sums are amounts of some requests: as they were recorded, or of the policy they are compared with (Before), and of the new policy.
type Sums struct {
	Requests             int64
	Before, Spend        pricing.Nano
	DeniedBefore, Denied int64
	HitsBefore, Hits     int64
	Changed              int64 // decided otherwise: another model, a hit or none, refused or not
	Cut                  int64 // answers longer than the new cap
	Guessed              int64 // answers that were never given, so that their length is a guess
	Baseline             pricing.Nano
	Saved                exchange.Savings
}

// Share is how much of the traffic goes somewhere.
type Share struct {
	Requests int64
	Spend    pricing.Nano
}

// Change is one kind of difference.
type Change struct{ Team, From, To string }

// Words of a Change for what is no model.
const (
	Refused = "refused"
	FromHit = "cache"
	Nowhere = "nobody"
)

// NewSummary returns one that has seen nothing. The policy is the new one; its baselines are added up beside it if asked for.
func NewSummary(p *policy.Policy, prices Prices, withBaselines bool) *Summary {
	s := &Summary{Teams: map[string]*Sums{}, Rules: map[string]*Share{}, Tiers: map[string]*Share{}, Observed: map[string]int64{}, Changes: map[Change]*Sums{}, Cascades: map[string]*CascadeSums{}}
	if withBaselines {
		s.baselines = newBaselines(p, prices)
	}
	return s
}

// Add takes in a request: what is known of it, what came of it before (as recorded, or under the policy that is compared with), and now.
func (s *Summary) Add(r *Record, before, now *Result) {
	if s.First.IsZero() {
		s.First = r.Facts.At
	}
	s.Last = r.Facts.At
	team := s.Teams[r.Facts.Team]
	if team == nil {
		team = new(Sums)
		s.Teams[r.Facts.Team] = team
	}
	changed := place(before) != place(now)
	s.Total.add(r, before, now, changed)
	team.add(r, before, now, changed)
	if changed {
		c := Change{r.Facts.Team, place(before), place(now)}
		if s.Changes[c] == nil {
			s.Changes[c] = new(Sums)
		}
		s.Changes[c].add(r, before, now, true)
	}
	tally(s.Rules, now.Rule, now.Cost)
	if now.Refused {
		tally(s.Tiers, "", 0)
	} else {
		tally(s.Tiers, now.Model, now.Cost)
	}
	if now.Checked.Route != "" {
		sums := s.Cascades[now.Checked.Route]
		if sums == nil {
			sums = &CascadeSums{}
			s.Cascades[now.Checked.Route] = sums
		}
		sums.add(&now.Checked)
	}
	s.Quality.add(r, now)
	s.QualityBefore.add(r, before)
	if now.Kept {
		s.Kept++
		s.NotMoved += now.NotMoved
	}
	for _, rule := range now.Observed {
		s.Observed[rule]++
	}
	if s.baselines != nil && !now.Refused && !now.Hit {
		s.baselines.add(r, now)
	}
}

// place says where a request went, in a word.
func place(r *Result) string {
	switch {
	case r.Refused:
		return Refused
	case r.Hit:
		return FromHit
	case r.Model == "":
		return Nowhere
	default:
		return r.Model
	}
}

func (s *Sums) add(r *Record, before, now *Result, changed bool) {
	count := func(into *int64, yes bool) {
		if yes {
			*into++
		}
	}
	s.Requests++
	s.Before += before.Cost
	s.Spend += now.Cost
	count(&s.DeniedBefore, before.Refused)
	count(&s.Denied, now.Refused)
	count(&s.HitsBefore, before.Hit)
	count(&s.Hits, now.Hit)
	count(&s.Changed, changed)
	count(&s.Cut, now.Cut)
	count(&s.Guessed, !r.answered() && !now.Refused)
	s.Baseline += now.Baseline
	for i, saved := range now.Saved {
		s.Saved[i] += saved
	}
}

func tally(shares map[string]*Share, name string, cost pricing.Nano) {
	share := shares[name]
	if share == nil {
		share = new(Share)
		shares[name] = share
	}
	share.Requests++
	share.Spend += cost
}

// AsRecorded is what came of a request in the past, as a Result. The policy says what counts as premium.
func AsRecorded(r *Record, p *policy.Policy) Result {
	result := Result{
		Rule: r.Rule, Model: r.Model, Target: r.Target, Refused: r.Refused, Hit: r.Hit, Cost: r.Cost + r.Beside, Baseline: r.Baseline,
	}
	result.Judged = judge(p, r, &result, "")
	if s := r.Sample; s != nil && !s.Unsettled { // what the client got is known, whatever the policy calls it
		j := &result.Judged
		j.Known, j.Same, j.Got, j.Of = true, !s.Served, s.OtherScore, s.OtherScore
		if s.Served {
			j.Got = s.Score
		}
	}
	return result
}
