package certify

import (
	"math"

	"bursar/pricing"
)

// Workload is one stream of like requests: a route of a tenant. It learns, from samples that both models answered, what is lost by
// keeping a cheap answer and what is paid for replacing it. It is not safe for concurrent use.
type Workload struct {
	prior *Prior
	norms Norms
	loss  Posterior
	price Posterior
	noise [2]float64 // variance of a label's loss around its expectation: undisputed, disputed

	labels   []label
	traffic  []Shape // the last answers seen, labelled or not, as a ring
	next     int
	believed *beliefs // nil when labels came since
}

// label is one answer that was judged beside the premium one.
type label struct {
	evidence       Evidence
	cheap, premium float64 // scores, 0 to 1
	paid           pricing.Nano
}

// beliefs are the posteriors worked out.
type beliefs struct{ loss, price Gaussian }

// recentTraffic is how many answers a certificate is worked out over.
const recentTraffic = 4096

// NewWorkload returns a workload that knows what the prior knows.
func NewWorkload(prior *Prior) *Workload {
	w := &Workload{prior: prior}
	w.forget()
	return w
}

// forget takes the posteriors back to the prior.
func (w *Workload) forget() {
	w.loss, _ = w.prior.Loss.Posterior() // ParsePrior has tried
	w.price, _ = w.prior.Price.Posterior()
	w.noise = w.prior.Noise
	w.believed = nil
}

// See takes in an answer of the traffic, and returns its shape.
func (w *Workload) See(e *Evidence) Shape {
	w.norms.See(e)
	s := w.norms.Shape(e)
	if len(w.traffic) < recentTraffic {
		w.traffic = append(w.traffic, s)
	} else {
		w.traffic[w.next%recentTraffic] = s
		w.next++
	}
	return s
}

// Shape returns an answer's shape without counting it as traffic.
func (w *Workload) Shape(e *Evidence) Shape { return w.norms.Shape(e) }

// Learn takes in the judgement of an answer that See has seen: the scores of both models, 0 to 1, and what the premium call cost.
func (w *Workload) Learn(e *Evidence, cheap, premium float64, paid pricing.Nano) {
	w.labels = append(w.labels, label{*e, cheap, premium, paid})
	w.believed = nil
}

// Labels returns how many answers were judged.
func (w *Workload) Labels() int { return len(w.labels) }

// Weigh returns the exchange rate at which an answer is kept: the share of a right answer that is lost by keeping it, for each mean
// premium call that is saved. A threshold says up to which rate answers are kept.
func (w *Workload) Weigh(s *Shape) float64 {
	b := w.beliefs()
	return b.loss.At(s) / price(&b.price, s)
}

// leastPrice bounds the price of a premium call from below, in means of the workload: a call that costs next to nothing is not a
// reason to keep an answer at any risk, nor to replace one at none.
const leastPrice = 0.05

func price(g *Gaussian, s *Shape) float64 { return max(leastPrice, math.Exp(g.At(s))-priceFloor) }

// beliefs works out the posteriors from the labels, in the units that the traffic has by now.
func (w *Workload) beliefs() *beliefs {
	if w.believed != nil {
		return w.believed
	}
	w.forget()
	shapes := make([]Shape, len(w.labels))
	var paid float64
	for i := range w.labels {
		shapes[i] = w.norms.Shape(&w.labels[i].evidence)
		paid += float64(w.labels[i].paid)
	}
	for i := range w.labels {
		if paid > 0 {
			w.price.Learn(&shapes[i], math.Log(float64(w.labels[i].paid)*float64(len(w.labels))/paid+priceFloor), w.prior.Haze)
		}
	}
	loss := w.learnLoss(shapes)
	for range noiseRounds {
		w.hearNoise(shapes, &loss)
		loss = w.learnLoss(shapes)
	}
	w.believed = &beliefs{loss, w.price.Belief()}
	return w.believed
}

// learnLoss works out the belief about losses at the noise that is known.
func (w *Workload) learnLoss(shapes []Shape) Gaussian {
	w.loss, _ = w.prior.Loss.Posterior() // ParsePrior has tried
	for i := range w.labels {
		l := &w.labels[i]
		w.loss.Learn(&shapes[i], l.premium-l.cheap, w.noiseOf(&shapes[i]))
	}
	return w.loss.Belief()
}

// Labels tell how noisy they are themselves: grade-school sums that both models get right say more of the loss than exam questions that either
// guesses. The prior's noise counts for noisePrior labels; after noiseRounds it hardly changes.
const (
	noisePrior  = 50
	noiseRounds = 2
)

// hearNoise estimates the noise by what the belief leaves unexplained.
func (w *Workload) hearNoise(shapes []Shape, loss *Gaussian) {
	squares, count := [2]float64{}, [2]float64{}
	for i := range w.labels {
		class := int(shapes[i][1])
		off := w.labels[i].premium - w.labels[i].cheap - loss.At(&shapes[i])
		squares[class] += off * off
		count[class]++
	}
	for class, usual := range w.prior.Noise {
		w.noise[class] = (squares[class] + noisePrior*usual) / (count[class] + noisePrior)
	}
}

func (w *Workload) noiseOf(s *Shape) float64 { return w.noise[int(s[1])] }

// quality returns the mean score of the premium model, pulled to usualQuality while there are few labels.
func (w *Workload) quality() float64 {
	const usualQuality, weight = 0.75, 5
	sum := usualQuality * weight
	for i := range w.labels {
		sum += w.labels[i].premium
	}
	return sum / (float64(len(w.labels)) + weight)
}
