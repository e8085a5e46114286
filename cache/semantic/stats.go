package semantic

import (
	"cmp"
	"slices"
)

// Stats is how the whole cache stands.
type Stats struct {
	Counts
	Partitions int
	Certified  int // partitions whose own evidence certifies what they serve
	Entries    int
	Bytes      int // that entries and indexes take, about
	Answers    int
	Labels     int     // questions learned: the sample that bounds are of
	Bound      float64 // the widest of the certified partitions' bounds; 0 if there is none
	Estimate   float64 // the highest of the certified partitions' estimates; 0 if there is none
	Busiest    []State // the partitions asked most, at most mostLines
}

const mostLines = 20

// Stats tells how the cache stands.
func (c *Cache) Stats() Stats {
	all := c.partitions()
	c.mu.Lock()
	s := Stats{Counts: c.gone, Partitions: len(all)}
	c.mu.Unlock()
	for _, p := range all {
		state := p.State()
		s.Counts.add(state.Counts)
		s.Entries += state.Entries
		s.Bytes += state.Bytes
		s.Answers += state.Answers
		s.Labels += state.Labels
		if state.Confirmed {
			s.Certified++
			s.Bound = max(s.Bound, state.Bound)
			s.Estimate = max(s.Estimate, state.Estimate)
		}
		s.Busiest = append(s.Busiest, state)
	}
	slices.SortStableFunc(s.Busiest, func(a, b State) int { return cmp.Compare(b.Counts.All(), a.Counts.All()) })
	s.Busiest = slices.Clip(s.Busiest[:min(mostLines, len(s.Busiest))])
	return s
}

// All returns how many lookups there were.
func (c *Counts) All() (n uint64) {
	for _, of := range c.Verdicts {
		n += of
	}
	return n
}

// Verdicts are all verdicts, in their order.
func Verdicts() []Verdict {
	all := make([]Verdict, verdictCount)
	for i := range all {
		all[i] = Verdict(i)
	}
	return all
}
