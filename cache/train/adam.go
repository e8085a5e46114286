package main

import (
	"math"

	"bursar/cache/embed"
)

// adam keeps the mean and the mean square of each row's slopes, and moves rows when they are met: those of rare words are not worn
// down by the steps between.
type adam struct {
	rows         [][embed.Dim]float32
	mean, square [][embed.Dim]float32
	steps        []int // of each row
	slope        [][embed.Dim]float32
	met          []bool
}

func newAdam(rows [][embed.Dim]float32) *adam {
	like := func() [][embed.Dim]float32 { return make([][embed.Dim]float32, len(rows)) }
	return &adam{rows: rows, mean: like(), square: like(), slope: like(), steps: make([]int, len(rows)), met: make([]bool, len(rows))}
}

// step moves all rows that a batch's texts have. Rows are shared out among the cores, so that each row's slopes add up in the texts' order.
func (a *adam) step(texts []side, rate float64) {
	const shards = 8
	parallel(shards, 1, func(shard int) {
		var rows []uint32
		for i := range texts {
			t := &texts[i]
			for _, f := range t.features {
				if f.Row%shards != uint32(shard) {
					continue
				}
				if !a.met[f.Row] {
					a.met[f.Row] = true
					rows = append(rows, f.Row)
				}
				axpy(a.slope[f.Row][:], 1/float32(f.Share), t.slope[:])
			}
		}
		for _, row := range rows {
			a.move(row, rate)
			a.met[row] = false
		}
	})
}

func (a *adam) move(row uint32, rate float64) {
	const keepMean, keepSquare, least = 0.9, 0.999, 1e-8
	a.steps[row]++
	unbiased := rate * math.Sqrt(1-math.Pow(keepSquare, float64(a.steps[row]))) / (1 - math.Pow(keepMean, float64(a.steps[row])))
	x, m, v, g := &a.rows[row], &a.mean[row], &a.square[row], &a.slope[row]
	for k := range x {
		m[k] = float32(keepMean*m[k]) + float32((1-keepMean)*g[k])
		v[k] = float32(keepSquare*v[k]) + float32((1-keepSquare)*float32(g[k]*g[k]))
		x[k] -= float32(unbiased * float64(m[k]) / (math.Sqrt(float64(v[k])) + least))
		g[k] = 0
	}
}
