// Command routing measures how much of the premium bill the router saves at a certified quality, beside routers that know less.
//
//	go run ./bench/routing -data FILE       certified cut at 98 % quality
//	go run ./bench/routing -data FILE -live DIR  the same questions through a real gateway, beside the outcomes
//	go run ./bench/routing -data FILE -standings 20  live certificates from samples alone, and what a change of the workload does to them
//	go run ./bench/routing -data FILE -headroom  what lies between the certified cut and the oracle
//	go run ./bench/routing -routellm DIR    prompt-only routing on RouteLLM's own test sets
//
// FILE has one question a line: its workload, the scores and the costs of a cheap, a checking and a premium model, whether the first two agree,
// and whether a free check found the cheap answer invalid. Each workload weighs the same, costs are in units of its mean premium call,
// and every cheap, checking and premium call is paid. The last line of the output is JSON. docs/routing.md explains each figure.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	data := flag.String("data", "", "file of recorded outcomes")
	splits := flag.Int("splits", 200, "random splits to calibrate and test on")
	dir := flag.String("routellm", "", "folder with routellm_mmlu.jsonl, routellm_gsm8k.jsonl and routellm_mtbench.jsonl")
	answers := flag.String("live", "", "folder with the answers of the questions in -data (zeroeval_*.jsonl): run them through a real gateway")
	certificates := flag.Int("standings", 0, "runs of each workload in which live certificates are given, held and taken back; 0 for the certified cut")
	between := flag.Bool("headroom", false, "print what lies between the certified cut and the oracle")
	repeats := flag.Int("repeats", 10, "draws of labels from RouteLLM's sets")
	traces := flag.String("traces", "", "file of recorded conversations: what it costs them to move to another model")
	flag.Parse()
	if *traces != "" {
		if err := switching(os.Stdout, *traces); err != nil {
			fmt.Fprintf(os.Stderr, "routing: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if *dir != "" {
		if err := routeLLM(os.Stdout, *dir, *repeats); err != nil {
			fmt.Fprintf(os.Stderr, "routing: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*data, *splits, *certificates, *answers, *between); err != nil {
		fmt.Fprintf(os.Stderr, "routing: %v\n", err)
		os.Exit(1)
	}
}

func run(data string, splits, certificates int, answers string, between bool) error {
	if data == "" {
		return fmt.Errorf("name a file of recorded outcomes with -data")
	}
	m, err := readMix(data)
	if err != nil {
		return err
	}
	if answers != "" {
		return live(os.Stdout, m, answers)
	}
	if between {
		return headroom(os.Stdout, m, splits)
	}
	if certificates > 0 {
		return standings(os.Stdout, m, certificates)
	}
	return certified(os.Stdout, m, splits)
}
