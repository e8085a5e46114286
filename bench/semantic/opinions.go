package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"bursar/cache/semantic"
)

// opined is a pair with what another embedder says of it.
type opined struct {
	A, B   string
	Label  int
	Cosine float32 `json:"sim_te3small"`
}

// opinionResult compares one cache that hears the second opinion with one that does not. Candidates are ordered by their estimated risk, each
// before its label is learned.
type opinionResult struct {
	Pairs       int     `json:"pairs"`
	Orders      int     `json:"orders"`
	Heard       float64 `json:"heard"` // share of the pairs on which the opinion was asked for
	AUC         float64 `json:"auc"`
	Alone       float64 `json:"auc_alone"`
	AUCHeard    float64 `json:"auc_heard"` // among those on which it was asked for
	AloneHeard  float64 `json:"auc_heard_alone"`
	Recall      float64 `json:"recall_at_precision_90"`
	RecallAlone float64 `json:"recall_at_precision_90_alone"`
}

// runOpinions asks one context the first question of each pair and then the second, in random orders.
func runOpinions(file string, target float64, orders int) error {
	rows, err := readRows[opined](file)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rows, func(r opined) bool { return r.Cosine != 0 }) {
		return fmt.Errorf("%s: no row has the cosine of another embedder: want {\"a\",\"b\",\"label\",\"sim_te3small\"}", file)
	}
	r := opinionResult{Pairs: len(rows), Orders: orders}
	n := float64(orders)
	for order := range orders {
		seed := uint64(order + 1)
		with, alone := learning(rows, target, seed, true), learning(rows, target, seed, false)
		var heard, same []scored
		for i := range with {
			if with[i].heard {
				heard, same = append(heard, with[i].scored), append(same, alone[i].scored)
			}
		}
		all, allAlone := scores(with), scores(alone)
		fmt.Printf("order %2d: heard on %d, AUC %.3f, alone %.3f\n", order+1, len(heard), area(all), area(allAlone))
		r.Heard += share(len(heard), len(rows)) / n
		r.AUC, r.Alone = r.AUC+area(all)/n, r.Alone+area(allAlone)/n
		r.AUCHeard, r.AloneHeard = r.AUCHeard+area(heard)/n, r.AloneHeard+area(same)/n
		r.Recall, r.RecallAlone = r.Recall+recall(all, 0.9)/n, r.RecallAlone+recall(allAlone, 0.9)/n
	}
	return last(r)
}

// judged is a candidate as it was estimated, and what came of it.
type judged struct {
	scored
	heard bool
}

// learning runs all pairs through one context. What a pair's second question is taken for is estimated first, then learned.
func learning(rows []opined, target float64, seed uint64, listens bool) []judged {
	var wrong bool
	p := semantic.New(semantic.Options{
		Target: target, TTL: time.Hour, MaxEntries: 1 << 20, Seed: seed, Trace: func(_ []float32, w bool) { wrong = w },
	})
	all := make([]judged, len(rows))
	now := time.Now()
	var q semantic.Question
	for _, k := range rand.New(rand.NewPCG(seed, 0)).Perm(len(rows)) {
		r := &rows[k]
		answer := fmt.Sprint("answer ", k)
		q.Reset(r.A, 1, now)
		p.Find(&q)
		p.Learn(&q, semantic.Answer{Text: answer, At: now}) // served or not: the second question needs it

		q.Reset(r.B, 1, now)
		if listens {
			q.Second = opinion{r}
		}
		p.Find(&q)
		risk, heard := q.Risk(), q.Account.Heard
		if r.Label == 0 {
			answer = fmt.Sprint("another answer ", k)
		}
		if q.Verdict == semantic.Served { // as in the product, nobody learns what it was
			wrong = q.Asked != r.A || r.Label == 0
		} else {
			wrong = true // without a candidate nothing right could be served
			p.Learn(&q, semantic.Answer{Text: answer, At: now})
		}
		all[k] = judged{scored{float32(1 - risk), !wrong}, heard}
	}
	return all
}

// opinion knows the cosine of one pair.
type opinion struct{ of *opined }

// Cosine implements semantic.Opinion.
func (o opinion) Cosine(_ context.Context, a, b string) (float32, bool) { return o.Kept(a, b) }

// Begin implements semantic.Opinion.
func (o opinion) Begin(string, string) {}

// Kept implements semantic.Opinion.
func (o opinion) Kept(a, b string) (float32, bool) { return o.of.Cosine, a == o.of.B && b == o.of.A }

func scores(all []judged) []scored {
	list := make([]scored, len(all))
	for i := range all {
		list[i] = all[i].scored
	}
	return list
}

// recall is the largest share of what is right that one threshold finds with this precision.
func recall(all []scored, precision float64) float64 {
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	var right, found, total int
	for _, s := range all {
		if s.label {
			total++
		}
	}
	for i, s := range all {
		if s.label {
			right++
		}
		if float64(right) >= precision*float64(i+1) {
			found = right
		}
	}
	return share(found, total)
}
