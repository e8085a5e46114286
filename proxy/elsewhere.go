package proxy

import (
	"net/http"

	"bursar/exchange"
	"bursar/providers"
)

// elsewhere tells whether a later candidate may take what this one has refused, and makes it the next: one with a longer context, or, where the
// policy's model allows it, one whose filters may judge otherwise. What the client hears if that fails too is the refusal.
func (t *trip) elsewhere(c *exchange.Candidate, refusal providers.Refusal) bool {
	switch {
	case refusal == providers.RefusalContext:
		for next := t.candidate + 1; next < len(t.Decision.Candidates); next++ {
			if longer := t.Decision.Candidates[next].Context; longer == 0 || longer > c.Context {
				t.candidate, t.failed = next, &exchange.Fault{
					Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "context_length_exceeded", Reason: exchange.ReasonProviderRefused, NoRetry: true,
					Message: "The request is longer than the context of " + c.Target + ", and no other model took it.", Hint: "Shorten it, or name a model with a longer context.",
				}
				return true
			}
		}
	case refusal == providers.RefusalContent && t.pastFilters() && t.candidate+1 < len(t.Decision.Candidates):
		t.candidate++
		t.failed = &exchange.Fault{
			Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "content_filter", Reason: exchange.ReasonProviderRefused, NoRetry: true,
			Message: "The filter of " + c.Target + " objects to the request, and no other model answered it.", Hint: "Put it in other words.",
		}
		return true
	}
	return false
}

// pastFilters tells whether the model that was chosen may ask another target what one's filter objects to.
func (t *trip) pastFilters() bool {
	m := t.using.policy.Models[t.Decision.Model]
	return m != nil && m.PastFilters
}

// filtered tells whether an answer of status 200 was withheld whole by a filter. It is billed all the same.
func (s *Server) filtered(t *trip, c *exchange.Candidate, answer *providers.Answer) bool {
	if answer.Stream != nil || answer.Finish != "content_filter" || answer.Usage.Completion() > 0 || !t.elsewhere(c, providers.RefusalContent) {
		return false
	}
	usage, method := s.usageOf(t, c, answer)
	t.paid = t.failedCall(c, usage, method, answer.Attempts, t.failed)
	return true
}
