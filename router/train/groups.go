package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/pricing"
	"bursar/router/certify"
)

var sets = []string{"zeroeval_gsm", "zeroeval_math-l5", "zeroeval_crux", "mmlu_pro"}

// measured are the models of the pairs that bench/routing reports on, by prefix. Nothing is learned from them.
var measured = map[string][]string{
	"zeroeval_gsm":     {"gpt-4o-mini", "gemini-1.5-flash", "claude-3-5-sonnet"},
	"zeroeval_math-l5": {"gpt-4o-mini", "gemini-1.5-flash", "claude-3-5-sonnet"},
	"zeroeval_crux":    {"gpt-4o-mini", "gemini-1.5-flash", "claude-3-5-sonnet"},
	"mmlu_pro":         {"gemini", "Meta-Llama-3_1-8B"},
}

func isMeasured(set, model string) bool {
	return slices.ContainsFunc(measured[set], func(p string) bool { return strings.HasPrefix(model, p) })
}

// question is one line of a set.
type question struct {
	Query  string            `json:"query"`
	InTok  float64           `json:"in_tok"`
	Models map[string]answer `json:"models"`
}

type answer struct {
	Score float64 `json:"score"`
	Out   float64 `json:"out_tok"`
	Text  *string `json:"ans"` // the final answer, null or empty if none could be read
}

// mostQuestions of a set are used, drawn at random, so that no set outweighs the others.
const mostQuestions = 1500

// readQuestions reads a set in a random order that a seed fixes, and no more than most of it.
func readQuestions(data, set string, seed uint64, most int) ([]question, error) {
	file, err := os.Open(filepath.Join(data, set+".jsonl"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []question
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return nil, fmt.Errorf("%s.jsonl, line %d: %w", set, n, err)
		}
		all = append(all, q)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s.jsonl: %w", set, err)
	}
	dice := rand.New(rand.NewPCG(seed, 0))
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), most)], nil
}

// group is a workload as an operator would have it: the questions of a set, answered by a cheap model, a second one and a premium one.
type group struct {
	set  string
	rows []outcome
}

type outcome struct {
	evidence       certify.Evidence
	cheap, premium float64
	paid           pricing.Nano
}

// groupsPerSet are drawn for each set.
const groupsPerSet = 60

// pairUp draws model pairs that somebody would run: the premium model is better by some percent, the cheap one is not hopeless, and the second
// cheap one is not much worse.
func pairUp(set string, questions []question) []group {
	right, asked := map[string]float64{}, map[string]float64{}
	for _, q := range questions {
		for model, a := range q.Models {
			right[model] += a.Score
			asked[model]++
		}
	}
	var models []string
	for _, m := range slices.Sorted(maps.Keys(asked)) {
		if asked[m] > 0.7*float64(len(questions)) && !isMeasured(set, m) {
			models = append(models, m)
		}
	}
	accuracy := func(m string) float64 { return right[m] / asked[m] }
	dice := rand.New(rand.NewPCG(3, 0))
	seen := map[[3]string]bool{}
	var groups []group
	for range 200_000 {
		c, k, p := models[dice.IntN(len(models))], models[dice.IntN(len(models))], models[dice.IntN(len(models))]
		gain, behind := accuracy(p)/accuracy(c), accuracy(c)-accuracy(k)
		if c == k || k == p || gain < 1.02 || gain > mostGain || behind < -0.03 || behind > mostBehind || accuracy(c) < 0.4 || seen[[3]string{c, k, p}] {
			continue
		}
		seen[[3]string{c, k, p}] = true
		groups = append(groups, group{set, outcomes(questions, c, k, p)})
		if len(groups) == groupsPerSet {
			break
		}
	}
	return groups
}

const (
	mostGain   = 1.2
	mostBehind = 0.25
)

// outcomes are a group's rows. Prices are those of an ordinary pair (premium 16 times cheap, input a quarter of output); only their ratios
// within a workload are looked at.
func outcomes(questions []question, cheap, checker, premium string) []outcome {
	var rows []outcome
	for _, q := range questions {
		c, ok := q.Models[cheap]
		k, ok2 := q.Models[checker]
		p, ok3 := q.Models[premium]
		if !ok || !ok2 || !ok3 {
			continue
		}
		in := q.InTok
		if in == 0 {
			in = float64(len(q.Query)) / 4
		}
		cost := func(a answer, perToken float64) pricing.Nano { return pricing.Nano((in/4 + a.Out) * perToken) }
		e := certify.Evidence{
			Cheap: cost(c, 600), Checker: cost(k, 250), Bytes: len(q.Query), Digits: digits(q.Query), Invalid: final(c) == "",
		}
		e.Agree = !e.Invalid && strings.EqualFold(final(c), final(k))
		rows = append(rows, outcome{e, c.Score, p.Score, cost(p, 10_000)})
	}
	return rows
}

func final(a answer) string {
	if a.Text == nil {
		return ""
	}
	return strings.TrimSpace(*a.Text)
}

func digits(text string) int {
	n := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			n++
		}
	}
	return n
}
