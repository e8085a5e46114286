package semantic

import "bursar/cache"

// Receipt is what a hit was weighed by. Whoever keeps it can report later that the hit was wrong.
type Receipt struct {
	context             cache.Key
	risk, doubt, chance float64
	evidence            evidence
}

// Receipt returns the receipt of a question that was served, nil of another.
func (q *Question) Receipt() *Receipt {
	if q.Verdict != Served {
		return nil
	}
	return &Receipt{context: q.context, risk: q.risk, doubt: q.doubt(), chance: q.chance, evidence: q.evidence}
}

// Condemn takes back an answer that somebody reported to be wrong: all questions that lead to it, or to one that says the same, are forgotten in
// every partition that has it. With the receipt of the hit that was wrong, the hit's partition learns from it as from a check: its gate
// may close. It returns how many questions were forgotten.
func (c *Cache) Condemn(answer cache.Key, r *Receipt) (n int) {
	if r != nil {
		if p := c.find(r.context); p != nil {
			p.regret(r)
		}
	}
	if c.fleet != nil {
		c.fleet.report(answer)
		for _, p := range c.partitions() {
			p.shared.condemn(string(answer.AppendTo(nil)))
		}
	}
	return c.condemn(answer)
}

func (c *Cache) condemn(answer cache.Key) (n int) {
	for _, p := range c.partitions() {
		n += p.condemn(answer)
	}
	return n
}

// condemn forgets the class that an answer belongs to.
func (p *Partition) condemn(answer cache.Key) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var of *class
	for _, e := range p.entries {
		if e != nil && e.key == answer {
			of = e.class
		}
	}
	if of == nil {
		return 0
	}
	if p.shared != nil {
		p.shared.condemn(string(of.content.digest[:]))
	}
	for _, e := range p.entries {
		if e != nil && e.class == of {
			p.erase(e)
			n++
		}
	}
	p.counts.Condemned++
	return n
}

// erase removes an entry for all gateways.
func (p *Partition) erase(e *entry) {
	p.remove(e)
	if p.shared != nil {
		p.shared.fleet.erase(p.shared, e.ref)
	}
}

// regret learns that a hit was wrong.
func (p *Partition) regret(r *Receipt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(event{kind: regrets, risk: r.risk, doubt: r.doubt, evidence: r.evidence})
}

// Forget forgets the questions whose answers are out of use, as hides tells of an answer's key, its labels and what had been purged when it was
// asked for. It returns how many they were.
func (c *Cache) Forget(hides func(cache.Key, []string, cache.Mark) bool) (n int) {
	for _, p := range c.partitions() {
		n += p.forget(hides)
	}
	return n
}

func (p *Partition) forget(hides func(cache.Key, []string, cache.Mark) bool) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.entries {
		if e != nil && hides(e.key, e.labelled(), e.mark) {
			p.erase(e)
			n++
		}
	}
	return n
}

// Clear forgets everything that was learned.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.recent.Len() > 0 {
		c.drop(c.recent.Back())
	}
}
