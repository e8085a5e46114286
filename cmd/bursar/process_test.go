package main

import "strings"

// testPolicies is a policy over a fake provider. UPSTREAM stands for its base URL.
const testPolicies = `version: 1
timezone: UTC
providers:
  fake: { dialect: openai, base_url: UPSTREAM, retries: 0 }
models:
  quick: { use: [fake/quick] }
  deep: { use: [fake/broken, fake/deep] }
prices:
  overrides:
    fake/quick: { input: 0.31, output: 2.07 }
    fake/deep: { input: 3.01, output: 15.13 }
    fake/broken: { input: 2.99, output: 14.87 }
baseline: deep
teams:
  alpha: { owner: alpha@example.com }
  beta: { owner: beta@example.com }
budgets:
  - { everyone: true, monthly_usd: 1000, when_spent: block }
  - { team: alpha, monthly_usd: 500, when_spent: block }
  - { team: beta, monthly_usd: 0.05, when_spent: block }
routes:
  - { name: as asked, to: asked }
default: quick
output: { default_max_tokens: 200, max_tokens: 400 }
`

func policiesFor(upstream string) string {
	return strings.Replace(testPolicies, "UPSTREAM", upstream, 1)
}
