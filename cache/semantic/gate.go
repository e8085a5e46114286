package semantic

import "math"

// gate decides how much risk a partition serves. It keeps the labels of candidates in strata of estimated risk, and sets the limit at the
// stratum up to which the wrong share of all that would be served, with its error, is within the target. What would be served at that
// limit is a would-be hit.
//
// Nothing is served until a wager on the would-be hits, all of which go upstream meanwhile and are labelled, has shown that their wrong
// share is below the target. From then on shadow checks label some; a wager the other way closes the gate when it shows that the
// share is above the target, and all is learned anew. Both wagers hold whenever one looks; what the limit allows in between is an
// estimate with its error.
type gate struct {
	target   float64
	strata   [strataCount]stratum
	asked    int
	limit    int     // strata below are within the limit
	estimate float64 // of the wrong share within the limit, with its error; 1 if there is no limit
	wager    wager
	open     bool    // the wager was won
	alarm    float64 // logarithm of the wealth of a bet that more than the target is wrong
	alarms   int
}

// stratum counts, with old questions fading: those with a candidate of this risk, the labelled ones of them, and the wrong ones of those.
type stratum struct{ mass, labelled, wrong float64 }

const (
	strataCount = 28
	leastRisk   = 0.001
	perOctave   = 2.5
	memory      = 4000.0 // questions after which one counts for 1/e
	caution     = 1.2    // standard errors
	believed    = 3.0    // labels that the estimate of a stratum's risk itself counts for
	leastLabels = 20     // before there is a limit
	settleEvery = 32     // questions
	modesty     = 0.5    // share of the target that is aimed at to open the gate
	falseAlarm  = 0.01   // chance that the gate closes although it keeps the target
)

func stratumOf(risk float64) int {
	if risk <= leastRisk {
		return 0
	}
	return min(strataCount-1, int(perOctave*math.Log2(risk/leastRisk)))
}

func riskOf(stratum int) float64 {
	return min(1, leastRisk*math.Exp2((float64(stratum)+0.5)/perOctave))
}

// within tells whether a candidate of this risk is a would-be hit.
func (g *gate) within(risk float64) bool { return stratumOf(risk) < g.limit }

// certified tells whether would-be hits are served.
func (g *gate) certified() bool { return g.open }

// ask counts a question with a candidate of this risk.
func (g *gate) ask(risk float64) {
	g.strata[stratumOf(risk)].mass++
	g.asked++
	if g.asked%settleEvery == 0 {
		keep := math.Exp(-settleEvery / memory)
		for i := range g.strata {
			s := &g.strata[i]
			s.mass, s.labelled, s.wrong = s.mass*keep, s.labelled*keep, s.wrong*keep
		}
		g.settle()
	}
}

// learn takes what came of a candidate: it was to be labelled with this chance, and if it was, it was right or wrong.
func (g *gate) learn(risk, chance float64, labelled, wrong bool) {
	s := &g.strata[stratumOf(risk)]
	loss := 0.0
	if labelled {
		s.labelled++
		if wrong {
			s.wrong++
			loss = 1 / chance
		}
	}
	if g.within(risk) {
		g.wager.observe(g.target, chance, loss)
		if g.open = g.open || g.wager.holds(); g.open {
			g.watch(chance, loss)
		}
	}
}

// settle finds the limit.
func (g *gate) settle() {
	var mass, wrong, variance, labelled float64
	g.limit, g.estimate = 0, 1
	aim := g.target
	if !g.open {
		aim *= modesty // hits that are wrong as often as the target allows would prove nothing
	}
	for i := range g.strata {
		s := &g.strata[i]
		n := s.labelled + believed
		rate := (s.wrong + believed*riskOf(i)) / n
		mass += s.mass
		labelled += s.labelled
		wrong += s.mass * rate
		variance += s.mass * s.mass * rate * (1 - rate) / n
		if labelled < leastLabels {
			continue
		}
		if estimate := (wrong + caution*math.Sqrt(variance)) / mass; estimate <= aim {
			g.limit, g.estimate = i+1, estimate
		}
	}
}

// bound is the wrong share that would-be hits do not exceed, but with chance doubt.
func (g *gate) bound() float64 { return g.wager.upper(g.target) }

// watch bets the other way: wealth says that more than the target is wrong. Then something has changed, and what was learned before does
// not count.
func (g *gate) watch(chance, loss float64) {
	stake := min(chance, 1) / 2
	g.alarm = max(0, g.alarm+math.Log1p(stake*(loss-g.target)))
	if g.alarm > -math.Log(falseAlarm) {
		*g = gate{target: g.target, alarms: g.alarms + 1}
	}
}

// trusts tells whether what the verifier is sure of may be served on its word: until labels here speak against it.
func (g *gate) trusts() bool {
	const granted, share = 40.0, 0.5 // labels of before, of which this share of the target was wrong
	var labelled, wrong float64
	for i := range stratumOf(1-sure) + 1 {
		labelled += g.strata[i].labelled
		wrong += g.strata[i].wrong
	}
	return (wrong+granted*share*g.target)/(labelled+granted) <= g.target
}
