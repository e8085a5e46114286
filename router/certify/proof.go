package certify

// proof is Prove, one judged answer at a time, each counting alike: the test of every threshold goes on as answers come, and may be looked at after
// each of them.
type proof struct {
	demand         Demand
	bets           []Bet
	kept           []float64 // answers that each threshold keeps
	got            []float64 // and their scores, with the premium ones of the others
	premium, count float64
}

// newProof begins a proof of the demand.
func newProof(d Demand) *proof {
	const n = int(mostThreshold / thresholdStep)
	p := &proof{demand: d, bets: make([]Bet, n), kept: make([]float64, n), got: make([]float64, n)}
	for i := range p.bets {
		p.bets[i] = *NewBet(1-d.Confidence, d.Target)
	}
	return p
}

// Add takes in a judged answer.
func (p *proof) Add(j Judged) {
	p.count++
	p.premium += j.Premium
	for i := range p.bets {
		got := j.Premium
		if j.Weight <= float64(i+1)*thresholdStep {
			got = j.Cheap
			p.kept[i]++
		}
		p.got[i] += got
		p.bets[i].Add(got - p.demand.Target*j.Premium)
	}
}

// Certificate returns what is proved by now: the highest threshold before the first that is not.
func (p *proof) Certificate() Certificate {
	best := Certificate{Labels: int(p.count)}
	for i := range p.bets {
		if !p.bets[i].Won() {
			break
		}
		best.Threshold, best.Kept = float64(i+1)*thresholdStep, p.kept[i]/p.count
		best.Expected, best.Bound = p.got[i]/p.premium, p.demand.Target
	}
	return best
}
