package main

import (
	"fmt"
	"maps"
	"slices"

	"bursar/router/scorer"
)

// wordSets are what the scorer's prior is learned from, besides the sets of the cascade. A set of two models has one pair; of the others a
// cheap and a premium model are the ones a third and nine tenths up by score.
var wordSets = append([]string{"routellm_mmlu", "routellm_gsm8k", "routellm_mtbench"}, sets...)

// mostOfSet keeps a large set from outweighing the others.
const mostOfSet = 4000

// learnWords fits the scorer's prior.
func learnWords(data string) (*scorer.Model, error) {
	var all []scorer.Example
	for _, set := range wordSets {
		examples, err := readExamples(data, set)
		if err != nil {
			return nil, err
		}
		fmt.Printf("%-18s %5d prompts\n", set, len(examples))
		all = append(all, examples...)
	}
	return scorer.Train(all, scorer.Training{Epochs: 4, Rate: 0.05, Decay: 1e-3}), nil
}

func readExamples(data, set string) ([]scorer.Example, error) {
	all, err := readQuestions(data, set, 11, mostOfSet)
	if err != nil {
		return nil, err
	}
	cheap, premium := pairOf(set, all)
	var examples []scorer.Example
	for _, q := range all {
		c, ok := q.Models[cheap]
		p, ok2 := q.Models[premium]
		if ok && ok2 {
			examples = append(examples, scorer.Example{Text: []byte(q.Query), Cheap: c.Score, Premium: p.Score})
		}
	}
	return examples, nil
}

// pairOf picks the set's cheap and premium model, leaving out those that bench/routing measures.
func pairOf(set string, all []question) (cheap, premium string) {
	right, asked := map[string]float64{}, map[string]float64{}
	for _, q := range all {
		for model, a := range q.Models {
			right[model] += a.Score
			asked[model]++
		}
	}
	models := slices.DeleteFunc(slices.Sorted(maps.Keys(asked)), func(m string) bool {
		return asked[m] < 0.7*float64(len(all)) && len(asked) > 3 || isMeasured(set, m)
	})
	slices.SortStableFunc(models, func(a, b string) int {
		switch x, y := right[a]/asked[a], right[b]/asked[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return models[len(models)/3], models[len(models)*9/10]
}
