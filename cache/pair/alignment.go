package pair

import "bursar/cache/embed"

// alignments measures how well the words of one side are meant by the other, where they are not repeated.
func (c *comparison) alignments(f *Features) {
	c.align()
	var mean, unmatched, worst, heaviest, lost [2]float32
	for side := range 2 {
		s, in := c.a, c.inA[:]
		if side == 1 {
			s, in = c.b, c.inB[:]
		}
		var sum, weight float32
		worst[side], unmatched[side] = 1, 1
		var unmatchedSum, unmatchedWeight float32
		for i := range s.tokens {
			t := &s.tokens[i]
			best := float32(1)
			if in[i] < 0 {
				best = min(float32(c.best[side][i])/(embed.Scale*embed.Scale), 1)
			}
			sum += t.idf * best
			weight += t.idf
			if t.stop || c.stems[side][i] {
				continue
			}
			unmatchedSum += t.idf * best
			unmatchedWeight += t.idf
			worst[side] = min(worst[side], best)
			heaviest[side] = max(heaviest[side], t.idf*(1-best))
			lost[side] += t.idf * (1 - best)
		}
		mean[side] = ratio(sum, weight)
		if unmatchedWeight > 0 {
			unmatched[side] = unmatchedSum / unmatchedWeight
		}
		f[allUnmatched] += unmatchedWeight
	}
	f[leastAligned], f[mostAligned] = order2(mean[0], mean[1])
	f[leastUnmatched], f[mostUnmatched] = order2(unmatched[0], unmatched[1])
	f[leastWorst], f[mostWorst] = order2(worst[0], worst[1])
	f[leastHeaviest], f[mostHeaviest] = order2(heaviest[0], heaviest[1])
	f[leastLost], f[mostLost] = order2(lost[0], lost[1])
	f[fewerUnmatched], f[moreUnmatched] = order2(float32(c.unmatchedN[0]), float32(c.unmatchedN[1]))
	f[opposites] = c.opposites()
}

// align finds, for each word that the other side has not, the nearest word there: a dot product, 0 where none is alike. To words of content, stop
// words are not near. Each two words are compared once, for both of them.
func (c *comparison) align() {
	a, b := c.a.tokens, c.b.tokens
	var missing [maxTokens]int16 // words of b that a has not
	lacks := missing[:0]
	for j := range b {
		if c.best[1][j] = 0; c.inB[j] < 0 {
			lacks = append(lacks, int16(j))
		}
	}
	packed := 0 // words of b
	var asked embed.Reversed
	for i := range a {
		if c.best[0][i] = 0; c.inA[i] >= 0 && len(lacks) == 0 {
			continue
		}
		for ; packed < len(b); packed++ {
			c.b.vectors[packed].Pack(&c.packed[packed])
		}
		c.a.vectors[i].Reverse(&asked)
		if c.inA[i] < 0 {
			for j := range b {
				c.meet(i, j, c.packed[j].Dot(&asked))
			}
			continue
		}
		for _, j := range lacks {
			c.meet(i, int(j), c.packed[j].Dot(&asked))
		}
	}
}

// meet takes the dot product of two words for the nearest so far.
func (c *comparison) meet(i, j int, dot int32) {
	if s, t := c.a.tokens[i].stop, c.b.tokens[j].stop; s == t {
		c.best[0][i], c.best[1][j] = max(c.best[0][i], dot), max(c.best[1][j], dot)
	} else if s {
		c.best[0][i] = max(c.best[0][i], dot)
	} else {
		c.best[1][j] = max(c.best[1][j], dot)
	}
}
