package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/router/scorer"
)

// published are RouteLLM's own best figures: APGR, and the share of strong calls that reaches 50 and 80 % of the gap. MMLU: its paper's best per
// column, with gold labels. MT-Bench: matrix factorisation with judge data. For GSM8K only APGR is known to us, from a re-run by others.
var published = map[string][3]float64{
	"mmlu": {0.603, 35.4, 70.3}, "gsm8k": {0.631, 0, 0}, "mtbench": {0.802, 13.4, 31.3},
}

// graded is a question of RouteLLM's sets.
type graded struct {
	text           []byte
	cheap, premium float64
}

// routeLLM prints the figures of RouteLLM's papers on its own test sets: prompt-only routing between Mixtral 8x7B and GPT-4.
func routeLLM(out io.Writer, dir string, repeats int) error {
	fmt.Fprintf(out, "%-34s %6s %7s %7s\n", "Mixtral 8x7B -> GPT-4", "APGR", "CPT50", "CPT80")
	for _, set := range []struct {
		name   string
		labels int // of the set itself; 0 tests all of it with what the others teach
	}{{"mmlu", 1500}, {"gsm8k", 500}, {"mtbench", 0}} {
		all, err := readGraded(dir, set.name)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s: %d questions", set.name, len(all))
		if set.labels > 0 {
			fmt.Fprintf(out, ", %d of them labelled, the rest tested; mean of %d draws\n", set.labels, repeats)
		} else {
			fmt.Fprintln(out, ", none of them labelled: learned from the other two sets")
		}
		var others []scorer.Example
		if set.labels == 0 {
			for _, name := range []string{"mmlu", "gsm8k"} {
				more, err := readGraded(dir, name)
				if err != nil {
					return err
				}
				others = append(others, examples(more)...)
			}
			repeats = 1
		}
		var sums [5][3]float64
		names := []string{"random", "length", "keyword score", "hashed words, both heads", "hashed words, P(cheap fails)"}
		for i := range repeats {
			dice := rand.New(rand.NewPCG(uint64(i), 8))
			dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			model := scorer.Train(append(examples(all[:set.labels]), others...), scorer.Usual)
			for k, rank := range []func(*graded) float64{
				func(*graded) float64 { return dice.Float64() },
				func(g *graded) float64 { return float64(len(g.text)) },
				keyword,
				func(g *graded) float64 { return model.Uplift(g.text) },
				func(g *graded) float64 { return model.Fails(g.text)[scorer.CheapFails] },
			} {
				for j, v := range gap(all[set.labels:], rank) {
					sums[k][j] += v / float64(repeats)
				}
			}
		}
		for k, name := range names {
			fmt.Fprintf(out, "  %-32s %6.3f %6.1f%% %6.1f%%\n", name, sums[k][0], sums[k][1], sums[k][2])
		}
		p := published[set.name]
		fmt.Fprintf(out, "  %-32s %6.3f", "RouteLLM, published best", p[0])
		if p[1] > 0 {
			fmt.Fprintf(out, " %6.1f%% %6.1f%%", p[1], p[2])
		}
		fmt.Fprintln(out)
	}
	return nil
}

func examples(all []graded) []scorer.Example {
	var out []scorer.Example
	for _, g := range all {
		out = append(out, scorer.Example{Text: g.text, Cheap: g.cheap, Premium: g.premium})
	}
	return out
}

// readGraded reads a set without the questions that RouteLLM found in its own training data.
func readGraded(dir, name string) ([]graded, error) {
	path := filepath.Join(dir, "routellm_"+name+".jsonl")
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []graded
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		var q struct {
			Query        string
			Contaminated bool
			Models       map[string]struct{ Score float64 }
		}
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if q.Contaminated {
			continue
		}
		g := graded{text: []byte(q.Query)}
		for model, a := range q.Models {
			if strings.Contains(strings.ToLower(model), "mixtral") {
				g.cheap = a.Score
			} else {
				g.premium = a.Score
			}
		}
		all = append(all, g)
	}
	return all, lines.Err()
}

// gap returns APGR, CPT50 and CPT80 of sending questions to the premium model in the order of their rank, highest first.
func gap(all []graded, rank func(*graded) float64) [3]float64 {
	type ranked struct{ by, gain float64 }
	order := make([]ranked, len(all))
	var whole float64
	for i := range all {
		order[i] = ranked{rank(&all[i]), all[i].premium - all[i].cheap}
		whole += order[i].gain
	}
	slices.SortStableFunc(order, func(a, b ranked) int {
		switch {
		case a.by > b.by:
			return -1
		case a.by < b.by:
			return 1
		}
		return 0
	})
	out := [3]float64{0, 100, 100}
	var recovered float64
	for i, r := range order {
		before := recovered
		recovered += r.gain / whole
		out[0] += (before + recovered) / 2 / float64(len(order))
		share := 100 * float64(i+1) / float64(len(order))
		if recovered >= 0.5 {
			out[1] = min(out[1], share)
		}
		if recovered >= 0.8 {
			out[2] = min(out[2], share)
		}
	}
	return out
}
