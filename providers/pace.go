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
	requests := readAllowance(h, "requests", now)
	tokens := readAllowance(h, "tokens", now)
	if requests.limit == 0 && tokens.limit == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paces == nil || len(c.paces) >= mostPaces && c.paces[target] == nil {
		c.paces = map[string]*pace{}
	}
	c.paces[target] = &pace{requests, tokens}
}

// readAllowance reads the headers of a kind, in OpenAI's form or Anthropic's; the zero allowance if they do not tell all.
func readAllowance(h *fasthttp.ResponseHeader, kind string, now time.Time) allowance {
	for _, form := range [...][2]string{{"X-Ratelimit-", "-" + kind}, {"Anthropic-Ratelimit-" + kind + "-", ""}} {
		number := func(what string) float64 {
			n, err := strconv.ParseFloat(string(h.Peek(form[0]+what+form[1])), 64)
			if err != nil || n < 0 {
				return -1
			}
			return n
		}
		a := allowance{limit: number("limit"), left: number("remaining"), at: now, reset: readReset(string(h.Peek(form[0]+"reset"+form[1])), now)}
		if a.limit > 0 && a.left >= 0 && a.reset > 0 {
			return a
		}
	}
	return allowance{}
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
