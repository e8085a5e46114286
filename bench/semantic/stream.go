package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"bursar/cache/semantic"
)

type question struct{ Text, Intent string }

// streamResult is the last line. Hits are a share of all requests, from the first one on; wrong answers are a share of the hits.
type streamResult struct {
	Hits     float64 `json:"hits"`
	Wrong    float64 `json:"wrong_per_hit"`
	Upper    float64 `json:"wrong_per_hit_upper95"` // of the mean over orders: Student's t, two-sided
	Lower    float64 `json:"hits_lower95"`
	LateHits float64 `json:"late_hits"` // in the second half of the stream
	Checked  float64 `json:"checked"`   // share of requests that would be hits and went upstream as shadow checks
	Orders   int     `json:"orders"`
	Requests int     `json:"requests"`
	Target   float64 `json:"target"`
}

// run is one order.
type run struct{ hits, wrong, late, checked int }

// runStream asks a cold cache all questions in random orders. Each comes from a user of its own; the fresh answer of a question that is not
// served is its intent.
func runStream(file string, target float64, orders int) error {
	questions, err := readRows[question](file)
	if err != nil {
		return err
	}
	runs := make([]run, orders)
	var working sync.WaitGroup
	free := make(chan struct{}, runtime.NumCPU())
	for i := range runs {
		free <- struct{}{}
		working.Go(func() {
			var state semantic.State
			runs[i], state = oneOrder(questions, target, uint64(i+1))
			r, n := runs[i], float64(len(questions))
			fmt.Printf("order %2d: hits %.1f %% (second half %.1f %%), wrong/hit %.2f %%; at the end bound %.3f, estimate %.3f, %d entries, %d answers\n",
				i+1, 100*float64(r.hits)/n, 200*float64(r.late)/n, 100*share(r.wrong, r.hits), state.Bound, state.Estimate, state.Entries, state.Answers)
			<-free
		})
	}
	working.Wait()
	return last(summary(runs, len(questions), target))
}

func oneOrder(questions []question, target float64, seed uint64) (r run, state semantic.State) {
	p := semantic.New(semantic.Options{Target: target, TTL: 24 * time.Hour, MaxEntries: 1 << 20, Seed: seed})
	answers := map[string]string{} // to the questions that went upstream
	now := time.Now()
	var q semantic.Question
	for i, k := range rand.New(rand.NewPCG(seed, 0)).Perm(len(questions)) {
		asked := questions[k]
		q.Reset(asked.Text, uint64(i+1), now)
		p.Find(&q)
		if q.Verdict != semantic.Served {
			if q.Verdict == semantic.Shadowed {
				r.checked++
			}
			answers[asked.Text] = asked.Intent
			p.Learn(&q, semantic.Answer{Text: asked.Intent, At: now})
			continue
		}
		r.hits++
		if i >= len(questions)/2 {
			r.late++
		}
		if answers[q.Asked] != asked.Intent {
			r.wrong++
		}
	}
	return r, p.State()
}

func summary(runs []run, requests int, target float64) streamResult {
	var hits, wrong, late, checked []float64
	for _, r := range runs {
		hits = append(hits, share(r.hits, requests))
		wrong = append(wrong, share(r.wrong, r.hits))
		late = append(late, 2*share(r.late, requests))
		checked = append(checked, share(r.checked, requests))
	}
	s := streamResult{Orders: len(runs), Requests: requests, Target: target}
	var error95 float64
	s.Hits, error95 = mean(hits)
	s.Lower = s.Hits - error95
	s.Wrong, error95 = mean(wrong)
	s.Upper = s.Wrong + error95
	s.LateHits, _ = mean(late)
	s.Checked, _ = mean(checked)
	return s
}

// mean returns a mean and half the width of its 95 % confidence interval.
func mean(x []float64) (m, half float64) {
	n := float64(len(x))
	for _, v := range x {
		m += v / n
	}
	var square float64
	for _, v := range x {
		square += (v - m) * (v - m)
	}
	if n < 2 {
		return m, 0
	}
	return m, student(len(x)-1) * math.Sqrt(square/(n-1)/n)
}

// student is the 97.5 % quantile of Student's distribution.
func student(freedom int) float64 {
	table := [...]float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093}
	if freedom <= len(table) {
		return table[freedom-1]
	}
	return 1.96 + 2.4/float64(freedom)
}

func share(of, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(of) / float64(all)
}
