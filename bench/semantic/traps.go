package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/cache/semantic"
)

// trial is two questions: paraphrases if the label is 1, else a trap.
type trial struct {
	A, B     string
	Label    int
	Category string
}

type trapResult struct {
	Traps       int `json:"traps"`
	Served      int `json:"traps_served"` // with the hits that were drawn for a check
	Paraphrases int `json:"paraphrases"`
	Reused      int `json:"paraphrases_reused"`
}

func runTraps(file string, target float64) error {
	trials, err := readRows[trial](file)
	if err != nil {
		return err
	}
	return tryAll(trials, target)
}

// tryAll puts each trial to a cache of its own. One user asks a; a second asks the same in another form (lower case, without the
// final mark) and gets an equal answer, which is the one confirmation; then a third asks b.
func tryAll(trials []trial, target float64) error {
	var r trapResult
	outcomes := map[string]int{}
	for i, t := range trials {
		verdict := try(t, target, uint64(i))
		served := verdict == semantic.Served.String() || verdict == semantic.Shadowed.String()
		if t.Label == 1 {
			r.Paraphrases++
			if verdict == semantic.Served.String() {
				r.Reused++
			}
		} else {
			r.Traps++
			if served {
				r.Served++
				fmt.Printf("served a trap (%s): %q for %q\n", t.Category, t.A, t.B)
			}
		}
		outcomes[fmt.Sprintf("%-14s %s", strings.ToLower(t.Category), verdict)]++
	}
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		fmt.Printf("%5d %s\n", outcomes[name], name)
	}
	return last(r)
}

func try(t trial, target float64, seed uint64) string {
	p := semantic.New(semantic.Options{Target: target, TTL: time.Hour, MaxEntries: 100, Seed: seed})
	now := time.Now()
	var q semantic.Question
	ask := func(text string, user uint64) string {
		q.Reset(text, user, now)
		p.Find(&q)
		return q.Verdict.String()
	}
	for user, text := range []string{t.A, strings.ToLower(strings.TrimRight(t.A, ".?! "))} {
		ask(text, uint64(user+1))
		p.Learn(&q, semantic.Answer{Text: "the answer to a", At: now})
	}
	return ask(t.B, 3)
}
