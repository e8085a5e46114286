package pair

import (
	"slices"

	"bursar/cache/embed"
)

// Features are what the trees judge a pair by. All are symmetric: a pair has the same whichever question comes first.
type Features [featureCount]float32

// Features.
const (
	cosine          = iota
	wordOverlap     // distinct words in both / in either
	weightOverlap   // the same, by idf
	leastContained  // share of a question, by idf, that the other has: the smaller one
	mostContained   // and the larger one
	stemOverlap     // of content words
	pairOverlap     // of words that follow each other
	gramOverlap     // of character 3- and 4-grams
	leastAligned    // mean best cosine of each word to the other question's
	mostAligned     //
	leastUnmatched  // of content words without their like: mean best cosine
	mostUnmatched   //
	leastWorst      // their worst best cosine
	mostWorst       //
	leastHeaviest   // the largest idf x (1 - best cosine)
	mostHeaviest    //
	leastLost       // sum of idf x (1 - best cosine)
	mostLost        //
	opposites       // pairs of antonyms among the unmatched
	fewerUnmatched  // content words without their like: in the question with fewer
	moreUnmatched   // and in the one with more
	numbersDiffer   //
	numbersClash    // both have numbers, and other ones
	namesDiffer     //
	negationOdd     // one is negated and the other is not
	negationGap     //
	entitiesMissing // names that the other question lacks
	entitiesClash   // both have some
	entitiesShared  //
	quotesDiffer    //
	questionWord    // differs
	firstWord       // is the same
	firstWords      // the first two are
	lastWord        // the last content word is
	shorter         // tokens
	longer          //
	lengthRatio     //
	order           // longest common subsequence of shared words
	inversions      // shared content words in another order
	allUnmatched    // idf of all the unmatched
	substitution    // one stretch of words replaced by another, all else equal: 1 - cosine of the stretches
	prefixShare     // words that both begin with
	suffixShare     // and end with
	datesDiffer     //
	tonguesDiffer   //
	aroundRole      // a word with a role (from, to, before, than) has another filler
	sharedContent   // content words in both
	sharedRarest    // idf of the rarest word in both
	featureCount
)

// Count is how many features a pair has.
const Count = int(featureCount)

// Names are the features' names, for those who look at what the trees learned.
var Names = [featureCount]string{
	"cosine", "wordOverlap", "weightOverlap", "leastContained", "mostContained", "stemOverlap", "pairOverlap", "gramOverlap", "leastAligned",
	"mostAligned", "leastUnmatched", "mostUnmatched", "leastWorst", "mostWorst", "leastHeaviest", "mostHeaviest", "leastLost", "mostLost",
	"opposites", "fewerUnmatched", "moreUnmatched", "numbersDiffer", "numbersClash", "namesDiffer", "negationOdd", "negationGap",
	"entitiesMissing", "entitiesClash", "entitiesShared", "quotesDiffer", "questionWord", "firstWord", "firstWords", "lastWord", "shorter",
	"longer", "lengthRatio", "order", "inversions", "allUnmatched", "substitution", "prefixShare", "suffixShare", "datesDiffer",
	"tonguesDiffer", "aroundRole", "sharedContent", "sharedRarest",
}

// comparison is the scratch of one comparison.
type comparison struct {
	a, b       *Side
	inA, inB   [maxTokens]int16 // for each token, where the other side has the same word; -1 if nowhere
	stems      [2][maxTokens]bool
	best       [2][maxTokens]int32 // for each token that the other side has not, its dot product with the nearest there
	packed     [maxTokens]embed.Packed
	unmatched  [2][maxTokens]int16
	unmatchedN [2]int
}

// put sets the sides in the order of their texts, so that a pair is the same whichever question comes first.
func (c *comparison) put(a, b *Side) {
	if a.text > b.text {
		a, b = b, a
	}
	c.a, c.b = a, b
}

func (c *comparison) measure(f *Features) {
	*f = Features{}
	c.match()
	c.overlaps(f)
	c.alignments(f)
	c.literals(f)
	c.shape(f)
	c.sequence(f)
}

// match finds, for each word of each side, the same word on the other.
func (c *comparison) match() {
	c.unmatchedN = [2]int{}
	for i := range c.a.tokens {
		c.inA[i], c.stems[0][i] = -1, false
	}
	for j := range c.b.tokens {
		c.inB[j], c.stems[1][j] = -1, false
	}
	for i := range c.a.tokens {
		hash, stem := c.a.tokens[i].hash, c.a.tokens[i].stem
		for j := range c.b.tokens {
			t := &c.b.tokens[j]
			if t.hash == hash {
				if c.inA[i] < 0 {
					c.inA[i] = int16(j)
				}
				if c.inB[j] < 0 {
					c.inB[j] = int16(i)
				}
			}
			if t.stem == stem {
				c.stems[0][i], c.stems[1][j] = true, true
			}
		}
	}
	for side, s := range [2]*Side{c.a, c.b} {
		for i := range s.tokens {
			if !s.tokens[i].stop && !c.stems[side][i] {
				c.unmatched[side][c.unmatchedN[side]] = int16(i)
				c.unmatchedN[side]++
			}
		}
	}
}

func (c *comparison) overlaps(f *Features) {
	var both, either, bothWeight, eitherWeight, stems, stemsEither, rarest float32
	var weight, common [2]float32
	for side, s := range [2]*Side{c.a, c.b} {
		in := c.inA[:]
		if side == 1 {
			in = c.inB[:]
		}
		for i := range s.tokens {
			t := &s.tokens[i]
			weight[side] += t.idf
			if in[i] >= 0 {
				common[side] += t.idf
			}
			if !t.stop {
				stemsEither++
				if c.stems[side][i] {
					stems++
					rarest = max(rarest, t.idf)
				}
			}
		}
	}
	for i := range c.a.tokens {
		either++
		eitherWeight += c.a.tokens[i].idf
		if c.inA[i] >= 0 {
			both++
			bothWeight += c.a.tokens[i].idf
		}
	}
	for j := range c.b.tokens {
		if c.inB[j] < 0 {
			either++
			eitherWeight += c.b.tokens[j].idf
		}
	}
	f[cosine] = embed.Cosine(&c.a.vector, &c.b.vector)
	f[wordOverlap], f[weightOverlap] = ratio(both, either), ratio(bothWeight, eitherWeight)
	f[leastContained], f[mostContained] = order2(ratio(common[0], weight[0]), ratio(common[1], weight[1]))
	f[stemOverlap] = ratio(stems, stemsEither)
	f[sharedContent], f[sharedRarest] = stems/2, rarest
	f[pairOverlap] = c.pairs()
	f[gramOverlap] = c.a.grams.overlap(&c.b.grams)
}

// pairs is how many of the neighbouring words of a are neighbours in b too.
func (c *comparison) pairs() float32 {
	a, b := c.a.tokens, c.b.tokens
	if len(a) < 2 || len(b) < 2 {
		return 0
	}
	var both float32
	for i := 0; i+1 < len(a); i++ {
		if c.inA[i] < 0 || c.inA[i+1] < 0 {
			continue
		}
		for j := 0; j+1 < len(b); j++ {
			if a[i].hash == b[j].hash && a[i+1].hash == b[j+1].hash {
				both++
				break
			}
		}
	}
	return both / (float32(len(a)+len(b)-2) - both)
}

// opposites counts words of one side whose antonym stands on the other.
func (c *comparison) opposites() float32 {
	var n float32
	for _, i := range c.unmatched[0][:c.unmatchedN[0]] {
		for _, j := range c.unmatched[1][:c.unmatchedN[1]] {
			if slices.Contains(c.a.tokens[i].antonyms, c.b.tokens[j].stem) || prefixed(c.a.word(i), c.b.word(j)) {
				n++
			}
		}
	}
	return n
}

func ratio(a, b float32) float32 {
	if b == 0 {
		return 0
	}
	return a / b
}

func order2(a, b float32) (float32, float32) { return min(a, b), max(a, b) }
