package proxy

import (
	"bursar/exchange"
	"bursar/tokens"
)

// adjusted is what a candidate's own tokenizer will likely make of a prompt, by what its provider has reported so far. The count of a family
// that is counted exactly stays as it is.
func (s *Server) adjusted(t *trip, c *exchange.Candidate, counted int64) int64 {
	if s.counter.Method(t.using.family(c)) == tokens.Exact {
		return counted
	}
	n, _ := s.calibration.Adjust(c.Target, counted)
	return n
}

// calibrate learns from the usage that the provider has reported of a prompt that we could only estimate.
func (s *Server) calibrate(t *trip) {
	out := &t.Outcome
	if t.Facts.Stateful != "" { // its provider counts more than there was to count here
		return
	}
	if out.Method == exchange.MethodReported && s.counter.Method(t.using.family(out.Served)) != tokens.Exact {
		s.calibration.Note(out.Served.Target, t.estimate, out.Usage.Prompt())
	}
}
