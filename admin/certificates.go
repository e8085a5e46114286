package admin

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is how a route whose cheap answers need a certificate stands with a team.
type Certificate struct {
	Team      string    `json:"team"`
	Route     string    `json:"route"`
	Text      string    `json:"text"` // as in the header x-bursar-certificate
	Certified bool      `json:"certified"`
	Quality   float64   `json:"quality"` // demanded share of the other model's quality
	Sure      float64   `json:"confidence"`
	Samples   int       `json:"samples"`          // the certificate rests on them, or the proof under way does
	Since     int       `json:"since"`            // samples that came after the certificate, and watch it
	Waiting   int       `json:"waiting"`          // samples that only an evaluator can judge, and none has
	Kept      float64   `json:"kept_share"`       // of the samples, whose cheap answer is kept
	Expected  float64   `json:"expected_quality"` // that the samples have kept
	Threshold float64   `json:"threshold"`        // see docs/routing.md
	From      time.Time `json:"from,omitzero"`    // of the certificate
	Until     time.Time `json:"until,omitzero"`   // and when it ends
	Revoked   time.Time `json:"revoked,omitzero"` // when drift took the last one back
}

func (s *Server) certificates(w http.ResponseWriter, _ *http.Request) {
	all := s.deps.Certificates()
	if all == nil {
		all = []Certificate{} // a list, though an empty one
	}
	writeJSON(w, all, nil)
}

// Certificates exports how routes stand, read anew for each scrape.
func (m *Metrics) Certificates(read func() []Certificate) {
	m.registry.MustRegister(&certificateCollector{read})
}

type certificateCollector struct{ read func() []Certificate }

var (
	certified = prometheus.NewDesc("bursar_certified", "1 if the cheap answers of a route are certified for a team.", []string{"team", "rule"}, nil)
	sampled   = prometheus.NewDesc("bursar_certificate_samples", "Samples that the certificate rests on, or the proof under way.", []string{"team", "rule"}, nil)
	expires   = prometheus.NewDesc("bursar_certificate_until_timestamp_seconds", "When the certificate ends; absent without one.", []string{"team", "rule"}, nil)
)

// Describe tells what it collects.
func (c *certificateCollector) Describe(to chan<- *prometheus.Desc) {
	to <- certified
	to <- sampled
	to <- expires
}

// Collect reads and tells.
func (c *certificateCollector) Collect(to chan<- prometheus.Metric) {
	for _, k := range c.read() {
		value := 0.0
		if k.Certified {
			value = 1
			to <- prometheus.MustNewConstMetric(expires, prometheus.GaugeValue, float64(k.Until.Unix()), k.Team, k.Route)
		}
		to <- prometheus.MustNewConstMetric(certified, prometheus.GaugeValue, value, k.Team, k.Route)
		to <- prometheus.MustNewConstMetric(sampled, prometheus.GaugeValue, float64(k.Samples), k.Team, k.Route)
	}
}
