package semantic

// Counts tell what a partition has seen.
type Counts struct {
	Verdicts      [verdictCount]uint64
	Lost          uint64 // of those served: the answer was no longer kept, so the question went upstream
	Checked       uint64 // shadow checks that were answered
	CheckedWrong  uint64 // of them, those with another answer
	Dropped       uint64 // events and questions that were not learned: Redis did not take them, and too many waited
	Condemned     uint64 // answers that were reported to be wrong
	Recalls       uint64 // lookups that asked Redis's vector set
	RecallsFailed uint64 // of them, those that it did not answer in time
	Recalled      uint64 // questions that were taken in again from there
	Took          Times  // lookups, without that of the answer
}

func (c *Counts) add(o Counts) {
	for v := range o.Verdicts {
		c.Verdicts[v] += o.Verdicts[v]
	}
	c.Lost += o.Lost
	c.Dropped += o.Dropped
	c.Checked += o.Checked
	c.CheckedWrong += o.CheckedWrong
	c.Condemned += o.Condemned
	c.Recalls += o.Recalls
	c.RecallsFailed += o.RecallsFailed
	c.Recalled += o.Recalled
	c.Took.merge(&o.Took)
}

// Of returns how many lookups had a verdict.
func (c *Counts) Of(v Verdict) uint64 { return c.Verdicts[v] }

// State is how a partition stands.
type State struct {
	Counts
	Name      string
	Target    float64 // wrong answers per hit that are tolerated
	Entries   int
	Bytes     int     // that the entries and their index take, about
	Answers   int     // that differ
	Confirmed bool    // the partition's own evidence certifies what it serves
	Estimate  float64 // wrong share of its hits by the labels so far, with their error; 1 without a certificate
	Bound     float64 // wrong share that its hits exceed with 5 % chance at most, by betting; 1 without a certificate
	Labels    int     // questions that labelled a candidate or became one
}

// mapped is what a place in the map of known entries takes, in bytes, about.
const mapped = 40

// State tells how the partition stands.
func (p *Partition) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return State{
		Counts: p.counts, Name: p.name, Target: p.options.Target, Entries: p.index.Len(), Bytes: p.index.Bytes() + p.bytes + mapped*len(p.known), Answers: len(p.classes), Confirmed: p.gate.certified(), Estimate: p.gate.estimate,
		Bound: p.gate.bound(), Labels: p.learned,
	}
}
