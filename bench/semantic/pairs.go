package main

import (
	"cmp"
	"fmt"
	"slices"

	"bursar/cache/embed"
	"bursar/cache/pair"
)

type pairsResult struct {
	AUC    float64 `json:"auc"` // chance that a pair labelled 1 scores above one labelled 0
	Cosine float64 `json:"auc_cosine"`
	Pairs  int     `json:"pairs"`
}

func runPairs(file string) error {
	rows, err := readRows[trial](file)
	if err != nil {
		return err
	}
	verifier := pair.Default()
	var a, b pair.Side
	var va, vb embed.Vector
	var same, cosines []scored
	var conflicts []bool
	for _, r := range rows {
		verifier.Read(r.A, &a)
		verifier.Read(r.B, &b)
		j := verifier.Judge(&a, &b)
		same = append(same, scored{j.Same, r.Label == 1})
		conflicts = append(conflicts, j.Conflict != pair.NoConflict)
		embed.Default().Embed(r.A, &va)
		embed.Default().Embed(r.B, &vb)
		cosines = append(cosines, scored{embed.Cosine(&va, &vb), r.Label == 1})
	}
	for _, floor := range []float32{0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99} {
		var n, right, served, wrong int
		for i, s := range same {
			if s.score < floor {
				continue
			}
			n++
			if s.label {
				right++
			}
			if !conflicts[i] {
				served++
				if !s.label {
					wrong++
				}
			}
		}
		fmt.Printf("estimate >= %.2f: %5d pairs, %.1f %% of them the same; without a conflict %5d, %.1f %% of them not the same\n",
			floor, n, 100*share(right, n), served, 100*share(wrong, served))
	}
	return last(pairsResult{AUC: area(same), Cosine: area(cosines), Pairs: len(rows)})
}

type scored struct {
	score float32
	label bool
}

// area is the area under the curve; equal scores count half.
func area(all []scored) float64 {
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(a.score, b.score) })
	var ranks, positives float64
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && all[to].score == all[from].score {
			to++
		}
		for _, s := range all[from:to] {
			if s.label {
				ranks += float64(from+to+1) / 2
				positives++
			}
		}
		from = to
	}
	return (ranks - positives*(positives+1)/2) / (positives * (float64(len(all)) - positives))
}
