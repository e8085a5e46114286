package router

import (
	"slices"

	"bursar/exchange"
	"bursar/policy"
)

// uncertified tells whether a route's own model must not serve: for want of a certificate, or because a stream would pass unchecked where only
// checked answers are certified.
func uncertified(f *exchange.Facts, r *policy.Route) bool {
	k := r.Cascade
	if k == nil || k.Quality == 0 {
		return false
	}
	return f.Stream && k.Buffer == 0 || !slices.Contains(f.Certified, r.Name)
}

// cascades tells whether a route's cascade has to do with the model that serves: it checks the answers of the route's own, and samples of what
// serves for want of a certificate are compared with it.
func cascades(r *policy.Route, serves *policy.Model, why exchange.Reason) bool {
	switch {
	case r.Cascade == nil:
		return false
	case why == exchange.ReasonUncertified:
		return true
	case r.To == nil:
		return serves != r.Escalate
	default:
		return serves == r.To
	}
}

// instead returns who may answer in place of an answer that fails its checks: nobody, if no target can serve or the key may use none.
func instead(p *policy.Policy, f *exchange.Facts, k *exchange.Cascade) exchange.Instead {
	to, ok := p.Resolve(k.Model)
	if !ok {
		return exchange.Instead{}
	}
	candidates, fault := usable(p, f, to, nil)
	if fault != nil {
		return exchange.Instead{}
	}
	return exchange.Instead{Candidates: candidates, MaxOutput: outputCap(p, f, to, candidates)}
}
