package admin

import (
	"bursar/cache/semantic"

	"github.com/prometheus/client_golang/prometheus"
)

// SemanticReport is how the semantic cache of a gateway stands.
type SemanticReport struct {
	Partitions   int               `json:"partitions"` // contexts that are kept apart
	Certified    int               `json:"certified"`  // of them, those whose own evidence certifies what they serve
	Entries      int               `json:"entries"`    // questions
	Answers      int               `json:"answers"`    // that differ
	Bytes        int               `json:"bytes"`      // of questions and indexes, about
	Samples      int               `json:"samples"`    // questions learned
	Verdicts     map[string]uint64 `json:"lookups"`    // by what came of them
	Checked      uint64            `json:"checked"`    // would-be hits that were checked upstream
	CheckedWrong uint64            `json:"checked_wrong"`
	Lost         uint64            `json:"lost"`      // lookups that were served, but whose answer was no longer kept
	Condemned    uint64            `json:"condemned"` // answers that were reported to be wrong
	Half         string            `json:"lookup_p50"`
	Most         string            `json:"lookup_p99"`
	Busiest      []SemanticLine    `json:"busiest"` // contexts that are asked most
}

// SemanticLine is how one context stands.
type SemanticLine struct {
	Name      string  `json:"name"`
	Lookups   uint64  `json:"lookups"`
	Served    uint64  `json:"served"`
	Entries   int     `json:"entries"`
	Answers   int     `json:"answers"`
	Samples   int     `json:"samples"`
	Target    float64 `json:"max_false_hits"`
	Certified bool    `json:"certified"`
	Estimate  float64 `json:"estimate"` // wrong share of its hits by the labels so far, with their error; 1 if not certified
	Bound     float64 `json:"bound"`    // wrong share that its hits exceed with 5 % chance at most; 1 if not certified
}

func semanticReport(s semantic.Stats) *SemanticReport {
	r := &SemanticReport{
		Partitions: s.Partitions, Certified: s.Certified, Entries: s.Entries, Answers: s.Answers, Bytes: s.Bytes, Samples: s.Labels, Verdicts: map[string]uint64{},
		Checked: s.Checked, CheckedWrong: s.CheckedWrong, Lost: s.Lost, Condemned: s.Condemned, Half: s.Took.Within(0.5).String(), Most: s.Took.Within(0.99).String(),
	}
	for _, v := range semantic.Verdicts() {
		r.Verdicts[v.String()] = s.Of(v)
	}
	for _, p := range s.Busiest {
		r.Busiest = append(r.Busiest, SemanticLine{
			Name: p.Name, Lookups: p.All(), Served: p.Of(semantic.Served), Entries: p.Entries, Answers: p.Answers, Samples: p.Labels, Target: p.Target,
			Certified: p.Confirmed, Estimate: p.Estimate, Bound: p.Bound,
		})
	}
	return r
}

// Semantic adds what the semantic cache tells of itself to the metrics. Contexts have no series of their own: nobody bounds their number.
func (m *Metrics) Semantic(stats func() semantic.Stats) {
	m.registry.MustRegister(semanticCollector{stats})
}

// semanticCollector reads all figures at once, so that they fit together.
type semanticCollector struct{ stats func() semantic.Stats }

func semanticDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bursar_semantic_"+name, help, labels, nil)
}

var (
	semanticLookups    = semanticDesc("lookups_total", "Questions compared, by what came of it: served, shadowed (checked upstream), or why not.", "verdict")
	semanticChecked    = semanticDesc("checked_total", "Checks that were answered, by whether the hit would have been right.", "result")
	semanticCondemned  = semanticDesc("condemned_total", "Answers that were reported to be wrong, and forgotten with all questions that led to them.")
	semanticLost       = semanticDesc("lost_total", "Lookups that were served, but whose answer was no longer kept, so that the question went upstream.")
	semanticDropped    = semanticDesc("dropped_total", "Events and questions that were not learned, because Redis did not take them and too many waited.")
	semanticRecalls    = semanticDesc("recalls_total", "Lookups that asked Redis's vector set for questions that memory has no room for, by whether it answered in time.", "answered")
	semanticRecalled   = semanticDesc("recalled_total", "Questions that were taken in again from there.")
	semanticSeconds    = semanticDesc("lookup_seconds", "Time to embed a question, find the nearest and judge them.")
	semanticPartitions = semanticDesc("partitions", "Contexts that questions are compared within, by whether their own evidence certifies what they serve.", "certified")
	semanticEntries    = semanticDesc("entries", "Questions that can be found.")
	semanticBytes      = semanticDesc("index_bytes", "Bytes that questions and their indexes take, about.")
	semanticSamples    = semanticDesc("samples", "Questions that the contexts have learned.")
	semanticEstimate   = semanticDesc("false_hit_estimate", "Wrong share of hits by the labels, with their error: the highest of the certified contexts.")
	semanticBound      = semanticDesc("false_hit_bound", "Wrong share of hits that is exceeded with 5 % chance at most: the highest of the certified contexts.")
	semanticTarget     = semanticDesc("false_hit_target", "max_false_hits: the lowest of the contexts asked most.")
)

// Describe lists the metrics.
func (c semanticCollector) Describe(all chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, all)
}

// Collect reads them.
func (c semanticCollector) Collect(all chan<- prometheus.Metric) {
	s := c.stats()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	for _, v := range semantic.Verdicts() {
		count(semanticLookups, s.Of(v), v.String())
	}
	count(semanticChecked, s.Checked-s.CheckedWrong, "right")
	count(semanticChecked, s.CheckedWrong, "wrong")
	count(semanticCondemned, s.Condemned)
	count(semanticLost, s.Lost)
	count(semanticDropped, s.Dropped)
	count(semanticRecalls, s.Recalls-s.RecallsFailed, "true")
	count(semanticRecalls, s.RecallsFailed, "false")
	count(semanticRecalled, s.Recalled)
	all <- histogram(&s.Took)
	gauge(semanticPartitions, float64(s.Certified), "true")
	gauge(semanticPartitions, float64(s.Partitions-s.Certified), "false")
	gauge(semanticEntries, float64(s.Entries))
	gauge(semanticBytes, float64(s.Bytes))
	gauge(semanticSamples, float64(s.Labels))
	gauge(semanticEstimate, s.Estimate)
	gauge(semanticBound, s.Bound)
	target := 0.0
	for i, p := range s.Busiest {
		if i == 0 || p.Target < target {
			target = p.Target
		}
	}
	gauge(semanticTarget, target)
}

func histogram(t *semantic.Times) prometheus.Metric {
	buckets := map[float64]uint64{}
	var seen uint64
	for i, bound := range semantic.Bounds {
		seen += t.Sizes[i]
		buckets[bound.Seconds()] = seen
	}
	return prometheus.MustNewConstHistogram(semanticSeconds, seen+t.Sizes[len(semantic.Bounds)], t.Sum.Seconds(), buckets)
}
