package proxy

import (
	"bursar/exchange"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/tokens"
)

// markPrefixes decides which beginnings of the prompt the candidate is to keep in its cache. Most models' providers decide that themselves;
// of a Claude what is marked is kept, and what is written costs more than what is not.
func (s *Server) markPrefixes(t *trip, c *exchange.Candidate) {
	t.marks = t.marks[:0]
	family := t.using.family(c)
	if !t.using.policy.Providers[c.Provider].MarksPrompts || c.Price == nil || family != tokens.Claude && family != tokens.Claude47 {
		return
	}
	prefixes, ok := t.envelope.Prefixes(s.counter, family, t.plan, t.estimate)
	if !ok {
		return
	}
	t.marks = s.recurrence.Marks(t.marks, prompt.Request{
		Route: t.Decision.Rule, Target: c.Target, Tools: t.Facts.Tools, At: t.Start,
	}, &prefixes, prompt.Terms{Least: tokens.Cacheable(c.Model), Pays: c.Price.CachePays(t.estimate, t.Start)})
}

// unmarked is what a request would have used without the marks that are ours: nothing would have been read from the provider's cache or written to it.
// Where the client marked, or the provider decides by itself, that is what it used.
func (t *trip) unmarked(u pricing.Usage) pricing.Usage {
	if len(t.marks) > 0 && !t.hit {
		u.Input += u.CacheRead + u.CacheWrite + u.CacheWrite1h
		u.CacheRead, u.CacheWrite, u.CacheWrite1h = 0, 0, 0
	}
	return u
}
