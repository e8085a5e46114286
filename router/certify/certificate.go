// Package certify says how far a cheap model may answer in place of a premium one, and proves it. A cheap answer is weighed by what is known
// of it before anybody has judged it; a threshold says up to which weight answers are kept; a certificate says that with this
// threshold the quality will not fall below a target. It is separate from the router, which picks a model before there is any answer, and pure: it
// reads no clock and no store.
//
// There are two kinds of certificate. Certify starts from a prior that other model pairs have taught, and is worth as much as the assumption
// that this workload is one more of that kind; it needs few labels. Prove assumes nothing but that the labelled answers are drawn like the
// traffic, holds at any moment of looking, and needs many.
package certify

import "math"

// Demand is what a certificate has to hold.
type Demand struct {
	Target     float64 // share of the premium model's quality to keep, such as 0.98
	Confidence float64 // probability that it is kept, such as 0.95
	// Horizon is over how many answers of all workloads together quality will be measured; it adds their chance to the bound. 0 is for the long run.
	Horizon int
}

// Certificate is a threshold and what is promised of it. The zero value keeps no cheap answer.
type Certificate struct {
	Threshold float64 // answers that weigh up to this are kept; 0 if nothing is certified
	Expected  float64 // share of the premium model's quality that is expected to be kept
	Bound     float64 // what is kept at the demanded confidence
	Kept      float64 // share of answers that are kept
	Labels    int     // judged answers it rests on
}

// Valid tells whether anything may be kept.
func (c *Certificate) Valid() bool { return c.Threshold > 0 }

// Keeps tells whether an answer of this weight is kept.
func (c *Certificate) Keeps(weight float64) bool { return c.Valid() && weight <= c.Threshold }

// Thresholds are tried from the lowest up, and the first that fails ends it: so testing many costs no confidence.
const (
	thresholdStep = 0.005
	mostThreshold = 0.5
)

// Certify returns the highest threshold that meets the demand over workloads that count alike. It believes what the workloads' prior and
// labels say together.
func Certify(workloads []*Workload, d Demand) Certificate {
	var best Certificate
	if len(workloads) == 0 {
		return best
	}
	weights := make([][]float64, len(workloads)) // of each workload's traffic
	for i, w := range workloads {
		if len(w.traffic) == 0 {
			return best
		}
		for j := range w.traffic {
			weights[i] = append(weights[i], w.Weigh(&w.traffic[j]))
		}
	}
	z := normalQuantile(d.Confidence)
	if prior := workloads[0].prior; len(workloads) == 1 {
		z *= prior.Caution
	} else {
		z *= prior.CautionMany
	}
	for t := thresholdStep; t <= mostThreshold; t += thresholdStep {
		c, ok := promise(workloads, weights, d, z, t)
		if !ok {
			break
		}
		best = c
	}
	return best
}

// promise works out what holds at a threshold. The quality lost by keeping is linear in the beliefs, so its mean and variance are exact.
func promise(workloads []*Workload, weights [][]float64, d Demand, z, threshold float64) (Certificate, bool) {
	c := Certificate{Threshold: threshold}
	share := 1 / float64(len(workloads))
	var lost, apart, together, noise, quality, seen float64
	for _, w := range workloads {
		seen += float64(len(w.traffic))
	}
	for k, w := range workloads {
		n, b := float64(len(w.traffic)), w.beliefs()
		var kept Shape // the sum of the shapes that are kept, over n
		var luck float64
		for i := range w.traffic {
			if weights[k][i] > threshold {
				continue
			}
			s := &w.traffic[i]
			for j, v := range s {
				kept[j] += v / n
			}
			luck += w.noiseOf(s) / n
			c.Kept += share / n
		}
		lost += share * b.loss.At(&kept)
		v := b.loss.Variance(&kept)
		apart += share * share * v
		together += share * math.Sqrt(v)
		noise += share * share * luck * seen / n // the horizon has as many of its answers as the traffic, in proportion
		quality += share * w.quality()
		c.Labels += len(w.labels)
	}
	// Workloads of one tenant err together as far as they are kin.
	variance := (1-kinship)*apart + kinship*together*together
	if d.Horizon > 0 {
		variance += noise / float64(d.Horizon)
	}
	c.Expected = 1 - lost/quality
	c.Bound = c.Expected - z*math.Sqrt(variance)/quality
	return c, c.Bound >= d.Target
}

// normalQuantile is the point that a standard normal variable stays below with probability p.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
