// Command trims replays recorded conversations call by call and works out what each trim does to their tokens and to their cost at a
// provider that caches prompts. A trim that removes tokens but breaks the cache can cost more than it saves: that is what this shows.
//
//	go run ./bench/trims -traces FILE.jsonl
//
// Each line of the file is a conversation, {"id": "FAMILY-...", "messages": [...]}; every assistant message in it was one call, with what
// stood before it as the prompt. Cost is that of the input alone: what the prompt has in common with the one before is read from the cache,
// if it is long enough to be cached, and the rest is written to it. The cache is warm all through a conversation. The limit of a window is
// half of what the conversation grows to. After that come the marks that a provider of Anthropic's API wants: what they save, and what they cost where nothing
// comes again. The last line is JSON.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"bursar/exchange"
	"bursar/prompt"
	"bursar/tokens"
)

func main() {
	traces := flag.String("traces", "", "recorded conversations, one JSON object with id and messages per line (required)")
	flag.Parse()
	if err := run(*traces); err != nil {
		fmt.Fprintln(os.Stderr, "trims:", err)
		os.Exit(1)
	}
}

// strategy is one way to trim.
type strategy struct {
	name   string
	key    string
	trim   exchange.Trim
	window bool // with a limit of half the conversation
}

var strategies = []strategy{
	{name: "none", key: "none"},
	{name: "minify_tool_results", key: "minify", trim: exchange.Trim{MinifyToolResults: true}},
	{name: "tidy_tool_results", key: "tidy", trim: exchange.Trim{TidyToolResults: true}},
	{name: "dedupe_tool_results", key: "dedupe", trim: exchange.Trim{DedupeToolResults: true}},
	{name: "all three", key: "results", trim: exchange.Trim{MinifyToolResults: true, TidyToolResults: true, DedupeToolResults: true}},
	{name: "max_prompt_tokens", key: "window", window: true},
	{name: "all of it", key: "all", window: true, trim: exchange.Trim{MinifyToolResults: true, TidyToolResults: true, DedupeToolResults: true}},
}

// sheet is a provider's prices relative to its input price.
type sheet struct {
	key         string
	read, write float64
}

var sheets = []sheet{{"anthropic", 0.10, 1.25}, {"openai", 0.10, 1.00}, {"gpt4o", 0.50, 1.00}, {"deepseek", 0.0083, 1.00}, {"uncached", 1, 1}}

// cached is the shortest prefix that providers cache, in tokens.
const cached = 1024

// sum is what a strategy comes to over a family of conversations.
type sum struct {
	calls  int
	tokens int64
	cost   [5]float64
	read   int64
	over   int // prompts that stayed above the limit
}

func run(file string) error {
	if file == "" {
		return fmt.Errorf("name recorded conversations: -traces FILE.jsonl")
	}
	counter, err := tokens.New()
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sums, conversations := map[string][]sum{}, map[string][]*conversation{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c conversation
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		family, _, _ := strings.Cut(c.ID, "-")
		if sums[family] == nil {
			sums[family] = make([]sum, len(strategies))
		}
		conversations[family] = append(conversations[family], &c)
		if err := c.replay(counter, sums[family]); err != nil {
			return fmt.Errorf("conversation %s: %w", c.ID, err)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	result := map[string]float64{}
	print(sums, result)
	for _, family := range slices.Sorted(maps.Keys(conversations)) {
		if err := promptCache(counter, family, conversations[family], result); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func print(sums map[string][]sum, result map[string]float64) {
	for _, family := range slices.Sorted(maps.Keys(sums)) {
		all := sums[family]
		fmt.Printf("%s: %d calls, %d prompt tokens\n%-22s %9s", family, all[0].calls, all[0].tokens, "trim", "tokens")
		for _, p := range sheets {
			fmt.Printf(" %11s", p.key)
		}
		fmt.Printf(" %8s %6s\n", "hit", "over")
		for i, s := range all {
			fmt.Printf("%-22s %+8.1f%%", strategies[i].name, change(float64(s.tokens), float64(all[0].tokens)))
			result[family+"_"+strategies[i].key+"_tokens"] = change(float64(s.tokens), float64(all[0].tokens))
			for k, p := range sheets {
				fmt.Printf(" %+10.1f%%", change(s.cost[k], all[0].cost[k]))
				result[family+"_"+strategies[i].key+"_"+p.key] = change(s.cost[k], all[0].cost[k])
			}
			fmt.Printf(" %7.1f%% %6d\n", 100*float64(s.read)/float64(s.tokens), s.over)
		}
		fmt.Println()
	}
}

func change(now, before float64) float64 {
	return float64(int(1000*(now/before-1)+copysign(now-before))) / 10
}

func copysign(x float64) float64 {
	if x < 0 {
		return -0.5
	}
	return 0.5
}

// conversation is one recorded conversation.
type conversation struct {
	ID       string            `json:"id"`
	Messages []json.RawMessage `json:"messages"`
}

// replay makes every call of the conversation with every strategy.
func (c *conversation) replay(counter *tokens.Counter, sums []sum) error {
	target := prompt.Target{Family: tokens.O200k, Model: "gpt-4o"}
	whole, err := prompt.Read(c.body(len(c.Messages)))
	if err != nil {
		return err
	}
	limit := whole.Measure(counter, target).Tokens / 2
	for i, s := range strategies {
		trim := s.trim
		if s.window {
			trim.MaxPromptTokens, trim.KeepLastTurns = limit, 1
		}
		var before []part
		for n := range c.Messages {
			if n == 0 || !c.isAnswer(n) {
				continue
			}
			e, err := prompt.Read(c.body(n))
			if err != nil {
				return err
			}
			plan := e.Trim(counter, target, trim)
			now, err := parts(counter, target, e.Shape(prompt.Shape{Plan: plan}, nil))
			if err != nil {
				return err
			}
			sums[i].add(before, now)
			if plan.Over {
				sums[i].over++
			}
			before = now
		}
	}
	return nil
}

// body is the request with the first n messages.
func (c *conversation) body(n int) []byte {
	body, err := json.Marshal(map[string]any{"model": "gpt-4o", "messages": c.Messages[:n]})
	if err != nil {
		panic(err) // raw messages were valid JSON
	}
	return body
}

func (c *conversation) isAnswer(n int) bool {
	var m struct {
		Role string `json:"role"`
	}
	return json.Unmarshal(c.Messages[n], &m) == nil && m.Role == "assistant"
}

// part is a message of a prompt: its bytes and its tokens.
type part struct {
	text   string
	tokens int64
}

func parts(counter *tokens.Counter, target prompt.Target, body []byte) ([]part, error) {
	var request struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	all := make([]part, len(request.Messages))
	for i, m := range request.Messages {
		e, err := prompt.Read([]byte(`{"model":"gpt-4o","messages":[` + string(m) + `]}`))
		if err != nil {
			return nil, err
		}
		all[i] = part{string(m), e.Measure(counter, target).Tokens - 3} // without the frame of the reply
	}
	return all, nil
}

// add adds a call whose prompt is now, after one whose prompt was before.
func (s *sum) add(before, now []part) {
	var total, common int64
	same := true
	for i, p := range now {
		total += p.tokens
		same = same && i < len(before) && before[i].text == p.text
		if same {
			common += p.tokens
		}
	}
	if common < cached {
		common = 0
	}
	s.calls++
	s.tokens += total
	s.read += common
	for k, p := range sheets {
		s.cost[k] += p.read*float64(common) + p.write*float64(total-common)
	}
}
