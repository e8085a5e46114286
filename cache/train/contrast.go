package main

import (
	"math"
	"math/rand/v2"

	"bursar/cache/embed"
)

// schedule is how the rows are trained.
type schedule struct {
	epochs      int
	batch       int     // pairs in a step, which are each other's negatives
	rate        float64 // of Adam's step, falling to zero
	temperature float64 // of the softmax over the batch
	drop        float64 // share of words left out of a text, at most
	disguise    float64 // share of words taken for unknown
	margin      float64 // cosine below which a pair that is not the same is left alone
	traps       float64 // weight of pairs that are not the same
}

var recipe = schedule{epochs: 4, batch: 256, rate: 0.002, temperature: 0.15, drop: 0.3, disguise: 0.05, margin: 0.6, traps: 0.3}

// example is a pair in the lexicon's words.
type example struct {
	a, b []int32
	same bool
}

// side is one text of a batch: its features, its vector, and how the loss changes with the vector.
type side struct {
	features []embed.Feature
	vector   [embed.Dim]float32
	length   float32
	slope    [embed.Dim]float32
}

// contrast moves the rows so that the two texts of a pair lie close, and far from all other texts of their batch: the softmax of the
// cosines over the batch, both ways. Pairs that are not the same are pushed apart down to the margin.
func (b *bag) contrast(examples []example, s schedule, random *rand.Rand, say func(string, ...any)) {
	adam := newAdam(b.rows)
	steps, step := s.epochs*((len(examples)+s.batch-1)/s.batch), 0
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	for epoch := range s.epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		var loss, batches float64
		for first := 0; first < len(order); first += s.batch {
			chosen := order[first:min(first+s.batch, len(order))]
			left, right := make([]side, len(chosen)), make([]side, len(chosen))
			seed := random.Uint64()
			parallel(len(chosen), 16, func(i int) {
				own := rand.New(rand.NewPCG(seed, uint64(i)))
				b.read(&left[i], examples[chosen[i]].a, s, own)
				b.read(&right[i], examples[chosen[i]].b, s, own)
			})
			loss += slopes(examples, chosen, left, right, s)
			batches++
			rate := s.rate * (1 - float64(step)/float64(steps))
			adam.step(append(left, right...), rate)
			step++
		}
		say("epoch %d of %d: loss %.4f", epoch+1, s.epochs, loss/batches)
	}
}

// read makes a text's vector. Some of its words are left out, and some taken for unknown, as a typing error would.
func (b *bag) read(t *side, ids []int32, s schedule, random *rand.Rand) {
	kept := ids
	if share := s.drop * random.Float64(); len(ids) > 3 && random.IntN(2) == 0 {
		kept = nil
		for _, id := range ids {
			if random.Float64() >= share {
				kept = append(kept, id)
			}
		}
	}
	t.features = b.features(t.features, kept, func(int) bool { return random.Float64() < s.disguise })
	t.length = b.vector(&t.vector, t.features)
}

// slopes works out the loss of a batch and how it changes with each vector.
func slopes(examples []example, chosen []int, left, right []side, s schedule) float64 {
	n := len(chosen)
	ease := float32(1 / s.temperature)
	weights := newMatrix(n, n) // of each pair of texts in the slopes
	losses := make([]float64, n)
	cosines := newMatrix(n, n)
	parallel(n, 16, func(i int) {
		for j := range n {
			cosines.row(i)[j] = dot(left[i].vector[:], right[j].vector[:])
		}
	})
	columns := make([][2]float64, n) // greatest and sum of each column's exponentials
	parallel(n, 16, func(j int) {
		columns[j] = logSum(n, func(i int) float32 { return cosines.row(i)[j] * ease })
	})
	parallel(n, 16, func(i int) {
		e, row, slope := &examples[chosen[i]], cosines.row(i), weights.row(i)
		if !e.same {
			if over := float64(row[i]) - s.margin; over > 0 {
				losses[i] = 2 * s.traps * over * over / s.temperature
				slope[i] = float32(2 * s.traps * over / s.temperature)
			}
			return
		}
		own := logSum(n, func(j int) float32 { return row[j] * ease })
		losses[i] = own[0] + math.Log(own[1]) + columns[i][0] + math.Log(columns[i][1]) - 2*float64(row[i]*ease)
		for j := range n {
			slope[j] += float32(math.Exp(float64(row[j]*ease)-own[0])/own[1]) * ease / 2
		}
		slope[i] -= ease
	})
	parallel(n, 16, func(i int) { // the softmax down the columns, of the right texts that have a partner
		for j := range n {
			if e := &examples[chosen[j]]; e.same {
				weights.row(i)[j] += float32(math.Exp(float64(cosines.row(i)[j]*ease)-columns[j][0])/columns[j][1]) * ease / 2
			}
		}
	})
	parallel(n, 16, func(i int) {
		for j := range n {
			axpy(left[i].slope[:], weights.row(i)[j], right[j].vector[:])
			axpy(right[i].slope[:], weights.row(j)[i], left[j].vector[:])
		}
		left[i].project(n)
		right[i].project(n)
	})
	var loss float64
	for _, l := range losses {
		loss += l / 2 / float64(n)
	}
	return loss
}

// project turns the slope of a vector of length 1 into that of the sum before it was brought there.
func (t *side) project(batch int) {
	if t.length == 0 {
		t.slope = [embed.Dim]float32{}
		return
	}
	along := dot(t.slope[:], t.vector[:])
	for k := range t.slope {
		t.slope[k] = (t.slope[k] - float32(along*t.vector[k])) / t.length / float32(batch)
	}
}

func logSum(n int, at func(i int) float32) [2]float64 {
	greatest, sum := math.Inf(-1), 0.0
	for i := range n {
		greatest = max(greatest, float64(at(i)))
	}
	for i := range n {
		sum += math.Exp(float64(at(i)) - greatest)
	}
	return [2]float64{greatest, sum}
}
