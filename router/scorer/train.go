package scorer

import (
	"math"
	"math/rand/v2"
)

// Example is a prompt with what both models scored on it, 0 to 1.
type Example struct {
	Text           []byte
	Cheap, Premium float64
}

// Training says how a model is fitted.
type Training struct {
	Epochs int
	Rate   float64 // of AdaGrad
	Decay  float64 // L2 per example
	Start  *Model  // nil starts from nothing
}

// Usual is what a workload's own labels are learned with.
var Usual = Training{Epochs: 12, Rate: 0.08, Decay: 2e-3}

// Train fits a model to examples: two logistic regressions, by AdaGrad, quantised to int8 at the end. Equal input gives equal models.
func Train(examples []Example, how Training) *Model {
	t := newTrainer(examples, how)
	dice := rand.New(rand.NewPCG(1, 2))
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	for range how.Epochs {
		dice.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			t.step(&t.read[i], how)
		}
	}
	return t.quantised()
}

type trainer struct {
	read    []encoded
	weights [Heads][]float64
	squares [Heads][]float64
	bias    [Heads]float64
	length  [Heads]float64
	sums    [Heads][2]float64 // of squared gradients of bias and length
}

// encoded is an example as features.
type encoded struct {
	buckets      []uint32
	norm, length float64
	fails        [Heads]float64
}

func newTrainer(examples []Example, how Training) *trainer {
	t := &trainer{read: make([]encoded, len(examples))}
	var mean [Heads]float64
	for i, e := range examples {
		x := encoded{length: lengthOf(len(e.Text)), fails: [Heads]float64{1 - e.Cheap, 1 - e.Premium}}
		words := words{rest: e.Text[:min(len(e.Text), mostText)]}
		for words.next() {
			b := words.buckets()
			x.buckets = append(x.buckets, b[:]...)
		}
		x.norm = scaleOf(len(x.buckets))
		t.read[i] = x
		for h := range mean {
			mean[h] += x.fails[h] / float64(len(examples))
		}
	}
	for h := range Heads {
		t.weights[h], t.squares[h] = make([]float64, Buckets), make([]float64, Buckets)
		p := min(0.99, max(0.01, mean[h]))
		t.bias[h] = math.Log(p / (1 - p))
		if s := how.Start; s != nil {
			t.length[h] = float64(s.Length[h])
			for b := range t.weights[h] {
				t.weights[h][b] = float64(s.Weights[b][h]) * float64(s.Scale[h])
			}
		}
	}
	return t
}

// step moves the weights towards one example.
func (t *trainer) step(x *encoded, how Training) {
	const tiny = 1e-8
	for h := range Heads {
		sum := t.bias[h] + t.length[h]*x.length
		for _, b := range x.buckets {
			sum += t.weights[h][b] * x.norm
		}
		wrong := logistic(sum) - x.fails[h]
		adapt := func(v, square *float64, gradient float64) {
			*square += gradient * gradient
			*v -= how.Rate * gradient / math.Sqrt(*square+tiny)
		}
		adapt(&t.bias[h], &t.sums[h][0], wrong)
		adapt(&t.length[h], &t.sums[h][1], wrong*x.length)
		for _, b := range x.buckets {
			adapt(&t.weights[h][b], &t.squares[h][b], wrong*x.norm+how.Decay*t.weights[h][b])
		}
	}
}

func (t *trainer) quantised() *Model {
	m := new(Model)
	for h := range Heads {
		m.Bias[h], m.Length[h] = float32(t.bias[h]), float32(t.length[h])
		var most float64
		for _, w := range t.weights[h] {
			most = max(most, math.Abs(w))
		}
		if most == 0 {
			continue
		}
		const steps = 127
		m.Scale[h] = float32(most / steps)
		for b, w := range t.weights[h] {
			m.Weights[b][h] = int8(math.Round(w / most * steps))
		}
	}
	return m
}
