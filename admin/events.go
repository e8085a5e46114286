package admin

import "github.com/prometheus/client_golang/prometheus"

// EventTally is what became of the events for one webhook.
type EventTally struct{ Sent, Retried, Failed, Dropped, Waiting int64 }

// Events adds the metrics of the webhooks, which are read when they are asked for.
func (m *Metrics) Events(read func() map[string]EventTally) {
	m.registry.MustRegister(&eventCollector{
		read:    read,
		total:   prometheus.NewDesc("bursar_events_total", "Events for webhooks, by what became of them: sent, retried, failed (given up) or dropped (the queue was full).", []string{"webhook", "outcome"}, nil),
		waiting: prometheus.NewDesc("bursar_events_waiting", "Events that wait for a webhook.", []string{"webhook"}, nil),
	})
}

type eventCollector struct {
	read           func() map[string]EventTally
	total, waiting *prometheus.Desc
}

// Describe tells what Collect sends.
func (c *eventCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.total
	to <- c.waiting
}

// Collect sends the tallies as they are.
func (c *eventCollector) Collect(to chan<- prometheus.Metric) {
	for webhook, t := range c.read() {
		for outcome, n := range map[string]int64{"sent": t.Sent, "retried": t.Retried, "failed": t.Failed, "dropped": t.Dropped} {
			to <- prometheus.MustNewConstMetric(c.total, prometheus.CounterValue, float64(n), webhook, outcome)
		}
		to <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(t.Waiting), webhook)
	}
}
