package policy

import (
	"cmp"
	"slices"
	"time"

	"bursar/exchange"
)

// What holds of a cascade if the file does not say.
const (
	usualBuffer     = 64 << 10
	usualConfidence = 0.95
	usualValidity   = 30 * 24 * time.Hour
)

// escalate compiles the cascade of a route.
func (c *compiler) escalate(r *Route, file *escalateEntry, where string) {
	to, second := c.model(file.To, where+".to"), c.model(file.AgreeWith, where+".agree_with")
	if file.Unless.ok && len(file.Unless.items) == 0 {
		c.problem(file.Unless.at, "name at least one of valid_schema, complete, not_refused, not_empty and not_repetitive", "%s.unless names no check, so every answer would escalate", where)
	}
	c.escalateTerms(file, where)
	if to == nil {
		return
	}
	k := &exchange.Cascade{
		Route: r.Name, Model: to.Name, To: to.Use, Refuse: file.Otherwise.value == "refuse", Quality: file.Quality.value,
		Confidence: cmp.Or(file.Confidence.value, usualConfidence), Valid: cmp.Or(file.Valid.value, usualValidity), Shadow: file.Shadow.value,
	}
	for _, check := range file.Unless.items {
		k.Checks = append(k.Checks, check.value)
	}
	if file.Streams.value != "pass" {
		k.Buffer = int(cmp.Or(file.BufferBytes.value, usualBuffer))
	}
	if second != nil {
		k.Second, k.Ask = second.Name, second.Use
	}
	if r.To != nil {
		k.Cheap, k.Own = r.To.Name, r.To.Use
		switch {
		case r.To == to:
			c.problem(file.To.at, "name a better model", "%s.to is the route's own model", where)
		case r.To == second:
			c.problem(file.AgreeWith.at, "name another cheap model", "%s.agree_with is the route's own model, which agrees with itself", where)
		case r.To.Rank > to.Rank:
			c.warn(file.To.at, "name a better model", "route %s escalates to %q, which costs less than its own model", quoted(r.Name), to.Name)
		}
	} else if file.Quality.ok || file.Shadow.ok {
		c.problem(file.At, "name a model in to:", "%s: a certificate is of one model, and the route serves whatever was asked for", where)
	}
	r.Escalate, r.Cascade = to, k
	if file.ShadowDailyUSD.ok {
		c.shadowBudget(r, file)
	}
}

// escalateTerms checks what belongs together.
func (c *compiler) escalateTerms(file *escalateEntry, where string) {
	needs := func(given bool, at place, key, other string) {
		if given {
			c.problem(at, "add "+other+", or remove it", "%s has %s, but no %s", where, key, other)
		}
	}
	if !file.Quality.given() {
		needs(file.Confidence.ok, file.Confidence.at, "confidence", "quality:")
		needs(file.Valid.ok, file.Valid.at, "valid", "quality:")
	}
	if !file.Shadow.given() {
		needs(file.ShadowDailyUSD.ok, file.ShadowDailyUSD.at, "shadow_daily_usd", "shadow:")
		needs(file.Quality.ok, file.Quality.at, "quality, which is certified by samples", "shadow:")
	}
	if file.Streams.value == "pass" && file.BufferBytes.ok {
		c.problem(file.BufferBytes.at, "write streams: buffer, or remove it", "%s has buffer_bytes, but passes streams on", where)
	}
	if file.Quality.ok && file.Quality.value == 1 {
		c.problem(file.Quality.at, "write a share below 100%, such as 98%", "%s.quality is all of it: no sample can prove that", where)
	}
	if file.Confidence.ok && file.Confidence.value > 0.9999 {
		c.problem(file.Confidence.at, "write at most 99.99%", "%s.confidence is certainty, which no sample gives", where)
	}
	if file.Quality.ok && file.Streams.value == "pass" {
		c.warn(file.Streams.at, "write streams: buffer", "%s: streams of the cheap model pass unchecked, so `to` serves them", where)
	}
}

// shadowBudget bounds what the samples of a route cost, as a budget of their tag.
func (c *compiler) shadowBudget(r *Route, file *escalateEntry) {
	b := &Budget{
		Name: "shadow of " + r.Name, Period: exchange.PeriodDaily, Limit: file.ShadowDailyUSD.value, Line: file.At.line,
		Scope: Who{Tag: exchange.Tag{Name: exchange.AsideTag, Value: string(exchange.AsideShadow) + ":" + r.Name}},
	}
	b.key = b.Scope.key(nil) + "/" + b.Period.String()
	if slices.ContainsFunc(c.policy.Budgets, func(o *Budget) bool { return o.Name == b.Name || o.key == b.key }) {
		return // a route of the same name, told already, or a budget that says it itself
	}
	c.policy.Budgets = append(c.policy.Budgets, b)
}
