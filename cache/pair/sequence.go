package pair

import (
	"math/bits"
	"slices"
	"strings"

	"bursar/cache/embed"
)

// rephrased tells whether two questions have the same content words in the same order, the same question word and the same words with a
// role, and so differ in nothing but how the question is put.
func (c *comparison) rephrased(f *Features) bool {
	if f[moreUnmatched] > 0 || f[inversions] > 0 || f[questionWord] > 0 || c.a.wh == 0 || c.a.content == 0 {
		return false
	}
	for _, side := range [2]*Side{c.a, c.b} {
		in := c.inA[:]
		if side == c.b {
			in = c.inB[:]
		}
		for i := range side.tokens {
			if in[i] < 0 && side.tokens[i].role {
				return false
			}
		}
	}
	return true
}

// literals measures what must agree to the letter.
func (c *comparison) literals(f *Features) {
	a, b := c.a, c.b
	differ, clash := c.numbers()
	f[numbersDiffer], f[numbersClash] = truth(differ), truth(clash)
	f[namesDiffer] = truth(!sameSet(a.names, b.names))
	f[negationOdd] = truth(a.negated%2 != b.negated%2)
	f[negationGap] = float32(max(a.negated-b.negated, b.negated-a.negated))
	f[quotesDiffer] = truth(a.quotes != b.quotes)
	f[datesDiffer] = truth(!sameSet(a.dates, b.dates))
	f[tonguesDiffer] = truth(!sameSet(a.tongues, b.tongues))
	missing := c.entities()
	f[entitiesMissing] = float32(missing[0] + missing[1])
	f[entitiesClash] = truth(missing[0] > 0 && missing[1] > 0)
	for i := range a.tokens {
		if a.tokens[i].entity && c.inA[i] >= 0 {
			f[entitiesShared]++
		}
	}
	f[aroundRole] = truth(c.rolesSwapped())
}

// entities counts the names of each side that the other lacks.
func (c *comparison) entities() (missing [2]int) {
	for i := range c.a.tokens {
		if c.a.tokens[i].entity && c.inA[i] < 0 {
			missing[0]++
		}
	}
	for j := range c.b.tokens {
		if c.b.tokens[j].entity && c.inB[j] < 0 {
			missing[1]++
		}
	}
	return missing
}

// numbers tells whether the sides have other numbers, and whether both have some. A number differs from itself in another unit, but not
// from itself without one.
func (c *comparison) numbers() (differ, clash bool) {
	a, b := c.a.numbers, c.b.numbers
	covers := func(of, by []number) bool {
		for _, x := range of {
			if !slices.ContainsFunc(by, func(y number) bool {
				return x.digits == y.digits && (x.unit == y.unit || x.unit == 0 || y.unit == 0)
			}) {
				return false
			}
		}
		return true
	}
	differ = !covers(a, b) || !covers(b, a)
	return differ, differ && len(a) > 0 && len(b) > 0
}

func sameSet(a, b []uint64) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			return false
		}
	}
	return true
}

// rolesSwapped tells whether a word with a role has another filler in each question although both name both fillers: from Oslo to Rome and
// from Rome to Oslo. Names that change places around other words count too.
func (c *comparison) rolesSwapped() bool {
	for i := range c.a.tokens {
		if !c.a.tokens[i].role {
			continue
		}
		filler := c.a.filler(i)
		if filler < 0 || c.inA[filler] < 0 {
			continue
		}
		for j := range c.b.tokens {
			if c.b.tokens[j].hash != c.a.tokens[i].hash {
				continue
			}
			other := c.b.filler(j)
			if other >= 0 && c.b.tokens[other].hash != c.a.tokens[filler].hash && c.inB[other] >= 0 && !c.hasRole(c.b, c.a.tokens[i].hash, c.a.tokens[filler].hash) {
				return true
			}
		}
	}
	return c.namesSwapped()
}

// filler is the first word of content after a role within three words; -1 if there is none.
func (s *Side) filler(i int) int {
	for j := i + 1; j < len(s.tokens) && j <= i+3; j++ {
		if !s.tokens[j].stop {
			return j
		}
	}
	return -1
}

// hasRole tells whether a side has this filler after this role anywhere.
func (c *comparison) hasRole(s *Side, role, filler uint64) bool {
	for i := range s.tokens {
		if s.tokens[i].hash == role {
			if j := s.filler(i); j >= 0 && s.tokens[j].hash == filler {
				return true
			}
		}
	}
	return false
}

// namesSwapped tells whether two names stand in one order here and in the other there, and no preposition explains it.
func (c *comparison) namesSwapped() bool {
	before := -1
	for i := range c.a.tokens {
		t := &c.a.tokens[i]
		if !t.entity && !t.digit || c.inA[i] < 0 {
			continue
		}
		if before >= 0 && c.inA[before] > c.inA[i] && t.hash != c.a.tokens[before].hash && !c.explained(before) && !c.explained(i) {
			return true
		}
		before = i
	}
	return false
}

// explained tells whether a word of a stands after the same role in b.
func (c *comparison) explained(i int) bool {
	if i == 0 || c.inA[i] == 0 {
		return false
	}
	p, q := &c.a.tokens[i-1], &c.b.tokens[c.inA[i]-1]
	return p.hash == q.hash && p.role
}

// shape measures openings, endings and lengths.
func (c *comparison) shape(f *Features) {
	a, b := c.a.tokens, c.b.tokens
	f[questionWord] = truth(c.a.wh != c.b.wh)
	f[firstWord] = truth(len(a) > 0 && len(b) > 0 && a[0].hash == b[0].hash)
	f[firstWords] = truth(len(a) > 1 && len(b) > 1 && a[0].hash == b[0].hash && a[1].hash == b[1].hash)
	f[lastWord] = truth(c.a.lastContent() == c.b.lastContent())
	f[shorter], f[longer] = order2(float32(len(a)), float32(len(b)))
	f[lengthRatio] = ratio(f[shorter], f[longer])
}

func (s *Side) lastContent() uint64 {
	for i := len(s.tokens) - 1; i >= 0; i-- {
		if !s.tokens[i].stop {
			return s.tokens[i].hash
		}
	}
	return 0
}

// sequence measures order: what is common in the same order, what is inverted, and whether just one stretch was replaced.
func (c *comparison) sequence(f *Features) {
	a, b := c.a.tokens, c.b.tokens
	prefix, suffix := 0, 0
	for prefix < len(a) && prefix < len(b) && a[prefix].hash == b[prefix].hash {
		prefix++
	}
	for suffix < len(a)-prefix && suffix < len(b)-prefix && a[len(a)-1-suffix].hash == b[len(b)-1-suffix].hash {
		suffix++
	}
	f[prefixShare], f[suffixShare] = ratio(float32(prefix), f[longer]), ratio(float32(suffix), f[longer])
	f[substitution] = c.replaced(prefix, suffix)
	f[order] = c.common()
	last := int16(-1)
	for i := range a {
		if a[i].stop || c.inA[i] < 0 {
			continue
		}
		if last >= 0 && c.inA[i] < last {
			f[inversions]++
		}
		last = c.inA[i]
	}
}

// replaced is how far apart two short stretches are that differ between questions otherwise equal; 0 if they are not of that kind.
func (c *comparison) replaced(prefix, suffix int) float32 {
	a, b := c.a.tokens[prefix:len(c.a.tokens)-suffix], c.b.tokens[prefix:len(c.b.tokens)-suffix]
	if prefix+suffix < 2 || len(a) == 0 || len(b) == 0 || len(a) > 3 || len(b) > 3 {
		return 0
	}
	tells := func(t token) bool { return !t.stop && !t.digit }
	if !slices.ContainsFunc(a, tells) || !slices.ContainsFunc(b, tells) {
		return 0
	}
	least := float32(1)
	for i := range a {
		if !tells(a[i]) {
			continue
		}
		best := float32(0)
		for j := range b {
			best = max(best, embed.Cosine(&c.a.vectors[prefix+i], &c.b.vectors[prefix+j]))
		}
		least = min(least, best)
	}
	return 1 - min(least, 1)
}

// common is the longest common subsequence of the words that both have, as a share of the shorter list of them.
func (c *comparison) common() float32 {
	const most = 48 // words of each
	var shared [2][most]uint64
	na, nb := gather(&shared[0], c.a.tokens, c.inA[:]), gather(&shared[1], c.b.tokens, c.inB[:])
	if na == 0 || nb == 0 {
		return 0
	}
	// Hyyrö's bit-parallel algorithm: a row of the usual matrix is a word whose zeros are where it grows.
	row := ^uint64(0)
	for _, y := range shared[1][:nb] {
		var equal uint64
		for i, x := range shared[0][:na] {
			if x == y {
				equal |= 1 << i
			}
		}
		row = row + row&equal | row&^equal
	}
	return float32(bits.OnesCount64(^row<<(64-na))) / float32(min(na, nb))
}

// gather collects the words that the other side has too, as many as there is room for.
func gather(into *[48]uint64, tokens []token, in []int16) (n int) {
	for i := range tokens {
		if in[i] >= 0 && n < len(into) {
			into[n] = tokens[i].hash
			n++
		}
	}
	return n
}

// prefixed tells whether one word is the other with a prefix that turns it round: lock and unlock.
func prefixed(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < 3 || !strings.EqualFold(b[len(b)-len(a):], a) {
		return false
	}
	switch strings.ToLower(b[:len(b)-len(a)]) {
	case "un", "in", "im", "il", "ir", "dis", "de", "non", "non-", "anti", "mis":
		return true
	}
	return false
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
