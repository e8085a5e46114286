package proxy

import (
	"context"
	"strconv"
	"strings"
	"time"

	"bursar/cache"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/providers"
)

// lookup answers from the cache if it can. A hit costs nothing, so it needs no budget.
func (s *Server) lookup(t *trip) bool {
	t.enter(exchange.StepLookup)
	wishes := cacheControl(t.ctx.Request.Header.Peek("Cache-Control"))
	t.caching = wishes.limit(t.Decision.Cache)
	if t.caching == exchange.CacheOff {
		return false
	}
	t.key = t.cacheKey()
	if t.caching == exchange.CacheRefresh {
		return false
	}
	found, ok := s.cache.Get(context.Background(), t.key)
	if !ok {
		return false
	}
	age := max(0, t.Start.Sub(found.Stored))
	if wishes.hasMaxAge && age > wishes.maxAge {
		return false
	}
	body, ok := t.replay(found)
	if !ok {
		return false
	}
	s.answerHit(t, found, body, age)
	return true
}

// cacheKey names the answer: who may share it, the model decided for and the targets
// that serve it, how the prompt is trimmed before it is sent, and everything
// in the request that changes the answer.
func (t *trip) cacheKey() cache.Key {
	builder := cache.NewKey(t.using.policy.Cache.Scope.Key(&t.Facts)).Part(t.Decision.Model).Part(t.servedBy()).Part(t.using.trims)
	t.envelope.CanonicalKey(builder.Request())
	return builder.Key()
}

// servedBy are the targets that may serve, in the policy's order. A key that may use some of them only shares no answers of the others.
func (t *trip) servedBy() string {
	m, scope := t.using.policy.Models[t.Decision.Model], t.Facts.Scope
	if m == nil || scope.AllowsAll(m.Use) {
		return t.using.served[t.Decision.Model]
	}
	var allowed strings.Builder
	for _, c := range m.Use {
		if scope.Allows(c) {
			allowed.WriteString(c.Target + "\n")
		}
	}
	return allowed.String()
}

func (s *Server) answerHit(t *trip, found *cache.Answer, body []byte, age time.Duration) {
	t.hit = true
	out := &t.Outcome
	out.Status, out.Reason, out.Finish, out.Method = 200, exchange.ReasonExactHit, found.Finish, exchange.MethodReported
	out.Served = t.using.candidate(found.Target, t.Decision.Candidates)
	t.enter(exchange.StepSettle)
	s.price(t, pricing.Usage(found.Usage))
	s.headers(t)
	h := &t.ctx.Response.Header
	h.Set("Age", strconv.FormatInt(int64(age/time.Second), 10))
	if t.Facts.Stream {
		h.SetContentType("text/event-stream")
		h.Set("Cache-Control", "no-cache")
	} else {
		h.SetContentType("application/json")
	}
	t.ctx.SetStatusCode(200)
	t.ctx.SetBody(body)
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

// replay puts a kept answer into the form that is asked for now: a stream as a stream and a plain answer as plain, each from either.
func (t *trip) replay(found *cache.Answer) ([]byte, bool) {
	usage := t.envelope.IncludeUsage()
	var body []byte
	var err error
	switch {
	case t.Facts.Stream && found.Form == cache.Stream:
		body, err = providers.EditStream(found.Body, nil, func(dst []byte, e *providers.Event) []byte {
			return passEvent(dst, e, usage, 0)
		})
	case t.Facts.Stream:
		body, err = providers.StreamOf(found.Body, nil, usage)
	case found.Form == cache.Stream:
		body, err = providers.PlainOf(found.Body, nil)
	default:
		return found.Body, true
	}
	return body, err == nil
}

// passEvent appends an event as the client wants it: without the usage it did not ask for, with its cost if it did.
func passEvent(dst []byte, e *providers.Event, asked bool, cost pricing.Nano) []byte {
	switch {
	case !asked:
		return providers.StripUsage(dst, e)
	case e.HasUsage():
		return providers.AddCost(dst, e, cost)
	default:
		return append(dst, e.Raw...)
	}
}

// keep stores a complete answer for the next one who asks the same.
func (s *Server) keep(t *trip, body []byte, stream bool) {
	if t.caching != exchange.CacheOn && t.caching != exchange.CacheRefresh {
		return
	}
	form := cache.Plain
	if stream {
		form = cache.Stream
	}
	s.cache.Put(context.Background(), t.key, &cache.Answer{
		Form: form, Body: body, Usage: cache.Usage(t.Outcome.Usage), Finish: t.Outcome.Finish, Target: t.Outcome.Served.Target, Stored: t.Start,
	}, t.using.policy.Cache.TTL)
}

// wishes are what a client says of caching, in standard Cache-Control.
type wishes struct {
	noStore, noCache, hasMaxAge bool
	maxAge                      time.Duration
}

func cacheControl(header []byte) (w wishes) {
	if len(header) == 0 {
		return w
	}
	for part := range strings.SplitSeq(string(header), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
		switch name {
		case "no-store":
			w.noStore = true
		case "no-cache":
			w.noCache = true
		case "max-age":
			if n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil && n >= 0 {
				w.hasMaxAge, w.maxAge = true, time.Duration(n)*time.Second
			}
		}
	}
	return w
}

// limit narrows what the policy allows to what the client wants.
func (w wishes) limit(allowed exchange.CacheMode) exchange.CacheMode {
	switch {
	case w.noStore || allowed == exchange.CacheOff:
		return exchange.CacheOff
	case w.noCache && allowed == exchange.CacheRead:
		return exchange.CacheOff
	case w.noCache:
		return exchange.CacheRefresh
	default:
		return allowed
	}
}
