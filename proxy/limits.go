package proxy

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"bursar/budget"
	"bursar/dialect"
	"bursar/exchange"
	"bursar/policy"
)

// limitLine is one limit of the policy.
type limitLine struct {
	limit *policy.Limit

	mu   sync.Mutex
	told map[budget.Unit]time.Time // when it was last said that there is no room
}

// LimitEvent tells that a limit has no room: it refuses, or would if it did more than observe.
type LimitEvent struct {
	Limit *policy.Limit
	Unit  budget.Unit
	Key   string // scope
	budget.Rate
}

// limit lists what bounds the rate of a request that c serves. What the request has been counted on already, for a candidate that
// failed, does not count it again.
func (s *Server) limit(t *trip, g *generation, c *exchange.Candidate) {
	t.limits, t.slowed = t.limits[:0], t.slowed[:0]
	for _, line := range g.limits {
		l := line.limit
		if !l.Touches(&t.Facts, c) {
			continue
		}
		key := l.ScopeKey(&t.Facts)
		add := func(unit budget.Unit, most int64) {
			if most > 0 {
				t.limits = append(t.limits, budget.Limit{Key: key, Unit: unit, Most: most, Hard: !l.Observe})
				t.slowed = append(t.slowed, line)
			}
		}
		if !slices.Contains(t.counted, key) {
			add(budget.Requests, l.Requests)
		}
		add(budget.Tokens, l.Tokens)
		add(budget.Concurrent, l.Concurrent)
	}
}

// fitting lowers the cap of a request that no limit of tokens could ever let pass otherwise, at any time of the day. One that is only too
// much just now waits instead: an answer cut short does not get better by being early.
func (t *trip) fitting(most, least, prompt, predicted int64) int64 {
	for i := range t.limits {
		if l := &t.limits[i]; l.Unit == budget.Tokens && l.Hard {
			most = min(most, (l.Most-prompt)/t.Facts.N-predicted)
		}
	}
	return max(most, least)
}

// within notes what a hold has counted on its limits, and which are the tightest for the headers.
func (t *trip) within(rates []budget.Rate) {
	for i, r := range rates {
		l, line := &t.limits[i], t.slowed[i]
		if l.Unit == budget.Requests {
			t.counted = append(t.counted, l.Key)
		}
		if l.Unit == budget.Concurrent || !l.Hard || line.limit.Scope.Everyone { // what the whole company sends is not every team's business
			continue
		}
		if told := &t.rates[l.Unit]; told.Most == 0 || r.Left() < told.Left() {
			*told = r
		}
	}
}

// watchLimits tells of limits that have no room, or would have none if they did more than observe. Each is told of once a minute.
func (s *Server) watchLimits(t *trip, g *budget.Grant) {
	for i, r := range g.Rates {
		l := &t.limits[i]
		if over := i == g.Slow || !l.Hard && r.Used > l.Most; over && t.slowed[i].tell(l.Unit, t.Start) {
			s.Limit(LimitEvent{t.slowed[i].limit, l.Unit, l.Key, r})
		}
	}
}

// tell tells whether it is time to speak of a limit again.
func (l *limitLine) tell(unit budget.Unit, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, known := l.told[unit]; known && now.Sub(last) < time.Minute {
		return false
	}
	if l.told == nil {
		l.told = map[budget.Unit]time.Time{}
	}
	l.told[unit] = now
	return true
}

// tooEarly tells whether a limit may have no room only because requests that have ended are still being settled. Who sends one request after
// the other would be refused else: an answer has gone out before its place is left.
func (t *trip) tooEarly(g *budget.Grant) bool {
	return g.Slow >= 0 && g.Wait != budget.Never && t.limits[g.Slow].Unit != budget.Requests
}

// comeAgain is when to ask again for a place among requests under way: nobody knows when one ends.
const comeAgain = time.Second

// slow says which limit has no room, what it stands at, and when to come again.
func (t *trip) slow(g *budget.Grant) *exchange.Fault {
	at, l, r := g.Slow, t.slowed[g.Slow].limit, g.Rates[g.Slow]
	unit := t.limits[at].Unit
	full := &exchange.LimitFull{Name: l.Name, Unit: unit.String(), Limit: r.Most, Needed: 1, Used: r.Used, Secret: l.Scope.Everyone}
	if unit == budget.Tokens {
		full.Needed = t.hold.Tokens
	}
	f := &exchange.Fault{
		Status: 429, Type: "requests", Code: "rate_limit_exceeded", Reason: exchange.ReasonRateLimited, Limit: full,
		RetryAfter: (g.Wait + time.Millisecond - 1).Truncate(time.Millisecond), // who comes too early waits twice
	}
	what := map[budget.Unit]string{
		budget.Requests: "requests per minute", budget.Tokens: "tokens per minute", budget.Concurrent: "requests at a time",
	}[unit]
	switch {
	case g.Wait == budget.Never:
		f.RetryAfter, f.NoRetry = 0, true
		f.Message = fmt.Sprintf("Limit %q can never let this request pass: it allows %d %s, and this request may take %d.", l.Name, r.Most, what, full.Needed)
		f.Hint = "Shorten the prompt, or ask the limit's owner to raise it in policies.yaml."
	case l.Scope.Everyone:
		f.Message = fmt.Sprintf("Limit %q of the whole organisation has no room: it allows %d %s.", l.Name, r.Most, what)
	default:
		f.Message = fmt.Sprintf("Limit %q has no room: %d of %d %s are used, and this request needs %d.", l.Name, r.Used, r.Most, what, full.Needed)
	}
	switch {
	case f.NoRetry:
	case unit == budget.Concurrent:
		f.RetryAfter = comeAgain
		f.Hint = "There is room when one of them ends; try again."
	default:
		f.Hint = fmt.Sprintf("There is room in %s; try again then.", f.RetryAfter.Round(100*time.Millisecond))
	}
	full.RetryAfter = f.RetryAfter
	if unit == budget.Tokens {
		f.Type = "tokens"
	}
	if unit != budget.Concurrent && !l.Scope.Everyone {
		t.rates[unit] = r
	}
	return f
}

// rateHeaders tells how much of the caller's own limits is left, as OpenAI's or Anthropic's API does: for each unit, the limit with the least room.
func (t *trip) rateHeaders(f *exchange.Fault) {
	h := &t.ctx.Response.Header
	for unit, r := range t.rates {
		if r.Most == 0 {
			continue
		}
		of, reset := budget.Unit(unit).String(), time.Minute+time.Second // what passed now is forgotten then
		if f != nil && f.Limit != nil && f.Limit.Unit == of && f.RetryAfter > 0 {
			reset = f.RetryAfter
		}
		if t.endpoint.client == &dialect.Messages {
			name := "anthropic-ratelimit-" + of
			h.Set(name+"-limit", strconv.FormatInt(r.Most, 10))
			h.Set(name+"-remaining", strconv.FormatInt(r.Left(), 10))
			h.Set(name+"-reset", t.Start.Add(reset).UTC().Format(time.RFC3339))
			continue
		}
		h.Set("x-ratelimit-limit-"+of, strconv.FormatInt(r.Most, 10))
		h.Set("x-ratelimit-remaining-"+of, strconv.FormatInt(r.Left(), 10))
		h.Set("x-ratelimit-reset-"+of, reset.String())
	}
}

// usedTokens is what a request counts on limits of tokens: all that its provider read and wrote, also from its own cache.
func (t *trip) usedTokens() int64 {
	u := &t.Outcome.Usage
	return min(u.Prompt()+u.Completion(), budget.MaxTokens)
}
