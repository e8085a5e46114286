package proxy

import (
	"strconv"
	"strings"
	"time"

	"bursar/dialect"
	"bursar/exchange"
	"bursar/pricing"

	"github.com/valyala/fasthttp"
)

// headers writes what every answer tells of itself, hit or error. The headers of a stream leave before its cost is known: its
// last usage chunk carries it instead.
func (s *Server) headers(t *trip) {
	h := &t.ctx.Response.Header
	t.requestID()
	h.Set("x-bursar-cache", t.cacheWord())
	if t.Step >= exchange.StepLookup {
		h.Set("Cache-Status", t.cacheStatus())
	}
	if t.hit {
		h.Set("x-bursar-cache-key", t.answerKey().String())
	}
	if d := &t.Decision; d.Rule != "" {
		h.Set("x-bursar-rule", d.Rule)
		h.Set("x-bursar-reason", d.Reason.String())
		if w := &d.Switch; w.Kept() {
			h.Set("x-bursar-switch", "kept: switch costs $"+(w.Moves-w.Stays).Dollars())
		}
	}
	if t.Outcome.Served != nil {
		h.Set("x-bursar-model", t.Outcome.Served.Target)
	}
	if !t.streaming {
		h.Set("x-bursar-cost-usd", t.total().Dollars())
		h.Set("x-bursar-saved-usd", (t.Outcome.Saved.Sum() - t.sunk).Dollars())
	}
	if t.left != noBound {
		h.Set("x-bursar-budget-left-usd", t.budgetLeft().Dollars())
	}
	h.Set("x-bursar-trimmed-tokens", strconv.FormatInt(t.Outcome.Trimmed, 10))
	if len(t.dropped) > 0 {
		h.Set("x-bursar-dropped", strings.Join(t.dropped, ", "))
	}
	t.escalationHeaders()
	s.certificateHeader(t)
	h.Set("x-bursar-attempts", strconv.Itoa(t.Outcome.Attempts))
	t.rateHeaders(nil)
}

func (t *trip) requestID() { tellID(t.ctx, t.endpoint.client, t.ID) }

// tellID tells a request's id, also where the SDKs of the client's API look for one.
func tellID(ctx *fasthttp.RequestCtx, c *dialect.Client, id string) {
	h := &ctx.Response.Header
	h.Set("x-bursar-request-id", id)
	if c != nil && c.IDHeader != "" && len(h.Peek(c.IDHeader)) == 0 { // else it is the provider's own
		h.Set(c.IDHeader, id)
	}
}

// budgetLeft is the room in the tightest hard budget: for a stream, what is surely left; else with the change returned.
func (t *trip) budgetLeft() pricing.Nano {
	if t.streaming {
		return t.left
	}
	return t.left + t.Outcome.Held - t.Outcome.Cost
}

// cacheStatus says the same in the words of RFC 9211.
func (t *trip) cacheStatus() string {
	switch {
	case t.hit && t.Outcome.Reason == exchange.ReasonSharedHit:
		return "bursar; fwd=miss; collapsed"
	case t.hit:
		return "bursar; hit; ttl=" + strconv.FormatInt(int64(t.freshFor.Seconds()), 10)
	case t.caching == exchange.CacheOff:
		return "bursar; fwd=bypass"
	case t.caching == exchange.CacheRefresh:
		return "bursar; fwd=request"
	default:
		return "bursar; fwd=miss"
	}
}

// cacheWord is hit, semantic, miss or off; shadow for a semantic hit that was sent upstream to be checked; or refresh for a request that fetches
// anew what was stale.
func (t *trip) cacheWord() string {
	switch {
	case t.hit && t.Outcome.Reason == exchange.ReasonSemanticHit:
		return "semantic"
	case t.shadowed():
		return "shadow"
	case t.hit:
		return "hit"
	case t.behind:
		return "refresh"
	case t.caching == exchange.CacheOff:
		return "off"
	default:
		return "miss"
	}
}

// retryHeaders tells a client whether and when to come again, as the OpenAI and Anthropic SDKs read it.
func retryHeaders(t *trip, f *exchange.Fault) {
	h := &t.ctx.Response.Header
	if f.NoRetry {
		h.Set("x-should-retry", "false")
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if f.Limit != nil && f.RetryAfter > 0 {
		h.Set("retry-after-ms", strconv.FormatInt(f.RetryAfter.Milliseconds(), 10))
		t.rateHeaders(f)
	}
}
