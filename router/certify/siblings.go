package certify

import "fmt"

// kinship is how much of what sets a workload apart from the prior it shares with the other workloads of its tenant, who has the same
// models: the rest is its own.
const kinship = 0.9

// Informed returns the prior for one more workload of a tenant, given those that have labels. Each tells of what they share as much as its
// labels allow: ten workloads tell more than one of ten times the labels.
func (p *Prior) Informed(siblings []*Workload) (*Prior, error) {
	q := *p
	for _, m := range []struct {
		of   func(*Workload) *Posterior
		from *Gaussian
		to   *Gaussian
	}{
		{func(w *Workload) *Posterior { return &w.loss }, &p.Loss, &q.Loss},
		{func(w *Workload) *Posterior { return &w.price }, &p.Price, &q.Price},
	} {
		start, err := m.from.Posterior()
		if err != nil {
			return nil, err
		}
		own := m.from.Covariance // of what a workload does not share
		scale(&own, 1-kinship)
		ownPrecision := own
		if !invert(&ownPrecision) {
			return nil, fmt.Errorf("certify: the covariance of a prior is not positive definite")
		}
		shared := Gaussian{Mean: m.from.Mean, Covariance: m.from.Covariance}
		scale(&shared.Covariance, kinship)
		learned, err := shared.Posterior()
		if err != nil {
			return nil, err
		}
		for _, s := range siblings {
			s.beliefs()
			learned.hear(m.of(s), &start, &ownPrecision)
		}
		belief := learned.Belief()
		m.to.Mean = belief.Mean
		for i := range own {
			for j := range own {
				m.to.Covariance[i][j] = own[i][j] + belief.Covariance[i][j]
			}
		}
	}
	return &q, nil
}

// hear takes in what a sibling's labels say of the shared weights, after its own deviation has been allowed for.
func (p *Posterior) hear(sibling, start *Posterior, ownPrecision *[Features]Shape) {
	data, inner := sibling.precision, sibling.precision
	said := sibling.weighted
	for i := range data {
		said[i] -= start.weighted[i]
		for j := range data {
			data[i][j] -= start.precision[i][j]
			inner[i][j] = data[i][j] + ownPrecision[i][j]
		}
	}
	invert(&inner)
	lost := times(&inner, &said)
	for i := range data {
		p.weighted[i] += said[i] - dot(&data[i], &lost)
		row := times(&inner, &data[i]) // data is symmetric
		for j := range data {
			p.precision[i][j] += data[i][j] - dot(&data[j], &row)
		}
	}
}

func scale(m *[Features]Shape, by float64) {
	for i := range m {
		for j := range m[i] {
			m[i][j] *= by
		}
	}
}
