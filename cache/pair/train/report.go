package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"bursar/cache/pair"
)

// report tells how well a forest orders what it has not seen: the area under the curve of all, and each kind's mean.
func report(forest *pair.Trained, s *set) []string {
	scores := make([]float64, len(s.labels))
	sums, counts := map[string]float64{}, map[string]int{}
	for i := range s.features {
		for k := range forest.Trees {
			scores[i] += float64(forest.Trees[k].Leaf[walk(&forest.Trees[k], &s.features[i])])
		}
		sums[s.pairs[i].kind()] += 1 / (1 + math.Exp(-scores[i]))
		counts[s.pairs[i].kind()]++
	}
	cosines := make([]float64, len(scores))
	for i := range cosines {
		cosines[i] = float64(s.features[i][0])
	}
	lines := []string{fmt.Sprintf("AUC %.4f (cosine %.4f)", area(scores, s.labels), area(cosines, s.labels))}
	for kind, n := range counts {
		lines = append(lines, fmt.Sprintf("%-36s %5d pairs, mean estimate %.3f", kind, n, sums[kind]/float64(n)))
	}
	slices.Sort(lines[1:])
	used := map[string]int{}
	for i := range forest.Trees {
		for k, f := range forest.Trees[i].Feature {
			if !math.IsInf(float64(forest.Trees[i].Threshold[k]), 1) {
				used[pair.Names[f]]++
			}
		}
	}
	names := slices.SortedFunc(func(yield func(string) bool) {
		for name := range used {
			if !yield(name) {
				return
			}
		}
	}, func(a, b string) int { return cmp.Compare(used[b], used[a]) })
	return append(lines, fmt.Sprint("most asked: ", names[:min(12, len(names))]))
}

// area is the probability that a pair that is the same scores above one that is not.
func area(scores []float64, labels []float32) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var ranks, positives float64
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && scores[order[to]] == scores[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			if labels[i] == 1 {
				ranks += float64(from+to+1) / 2
				positives++
			}
		}
		from = to
	}
	return (ranks - positives*(positives+1)/2) / (positives * (float64(len(labels)) - positives))
}
