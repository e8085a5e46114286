package replay

import (
	"math/rand/v2"
	"slices"

	"bursar/exchange"
	"bursar/policy"
	"bursar/router/certify"
)

// Judged is what is known of how good the answer to a request would be.
type Judged struct {
	Premium bool // it comes from a model that costs as much as the baseline, or more
	Known   bool // it was a sample, so what was said of both answers holds
	Same    bool // of a sample: it comes from the model that its cheap answer was compared with
	Got, Of float64
}

// judge says what is known of the answer that a request would get.
func judge(p *policy.Policy, r *Record, result *Result, terms string) (j Judged) {
	if result.Refused {
		return j
	}
	m := p.Models[result.Model]
	if m == nil {
		m, _ = p.Resolve(result.Model)
	}
	if m == nil {
		return j
	}
	j.Premium = m.Rank >= p.Baseline.Rank
	s := r.Sample
	if s == nil || s.Unsettled {
		return j
	}
	switch {
	case has(m.Use, s.Other):
		j.Known, j.Same, j.Got, j.Of = true, true, s.OtherScore, s.OtherScore
	case !has(m.Use, s.Cheap):
	case result.Checked.Route == "", terms == s.Terms && result.Checked.Source <= Sampled:
		j.Known, j.Got, j.Of = true, s.Score, s.OtherScore
	}
	return j
}

// Quality gathers how good answers would be, beside those of the premium model: of every request that is answered, by those among its like that both
// models have answered. Its like are requests of the team that the same route had decided then, and that the same model serves now.
type Quality struct {
	strata map[stratum]*stratumSums
	seen   int // samples so far
}

type stratum struct{ team, route, model string }

type stratumSums struct {
	requests, premium int64
	pairs             []scored
	same              int // of pairs: those that the premium model of the pair answers
}

// scored is a sample under a policy.
type scored struct {
	order   int
	got, of float64
	weight  float64
}

func (q *Quality) add(r *Record, result *Result) {
	if result.Refused || result.Model == "" {
		return
	}
	if q.strata == nil {
		q.strata = map[stratum]*stratumSums{}
	}
	of := stratum{r.Facts.Team, r.Rule, result.Model}
	s := q.strata[of]
	if s == nil {
		s = &stratumSums{}
		q.strata[of] = s
	}
	s.requests++
	j := &result.Judged
	if j.Premium {
		s.premium++
	}
	if j.Known {
		q.seen++
		s.pairs = append(s.pairs, scored{order: q.seen, got: j.Got, of: j.Of})
		if j.Same {
			s.same++
		}
	}
}

// Estimate is how much of the premium model's quality is kept.
type Estimate struct {
	Requests int64   // that something is known of
	Unknown  int64   // answered requests that nothing is known of
	Samples  int     // that it rests on, beside the answers of the premium model itself
	Share    float64 // of the quality, over the requests that something is known of; nothing if there are none
	Lower95  float64 // what it is at least, with 95 % confidence
}

// Estimate works out the quality of a team's requests, of all if there is no team. Answers of the premium model count as kept whole, others as the samples
// of their like say; each of these stands for as many requests as there are of its like for one sample. The bound is a betting martingale's, as
// that of certificates: it holds for any distribution, if samples are drawn like the traffic.
func (q *Quality) Estimate(team string) (e Estimate) {
	var pairs []scored
	var whole, sampled int64
	var got, of float64
	for k, s := range q.strata {
		switch {
		case team != "" && k.team != team:
		case s.premium == s.requests || s.same > 0 && s.same == len(s.pairs):
			whole += s.requests
		case len(s.pairs) == 0:
			e.Unknown += s.requests
		default:
			sampled += s.requests
			weight := float64(s.requests) / float64(len(s.pairs))
			for _, p := range s.pairs {
				p.weight = weight
				pairs = append(pairs, p)
			}
		}
	}
	slices.SortFunc(pairs, func(a, b scored) int { return a.order - b.order }) // so that sums do not hang on the order of a map
	for i := range pairs {
		got, of = got+pairs[i].weight*pairs[i].got, of+pairs[i].weight*pairs[i].of
	}
	e.Samples, e.Requests = len(pairs), whole+sampled
	if of == 0 && sampled > 0 { // no answer of either was worth anything
		e.Unknown, e.Requests, sampled, e.Samples = e.Unknown+sampled, whole, 0, 0
	}
	if e.Requests == 0 {
		return e
	}
	share, lower := 0.0, 0.0
	if sampled > 0 {
		share, lower = got/of, lowerBound(pairs)
	}
	all := float64(whole + sampled)
	e.Share = (float64(whole) + share*float64(sampled)) / all
	e.Lower95 = (float64(whole) + min(lower, share)*float64(sampled)) / all
	return e
}

// Shares are tried from the lowest up, and the first that is not proved ends it.
const (
	shareStep = 0.005
	riskTaken = 0.05
)

func lowerBound(pairs []scored) float64 {
	var widest float64
	for i := range pairs {
		widest = max(widest, pairs[i].weight)
	}
	pairs = shuffled(pairs)
	lower := 0.0
	for step := 1; float64(step)*shareStep <= 1; step++ {
		share := float64(step) * shareStep
		bet := certify.NewBet(riskTaken, share)
		for i := range pairs {
			bet.Add(pairs[i].weight / widest * (pairs[i].got - share*pairs[i].of))
		}
		if !bet.Won() {
			break
		}
		lower = share
	}
	return lower
}

// shuffled puts samples into an order that hangs on nothing they say. A bet that is won stays won, so it may not see a good month before a bad one.
func shuffled(pairs []scored) []scored {
	mixed := slices.Clone(pairs)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return mixed
}

// termsOf is the digest of the cascade that a decision had, "" if it had none.
func (s *Simulation) termsOf(k *exchange.Cascade) string {
	if k == nil {
		return ""
	}
	return s.digests[k]
}
