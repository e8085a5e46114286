package certify

import (
	"math"

	"bursar/pricing"
)

// Evidence is what is known of a cheap answer before anybody has judged it. All of it is counts and yes or no, so it can be kept and replayed
// without the text.
type Evidence struct {
	Cheap   pricing.Nano // what the cheap call cost: within one workload, a measure of how long the answer is
	Checker pricing.Nano // what the second cheap model's call cost, 0 if it was not asked
	Bytes   int          // length of the prompt
	Digits  int          // decimal digits in the prompt
	Invalid bool         // a free check failed: schema, parse, finish reason, refusal, emptiness
	Agree   bool         // the second cheap model gave the same answer
}

// Disputed tells whether anything speaks against the answer.
func (e *Evidence) Disputed() bool { return e.Invalid || !e.Agree }

// Features is how many numbers an answer is weighed by.
const Features = 14

// Shape is an answer as the models see it. FeatureNames says what stands where.
type Shape [Features]float64

// FeatureNames names the parts of a Shape. Lengths are in standard deviations of the workload's own traffic, so that neither the
// prices nor the units of a model pair matter; x means that the part is 0 for an answer that nothing speaks against.
var FeatureNames = [Features]string{
	"one", "disputed", "invalid", "answer length", "prompt length", "x answer length", "x checker length", "x prompt length",
	"x difference of lengths", "agreement rate", "x agreement rate", "x answer length squared", "digits", "x digits",
}

// Norms are the running means and spreads of a workload's traffic. The zero value is ready for use, and knows nothing.
type Norms struct {
	Cheap, Checker, Bytes spread
	Agreed, Seen          float64
}

// See takes in one more answer.
func (n *Norms) See(e *Evidence) {
	n.Cheap.add(logOf(float64(e.Cheap)))
	n.Bytes.add(logOf(float64(e.Bytes)))
	n.Seen++
	if e.Checker > 0 {
		n.Checker.add(logOf(float64(e.Checker)))
	}
	if e.Agree {
		n.Agreed++
	}
}

// usualAgreement is how often two cheap models agree where nothing is known yet, and what it counts for in answers.
const (
	usualAgreement = 0.6
	agreementPrior = 10
)

// Shape puts an answer into the units of its workload.
func (n *Norms) Shape(e *Evidence) Shape {
	answer, prompt := n.Cheap.units(logOf(float64(e.Cheap))), n.Bytes.units(logOf(float64(e.Bytes)))
	checker := 0.0
	if e.Checker > 0 {
		checker = n.Checker.units(logOf(float64(e.Checker)))
	}
	rate := (n.Agreed+agreementPrior*usualAgreement)/(n.Seen+agreementPrior) - usualAgreement
	digits := math.Log(float64(e.Digits)+1) - usualDigits
	s := Shape{1, 0, 0, answer, prompt, 0, 0, 0, 0, rate, 0, 0, digits, 0}
	if e.Invalid {
		s[2] = 1
	}
	if e.Disputed() {
		s[1], s[5], s[6], s[7], s[8], s[10], s[11], s[13] = 1, answer, checker, prompt, math.Abs(answer-checker), rate, answer*answer, digits
	}
	return s
}

// usualDigits centres the count of digits, so that the other weights are read at an ordinary prompt.
const usualDigits = 2.5

func logOf(v float64) float64 { return math.Log(v + 1) }

// spread is a running mean and variance.
type spread struct{ N, Mean, Squares float64 }

func (s *spread) add(v float64) {
	s.N++
	d := v - s.Mean
	s.Mean += d / s.N
	s.Squares += d * (v - s.Mean)
}

// Before a workload has shown its spread it is taken to be usualSpread, with the weight of spreadPrior answers. No length counts for
// more than mostUnits.
const (
	usualSpread = 0.5
	spreadPrior = 5
	mostUnits   = 3
)

func (s *spread) units(v float64) float64 {
	sd := math.Sqrt((s.Squares + spreadPrior*usualSpread*usualSpread) / (s.N + spreadPrior))
	return max(-mostUnits, min(mostUnits, (v-s.Mean)/sd))
}
