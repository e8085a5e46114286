// Command train makes the weights that every partition of the semantic cache starts with.
//
//	go run ./cache/semantic/train -pairs train_pairs.jsonl.gz -out cache/semantic/prior.go
//
// It joins pairs of the same meaning, intent or answer into groups, takes each group for an answer and each source for a stream of questions, runs
// the cache over them with nothing served, and fits logistic regression to the evidence for each candidate and whether it was wrong.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"bursar/cache/semantic"
)

func main() {
	log.SetFlags(0)
	pairs := flag.String("pairs", "", "file of labelled pairs, .gz")
	out := flag.String("out", "cache/semantic/prior.go", "where the weights go")
	orders := flag.Int("orders", 2, "runs over each stream")
	flag.Parse()
	if *pairs == "" {
		flag.Usage()
		os.Exit(2)
	}
	streams, err := read(*pairs)
	if err != nil {
		log.Fatal(err)
	}
	var all []example
	for _, s := range streams {
		examples := s.run(*orders)
		fmt.Printf("%-16s %6d questions, %5d answers, %6d candidates\n", s.name, len(s.questions), s.answers, len(examples))
		for i := range examples {
			examples[i].weight = 1 / float64(len(examples))
		}
		all = append(all, examples...)
	}
	weights := fit(all)
	if err := os.WriteFile(*out, source(weights), 0o644); err != nil {
		log.Fatal(err)
	}
}

type example struct {
	evidence []float64
	wrong    bool
	weight   float64
}

func (s *stream) run(orders int) (examples []example) {
	for order := range orders {
		random := rand.New(rand.NewPCG(uint64(order), 11))
		p := semantic.New(semantic.Options{
			Target: 1e-9, TTL: time.Hour, MaxEntries: 1 << 20, Seed: uint64(order),
			Trace: func(evidence []float32, wrong bool) {
				e := example{wrong: wrong}
				for _, x := range evidence {
					e.evidence = append(e.evidence, float64(x))
				}
				examples = append(examples, e)
			},
		})
		var q semantic.Question
		now := time.Now()
		for i, k := range random.Perm(len(s.questions)) {
			q.Reset(s.questions[k].text, uint64(i+1), now)
			p.Find(&q)
			p.Learn(&q, semantic.Answer{Text: s.questions[k].answer, At: now})
		}
	}
	return examples
}

// fit is logistic regression by Newton's method, with a little shrinkage.
func fit(examples []example) []float64 {
	n := len(examples[0].evidence)
	weights := make([]float64, n)
	for range 25 {
		gradient, hessian := make([]float64, n), make([][]float64, n)
		for i := range hessian {
			hessian[i] = make([]float64, n)
			hessian[i][i], gradient[i] = 1e-3, 1e-3*weights[i]
		}
		for _, e := range examples {
			var z float64
			for i, x := range e.evidence {
				z += weights[i] * x
			}
			p := 1 / (1 + math.Exp(-z))
			delta := p
			if e.wrong {
				delta--
			}
			for i, x := range e.evidence {
				gradient[i] += e.weight * delta * x
				for j, y := range e.evidence[:i+1] {
					hessian[i][j] += e.weight * p * (1 - p) * x * y
				}
			}
		}
		for i := range hessian {
			for j := range i {
				hessian[j][i] = hessian[i][j]
			}
		}
		for i, step := range solve(hessian, gradient) {
			weights[i] -= step
		}
	}
	return weights
}

// solve is Gaussian elimination; the matrix is symmetric and positive.
func solve(a [][]float64, b []float64) []float64 {
	n := len(b)
	x := slices.Clone(b)
	for i := range n {
		for j := i + 1; j < n; j++ {
			f := a[j][i] / a[i][i]
			for k := i; k < n; k++ {
				a[j][k] -= f * a[i][k]
			}
			x[j] -= f * x[i]
		}
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x
}

func source(weights []float64) []byte {
	var b bytes.Buffer
	b.WriteString("package semantic\n\n// prior are the weights that a new partition starts with, as cache/semantic/train learned them.\nvar prior = [evidenceCount]float64{\n")
	for _, w := range weights {
		fmt.Fprintf(&b, "\t%.3f,\n", w)
	}
	b.WriteString("}\n")
	code, err := format.Source(b.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	return code
}
