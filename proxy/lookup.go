package proxy

import (
	"context"
	"strconv"
	"time"

	"bursar/cache"
	"bursar/dialect"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/providers"
)

// lookup answers from the cache if it can, or from an equal request that is under way. A hit costs nothing, so it needs no budget.
//
// What comes back without an answer may lead a flight (t.seat): those who ask the same meanwhile, on any gateway of the fleet, wait for its
// answer. Whatever becomes of it, end gives up the seat.
func (s *Server) lookup(t *trip) (answered bool, fault *exchange.Fault) {
	t.enter(exchange.StepLookup)
	s.leaveSeat(t, false) // that of the model which a budget has sent it on from
	w := cacheControl(t.ctx.Request.Header.PeekAll("Cache-Control"))
	t.caching = w.limit(t.Decision.Cache)
	if t.storing() {
		t.caching = exchange.CacheOff
	}
	if t.caching != exchange.CacheOff {
		if fault := t.readNamespace(); fault != nil {
			return false, fault
		}
		t.key, t.parts = t.cacheKey(), t.keyParts(t.parts[:0])
		if answered, fault = s.seek(t, &w); answered || fault != nil {
			return answered, fault
		}
	}
	if s.compare(t, &w) {
		return true, nil
	}
	if w.onlyIfCached {
		return false, notCached()
	}
	return false, nil
}

// seek looks for an answer that is not older than it may be. One that is stale is fetched anew behind it, where what comes may be stored.
func (s *Server) seek(t *trip, w *wishes) (answered bool, fault *exchange.Fault) {
	t.mark = s.cache.Mark()
	ttl := t.Decision.CacheTTL
	ask := &cache.Ask{Key: t.key, MaxAge: w.oldest(ttl, t.using.policy.Cache.Stale), Labels: t.labels}
	switch {
	case t.refreshes != nil && t.refreshes.Key() == t.key: // it has its seat already
		t.seat, t.refreshes = t.refreshes, nil
		return false, nil
	case t.caching == exchange.CacheRefresh || ask.MaxAge <= 0:
		return false, nil
	case t.caching == exchange.CacheRead || w.onlyIfCached: // what it gets is not for others, so nobody waits for it, nor it for others
		if found := s.cache.Find(context.Background(), ask); found != nil {
			return s.serveStored(t, found), nil
		}
		return false, nil
	}
	found, seat := s.cache.Join(context.Background(), ask)
	if found != nil {
		answered = s.serveStored(t, found)
		if answered && t.freshFor < 0 && !t.behind {
			s.refresh(t, ttl)
		}
		return answered, nil
	}
	if t.seat = seat; seat.Leads() {
		return false, nil
	}
	return s.follow(t)
}

// serveStored answers with what was stored.
func (s *Server) serveStored(t *trip, found *cache.Answer) bool {
	body, ok := t.replay(found)
	if !ok {
		return false
	}
	age := max(0, t.Start.Sub(found.Stored))
	t.freshFor = t.Decision.CacheTTL - age
	s.answerHit(t, exchange.ReasonExactHit, found, body, age)
	return true
}

func notCached() *exchange.Fault {
	return &exchange.Fault{
		Status: 504, Type: "invalid_request_error", Code: "not_cached", Reason: exchange.ReasonNotCached, NoRetry: true,
		Message: "Cache-Control says only-if-cached, and no answer to this request is cached.", Hint: "Send it without only-if-cached.",
	}
}

func (s *Server) answerHit(t *trip, why exchange.Reason, found *cache.Answer, body []byte, age time.Duration) {
	t.hit = true
	out := &t.Outcome
	out.Status, out.Reason, out.Finish, out.Method = 200, why, found.Finish, exchange.MethodReported
	out.Served = t.using.candidate(found.Target, t.Decision.Candidates)
	t.dropped = t.droppedFor(out.Served)
	t.enter(exchange.StepSettle)
	s.price(t, pricing.Usage(found.Usage))
	s.headers(t)
	h := &t.ctx.Response.Header
	h.Set("Age", strconv.FormatInt(int64(age/time.Second), 10))
	if t.Facts.Stream {
		h.SetContentType(t.streamType())
		h.Set("Cache-Control", "no-cache")
	} else {
		h.SetContentType("application/json")
	}
	t.ctx.SetStatusCode(200)
	t.ctx.SetBody(body)
}

// droppedFor lists what was left out of the request, or of one equal to it, for the target that answered.
func (t *trip) droppedFor(c *exchange.Candidate) []string {
	provider, upstream := t.using.policy.Providers[c.Provider], t.using.upstreams[c.Provider]
	if upstream == nil || t.speaks(c) {
		return nil
	}
	another, _ := dialect.Find(provider.Dialect)
	if another == nil && !t.foreign() && !t.envelope.Opaque() && (!provider.Drop || len(provider.Quirks.Unsupported) == 0) {
		return nil // it got what the client wrote
	}
	how := t.carrying(c)
	how.Drop = true
	t.body = t.envelope.Shape(prompt.Shape{Model: c.Model, CapField: provider.OutputField}, t.body[:0])
	_, dropped, _ := upstream.Carry(t.body, how)
	return dropped
}

// candidate finds who gave a cached answer, so that the hit is priced as that call would be: among the candidates of now, else
// in the policy, else the first candidate.
func (g *generation) candidate(target string, now []*exchange.Candidate) *exchange.Candidate {
	for _, c := range now {
		if c.Target == target {
			return c
		}
	}
	if m, ok := g.policy.Resolve(target); ok && m.Use[0].Price != nil {
		return m.Use[0]
	}
	return now[0]
}

// replay puts a kept answer into the form that is asked for now: a stream as a stream and a plain answer as plain, each from either, in the
// client's own API.
func (t *trip) replay(found *cache.Answer) ([]byte, bool) {
	body, err := found.Body, error(nil)
	switch {
	case t.Facts.Stream && found.Form != cache.Stream:
		body, err = providers.StreamOf(body, nil, t.envelope.IncludeUsage())
		if err == nil && t.endpoint.client != nil {
			body, err = t.retell(body)
		}
	case t.Facts.Stream:
		body, err = t.retell(body)
	case found.Form == cache.Stream:
		if body, err = providers.PlainOf(body, nil); err == nil {
			body, err = t.whole(body)
		}
	default:
		body, err = t.whole(body)
	}
	return body, err == nil
}
