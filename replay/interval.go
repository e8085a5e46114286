package replay

import "math"

// clopperPearson returns between what bounds the probability lies of what has come k times of n, at a risk of being wrong: half of it on either side.
func clopperPearson(k, n int64, risk float64) (low, high float64) {
	low, high = 0, 1
	if k > 0 {
		low = solve(func(p float64) bool { return 1-atMost(k-1, n, p) > risk/2 })
	}
	if k < n {
		high = solve(func(p float64) bool { return atMost(k, n, p) < risk/2 })
	}
	return low, high
}

// solve returns the least p for which a growing condition holds.
func solve(holds func(p float64) bool) float64 {
	low, high := 0.0, 1.0
	for range 50 {
		if p := (low + high) / 2; holds(p) {
			high = p
		} else {
			low = p
		}
	}
	return (low + high) / 2
}

// atMost is the probability that what has probability p comes k times of n at most: 1 - I_p(k+1, n-k).
func atMost(k, n int64, p float64) float64 {
	a, b := float64(k+1), float64(n-k)
	if p <= 0 {
		return 1
	}
	if p >= 1 {
		return 0
	}
	return 1 - incompleteBeta(a, b, p)
}

// incompleteBeta is the regularized incomplete beta function, by its continued fraction.
func incompleteBeta(a, b, x float64) float64 {
	if x > (a+1)/(a+b+2) {
		return 1 - incompleteBeta(b, a, 1-x)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	c, d := 1.0, 1-(a+b)*x/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	sum := d
	for m := 1.0; m < 10_000; m++ {
		for _, term := range [...]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			if d = 1 + term*d; math.Abs(d) < tiny {
				d = tiny
			}
			if c = 1 + term/c; math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			sum *= c * d
		}
		if math.Abs(c*d-1) < 1e-14 {
			break
		}
	}
	return front * sum
}
