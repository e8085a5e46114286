package main

import (
	"math"

	"bursar/router/certify"
)

// learn fits the prior: each group has weights of its own around common ones, and how far they scatter is the prior's covariance (expectation
// maximisation of a hierarchical linear model).
func learn(groups []group) *certify.Prior {
	prior := &certify.Prior{Groups: len(groups)}
	shaped := make([][]sample, len(groups))
	for i := range groups {
		shaped[i] = samples(&groups[i])
	}
	loss := func(s *sample) float64 { return s.loss }
	price := func(s *sample) float64 { return s.price }
	prior.Loss, prior.Noise = fit(shaped, loss)
	var haze [2]float64
	prior.Price, haze = fit(shaped, price)
	prior.Haze = (haze[0] + haze[1]) / 2
	return prior
}

// sample is an outcome as the models see it.
type sample struct {
	shape       certify.Shape
	loss, price float64
}

// priceFloor is that of certify.
const priceFloor = 0.02

func samples(g *group) []sample {
	var norms certify.Norms
	var paid float64
	for i := range g.rows {
		norms.See(&g.rows[i].evidence)
		paid += float64(g.rows[i].paid) / float64(len(g.rows))
	}
	out := make([]sample, len(g.rows))
	for i := range g.rows {
		r := &g.rows[i]
		out[i] = sample{norms.Shape(&r.evidence), r.premium - r.cheap, math.Log(float64(r.paid)/paid + priceFloor)}
	}
	return out
}

const rounds = 30

func fit(groups [][]sample, value func(*sample) float64) (certify.Gaussian, [2]float64) {
	var prior certify.Gaussian
	for i := range prior.Covariance {
		prior.Covariance[i][i] = 0.1
	}
	noise := [2]float64{0.1, 0.3}
	for range rounds {
		var next certify.Gaussian
		var squares, counts [2]float64
		beliefs := make([]certify.Gaussian, len(groups))
		share := 1 / float64(len(groups))
		for k, g := range groups {
			p, err := prior.Posterior()
			if err != nil {
				panic("BUG: " + err.Error()) // a ridge keeps it definite
			}
			for i := range g {
				p.Learn(&g[i].shape, value(&g[i]), noise[class(&g[i])])
			}
			beliefs[k] = p.Belief()
			for i, v := range beliefs[k].Mean {
				next.Mean[i] += share * v
			}
			for i := range g {
				e := value(&g[i]) - beliefs[k].At(&g[i].shape)
				squares[class(&g[i])] += e * e
				counts[class(&g[i])]++
			}
		}
		for k := range beliefs {
			for i := range next.Mean {
				for j := range next.Mean {
					next.Covariance[i][j] += share * (beliefs[k].Covariance[i][j] + (beliefs[k].Mean[i]-next.Mean[i])*(beliefs[k].Mean[j]-next.Mean[j]))
				}
			}
		}
		const ridge = 1e-5
		for i := range next.Covariance {
			next.Covariance[i][i] += ridge
		}
		prior, noise = next, [2]float64{squares[0] / counts[0], squares[1] / counts[1]}
	}
	return prior, noise
}

// class is 1 for an answer that something speaks against.
func class(s *sample) int { return int(s.shape[1]) }

// strangers are, for each set, the prior that the other sets teach.
func strangers(groups []group) map[string]*certify.Prior {
	priors := map[string]*certify.Prior{}
	for _, left := range sets {
		var others []group
		for _, g := range groups {
			if g.set != left {
				others = append(others, g)
			}
		}
		priors[left] = learn(others)
	}
	return priors
}

// rule finds the threshold for workloads without labels: the highest at which the groups keep the premium quality on average.
func rule(groups []group, priors map[string]*certify.Prior) float64 {
	kept := map[float64]float64{}
	for i := range groups {
		retain(&groups[i], priors[groups[i].set], kept, 1/float64(len(groups)))
	}
	var best float64
	for _, t := range ruleSteps() {
		if kept[t] < 1 {
			break
		}
		best = t
	}
	return best
}

func ruleSteps() []float64 {
	var steps []float64
	for i := 1; i <= 60; i++ {
		steps = append(steps, float64(i)/200)
	}
	return steps
}

// retain adds the share of quality that a group keeps at each threshold.
func retain(g *group, prior *certify.Prior, kept map[float64]float64, share float64) {
	w := certify.NewWorkload(prior)
	for i := range g.rows {
		w.See(&g.rows[i].evidence)
	}
	var premium float64
	for i := range g.rows {
		premium += g.rows[i].premium
	}
	for _, t := range ruleSteps() {
		var quality float64
		for i := range g.rows {
			r := &g.rows[i]
			if w.Decide(&r.evidence, t) {
				quality += r.cheap
			} else {
				quality += r.premium
			}
		}
		kept[t] += share * quality / premium
	}
}
