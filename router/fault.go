package router

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/exchange"
	"bursar/policy"
)

func unknownModel(p *policy.Policy, asked string) *exchange.Fault {
	names := append([]string{policy.Auto}, p.ModelNames()...)
	providers := slices.Sorted(maps.Keys(p.Providers))
	for i := range providers {
		providers[i] += "/MODEL"
	}
	return &exchange.Fault{
		Status: 404, Type: "invalid_request_error", Code: "model_not_found", Param: "model", Reason: exchange.ReasonUnknownModel, NoRetry: true,
		Message: fmt.Sprintf("There is no model %s here.", shown(asked)),
		Hint:    fmt.Sprintf("Ask for one of: %s; or for a provider's own: %s.", strings.Join(names, ", "), strings.Join(providers, ", ")),
	}
}

// notAuto refuses auto where no other model's answer would do.
func notAuto() *exchange.Fault {
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "invalid_value", Param: "model", Reason: exchange.ReasonUnknownModel, NoRetry: true,
		Message: "This call needs a model by its name: what one model answers is of no use with another's.", Hint: "Name one; GET /v1/models lists them.",
	}
}

// shown is a client's text, quoted and bounded.
func shown(text string) string {
	const most = 100
	if len(text) > most {
		return fmt.Sprintf("%.*q...", most, text)
	}
	return fmt.Sprintf("%q", text)
}

// noCandidate tells why no target of a model can serve. It speaks of the obstacle that was met last: if some targets are up but have
// no price, the price is what is missing.
func noCandidate(p *policy.Policy, f *exchange.Facts, m *policy.Model) *exchange.Fault {
	met := map[obstacle][]*exchange.Candidate{}
	for _, c := range m.Use {
		o := obstacleTo(p, f, c)
		met[o] = append(met[o], c)
	}
	switch {
	case len(met[forbidden]) == len(m.Use):
		return notAllowed(f, m.Name)
	case len(met[elsewhere])+len(met[forbidden]) == len(m.Use):
		return notStored(f, m)
	case len(met[narrow]) > 0:
		return tooLong(p, f, m, met[narrow])
	case len(met[priceless]) > 0:
		return unpriced(m, met[priceless])
	default:
		return noneAvailable(m, met[unavailable])
	}
}

// notAllowed tells a key that it asks for what it may not use, and what it may.
func notAllowed(f *exchange.Facts, model string) *exchange.Fault {
	return &exchange.Fault{
		Status: 403, Type: "permission_error", Code: "model_not_allowed", Param: "model", Reason: exchange.ReasonNotAllowed, NoRetry: true,
		Message: fmt.Sprintf("Key %s may not use model %s.", f.Key, shown(model)),
		Hint:    mayUse(f),
	}
}

// notRouted tells a key that no route which it may use leads to a model that it may use.
func notRouted(f *exchange.Facts) *exchange.Fault {
	return &exchange.Fault{
		Status: 403, Type: "permission_error", Code: "route_not_allowed", Param: "model", Reason: exchange.ReasonNotAllowed, NoRetry: true,
		Message: fmt.Sprintf("No route that key %s may use serves this request.", f.Key),
		Hint:    mayUse(f),
	}
}

func noPin(f *exchange.Facts) *exchange.Fault {
	return &exchange.Fault{
		Status: 403, Type: "permission_error", Code: "pin_not_allowed", Reason: exchange.ReasonNotAllowed, NoRetry: true,
		Message: fmt.Sprintf("Key %s may not pin a model.", f.Key),
		Hint:    "Leave the header x-bursar-pin out; the policy's routes decide then. " + mayUse(f),
	}
}

func mayUse(f *exchange.Facts) string {
	var may []string
	if len(f.Scope.Models) > 0 {
		may = append(may, "the models "+strings.Join(f.Scope.Models, ", "))
	}
	if len(f.Scope.Routes) > 0 {
		may = append(may, fmt.Sprintf("the routes %q", f.Scope.Routes))
	}
	if len(may) == 0 {
		may = []string{"every model and every route"}
	}
	return fmt.Sprintf("It may use %s; an operator changes that with `bursar keys edit %s`.", strings.Join(may, " and "), f.Key)
}

func noneAvailable(m *policy.Model, candidates []*exchange.Candidate) *exchange.Fault {
	return &exchange.Fault{
		Status: 503, Type: "server_error", Code: "no_candidate", Reason: exchange.ReasonNoCandidate,
		Message: fmt.Sprintf("No target of model %q can serve: %s.", m.Name, each(candidates, func(c *exchange.Candidate) string {
			return c.Target + " (" + c.Unavailable + ")"
		})),
		Hint: "An operator can mend the provider's configuration; until then ask for another model.",
	}
}

func unpriced(m *policy.Model, candidates []*exchange.Candidate) *exchange.Fault {
	return &exchange.Fault{
		Status: 503, Type: "server_error", Code: "unknown_price", Reason: exchange.ReasonUnknownPrice, NoRetry: true,
		Message: fmt.Sprintf("Model %q cannot be used, because the price of %s is not known.", m.Name,
			each(candidates, func(c *exchange.Candidate) string { return c.Target })),
		Hint: fmt.Sprintf("An operator can add it to the policy: prices.overrides: { %s: { input: ..., output: ... } }, in $ per million tokens.",
			candidates[0].Target),
	}
}

func tooLong(p *policy.Policy, f *exchange.Facts, m *policy.Model, candidates []*exchange.Candidate) *exchange.Fault {
	return &exchange.Fault{
		Status: 400, Type: "invalid_request_error", Code: "context_length_exceeded", Param: "messages", Reason: exchange.ReasonContextTooLong,
		NoRetry: true,
		Message: fmt.Sprintf("The prompt has %d tokens, more than any target of model %q takes: %s.", promptTokens(p, f), m.Name,
			each(candidates, func(c *exchange.Candidate) string { return fmt.Sprintf("%s (%d)", c.Target, c.Context) })),
		Hint: "Shorten the conversation, or ask for a model with a larger context.",
	}
}

// noRoute cannot happen with a policy that was loaded: its last route matches everything.
func noRoute(p *policy.Policy) *exchange.Fault {
	return &exchange.Fault{
		Status: 500, Type: "api_error", Code: "no_route", Reason: exchange.ReasonInternal,
		Message: "No route of the policy matches the request.",
		Hint:    fmt.Sprintf("An operator can end the routes of %s with { name: everything else, to: asked }.", p.File),
	}
}

func each(candidates []*exchange.Candidate, say func(*exchange.Candidate) string) string {
	said := make([]string, len(candidates))
	for i, c := range candidates {
		said[i] = say(c)
	}
	return strings.Join(said, ", ")
}
