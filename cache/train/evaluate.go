package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"bursar/cache/embed"
)

// reportFiles reports on files of pairs, or of questions with intents, with a model.
func reportFiles(model string, files []string) error {
	raw, err := os.ReadFile(model)
	if err != nil {
		return err
	}
	m, err := embed.Open(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", model, err)
	}
	for _, file := range files {
		intents, err := readIntents(file)
		if err != nil {
			return err
		}
		if len(intents) > 0 {
			reportIntents(m, filepath.Base(file), intents)
			continue
		}
		pairs, err := readPairs(file)
		if err != nil {
			return err
		}
		report(m, filepath.Base(file), pairs)
	}
	return nil
}

// report prints how well cosines tell pairs that are the same from others, by file or source.
func report(m *embed.Model, name string, pairs []pair) {
	scores, labels := make([]float64, len(pairs)), make([]bool, len(pairs))
	parallel(len(pairs), 256, func(i int) {
		var a, b embed.Vector
		m.Embed(pairs[i].A, &a)
		m.Embed(pairs[i].B, &b)
		scores[i], labels[i] = float64(embed.Cosine(&a, &b)), pairs[i].Label == 1
	})
	fmt.Printf("  %-32s %6d pairs  AUC %.4f  found %.4f\n", name, len(pairs), area(scores, labels), found(m, pairs))
}

// reportSources reports on pairs by their source, and there by each kind of pairs that are not the same.
func reportSources(m *embed.Model, pairs []pair) {
	same, other := map[string][]pair{}, map[[2]string][]pair{}
	for _, p := range pairs {
		if p.Label == 1 {
			same[p.Source] = append(same[p.Source], p)
		} else {
			other[[2]string{p.Source, p.Kind}] = append(other[[2]string{p.Source, p.Kind}], p)
		}
	}
	keys := slices.SortedFunc(maps.Keys(other), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, source := range slices.Sorted(maps.Keys(same)) {
		if !slices.ContainsFunc(keys, func(k [2]string) bool { return k[0] == source }) {
			report(m, source, same[source])
		}
	}
	for _, k := range keys {
		if len(other[k]) > 50 {
			report(m, k[0]+" "+k[1], append(slices.Clone(same[k[0]]), other[k]...))
		}
	}
}

// area returns the area under the ROC curve: how likely a pair that is the same scores above one that is not.
func area(scores []float64, labels []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var ranks, same float64
	for first := 0; first < len(order); {
		end := first
		for end < len(order) && scores[order[end]] == scores[order[first]] {
			end++
		}
		for _, i := range order[first:end] {
			if labels[i] {
				ranks += float64(first+end+1) / 2
				same++
			}
		}
		first = end
	}
	other := float64(len(scores)) - same
	if same == 0 || other == 0 {
		return math.NaN()
	}
	return (ranks - same*(same+1)/2) / (same * other)
}

// found returns for how many of up to 2,000 pairs that are the same, the second text is the nearest to the first among all second texts.
func found(m *embed.Model, pairs []pair) float64 {
	var firsts, seconds []string
	for _, p := range pairs {
		if p.Label == 1 && len(firsts) < 2000 {
			firsts, seconds = append(firsts, p.A), append(seconds, p.B)
		}
	}
	if len(firsts) == 0 {
		return math.NaN()
	}
	vectors := make([]embed.Vector, len(seconds))
	parallel(len(seconds), 64, func(i int) { m.Embed(seconds[i], &vectors[i]) })
	hits := make([]float64, len(firsts))
	parallel(len(firsts), 16, func(i int) {
		var v embed.Vector
		m.Embed(firsts[i], &v)
		best, at := int32(math.MinInt32), 0
		for j := range vectors {
			if s := embed.Dot(&v, &vectors[j]); s > best {
				best, at = s, j
			}
		}
		if vectors[at] == vectors[i] || seconds[at] == seconds[i] {
			hits[i] = 1
		}
	})
	var sum float64
	for _, h := range hits {
		sum += h
	}
	return sum / float64(len(hits))
}
