package main

import (
	"math"
	"math/rand/v2"
	"slices"

	"bursar/cache/pair"
)

type options struct {
	trees int
	rate  float64
	seed  uint64

	without []string // names of features
}

const (
	depth      = 5
	bins       = 64
	shrinkage  = 1.0 // of leaves towards 0
	leastGain  = 1e-6
	rowShare   = 0.7
	valueShare = 0.6
)

// boost learns a forest: each tree follows the gradient of the logistic loss that the ones before it left, on histograms of binned features.
func boost(s *set, o options) *pair.Trained {
	random := rand.New(rand.NewPCG(o.seed, 7))
	cuts := thresholds(s)
	for f, name := range pair.Names {
		if slices.Contains(o.without, name) {
			cuts[f] = nil
		}
	}
	binned := bin(s, cuts)
	n := len(s.labels)
	normalise(s.weights)
	b := &booster{set: s, cuts: cuts, binned: binned, sums: make([]float64, n), gradient: make([]float32, n), hessian: make([]float32, n), node: make([]int16, n)}
	forest := &pair.Trained{}
	for range o.trees {
		b.derive()
		forest.Trees = append(forest.Trees, b.grow(random, o.rate))
	}
	return forest
}

type booster struct {
	*set
	cuts              [][]float32 // per feature, ascending
	binned            [][]uint8   // per feature, per row
	sums              []float64   // log-odds so far
	gradient, hessian []float32
	node              []int16 // where each row is; -1 if the tree does not see it
}

func (b *booster) derive() {
	for i, sum := range b.sums {
		p := 1 / (1 + math.Exp(-sum))
		b.gradient[i] = b.weights[i] * float32(p-float64(b.labels[i]))
		b.hessian[i] = b.weights[i] * float32(p*(1-p))
	}
}

type cell struct{ g, h float64 }

// grow grows one tree, level by level.
func (b *booster) grow(random *rand.Rand, rate float64) (t pair.TrainedTree) {
	for i := range b.node {
		b.node[i] = 0
		if random.Float64() > rowShare {
			b.node[i] = -1
		}
	}
	seen := slices.Clone(b.node)
	for level := range depth {
		first := 1<<level - 1
		b.split(&t, first, 1<<level, random)
		for i := range b.node {
			at := int(b.node[i])
			if at < 0 {
				continue
			}
			next := 2*at + 1
			if b.features[i][t.Feature[at]] > t.Threshold[at] {
				next++
			}
			b.node[i] = int16(next)
		}
	}
	inner := 1<<depth - 1
	var sums [1 << depth]cell
	for i, at := range b.node {
		if seen[i] >= 0 {
			sums[int(at)-inner].g += float64(b.gradient[i])
			sums[int(at)-inner].h += float64(b.hessian[i])
		}
	}
	for k, s := range sums {
		t.Leaf[k] = float32(-rate * s.g / (s.h + shrinkage))
	}
	for i := range b.sums {
		b.sums[i] += float64(t.Leaf[walk(&t, &b.features[i])])
	}
	return t
}

// split finds the best question for each node of a level.
func (b *booster) split(t *pair.TrainedTree, first, nodes int, random *rand.Rand) {
	gains := make([]float64, nodes)
	for k := range nodes {
		t.Feature[first+k], t.Threshold[first+k] = 0, float32(math.Inf(1)) // nothing is above: all go left
	}
	cells := make([]cell, nodes*bins)
	for f := range pair.Count {
		if len(b.cuts[f]) == 0 || random.Float64() > valueShare {
			continue
		}
		clear(cells)
		column := b.binned[f]
		for i, at := range b.node {
			if at >= 0 {
				c := &cells[(int(at)-first)*bins+int(column[i])]
				c.g += float64(b.gradient[i])
				c.h += float64(b.hessian[i])
			}
		}
		for k := range nodes {
			gain, cut := bestCut(cells[k*bins:(k+1)*bins], len(b.cuts[f]))
			if gain > gains[k] {
				gains[k], t.Feature[first+k], t.Threshold[first+k] = gain, uint8(f), b.cuts[f][cut]
			}
		}
	}
}

const leastHessian = 8

func bestCut(cells []cell, cuts int) (gain float64, cut int) {
	var all, left cell
	for _, c := range cells {
		all.g += c.g
		all.h += c.h
	}
	gain = leastGain
	cut = -1
	for k := range cuts {
		left.g += cells[k].g
		left.h += cells[k].h
		right := cell{all.g - left.g, all.h - left.h}
		if left.h < leastHessian || right.h < leastHessian {
			continue
		}
		if x := left.g*left.g/(left.h+shrinkage) + right.g*right.g/(right.h+shrinkage) - all.g*all.g/(all.h+shrinkage); x > gain {
			gain, cut = x, k
		}
	}
	if cut < 0 {
		return 0, 0
	}
	return gain, cut
}

// thresholds cuts each feature at quantiles.
func thresholds(s *set) [][]float32 {
	cuts := make([][]float32, pair.Count)
	values := make([]float32, 0, len(s.features))
	for f := range cuts {
		values = values[:0]
		for i := range s.features {
			values = append(values, s.features[i][f])
		}
		slices.Sort(values)
		for k := 1; k < bins; k++ {
			x := values[k*len(values)/bins]
			if x < values[len(values)-1] && (len(cuts[f]) == 0 || x > cuts[f][len(cuts[f])-1]) {
				cuts[f] = append(cuts[f], x)
			}
		}
		if distinct := slices.Compact(values); len(cuts[f]) == 0 && len(distinct) > 1 { // rare features: what is not the commonest value
			cuts[f] = append(cuts[f], distinct[:min(len(distinct)-1, bins-1)]...)
		}
	}
	return cuts
}

func bin(s *set, cuts [][]float32) [][]uint8 {
	binned := make([][]uint8, pair.Count)
	for f := range binned {
		binned[f] = make([]uint8, len(s.features))
		for i := range s.features {
			k, found := slices.BinarySearch(cuts[f], s.features[i][f])
			_ = found // a value equal to a cut is not above it
			binned[f][i] = uint8(k)
		}
	}
	return binned
}

func walk(t *pair.TrainedTree, f *pair.Features) int {
	at := 0
	for range depth {
		next := 2*at + 1
		if f[t.Feature[at]] > t.Threshold[at] {
			next++
		}
		at = next
	}
	return at - (1<<depth - 1)
}

func normalise(weights []float32) {
	var sum float64
	for _, w := range weights {
		sum += float64(w)
	}
	scale := float32(float64(len(weights)) / sum)
	for i := range weights {
		weights[i] *= scale
	}
}
