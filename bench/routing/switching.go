package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/policy"
	"bursar/pricing"
	"bursar/replay"
	"bursar/tokens"
)

// This part replays recorded conversations of agents on a saving route, which would move them in their midst: once their prompts have more than 4,000
// tokens, under each word of conversations.move_down. A provider has in its cache what a conversation's last call has sent; a call comes every ten seconds,
// a conversation begins every minute.

// switchingPolicy has list prices of pairs that somebody would run.
const switchingPolicy = `version: 1
providers: { p: { dialect: openai, base_url: http://127.0.0.1:1/v1 } }
models: { cheap: { use: [p/small] }, premium: { use: [p/large] } }
prices:
  overrides:
    p/small: { input: %v, output: %v, cache_read: %v }
    p/large: { input: %v, output: %v, cache_read: %v }
teams: { a: {} }
routes:
  - { name: low, when: { model: auto, budget_used: ">= 0%%", prompt_tokens: "> 4000" }, to: cheap }
  - { name: rest, to: asked }
default: premium
conversations: { move_down: %s }
output: { default_max_tokens: 4096 }
`

// pairs are prices in dollars per million tokens: input, output and read from the cache, of the cheap model and of the premium one.
var pairs = []struct {
	name  string
	rates [6]float64
}{
	{"a fifteenth of the price", [6]float64{0.2, 1.0, 0.02, 3, 15, 0.3}},
	{"a fifth", [6]float64{0.25, 2, 0.025, 1.25, 10, 0.125}},
	{"a third", [6]float64{1, 5, 0.1, 3, 15, 0.3}},
	{"half", [6]float64{2.5, 12, 0.25, 5, 25, 0.5}},
	{"a fifth, no prompt cache", [6]float64{0.25, 2, 0.25, 1.25, 10, 0.125}},
	{"a third, no prompt cache", [6]float64{1, 5, 1, 3, 15, 0.3}},
}

// switching prints what each word makes of the calls.
func switching(out io.Writer, path string) error {
	calls, err := callsOf(path)
	if err != nil {
		return err
	}
	result := map[string]any{"calls": len(calls)}
	fmt.Fprintf(out, "%d calls\n%-26s %10s %10s %10s %10s %8s\n", len(calls), "the cheap model costs", "never", "always", "budget", "kept", "moved")
	for _, pair := range pairs {
		cost := map[string]pricing.Nano{}
		var kept, moved int64
		var err error
		for _, word := range []string{"never", "always", "budget"} {
			if cost[word], kept, moved, err = spend(calls, pair.rates, word); err != nil {
				return err
			}
		}
		against := float64(cost["budget"]-cost["always"]) / float64(cost["always"])
		fmt.Fprintf(out, "%-26s %10s %10s %10s %10d %8d   %+.1f %%\n", pair.name, show(cost["never"]), show(cost["always"]), show(cost["budget"]), kept, moved, 100*against)
		result[pair.name] = map[string]any{"budget_against_always": against, "kept": kept}
	}
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n", text)
	return nil
}

func show(n pricing.Nano) string { return fmt.Sprintf("$%.3f", float64(n)/float64(pricing.Dollar)) }

// spend replays the calls, and returns what they cost, how many were kept where they are warm, and how many the cheap model served.
func spend(calls []replay.Record, r [6]float64, word string) (cost pricing.Nano, kept, moved int64, err error) {
	p, err := policy.Parse("policies.yaml", fmt.Appendf(nil, switchingPolicy, r[0], r[1], r[2], r[3], r[4], r[5], word), func(string) string { return "" })
	if err != nil {
		return 0, 0, 0, err
	}
	s := replay.New(p, replay.Prices{}, replay.NewKnown())
	for i := range calls {
		got := s.Run(&calls[i])
		cost += got.Cost
		if got.Kept {
			kept++
		}
		if got.Model == "cheap" {
			moved++
		}
	}
	return cost, kept, moved, nil
}

// callsOf reads conversations, one JSON object with messages a line: each assistant message in it was one call.
func callsOf(path string) ([]replay.Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	counter, err := tokens.New()
	if err != nil {
		return nil, err
	}
	var calls []replay.Record
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	start := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	for n := uint64(1); lines.Scan(); n++ {
		var c struct {
			Messages []json.RawMessage `json:"messages"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		var prompt, before int64
		at := start.Add(time.Duration(n) * time.Minute)
		for i, m := range c.Messages {
			size := counter.Text(tokens.O200k, m)
			if i > 0 && strings.Contains(string(m[:min(len(m), 40)]), `"assistant"`) {
				const least = 1024 // what providers cache at least
				u := pricing.Usage{Input: prompt, Output: size}
				if before >= least {
					u.Input, u.CacheRead = prompt-before, before
				}
				calls = append(calls, replay.Record{
					Facts: exchange.Facts{At: at, Team: "a", Model: policy.Auto, N: 1, Turns: 1, PromptTokens: prompt, PromptMethod: exchange.MethodExact, Conversation: n},
					Usage: u, Rule: "rest", Model: "premium", Target: "p/large", Took: 5 * time.Second,
				})
				before, at = prompt, at.Add(10*time.Second)
			}
			prompt += size
		}
	}
	slices.SortStableFunc(calls, func(a, b replay.Record) int { return a.Facts.At.Compare(b.Facts.At) })
	return calls, lines.Err()
}
