// Package scorer guesses from a prompt's words alone how likely a cheap and a premium model are to fail at it: a linear model over hashed words
// and pairs of words, in 64 KB. It learns a workload's own labels and is worth little without them: what it learns elsewhere hardly transfers,
// which is why nothing is routed by it unless a workload's certificate says so. It is separate from the router's signals, which can be
// checked by hand.
package scorer

import "math"

// Buckets is how many hashed features a model has. Two models of int8 weights make 64 KB.
const Buckets = 1 << 15

// Heads are what is guessed: the failure of the cheap model, and of the premium one.
const (
	CheapFails = iota
	PremiumFails
	Heads
)

// Model is a trained scorer. It never changes, and may be shared.
type Model struct {
	Bias    [Heads]float32
	Scale   [Heads]float32 // what one step of a weight is worth
	Length  [Heads]float32 // weight of the logarithm of the prompt's length
	Weights [Buckets][Heads]int8
}

// Fails returns the chances that each model fails at a prompt, 0 to 1. It allocates nothing and takes time linear in the prompt's length, of
// which it reads mostText bytes.
func (m *Model) Fails(text []byte) [Heads]float64 {
	var sums [Heads]int32
	words := words{rest: text[:min(len(text), mostText)]}
	n := 0
	for words.next() {
		for _, bucket := range words.buckets() {
			w := &m.Weights[bucket]
			sums[0] += int32(w[0])
			sums[1] += int32(w[1])
		}
		n += 2
	}
	norm, length := scaleOf(n), lengthOf(len(text))
	var out [Heads]float64
	for h := range out {
		out[h] = logistic(float64(m.Bias[h]) + float64(m.Scale[h])*float64(sums[h])*norm + float64(m.Length[h])*length)
	}
	return out
}

// Uplift returns how much likelier the premium model is to be right, -1 to 1.
func (m *Model) Uplift(text []byte) float64 {
	f := m.Fails(text)
	return f[CheapFails] - f[PremiumFails]
}

// mostText bounds the time of one guess.
const mostText = 16 << 10

// scaleOf keeps long prompts from outweighing the bias.
func scaleOf(features int) float64 { return 1 / math.Sqrt(float64(features+8)) }

// lengthOf is about 0 for an ordinary prompt, and 1 for one of e times its length.
func lengthOf(bytes int) float64 { return math.Log(float64(bytes)+1) - 5.5 }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
