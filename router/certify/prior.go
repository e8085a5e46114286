package certify

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// Prior is what other model pairs on other workloads have taught: the belief about a workload that has no labels yet, and how far
// workloads are apart. `go run ./router/train` makes it.
type Prior struct {
	Source string `json:"source"` // what it was learned from
	Groups int    `json:"groups"` // how many workloads, each with its own models

	Loss  Gaussian   `json:"loss"`  // premium score minus cheap score, in shares of a right answer
	Price Gaussian   `json:"price"` // logarithm of the premium call's cost in units of the workload's mean, plus priceFloor
	Noise [2]float64 `json:"noise"` // variance of the loss around its expectation: undisputed, disputed
	Haze  float64    `json:"haze"`  // variance of the price around its expectation

	// Rule is the threshold for a workload without labels: the highest at which the training workloads, each judged by a prior that
	// had not seen its questions, kept the premium model's quality on average.
	Rule float64 `json:"rule"`

	// Caution stretches the uncertainty of certificates, so that of those given to the training workloads, each from a prior that had not
	// seen its questions, no more failed than the confidence allows.
	Caution     float64 `json:"caution"`      // of one workload
	CautionMany float64 `json:"caution_many"` // of several together
}

// priceFloor keeps the logarithm of a price near zero from ruling the model.
const priceFloor = 0.02

//go:embed prior.json
var shipped []byte

// Shipped returns the prior that this program carries.
var Shipped = sync.OnceValue(func() *Prior {
	p, err := ParsePrior(shipped)
	if err != nil {
		panic("BUG: the embedded prior: " + err.Error())
	}
	return p
})

// ParsePrior reads what router/train wrote.
func ParsePrior(src []byte) (*Prior, error) {
	p := new(Prior)
	if err := json.Unmarshal(src, p); err != nil {
		return nil, fmt.Errorf("certify: read a prior: %w", err)
	}
	for _, g := range []*Gaussian{&p.Loss, &p.Price} {
		if _, err := g.Posterior(); err != nil {
			return nil, err
		}
	}
	if p.Haze <= 0 || p.Caution <= 0 || p.CautionMany <= 0 || p.Noise[0] <= 0 || p.Noise[1] <= 0 {
		return nil, fmt.Errorf("certify: a prior has noise %v, haze %v and cautions %v and %v: all are above 0", p.Noise, p.Haze, p.Caution, p.CautionMany)
	}
	return p, nil
}
