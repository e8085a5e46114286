package main

import (
	"fmt"
	"math/rand/v2"

	"bursar/router/certify"
)

// What the certificates of the training workloads have to hold.
const (
	target     = 0.98
	confidence = 0.95
)

// caution finds how far the uncertainty of certificates has to be stretched for as many of them to hold as promised: of single workloads with
// few labels, and of mixes of one workload of each set with labels for half of it. Each is judged by a prior of the other sets.
//
// Mixes are asked for half of the failures that the confidence allows: their workloads here have nothing to do with each other, while those of one
// tenant share their models and may all be unlike the sets at once.
func caution(groups []group, priors map[string]*certify.Prior) (single, many float64) {
	const least, most, step = 0.4, 2.5, 0.1
	for c := least; c <= most && (single == 0 || many == 0); c += step {
		for _, p := range priors {
			p.Caution, p.CautionMany = c, c
		}
		one, few := singles(groups, priors)
		all, mixed := mixes(groups, priors)
		fmt.Printf("caution %.1f: %4.1f %% of single workloads below target, keeping %.0f %%; %4.1f %% of mixes, keeping %.0f %%\n", c, 100*one, 100*few, 100*all, 100*mixed)
		if single == 0 && one <= 1-confidence {
			single = c
		}
		if many == 0 && all <= (1-confidence)/2 {
			many = c
		}
	}
	return single, many
}

const labelsOfOne = 300

// singles certifies each workload on some labels, and returns the share that fell below the target in the rest of it, and the share of answers
// that were kept.
func singles(groups []group, priors map[string]*certify.Prior) (failed, kept float64) {
	for i := range groups {
		g := shuffled(&groups[i], uint64(i))
		k, q := trial(priors, []group{g}, labelsOfOne)
		kept += k / float64(len(groups))
		if q < target {
			failed++
		}
	}
	return failed / float64(len(groups)), kept
}

func mixes(groups []group, priors map[string]*certify.Prior) (failed, kept float64) {
	const many = 200
	for i := range many {
		dice := rand.New(rand.NewPCG(uint64(i), 5))
		var mix []group
		for _, set := range sets {
			var of []int
			for k := range groups {
				if groups[k].set == set {
					of = append(of, k)
				}
			}
			mix = append(mix, shuffled(&groups[of[dice.IntN(len(of))]], uint64(i)))
		}
		k, q := trial(priors, mix, 0)
		kept += k / many
		if q < target {
			failed++
		}
	}
	return failed / many, kept
}

func shuffled(g *group, seed uint64) group {
	rows := append([]outcome(nil), g.rows...)
	dice := rand.New(rand.NewPCG(seed, 4))
	dice.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return group{g.set, rows}
}

// trial certifies groups together on so many labels each, 0 for half of them, and routes the rest.
func trial(priors map[string]*certify.Prior, groups []group, labels int) (kept, quality float64) {
	workloads := make([]*certify.Workload, len(groups))
	cuts := make([]int, len(groups))
	horizon := 0
	for i, g := range groups {
		cuts[i] = len(g.rows) / 2
		if labels > 0 {
			cuts[i] = min(labels, cuts[i])
		}
		horizon += len(g.rows) - cuts[i]
		workloads[i] = certify.NewWorkload(priors[g.set])
		for k := range g.rows[:cuts[i]] {
			r := &g.rows[k]
			workloads[i].See(&r.evidence)
			workloads[i].Learn(&r.evidence, r.cheap, r.premium, r.paid)
		}
	}
	c := certify.Certify(workloads, certify.Demand{Target: target, Confidence: confidence, Horizon: horizon})
	var got, best float64
	for i, g := range groups {
		rest := g.rows[cuts[i]:]
		share := 1 / float64(len(rest))
		for k := range rest {
			r := &rest[k]
			best += share * r.premium
			if c.Valid() && workloads[i].Decide(&r.evidence, c.Threshold) {
				got += share * r.cheap
				kept += share / float64(len(groups))
			} else {
				got += share * r.premium
			}
		}
	}
	return kept, got / best
}
