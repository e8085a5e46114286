package policy

import (
	"testing"
	"time"

	"bursar/pricing"
)

// TestContracts: what a call costs at a date, to the nano-dollar. gpt-5-nano is $0.05 and $0.40 per million tokens by the list.
func TestContracts(t *testing.T) {
	src := small(`timezone: Europe/Berlin
prices:
  overrides: { openai/own: { input: 3, output: 3, per_request: 0.002 } }
  contracts:
    - { for: openai/gpt-5-nano, discount: 50%, from: 2027-01-01, until: 2027-02-01 }
    - { for: openai, discount: 12.5%, from: 2026-07-01 }
    - { for: openai/gpt-5-nano, input: 0.02, output: 0.1, per_request: 0.001, from: "2027-06-01T12:00:00Z" }
    - { for: openai/nobody-knows-this, input: 1, output: 2, until: 2027-01-01 }
`)
	p, err := Parse("p", src, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	f := func(target, at, want string) {
		t.Helper()
		m, ok := p.Resolve(target)
		if !ok {
			t.Fatalf("no %s", target)
		}
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		u := &pricing.Usage{Input: 1_000_001, Output: 100_000}
		got := m.Use[0].Price.Cost(u, when)
		if got.Dollars() != want {
			t.Errorf("%s at %s: $%s, want $%s", target, at, got.Dollars(), want)
		}
		if worst := m.Use[0].Price.Worst(u.Input, u.Output, when); worst < got {
			t.Errorf("%s at %s: a call of $%s is held at $%s", target, at, got.Dollars(), worst.Dollars())
		}
	}
	const nano = "openai/gpt-5-nano"
	f(nano, "2026-06-30T21:59:59Z", "0.09000005")                     // 1000001 x 0.05 + 100000 x 0.40
	f(nano, "2026-06-30T22:00:00Z", "0.078750044")                    // x 7/8 = 0.07875004375; midnight in Berlin
	f(nano, "2027-01-15T00:00:00Z", "0.045000025")                    // its own, x 1/2
	f(nano, "2027-01-31T23:00:00Z", "0.078750044")                    // which is over
	f(nano, "2027-06-01T11:59:59Z", "0.078750044")                    // the last second before
	f(nano, "2027-06-01T12:00:00Z", "0.03100002")                     // 1000001 x 0.02 + 100000 x 0.1 + 0.001
	f("openai/own", "2027-06-01T12:00:00Z", "3.302003")               // what is under overrides is what is paid
	f("openai/nobody-knows-this", "2026-12-01T00:00:00Z", "1.200001") // not known but for its contract
	f("openai/nobody-knows-this", "2027-12-01T00:00:00Z", "1.200001") // and never free
	if m, _ := p.Resolve("openai/unheard-of"); m.Use[0].Price != nil {
		t.Error("a discount on a price that nobody knows made one")
	}
}
