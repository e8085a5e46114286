package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
	"bursar/prompt"
	"bursar/tokens"
)

// trimmed is what `bursar trim` tells of a request.
type trimmed struct {
	Target     string        `json:"target"`
	Tokens     int64         `json:"tokens"`
	Method     string        `json:"method"`
	Removed    int64         `json:"removed"`
	Dropped    int           `json:"dropped_messages"`
	Edits      []prompt.Edit `json:"edits"`
	Over       bool          `json:"over"`       // still longer than the limit, and nothing more may be dropped
	Limit      int64         `json:"limit"`      // prompt tokens beyond which turns are dropped, 0 for none
	Dearer     bool          `json:"dearer"`     // the policy's limit does not count here, because a shorter prompt would cost more
	BreakEven  int64         `json:"break_even"` // calls until the dropped turns have paid at a warm cache; -1 for never
	ColdBefore pricing.Nano  `json:"cold_before_nano"`
	ColdAfter  pricing.Nano  `json:"cold_after_nano"`
}

// trim tells what the policy's trims would do to a request as a file, at the prices of the target that would serve it. It plans by
// the same function as the gateway, and sends nothing.
func trim(p *program, args []string) error {
	f := p.flags("trim")
	file := f.String("policies", "policies.yaml", "policy file")
	model := f.String("model", "", "model of the policy, or provider/model; default is the request's own")
	route := f.String("route", "", "route whose reviewed system prompts count, too")
	asJSON := f.Bool("json", false, "print JSON")
	f.Bool("explain", true, "what it always does")
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError{"name one file with a chat request; - is standard input"}
	}
	asked, err := p.readAsked(rest[0], *file, *model)
	if err != nil {
		return err
	}
	trims, err := trimsOf(asked.policy, *route)
	if err != nil {
		return err
	}
	told := p.trimFor(&asked.body, asked.counter, trims, asked.served)
	if *asJSON {
		return json.NewEncoder(p.out).Encode(told)
	}
	told.print(p)
	return nil
}

// asked is a chat request as a file, and what serves it under a policy.
type asked struct {
	policy  *policy.Policy
	body    prompt.Envelope
	served  *exchange.Candidate // the first of its model
	counter *tokens.Counter
}

// readAsked reads a request. It is for the model that is named, else for the one that it asks for itself.
func (p *program) readAsked(file, policies, model string) (*asked, error) {
	loaded, err := policy.Load(policies)
	if err != nil {
		return nil, whichPolicies(err)
	}
	text, err := p.readFile(file)
	if err != nil {
		return nil, err
	}
	a := &asked{policy: loaded}
	if err := a.body.Read(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	served, err := servedBy(loaded, policies, model, &a.body)
	if err != nil {
		return nil, err
	}
	a.served = served.Use[0]
	a.counter, err = tokens.New()
	return a, err
}

// servedBy returns the model that a request is for, by a name that was given or its own.
func servedBy(loaded *policy.Policy, file, model string, e *prompt.Envelope) (*policy.Model, error) {
	if model == "" {
		model = e.Model()
	}
	served, ok := loaded.Resolve(model)
	switch {
	case ok:
		return served, nil
	case model == policy.Auto:
		return loaded.Default, nil
	}
	return nil, fmt.Errorf("model %q is not in %s; name one of its models, or provider/model, with -model", model, file)
}

// trimsOf returns the policy's trims, with the reviewed texts of a route.
func trimsOf(loaded *policy.Policy, route string) (exchange.Trim, error) {
	trims := loaded.Trim
	if route == "" {
		return trims, nil
	}
	at := slices.IndexFunc(loaded.Routes, func(r *policy.Route) bool { return r.Name == route })
	if at < 0 {
		return trims, fmt.Errorf("the policy has no route %q", route)
	}
	trims.Squeezes = loaded.Routes[at].Squeezes
	return trims, nil
}

func (p *program) trimFor(e *prompt.Envelope, counter *tokens.Counter, t exchange.Trim, c *exchange.Candidate) *trimmed {
	target := prompt.Target{Family: tokens.FamilyOf(c.Provider, c.Model), Model: c.Model}
	now := p.clock()
	whole, applied := e.Measure(counter, target), t.At(c, now)
	plan := e.Trim(counter, target, applied)
	left := e.MeasureTrimmed(counter, target, plan)
	told := &trimmed{
		Target: c.Target, Tokens: whole.Tokens, Method: whole.Method.String(), Removed: whole.Tokens - left.Tokens, Dropped: plan.Messages, Edits: plan.Edits(),
		Over: plan.Over, Limit: applied.MaxPromptTokens, Dearer: applied != t,
	}
	if c.Price == nil {
		return told
	}
	told.ColdBefore = c.Price.Cost(&pricing.Usage{Input: whole.Tokens}, now)
	told.ColdAfter = c.Price.Cost(&pricing.Usage{Input: left.Tokens}, now)
	if plan.Messages > 0 {
		if told.BreakEven = c.Price.BreakEven(told.Removed, left.Tokens, now); told.BreakEven == math.MaxInt64 {
			told.BreakEven = -1
		}
	}
	return told
}

func (t *trimmed) print(p *program) {
	fmt.Fprintf(p.out, "%s: %d prompt tokens (%s), %d removed\n", t.Target, t.Tokens, t.Method, t.Removed)
	for _, e := range t.Edits {
		of, what := "tool result", "shortened"
		if e.System {
			of, what = "system prompt", "a reviewed text in its place"
		}
		if e.Repeats >= 0 {
			what = fmt.Sprintf("repeats message %d: a note in its place", e.Repeats+1)
		}
		fmt.Fprintf(p.out, "  message %d: %s, %s, %d tokens less\n", e.Message+1, of, what, e.Saved)
	}
	if t.Dropped > 0 {
		fmt.Fprintf(p.out, "  %d messages of the oldest turns dropped, to get below %d tokens\n", t.Dropped, t.Limit)
	}
	if t.Dearer {
		fmt.Fprintf(p.out, "  max_prompt_tokens is not applied: %s reads its prompt cache so cheaply that a shorter prompt would cost more (even_if_dearer: true applies it)\n", t.Target)
	}
	if t.Over {
		fmt.Fprintln(p.out, "  it is still over the limit: the system's messages, the last turns and what belongs to them stay")
	}
	if t.ColdBefore > 0 {
		fmt.Fprintf(p.out, "input, nothing cached: $%s before, $%s after\n", t.ColdBefore.Dollars(), t.ColdAfter.Dollars())
	}
	switch {
	case t.BreakEven > 0:
		fmt.Fprintf(p.out, "with a warm cache it has paid after %d more calls of this conversation, if all that is kept must be written anew\n", t.BreakEven)
	case t.BreakEven < 0:
		fmt.Fprintln(p.out, "with a warm cache it never pays")
	}
}
