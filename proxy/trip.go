package proxy

import (
	"sync"
	"time"

	"bursar/budget"
	"bursar/cache"
	"bursar/exchange"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/providers"

	"github.com/valyala/fasthttp"
)

// trip is one request under way: its Exchange, and the buffers and handles that carry it. Trips are pooled; one goroutine, the
// connection's, owns a trip from begin to end.
type trip struct {
	exchange.Exchange
	ctx      *fasthttp.RequestCtx
	endpoint *endpoint
	client   *clientConn
	using    *generation // the policy it started with, whatever is loaded meanwhile

	chat     []byte // the request as a chat completion: the client's own bytes, or what they were carried over to
	envelope prompt.Envelope
	target   prompt.Target // what Facts.PromptTokens is counted for
	sent     int64         // tokens of the trimmed prompt, counted for the candidate it was sent to, as its provider will likely count them
	estimate int64         // the same as we count them

	key       cache.Key
	parts     []part // digests of what the key is made of
	namespace string // the client's own, of the cache
	caching   exchange.CacheMode
	mark      cache.Mark    // what had been purged when it was asked
	seat      *cache.Seat   // its place in a flight; nil if it has none
	hit       bool          // answered from what was stored, or from another request's answer
	meaning   *meaning      // what a semantic cache compares, nil if it was not asked
	freshFor  time.Duration // of what was stored; negative if it is stale
	behind    bool          // no client waits: it fetches anew what was stale
	refreshes *cache.Seat   // the seat that it fetches for

	keptAnswer bool // its answer was fit to be given again

	stored stateful // what it has to do with what providers store

	beside    *beside // what it is if it is a call of the house's own
	escalated bool    // a cheap answer failed its checks
	draft     *draft  // that answer
	second    chan *beside
	deserted  bool    // nobody waited until there was a second opinion
	drawn     bool    // whether it is a sample is decided
	sample    *sample // nil if it is none

	candidate  int // index into Decision.Candidates of the one being tried
	charges    []budget.Charge
	touched    []*budgetLine // what charges are made of, index by index
	limits     []budget.Limit
	slowed     []*limitLine   // what limits are made of, index by index
	counted    []string       // keys of limits of requests that have counted this one
	rates      [2]budget.Rate // of requests and of tokens, what the headers tell; no limit if Most is 0
	hold       budget.Hold
	holds      int    // holds tried for so far
	seeded     []byte // buffer of the hold's seed
	recorded   []byte // buffer of the row's facts
	journalled string // the hold's id in the journal
	held       bool
	alone      bool            // on limits that this process counts by itself
	planned    bool            // plan is made
	failed     *exchange.Fault // why the candidate before failed
	call       providers.Call
	left       pricing.Nano // least room left in a hard budget after the hold, -1 if none bounds
	downgrades int          // budgets that have sent it to a cheaper model
	paid       *paid        // what is paid for the candidate's call and is to be booked before the next one; nil if nothing is
	sunk       pricing.Nano // what calls that it has gone on from have cost; they have rows of their own
	paidBefore bool         // it is answered with what one of them brought
	cap        int64        // output cap sent to the candidate
	plan       prompt.TrimPlan
	marks      []prompt.Prefix // beginnings of the prompt that the provider is to keep, as we marked them
	body       []byte          // the shaped body
	cased      bool            // the client's own has names that differ by case alone
	native     bool            // it is the client's own, in an API that the candidate speaks
	dropped    []string        // members that the target's dialect has nothing for, and that were left out

	streaming bool // the answer goes on after the handler returned
	stepAt    time.Time
}

var trips = sync.Pool{New: func() any { return new(trip) }}

// begin takes a trip for a request.
func (s *Server) begin(ctx *fasthttp.RequestCtx, e *endpoint) *trip {
	t := trips.Get().(*trip)
	t.ctx = ctx
	t.endpoint = e
	t.client, _ = ctx.Conn().(*clientConn)
	t.using = s.current.Load()
	t.Start = time.Now()
	t.stepAt = t.Start
	t.ID = s.ids.next(t.Start)
	t.left = noBound
	return t
}

// enter notes that a step begins, and the time that the step before it took.
func (t *trip) enter(step exchange.Step) {
	now := time.Now()
	t.Outcome.Steps[t.Step] += now.Sub(t.stepAt)
	t.stepAt, t.Step = now, step
}

// release gives the trip back. What it may keep is bounded: one huge body must not stay in the pool for ever.
func (t *trip) release() {
	const keep = 256 << 10
	envelope, body, seeded, recorded, charges, touched := t.envelope, t.body, t.seeded, t.recorded, t.charges[:0], t.touched[:0]
	limits, slowed, counted, parts, marks := t.limits[:0], t.slowed[:0], t.counted[:0], t.parts[:0], t.marks[:0]
	envelope.Reset()
	t.forget()
	if cap(body) > keep {
		body = nil
	}
	*t = trip{envelope: envelope, body: body[:0], seeded: seeded[:0], recorded: recorded[:0], charges: charges, touched: touched, limits: limits, slowed: slowed, counted: counted, parts: parts, marks: marks}
	trips.Put(t)
}
