package admin

import (
	"sync"
	"sync/atomic"

	"bursar/exchange"
	"bursar/pricing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the gateway's Prometheus metrics. Labels are team, model, rule, reason, cache and lever, and of providers what the policy calls them and
// their keys: never a client's key or a user, whose number nobody bounds.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	cost     *prometheus.CounterVec
	saved    *prometheus.GaugeVec
	tokens   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	first    *prometheus.HistogramVec
	steps    [exchange.Steps]prometheus.Counter
	reloads  *prometheus.CounterVec
	reloaded prometheus.Gauge
	warnings prometheus.Counter
	reached  *prometheus.CounterVec
	limited  *prometheus.CounterVec

	models     sync.Map // targets that have series
	modelCount atomic.Int64

	tally  cacheTally
	lookup *prometheus.HistogramVec
	hits   *prometheus.CounterVec

	meant, meantSaved, meantChecked *prometheus.CounterVec
	opinionTokens, opinionCost      prometheus.Counter
	cascades                        cascadeMetrics

	series sync.Map // seriesKey to *series: the children of one combination of labels, found once
}

// NewMetrics makes the metrics and their registry.
func NewMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bursar", Name: name, Help: help}, labels)
	}
	seconds := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "bursar", Name: name, Help: help, Buckets: buckets}, []string{"model", "stream"})
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("requests_total", "Requests, by how they came out.", "team", "model", "rule", "reason", "cache"),
		cost:     counter("cost_usd_total", "What was spent, in US dollars.", "team", "model"),
		saved: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "bursar", Name: "saved_usd", Help: "What was saved against the baseline since the start, in US dollars, signed.",
		}, []string{"team", "lever"}),
		tokens:   counter("tokens_total", "Tokens used, by kind.", "team", "model", "kind"),
		duration: seconds("request_duration_seconds", "From the request's arrival to its settlement.", []float64{.001, .005, .02, .1, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}),
		first:    seconds("first_byte_seconds", "From the request's arrival to the provider's first byte.", []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}),
		reloads:  counter("policy_reloads_total", "Loads of the policy file, by result.", "result"),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "bursar", Name: "policy_last_reload_successful", Help: "1 if the policy file as it is now is the policy in force.",
		}),
		reached: counter("budget_thresholds_total", "Thresholds of warn_at, and limits, that budgets have reached.", "budget"),
		limited: counter("limit_reached_minutes_total", "Minutes in which a limit had no room for a request, or would have had none were it enforced.", "limit", "unit"),
		warnings: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "bursar", Name: "warnings_total", Help: "Faults of the house that no client heard of; the log has them.",
		}),
	}
	m.cascades.make(m.registry)
	m.hits = counter("cache_saved_usd_total", "What cached answers would have cost, in US dollars.", "team", "rule")
	m.meant = counter("semantic_hits_total", "Requests answered with the answer to a question that means the same.", "team", "rule")
	m.meantSaved = counter("semantic_saved_usd_total", "What those answers would have cost, in US dollars.", "team", "rule")
	m.meantChecked = counter("semantic_checks_total", "Would-be semantic hits that went upstream to be checked.", "team", "rule")
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "bursar", Name: name, Help: help})
	}
	m.opinionTokens = one("semantic_opinion_tokens_total", "Tokens that second opinions on questions took of their embedder.")
	m.opinionCost = one("semantic_opinion_usd_total", "What they cost, in US dollars, as far as the embedder's price is known. No ledger row has it.")
	m.lookup = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "bursar", Name: "cache_lookup_seconds", Help: "Time in the lookup step, by result; shared ones include the wait.",
		Buckets: []float64{.00001, .00003, .0001, .0003, .001, .003, .005, .01, .1, 1, 10, 60},
	}, []string{"result"})
	steps := counter("step_seconds_total", "Time spent in each of the nine steps.", "step")
	for i := range m.steps {
		m.steps[i] = steps.WithLabelValues(exchange.Step(i).String())
	}
	m.registry.MustRegister(m.hits, m.meant, m.meantSaved, m.meantChecked, m.opinionTokens, m.opinionCost, m.lookup, m.requests, m.cost, m.saved, m.tokens, m.duration, m.first, steps, m.reloads, m.reloaded, m.warnings, m.reached, m.limited,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// seriesKey is one combination of labels. Rules and models come from the policy, so there are few.
type seriesKey struct {
	team, model, rule, cache string
	reason                   exchange.Reason
	stream                   bool
}

type series struct {
	requests, cost       prometheus.Counter
	in, read, write, out prometheus.Counter
	duration, firstByte  prometheus.Observer
	saved                [exchange.Levers]prometheus.Gauge
}

// Record counts a settled request.
func (m *Metrics) Record(x *exchange.Exchange) {
	key := seriesKey{x.Identity.Team, "", x.Decision.Rule, x.Outcome.Cache, x.Outcome.Reason, x.Facts.Stream}
	if x.Outcome.Served != nil {
		key.model = m.modelLabel(x.Outcome.Served)
	}
	s := m.find(key)
	out := &x.Outcome
	m.cascades.record(x)
	if x.Aside == exchange.AsideNone { // else nobody asked for it, nor waited
		m.recordCache(x)
		s.requests.Inc()
		s.duration.Observe(out.Duration.Seconds())
		if out.FirstByte > 0 {
			s.firstByte.Observe(out.FirstByte.Seconds())
		}
	}
	if out.Cost > 0 {
		s.cost.Add(dollars(out.Cost))
	}
	for i, saved := range out.Saved {
		if saved != 0 {
			s.saved[i].Add(dollars(saved))
		}
	}
	if out.Cache != "hit" && out.Cache != "semantic" {
		u := &out.Usage
		s.in.Add(float64(u.Input + u.AudioIn + u.ImageIn))
		s.read.Add(float64(u.CacheRead))
		s.write.Add(float64(u.CacheWrite + u.CacheWrite1h))
		s.out.Add(float64(u.Completion()))
	}
	for i, took := range out.Steps {
		m.steps[i].Add(took.Seconds())
	}
}

// recordCache counts what the cache did.
func (m *Metrics) recordCache(x *exchange.Exchange) {
	m.tally.record(x)
	out := &x.Outcome
	if out.Cache == "off" || out.Cache == "" {
		return
	}
	result := out.Cache
	if out.Reason == exchange.ReasonSharedHit {
		result = "shared" // it waited for an answer to be made
	}
	m.lookup.WithLabelValues(result).Observe(out.Steps[exchange.StepLookup].Seconds())
	if saved := out.Saved[exchange.LeverExact] + out.Saved[exchange.LeverSemantic]; saved > 0 {
		m.hits.WithLabelValues(x.Identity.Team, x.Decision.Rule).Add(dollars(saved))
	}
	switch out.Cache {
	case "semantic":
		m.meant.WithLabelValues(x.Identity.Team, x.Decision.Rule).Inc()
		if saved := out.Saved[exchange.LeverSemantic]; saved > 0 {
			m.meantSaved.WithLabelValues(x.Identity.Team, x.Decision.Rule).Add(dollars(saved))
		}
	case "shadow":
		m.meantChecked.WithLabelValues(x.Identity.Team, x.Decision.Rule).Inc()
	}
}

// mostModels bounds the models that have series of their own. Those of the policy are few; but where unknown prices are assumed, a
// client can make up names.
const mostModels = 500

// modelLabel is the target, or other once there are too many.
func (m *Metrics) modelLabel(c *exchange.Candidate) string {
	if _, known := m.models.Load(c.Target); known {
		return c.Target
	}
	if m.modelCount.Add(1) > mostModels && c.Tier == "" {
		return "other"
	}
	m.models.Store(c.Target, true)
	return c.Target
}

func (m *Metrics) find(key seriesKey) *series {
	if found, ok := m.series.Load(key); ok {
		return found.(*series)
	}
	stream := "false"
	if key.stream {
		stream = "true"
	}
	s := &series{
		requests:  m.requests.WithLabelValues(key.team, key.model, key.rule, key.reason.String(), key.cache),
		cost:      m.cost.WithLabelValues(key.team, key.model),
		in:        m.tokens.WithLabelValues(key.team, key.model, "input"),
		read:      m.tokens.WithLabelValues(key.team, key.model, "cache_read"),
		write:     m.tokens.WithLabelValues(key.team, key.model, "cache_write"),
		out:       m.tokens.WithLabelValues(key.team, key.model, "output"),
		duration:  m.duration.WithLabelValues(key.model, stream),
		firstByte: m.first.WithLabelValues(key.model, stream),
	}
	for i := range s.saved {
		s.saved[i] = m.saved.WithLabelValues(key.team, exchange.Lever(i).String())
	}
	found, _ := m.series.LoadOrStore(key, s)
	return found.(*series)
}

// PolicyLoaded counts a load of the policy file.
func (m *Metrics) PolicyLoaded(err error) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		m.reloaded.Set(0)
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
	m.reloaded.Set(1)
}

// BudgetReached counts a threshold that a budget has reached.
func (m *Metrics) BudgetReached(name string) { m.reached.WithLabelValues(name).Inc() }

// LimitReached counts a minute in which a limit had no room.
func (m *Metrics) LimitReached(name, unit string) { m.limited.WithLabelValues(name, unit).Inc() }

// OpinionSpent counts what a second opinion on questions took of its embedder.
func (m *Metrics) OpinionSpent(tokens int64, cost pricing.Nano) {
	m.opinionTokens.Add(float64(tokens))
	m.opinionCost.Add(dollars(cost))
}

// Warned counts a fault of the house.
func (m *Metrics) Warned() { m.warnings.Inc() }

// Gauge adds a metric that is read when it is asked for.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "bursar", Name: name, Help: help}, read))
}

// Gauges adds a metric with one label, and returns what sets it. The label's values must be few.
func (m *Metrics) Gauges(name, help, label string) func(value string, n float64) {
	all := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "bursar", Name: name, Help: help}, []string{label})
	m.registry.MustRegister(all)
	return func(value string, n float64) { all.WithLabelValues(value).Set(n) }
}

// dollars is for display only: money is counted in nano-dollars.
func dollars(n pricing.Nano) float64 { return float64(n) / float64(pricing.Dollar) }
