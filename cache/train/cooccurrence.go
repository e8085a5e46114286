package main

import (
	"math"
	"slices"
)

// sparse is a symmetric matrix: the entries of row i are columns[starts[i]:starts[i+1]], and so are their values.
type sparse struct {
	starts  []int
	columns []int32
	values  []float32
}

func (m *sparse) size() int { return len(m.starts) - 1 }

const (
	window    = 6    // words to either side that are company
	nearest   = 60   // what a neighbour counts; one at distance d counts nearest/d
	fewest    = 60   // what company has to count in all to count at all
	smoothing = 0.75 // power of company's frequency, so that rare company weighs less
)

// association returns how much more often than by chance two words keep company: positive pointwise mutual information, by words within a
// window. rows gives each word's row, or -1. Counts are integers, so that their order does not matter.
func association(texts [][]int32, rows []int32, size int) *sparse {
	bands := blocks(size)
	counted := make([][]uint64, len(bands))
	parallel(len(bands), 1, func(i int) { counted[i] = tally(texts, rows, bands[i]) })
	sums, total := make([]float64, size), 0.0
	for _, cells := range counted {
		for i := 0; i < len(cells); i += 2 {
			sums[cells[i]>>32] += float64(cells[i+1])
		}
	}
	for _, s := range sums {
		total += math.Pow(s, smoothing)
	}
	m := &sparse{starts: make([]int, 1, size+1)}
	for _, cells := range counted {
		for i := 0; i < len(cells); i += 2 {
			row, column, n := int(cells[i]>>32), int(uint32(cells[i])), float64(cells[i+1])
			for len(m.starts) <= row {
				m.starts = append(m.starts, len(m.columns))
			}
			// Both sides are smoothed, one at a time, and the mean taken: this keeps the matrix symmetric.
			byRow := math.Log(n * total / (sums[row] * math.Pow(sums[column], smoothing)))
			byColumn := math.Log(n * total / (sums[column] * math.Pow(sums[row], smoothing)))
			if gain := (byRow + byColumn) / 2; n >= fewest && gain > 0 {
				m.columns = append(m.columns, int32(column))
				m.values = append(m.values, float32(gain))
			}
		}
	}
	for len(m.starts) <= size {
		m.starts = append(m.starts, len(m.columns))
	}
	return m
}

// tally counts the company of the rows of one band. It returns cells in order: row<<32|column, then the count.
func tally(texts [][]int32, rows []int32, band [2]int) []uint64 {
	var met []uint64 // row<<32 | column<<8 | what the meeting counts
	for _, ids := range texts {
		for i, id := range ids {
			if id == pause || rows[id] < int32(band[0]) || rows[id] >= int32(band[1]) {
				continue
			}
			for side := -1; side <= 1; side += 2 {
				for j, distance := i+side, 1; j >= 0 && j < len(ids) && distance <= window; j += side {
					if ids[j] == pause {
						continue
					}
					if other := rows[ids[j]]; other >= 0 {
						met = append(met, uint64(rows[id])<<32|uint64(other)<<8|uint64(nearest/distance))
					}
					distance++
				}
			}
		}
	}
	slices.Sort(met)
	var cells []uint64
	for i := 0; i < len(met); {
		cell, n := met[i]>>8, uint64(0)
		for ; i < len(met) && met[i]>>8 == cell; i++ {
			n += met[i] & 0xff
		}
		cells = append(cells, cell>>24<<32|cell&0xffffff, n)
	}
	return cells
}
