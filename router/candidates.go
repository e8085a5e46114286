package router

import (
	"slices"

	"bursar/exchange"
	"bursar/policy"
)

// usable returns the model's targets that can serve the request, in the order to try: in that of the policy, but the one that
// served the conversation's last turn first. The ordinary case, all of them in order, is the model's own slice.
func usable(p *policy.Policy, f *exchange.Facts, m *policy.Model, t *trace) ([]*exchange.Candidate, *exchange.Fault) {
	good, first := 0, 0 // how many can serve; where the last turn's target is among them
	for _, c := range m.Use {
		obstacle := obstacleTo(p, f, c)
		t.target(c, obstacle)
		if obstacle != fit {
			continue
		}
		if c.Target == f.Sticky.Target && first == 0 {
			first = good
		}
		good++
	}
	switch {
	case good == 0:
		return nil, noCandidate(p, f, m)
	case good == len(m.Use) && first == 0:
		return m.Use[:good:good], nil
	}
	list := make([]*exchange.Candidate, 0, good)
	for _, c := range m.Use {
		if obstacleTo(p, f, c) == fit {
			list = append(list, c)
		}
	}
	last := list[first]
	copy(list[1:], list[:first])
	list[0] = last
	return list, nil
}

// serves tells whether any of the model's targets can serve the request.
func serves(p *policy.Policy, f *exchange.Facts, m *policy.Model) bool {
	return slices.ContainsFunc(m.Use, func(c *exchange.Candidate) bool { return obstacleTo(p, f, c) == fit })
}

// obstacle is why a target cannot serve a request. The later ones are only found if the earlier ones are not.
type obstacle uint8

const (
	fit obstacle = iota
	forbidden
	elsewhere
	unavailable
	priceless
	narrow
)

func obstacleTo(p *policy.Policy, f *exchange.Facts, c *exchange.Candidate) obstacle {
	switch {
	case !f.Scope.Allows(c):
		return forbidden
	case f.Stateful != "" && !keeps(p, f, c):
		return elsewhere
	case c.Unavailable != "":
		return unavailable
	case c.Price == nil && p.UnknownPrice == policy.DenyUnknown:
		return priceless
	case c.Context > 0 && c.Context < promptTokens(p, f):
		return narrow
	default:
		return fit
	}
}

// promptTokens is how long the prompt will be once it is trimmed. A trim may fall short of its aim where turns must be kept; the
// provider refuses the prompt then, which is better than to refuse here what would have fitted.
func promptTokens(p *policy.Policy, f *exchange.Facts) int64 {
	if most := p.Trim.MaxPromptTokens; most > 0 {
		return min(f.PromptTokens, most)
	}
	return f.PromptTokens
}
