package certify

// Prove is Certify without a prior's word on quality: the prior and the labels only rank the answers, and a threshold holds if the labels
// alone refute that it misses the target. It is Learn-then-Test with a fixed sequence (the thresholds from the lowest up, the first that is not
// proved ends it) and a betting martingale as the test, so it is exact for any distribution, needs no correction for the number of
// thresholds, and may be looked at after every label. The ranking must not have seen the labels it is proved on: rank gives each label a
// weight from beliefs without it.
func Prove(judged []Judged, d Demand) Certificate {
	best := Certificate{Labels: len(judged)}
	var widest float64
	for i := range judged {
		widest = max(widest, judged[i].Share)
	}
	for t := thresholdStep; t <= mostThreshold; t += thresholdStep {
		bet := NewBet(1-d.Confidence, d.Target*widest)
		var kept, quality, premium float64
		for i := range judged {
			j := &judged[i]
			got := j.Premium
			if j.Weight <= t {
				got = j.Cheap
				kept++
			}
			bet.Add(j.Share * (got - d.Target*j.Premium))
			quality += j.Share * got
			premium += j.Share * j.Premium
		}
		if !bet.Won() {
			break
		}
		best.Threshold, best.Kept = t, kept/float64(len(judged))
		best.Expected, best.Bound = quality/premium, d.Target
	}
	return best
}

// Judged is a labelled answer with the weight that it would have had in the traffic.
type Judged struct {
	Weight, Cheap, Premium float64
	Share                  float64 // how much it counts for: 1, or what makes workloads count alike
}

// Bet tests, one observation at a time, that a mean is above 0, by betting on it: the stake would not grow if the mean were 0 or below,
// so the chance that it ever reaches 1/risk is at most risk (Ville). Observations have a lower bound.
type Bet struct {
	risk, worst     float64
	capital, most   float64
	n, sum, squares float64
}

// NewBet returns a bet at the risk of being wrong, over observations that are never below -worst.
func NewBet(risk, worst float64) *Bet {
	return &Bet{risk: risk, worst: worst, capital: 1, most: 1}
}

// Bets are sized as if many observations of a usual mean had been seen, and some of a usual square: a mean that is worth proving is far below the
// chance of one observation, and stakes that follow the first hundreds of them lose more than they learn.
const (
	usualGain, gainPrior     = 0.025, 1000
	usualSquare, squarePrior = 0.05, 50
)

// Add makes the next bet, sized by what was seen before it, and settles it.
func (b *Bet) Add(v float64) {
	mean := (b.sum + gainPrior*usualGain) / (b.n + gainPrior)
	square := (b.squares + squarePrior*usualSquare) / (b.n + squarePrior)
	stake := max(0, min(0.5/b.worst, mean/square))
	b.capital *= 1 + stake*v
	b.most = max(b.most, b.capital)
	b.n, b.sum, b.squares = b.n+1, b.sum+v, b.squares+v*v
}

// Won tells whether the mean is proved to be above 0.
func (b *Bet) Won() bool { return b.most >= 1/b.risk }
