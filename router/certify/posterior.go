package certify

import (
	"fmt"
	"math"
)

// Gaussian is a belief about the weights of a linear model: their mean and covariance.
type Gaussian struct {
	Mean       Shape
	Covariance [Features]Shape
}

// Posterior is a Gaussian that learns from observations with known noise. It keeps the precision, to which observations add.
type Posterior struct {
	precision [Features]Shape
	weighted  Shape // precision times mean
	N         int   // observations
}

// Posterior returns the belief as one that can learn. The covariance must be positive definite.
func (g *Gaussian) Posterior() (Posterior, error) {
	p := Posterior{precision: g.Covariance}
	if !invert(&p.precision) {
		return Posterior{}, fmt.Errorf("certify: the covariance of a prior is not positive definite")
	}
	p.weighted = times(&p.precision, &g.Mean)
	return p, nil
}

// Learn takes in that an answer of this shape came out as y, where y is off by noise (a variance).
func (p *Posterior) Learn(s *Shape, y, noise float64) {
	for i, v := range s {
		if v == 0 {
			continue
		}
		v /= noise
		for j := range s {
			p.precision[i][j] += v * s[j]
		}
		p.weighted[i] += v * y
	}
	p.N++
}

// Belief returns what is believed by now.
func (p *Posterior) Belief() Gaussian {
	g := Gaussian{Covariance: p.precision}
	invert(&g.Covariance) // a sum of positive definite matrices is one
	g.Mean = times(&g.Covariance, &p.weighted)
	return g
}

// At returns the expected value at a shape.
func (g *Gaussian) At(s *Shape) float64 { return dot(&g.Mean, s) }

// Variance returns how uncertain the expected value at a shape is.
func (g *Gaussian) Variance(s *Shape) float64 {
	m := times(&g.Covariance, s)
	return dot(&m, s)
}

func dot(a, b *Shape) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func times(m *[Features]Shape, v *Shape) Shape {
	var out Shape
	for i := range m {
		out[i] = dot(&m[i], v)
	}
	return out
}

// invert replaces a symmetric positive definite matrix by its inverse, by Cholesky. It returns false for any other matrix.
func invert(m *[Features]Shape) bool {
	var low, inverse [Features]Shape
	for i := range Features {
		for j := 0; j <= i; j++ {
			sum := m[i][j]
			for k := range j {
				sum -= low[i][k] * low[j][k]
			}
			if i != j {
				low[i][j] = sum / low[j][j]
				continue
			}
			if !(sum > 0) {
				return false
			}
			low[i][i] = math.Sqrt(sum)
		}
	}
	for i := range Features { // the lower factor's inverse
		inverse[i][i] = 1 / low[i][i]
		for j := range i {
			var sum float64
			for k := j; k < i; k++ {
				sum -= low[i][k] * inverse[k][j]
			}
			inverse[i][j] = sum / low[i][i]
		}
	}
	for i := range Features {
		for j := 0; j <= i; j++ {
			var sum float64
			for k := i; k < Features; k++ {
				sum += inverse[k][i] * inverse[k][j]
			}
			m[i][j], m[j][i] = sum, sum
		}
	}
	return true
}
