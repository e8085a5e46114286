package router

import (
	"fmt"
	"slices"
	"strings"

	"bursar/exchange"
	"bursar/policy"
)

// home returns the model that a stateful request goes to: the one that was decided for if a target of it has what the request goes on from,
// else the one that has made that.
func home(p *policy.Policy, f *exchange.Facts, m *policy.Model, why exchange.Reason) (*policy.Model, exchange.Reason) {
	if f.Origin == "" || serves(p, f, m) {
		return m, why
	}
	for _, name := range p.ModelNames() {
		if at := p.Models[name]; slices.ContainsFunc(at.Use, func(c *exchange.Candidate) bool {
			return strings.HasPrefix(c.Target, f.Origin) && (c.Target == f.Origin || strings.HasSuffix(f.Origin, "/")) && f.Scope.Allows(c)
		}) {
			return at, exchange.ReasonStored
		}
	}
	if at, ok := p.Resolve(f.Origin); ok && f.Scope.AllowsAny(at.Use) {
		return at, exchange.ReasonStored
	}
	return m, why
}

// keeps tells whether a candidate's provider stores responses, and has the one that the request goes on from.
func keeps(p *policy.Policy, f *exchange.Facts, c *exchange.Candidate) bool {
	origin, _, _ := strings.Cut(f.Origin, "/")
	return p.Providers[c.Provider].Dialect == storing && (origin == "" || origin == c.Provider)
}

// storing is the dialect whose providers store responses.
const storing = "responses"

// notStored tells why a stateful request cannot be served.
func notStored(f *exchange.Facts, m *policy.Model) *exchange.Fault {
	if f.Origin == "" {
		return &exchange.Fault{
			Status: 400, Type: "invalid_request_error", Code: "unsupported_by_target", Param: f.Stateful, Reason: exchange.ReasonNoCandidate, NoRetry: true,
			Message: fmt.Sprintf("`%s` needs a provider that stores responses, and model %q has no target of one that this request may use.", f.Stateful, m.Name),
			Hint:    "Name a model of a provider with `dialect: responses`; or leave it out, and send the whole conversation as `input`.",
		}
	}
	origin, _, _ := strings.Cut(f.Origin, "/")
	return &exchange.Fault{
		Status: 503, Type: "server_error", Code: "no_candidate", Param: f.Stateful, Reason: exchange.ReasonNoCandidate, NoRetry: true,
		Message: fmt.Sprintf("What `%s` names is stored at provider %q, which no longer serves it to this key.", f.Stateful, origin),
		Hint:    "Send the whole conversation as `input`; or an operator brings the provider, with `dialect: responses`, back.",
	}
}
