package semantic

import "math"

// selector tells from the evidence how likely an answer is wrong: logistic regression that starts from weights learned offline and goes on
// learning in its partition. Each weight moves less the more it has learned (a diagonal Laplace approximation).
type selector struct {
	weights   [evidenceCount]float64
	precision [evidenceCount]float64
}

const (
	priorStrength = 20 // questions that the shipped weights count for
	strangeness   = 4  // of a second opinion nothing is known that a weight could stand for: it is learned sooner
)

func newSelector() selector {
	s := selector{weights: prior}
	for i := range s.precision {
		s.precision[i] = priorStrength
	}
	s.precision[heard], s.precision[second] = strangeness, strangeness
	return s
}

// risk is the probability that the answer is wrong.
func (s *selector) risk(e *evidence) float64 {
	var z float64
	for i, x := range e {
		z += s.weights[i] * float64(x)
	}
	return sigmoid(z)
}

// learn takes one label, which stands for weight questions.
func (s *selector) learn(e *evidence, wrong bool, weight float64) {
	p := s.risk(e)
	gradient := p
	if wrong {
		gradient--
	}
	for i, x := range e {
		s.precision[i] += weight * p * (1 - p) * float64(x) * float64(x)
		s.weights[i] -= weight * gradient * float64(x) / s.precision[i]
	}
	if math.IsNaN(s.weights[one]) {
		*s = newSelector()
	}
}
