package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"bursar/pricing"
	"bursar/prompt"
	"bursar/tokens"
)

// This part replays the same conversations at a provider that caches only what is marked, as Anthropic does: without marks, with every prompt marked
// where clients usually do, and with the marks that the gateway sets. The provider keeps a prefix for five minutes from its last use, and looks up
// to twenty blocks back from a mark for one that it has.

// traffic is the conversations of a family as they may come in.
type traffic struct {
	name  string
	calls func(c *conversation) int // of how many of its calls a conversation is made
	apart time.Duration             // between two conversations
	think time.Duration             // between two calls of one, on average
}

var traffics = []traffic{
	{"conversations", func(c *conversation) int { return len(c.Messages) }, time.Minute, 10 * time.Second},
	{"slow conversations", func(c *conversation) int { return len(c.Messages) }, time.Minute, 4 * time.Minute},
	{"first calls, busy", func(*conversation) int { return 1 }, time.Minute, 0},
	{"first calls, rare", func(*conversation) int { return 1 }, 10 * time.Minute, 0},
}

// ask is one request of a day.
type ask struct {
	at   time.Time
	of   *conversation
	upTo int // messages
}

// day lays the calls of all conversations out over a day, by a fixed dice.
func (k *traffic) day(all []*conversation) (asks []ask) {
	dice := rand.New(rand.NewPCG(11, 0))
	start := time.Unix(1_800_000_000, 0)
	for i, c := range all {
		at := start.Add(time.Duration(i) * k.apart)
		left := k.calls(c)
		for n := 1; n < len(c.Messages) && left > 0; n++ {
			if !c.isAnswer(n) {
				continue
			}
			asks = append(asks, ask{at, c, n})
			at = at.Add(time.Duration(dice.ExpFloat64() * float64(k.think)))
			left--
		}
	}
	slices.SortStableFunc(asks, func(a, b ask) int { return a.at.Compare(b.at) })
	return asks
}

// provider is a prompt cache that is told what to keep.
type provider struct {
	kept map[uint64]time.Time // a prefix, until when
}

const (
	keeps    = 5 * time.Minute
	lookback = 20
	least    = 1024
)

// bill returns what a prompt costs in input tokens. Marks are the messages, by index, at whose ends a prefix is marked.
func (p *provider) bill(parts []part, marks []int, at time.Time, read, write float64) float64 {
	sums, tokens := make([]uint64, len(parts)), make([]int64, len(parts))
	h := fnv.New64a()
	var total int64
	for i, part := range parts {
		_, _ = h.Write([]byte(part.text)) // a hash never fails
		total += part.tokens
		sums[i], tokens[i] = h.Sum64(), total
	}
	found, written := -1, -1
	for _, m := range marks {
		if tokens[m] < least {
			continue
		}
		written = max(written, m)
		for k := m; k >= max(0, m-lookback); k-- {
			if until, ok := p.kept[sums[k]]; ok && at.Before(until) {
				found = max(found, k)
				break
			}
		}
	}
	var has int64
	if found >= 0 {
		has = tokens[found]
		p.kept[sums[found]] = at.Add(keeps)
	}
	for _, m := range marks {
		if tokens[m] >= least {
			p.kept[sums[m]] = at.Add(keeps)
		}
	}
	cost := float64(total)
	if written >= 0 {
		upTo := max(tokens[written], has)
		cost = read*float64(has) + write*float64(upTo-has) + float64(total-upTo)
	}
	return cost
}

// promptCache prints what marks do to the cost of every traffic of a family.
func promptCache(counter *tokens.Counter, family string, all []*conversation, result map[string]float64) error {
	claude := pricing.Flat("anthropic", "claude", pricing.Rates{Input: 3_000_000, CacheRead: 300_000, CacheWrite: 3_750_000, Output: 15_000_000})
	target := prompt.Target{Family: tokens.Claude, Model: "claude-sonnet-4-5"}
	fmt.Printf("%s at a provider that caches what is marked\n%-22s %9s %12s %12s\n", family, "traffic", "calls", "always", "where it pays")
	for _, k := range traffics {
		var none, always, ours float64
		var recurrence prompt.Recurrence
		naive, careful := &provider{map[uint64]time.Time{}}, &provider{map[uint64]time.Time{}}
		asks := k.day(all)
		for _, a := range asks {
			body := a.of.body(a.upTo)
			parts, err := parts(counter, target, body)
			if err != nil {
				return err
			}
			e, err := prompt.Read(body)
			if err != nil {
				return err
			}
			size := e.Measure(counter, target).Tokens
			prefixes, _ := e.Prefixes(counter, target.Family, prompt.TrimPlan{}, size)
			chosen := recurrence.Marks(nil, prompt.Request{Route: family, Target: "anthropic/claude", At: a.at}, &prefixes,
				prompt.Terms{Least: least, Pays: claude.CachePays(size, a.at)})
			marks, err := marked(e.Shape(prompt.Shape{Marks: chosen}, nil))
			if err != nil {
				return err
			}
			none += float64(size)
			always += naive.bill(parts, []int{0, len(parts) - 1}, a.at, 0.10, 1.25)
			ours += careful.bill(parts, marks, a.at, 0.10, 1.25)
		}
		fmt.Printf("%-22s %9d %+11.1f%% %+11.1f%%\n", k.name, len(asks), change(always, none), change(ours, none))
		result[family+"_marks_always_"+k.name], result[family+"_marks_"+k.name] = change(always, none), change(ours, none)
	}
	fmt.Println()
	return nil
}

// marked returns which messages of a request carry a mark.
func marked(body []byte) (at []int, err error) {
	var request struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	for i, m := range request.Messages {
		var message struct {
			CacheControl any `json:"cache_control"`
			Content      any `json:"content"`
		}
		if err := json.Unmarshal(m, &message); err != nil {
			return nil, err
		}
		if parts, ok := message.Content.([]any); ok && len(parts) > 0 {
			if last, ok := parts[len(parts)-1].(map[string]any); ok && last["cache_control"] != nil {
				message.CacheControl = last["cache_control"]
			}
		}
		if message.CacheControl != nil {
			at = append(at, i)
		}
	}
	return at, nil
}
