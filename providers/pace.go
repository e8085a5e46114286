package providers

import (
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// pace is what a provider's headers tell of how much more one key may ask of one target: requests and tokens.
type pace struct{ requests, tokens allowance }

// allowance is a bucket that fills evenly: left of limit at a moment, and full again after reset. The zero allowance is not known, and bounds nothing.
type allowance struct {
	limit, left float64
	at          time.Time
	reset       time.Duration
}

// wait returns how long until the bucket holds n, or is full.
func (a *allowance) wait(n float64, now time.Time) time.Duration {
	if a.limit <= 0 || a.reset <= 0 || a.left >= a.limit {
		return 0
	}
	n = min(n, a.limit)
	fills := float64(a.reset) / (a.limit - a.left) // nanoseconds for one
	return max(0, time.Duration((n-a.left)*fills)-now.Sub(a.at))
}

// take takes n out, so that requests that are under way count before their answers tell.
func (a *allowance) take(n float64, now time.Time) {
	if a.limit <= 0 || a.reset <= 0 {
		return
	}
	if a.left < a.limit {
		fills := float64(a.reset) / (a.limit - a.left)
		filled := min(a.limit-a.left, float64(now.Sub(a.at))/fills)
		a.left, a.reset = a.left+filled, a.reset-now.Sub(a.at)
	}
	a.at = now
	if a.left, a.reset = a.left-n, max(a.reset, 0); a.reset == 0 {
		a.limit = 0 // it was full, and how fast it fills is not known any more
	}
}

// mostPaces bounds the targets that a key's pace is kept of.
const mostPaces = 1024

// paceWait returns how long a request of so many tokens should wait, going by what the headers told; 0 if not at all, or not known.
func (c *credential) paceWait(target string, tokens int64, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.paces[target]
	if p == nil {
		return 0
	}
	return min(max(p.requests.wait(1, now), p.tokens.wait(float64(tokens), now)), longestRest)
}

// asks counts a request that is about to be sent.
func (c *credential) asks(target string, tokens int64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.paces[target]; p != nil {
		p.requests.take(1, now)
		p.tokens.take(float64(tokens), now)
	}
}

// learn reads the headers of an answer.
func (c *credential) learn(target string, h *fasthttp.ResponseHeader, now time.Time) {
	told := pace{requests: requestLimits.read(h, now), tokens: tokenLimits.read(h, now)}
	if told.requests.limit == 0 && told.tokens.limit == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.paces[target]; known != nil {
		*known = told
		return
	}
	if c.paces == nil || len(c.paces) >= mostPaces {
		c.paces = map[string]*pace{}
	}
	c.paces[target] = &pace{told.requests, told.tokens}
}

// limitForms are the headers that tell of a limit, in the forms that providers have for them.
type limitForms [2]struct{ limit, left, reset string }

var (
	requestLimits = limitForms{
		{"X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"},
		{"Anthropic-Ratelimit-Requests-Limit", "Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"},
	}
	tokenLimits = limitForms{
		{"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
		{"Anthropic-Ratelimit-Tokens-Limit", "Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"},
	}
)

// read returns the zero allowance if the headers do not tell all. Most answers have none of them, which costs nothing.
func (forms *limitForms) read(h *fasthttp.ResponseHeader, now time.Time) allowance {
	for _, f := range forms {
		limit, left := readNumber(h.Peek(f.limit)), readNumber(h.Peek(f.left))
		if limit <= 0 || left < 0 {
			continue
		}
		if reset := readReset(string(h.Peek(f.reset)), now); reset > 0 {
			return allowance{limit: limit, left: left, at: now, reset: reset}
		}
	}
	return allowance{}
}

// readNumber returns -1 if it is none.
func readNumber(text []byte) float64 {
	if len(text) == 0 {
		return -1
	}
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// readReset reads when a limit is whole again: "6m0s", seconds, or a moment.
func readReset(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if d, err := time.ParseDuration(text); err == nil {
		return max(d, 0)
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		return bounded(seconds * float64(time.Second))
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
