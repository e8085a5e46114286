package main

import (
	"math/rand/v2"
	"slices"

	"bursar/router"
	"bursar/router/scorer"
)

// swept is the best cut of a router that sends the prompts which rank highest to the premium model and the others to the cheap one, with the
// share of premium chosen on the very rows it is judged on: more than such a router could know. The oracle is swept too.
func (m *mix) swept(rank func(*row) float64) float64 {
	bill, count := make([]float64, len(m.names)), make([]float64, len(m.names))
	for _, r := range m.rows {
		bill[r.workload] += r.PremiumCost
		count[r.workload]++
	}
	type step struct{ by, lost, saved float64 }
	steps := make([]step, len(m.rows))
	var whole float64
	workloads := float64(len(m.names))
	for i, r := range m.rows {
		share := 1 / count[r.workload] / workloads
		whole += share * r.PremiumScore
		steps[i] = step{rank(r), share * (r.PremiumScore - r.CheapScore), (r.PremiumCost - r.CheapCost) / bill[r.workload] / workloads}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		switch {
		case a.by < b.by:
			return -1
		case a.by > b.by:
			return 1
		}
		return 0
	})
	const rounding = 1e-9
	var best, lost, saved float64
	for _, s := range steps {
		lost += s.lost
		saved += s.saved
		if lost <= (1-target)*whole+rounding {
			best = max(best, saved)
		}
	}
	return best
}

// baseline is a router that knows less than ours, or everything.
type baseline struct {
	name string
	cut  float64
}

func (m *mix) baselines() []baseline {
	inMix, elsewhere := m.promptOnly()
	return []baseline{
		{"random mix", m.random()},
		{"length of the prompt", m.swept(func(r *row) float64 { return float64(len(r.Query)) })},
		{"keyword score", m.swept(func(r *row) float64 { return keyword(&graded{text: []byte(r.Query)}) })},
		{"prompt only, learned from half of the mix", m.swept(inMix)},
		{"prompt only, learned from the other workloads", m.swept(elsewhere)},
		{"oracle", m.swept(oracle)},
	}
}

// random is the cut of a coin: it loses and saves in proportion.
func (m *mix) random() float64 {
	cheap := m.judge(m.rows, cheapOnly)
	if cheap.kept >= target {
		return cheap.cut
	}
	return cheap.cut * (1 - target) / (1 - cheap.kept)
}

// oracle knows both scores: what loses nothing goes first, then what loses least for each dollar.
func oracle(r *row) float64 { return (r.PremiumScore - r.CheapScore) / r.PremiumCost }

// promptOnly are two scorers by the prompt's words alone: one that has seen half of the mix and is judged on the other, and one that has seen all
// workloads but the one it is judged on.
func (m *mix) promptOnly() (inMix, elsewhere func(*row) float64) {
	fold := map[*row]int{}
	for i, j := range rand.New(rand.NewPCG(0, 1)).Perm(len(m.rows)) {
		fold[m.rows[j]] = i % 2
	}
	var halves [2]*scorer.Model
	for f := range halves {
		halves[f] = m.words(func(r *row) bool { return fold[r] != f })
	}
	others := make([]*scorer.Model, len(m.names))
	for w := range others {
		others[w] = m.words(func(r *row) bool { return r.workload != w })
	}
	return func(r *row) float64 { return halves[fold[r]].Uplift([]byte(r.Query)) },
		func(r *row) float64 { return others[r.workload].Uplift([]byte(r.Query)) }
}

func (m *mix) words(seen func(*row) bool) *scorer.Model {
	var all []scorer.Example
	for _, r := range m.rows {
		if seen(r) {
			all = append(all, scorer.Example{Text: []byte(r.Query), Cheap: r.CheapScore, Premium: r.PremiumScore})
		}
	}
	return scorer.Train(all, scorer.Usual)
}

func keyword(g *graded) float64 {
	c := router.Complexity(router.Read(g.text))
	if !c.Known {
		return router.Neutral
	}
	return c.Score
}
