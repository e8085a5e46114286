// Command train makes what the router carries as prior knowledge, from public sets of recorded outcomes: how much is lost by keeping a cheap
// answer (router/certify/prior.json), and which words go with failure (router/scorer/prior.bin). Run it in the root of the project:
//
//	go run ./router/train -data DIR
//
// DIR holds zeroeval_gsm.jsonl, zeroeval_math-l5.jsonl, zeroeval_crux.jsonl (WildEval/ZeroEval, Apache-2.0) and mmlu_pro.jsonl
// (TIGER-AI-Lab/MMLU-Pro, Apache-2.0), and for the words routellm_mmlu.jsonl, routellm_gsm8k.jsonl and routellm_mtbench.jsonl
// (lm-sys/RouteLLM, Apache-2.0): one question a line, with the score, the answer and the output tokens of many models. The model
// pairs that bench/routing measures are left out.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"bursar/router/certify"
)

func main() {
	data := flag.String("data", "", "folder with the sets (required)")
	out := flag.String("out", "router/certify/prior.json", "where the prior of the cascade goes")
	words := flag.String("words", "router/scorer/prior.bin", "where the prior of the scorer goes")
	flag.Parse()
	err := train(*data, *out)
	if err == nil {
		err = trainWords(*data, *words)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "train: %v\n", err)
		os.Exit(1)
	}
}

func train(data, out string) error {
	var groups []group
	for _, set := range sets {
		questions, err := readQuestions(data, set, 7, mostQuestions)
		if err != nil {
			return err
		}
		groups = append(groups, pairUp(set, questions)...)
	}
	prior := learn(groups)
	priors := strangers(groups)
	prior.Rule = rule(groups, priors)
	prior.Caution, prior.CautionMany = caution(groups, priors)
	prior.Source = "WildEval/ZeroEval (gsm, math-l5, crux), TIGER-AI-Lab/MMLU-Pro; Apache-2.0"
	src, err := json.Marshal(prior)
	if err != nil {
		return err
	}
	if _, err := certify.ParsePrior(src); err != nil {
		return err
	}
	fmt.Printf("%d groups, noise %.3f, rule %.3f\n", prior.Groups, prior.Noise, prior.Rule)
	for i, name := range certify.FeatureNames {
		fmt.Printf("%-26s loss %+.3f   price %+.3f\n", name, prior.Loss.Mean[i], prior.Price.Mean[i])
	}
	return os.WriteFile(out, append(src, '\n'), 0o644)
}

func trainWords(data, out string) error {
	m, err := learnWords(data)
	if err != nil {
		return err
	}
	return os.WriteFile(out, m.Encode(), 0o644)
}
