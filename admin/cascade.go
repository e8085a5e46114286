package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"bursar/exchange"
)

// cascadeMetrics tell what the checks of cheap answers do, and what they cost.
type cascadeMetrics struct {
	results *prometheus.CounterVec
	waited  *prometheus.HistogramVec
	spent   *prometheus.CounterVec
}

func (c *cascadeMetrics) make(registry *prometheus.Registry) {
	c.results = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "bursar", Name: "cascade_total", Help: "Requests of routes that escalate, by what came of the cheap answer and the check that it failed.",
	}, []string{"rule", "result", "failed"})
	c.waited = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "bursar", Name: "cascade_wait_seconds",
		Help:    "How much later a client got its answer because it was checked: what a stream was held back, what a second opinion took, and all that a cheap answer took that was thrown away.",
		Buckets: []float64{.0001, .001, .01, .05, .1, .25, .5, 1, 2, 4, 8, 16, 32},
	}, []string{"rule", "result"})
	c.spent = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "bursar", Name: "aside_cost_usd_total", Help: "What calls beside requests have cost, in US dollars: second opinions, shadow samples, summaries, answers that were rejected, candidates that failed.",
	}, []string{"rule", "call"})
	registry.MustRegister(c.results, c.waited, c.spent)
}

func (c *cascadeMetrics) record(x *exchange.Exchange) {
	out, rule := &x.Outcome, x.Decision.Rule
	if x.Aside != exchange.AsideNone {
		c.spent.WithLabelValues(rule, string(x.Aside)).Add(dollars(out.Cost))
		return
	}
	if out.Cascade == exchange.CascadeNone {
		return
	}
	c.results.WithLabelValues(rule, string(out.Cascade), out.Failed).Inc()
	c.waited.WithLabelValues(rule, string(out.Cascade)).Observe(out.Waited.Seconds())
}
