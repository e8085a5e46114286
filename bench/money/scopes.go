package main

import (
	"fmt"
	"strings"
	"sync/atomic"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
)

// Prices with more places than a nano-dollar per token, so that roundings show.
const (
	inputPrice  = "0.3137"
	outputPrice = "2.0719"
	target      = "fake/gpt-4o-mini" // a family whose tokens are counted exactly
)

// The three scopes that each request touches. A team has less than its projects together, and everyone less than the teams
// together, so that budgets of every scope are hit.
const (
	teams           = 6
	projects        = 2 // of each team
	projectStep     = 45 * pricing.Dollar / 1000
	teamStep        = 72 * pricing.Dollar / 1000
	everyoneStep    = 400 * pricing.Dollar / 1000
	everyone        = "everyone"
	smallestRequest = pricing.Nano(25_000) // about what fill holds: the room that may be left over
)

// scope is one budget: its limit grows by step whenever the load has spent it all.
type scope struct {
	name          string // of the budget, and of the team or project
	team, project string
	step          pricing.Nano
	key           string // the counter's name in the store
	limit         atomic.Int64
	refusals      atomic.Int64 // requests refused for it
}

func newScopes() []*scope {
	all := []*scope{{name: everyone, step: everyoneStep}}
	for t := range teams {
		team := fmt.Sprintf("team%d", t)
		all = append(all, &scope{name: team, team: team, step: teamStep})
		for p := range projects {
			project := fmt.Sprintf("%s-p%d", team, p)
			all = append(all, &scope{name: project, project: project, step: projectStep})
		}
	}
	return all
}

// raise gives every scope room for one more step. The sampler must never see a gateway with a higher limit than it knows, so limits
// are raised here before the policy is written.
func raise(all []*scope) {
	for _, s := range all {
		s.limit.Add(int64(s.step))
	}
}

// policies writes the policy file with the limits as they are.
func policies(upstream string, all []*scope) string {
	var b strings.Builder
	fmt.Fprintf(&b, `version: 1
timezone: UTC
providers:
  fake: { dialect: openai, base_url: %s, retries: 0 }
models:
  small: { use: %s }
prices:
  overrides:
    %s: { input: %s, output: %s }
baseline: small
default: small
teams:
`, upstream, target, target, inputPrice, outputPrice)
	for _, s := range all {
		if s.team != "" {
			fmt.Fprintf(&b, "  %s: { owner: %s@example.com }\n", s.team, s.team)
		}
	}
	b.WriteString("budgets:\n")
	for _, s := range all {
		of := "everyone: true"
		switch {
		case s.team != "":
			of = "team: " + s.team
		case s.project != "":
			of = "project: " + s.project
		}
		fmt.Fprintf(&b, "  - { name: %s, %s, total_usd: %s, when_spent: block }\n", s.name, of, pricing.Nano(s.limit.Load()).Dollars())
	}
	b.WriteString("routes:\n  - { name: as asked, to: asked }\noutput: { default_max_tokens: 200, max_tokens: 400 }\n")
	return b.String()
}

// nameCounters asks the policy how each scope's counter is called.
func nameCounters(file, text string, all []*scope) error {
	p, err := policy.Parse(file, []byte(text), func(string) string { return "" })
	if err != nil {
		return err
	}
	for i, b := range p.Budgets {
		all[i].key = b.ScopeKey(&exchange.Facts{}, nil) + "/total"
	}
	return nil
}

// cost is what a provider bills for so many tokens.
func cost(prompt, output int64) pricing.Nano {
	in, _ := pricing.PerMillion(inputPrice) // constants
	out, _ := pricing.PerMillion(outputPrice)
	price := pricing.Flat("fake", "gpt-4o-mini", pricing.Rates{Input: in, Output: out})
	return price.Cost(&pricing.Usage{Input: prompt, Output: output}, epoch)
}
