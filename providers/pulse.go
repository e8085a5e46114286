package providers

import (
	"sync"
	"time"
)

// pulse is how long a target takes to the first byte of a stream: of late, and usually. A target that is much slower than usual is an outlier, and
// mostly left alone while others can answer.
type pulse struct {
	mu           sync.Mutex
	late, usual  float64 // nanoseconds; means that forget, soon and slowly
	seen, passed int
}

const (
	pulseKnown  = 50              // streams before what is usual is known
	lateWeight  = 0.1             // of the newest: the last ten or so count
	usualWeight = 0.005           // the last few hundred
	mostCounted = 16              // times the usual, as which one that is slower counts: one alone proves nothing
	outlier     = 4               // times the usual
	leastSlow   = 2 * time.Second // whoever is faster is no outlier
	pulseProbe  = 10              // of so many calls that it would get one still goes to it
)

// note takes down a first byte.
func (p *pulse) note(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen++; p.seen == 1 {
		p.late, p.usual = float64(took), float64(took)
		return
	}
	took = min(took, max(time.Duration(mostCounted*p.usual), leastSlow))
	weight := max(usualWeight, 1/float64(p.seen)) // at first a plain mean
	p.late += lateWeight * (float64(took) - p.late)
	p.usual += weight * (float64(took) - p.usual)
}

// passOver tells whether a call should go to another target: most of them, while this one is an outlier.
func (p *pulse) passOver() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.outlier() {
		return false
	}
	p.passed++
	return p.passed%pulseProbe != 0
}

// outlier tells whether the target is one.
func (p *pulse) outlier() bool {
	return p.seen >= pulseKnown && p.late >= float64(leastSlow) && p.late >= outlier*p.usual
}
