package router

import "bursar/exchange"

// Complexity weighs the signals: 0 is trivial, 1 is hard. It is a sum anyone can check by hand:
//
//	score = Neutral + hard + length - easy, within 0..1
//	hard  = the sum, over the signs of hard work, of weight x min(count, enough) / enough
//	easy  = EasyLookup x how short the text is x how little hard speaks against it
//
// Known is false when neither hard nor easy speaks. "yes" and "go on" show nothing of the work they ask for, which may be the hardest of the day, so
// no rule on complexity may match them; the policy's default tier serves them.
//
// The weights are a starting point that an operator can reason about, not a fitted model: measured over mixed workloads, a
// score of this kind ranks prompts somewhat better than their length and far worse than the answers themselves would.
func Complexity(s exchange.Signals) exchange.Complexity {
	parts := Weigh(s)
	score, known := Neutral, false
	for i := range parts {
		score += parts[i].Adds
		known = known || parts[i].Adds != 0 && parts[i].Sign != signLength
	}
	if !known {
		return exchange.Complexity{}
	}
	return exchange.Complexity{Score: min(1, max(0, score)), Known: true}
}

// Part is what one sign adds to the score.
type Part struct {
	Sign  string  `json:"sign"`
	Count int     `json:"count"`
	Adds  float64 `json:"adds"` // negative for a lookup
}

const signLength = "length in words"

// Weigh returns the parts that Complexity adds to Neutral. Length says nothing alone, as a pasted article may only have to be
// translated, but work that shows other signs is harder if long.
func Weigh(s exchange.Signals) [8]Part {
	parts := [8]Part{
		{"reasoning", s.Reasoning, weigh(s.Reasoning, EnoughReasoning, WeightReasoning)},
		{"code", s.CodeMarks, weigh(s.CodeMarks, EnoughCode, WeightCode)},
		{"mathematics", s.MathMarks, weigh(s.MathMarks, EnoughMath, WeightMath)},
		{"constraints", s.Constraints, weigh(s.Constraints, EnoughConstraints, WeightConstraints)},
		{"steps", s.Steps, weigh(s.Steps, EnoughSteps, WeightSteps)},
		{"questions", s.Questions, weigh(s.Questions-1, EnoughQuestions, WeightQuestions)},
		{signLength, s.Words, weigh(s.Words-LongFrom, LongTo-LongFrom, WeightLength)},
		{"lookups", s.Lookups, 0},
	}
	var hard float64
	for i := range parts[:6] {
		hard += parts[i].Adds
	}
	parts[7].Adds = -EasyLookup * shortness(s) * max(0, 1-hard/HardSilencesEasy)
	return parts
}

// The weights, each with its reason.
const (
	// Neutral is where the scale begins: between the rules that send work down (below about 0.35) and those that send it up (0.7).
	Neutral = 0.35

	// Why, prove, design, debug: the plainest sign that the answer must be thought out. Words that are hardly ever used of easy
	// matters (prove, refactor, trade-off) count twice, so that one of them is enough.
	WeightReasoning = 0.35
	EnoughReasoning = 2

	// Code is where cheap models fail visibly. One mark may be a mention; six are a program.
	WeightCode = 0.25
	EnoughCode = 6

	// Likewise mathematics, where a single formula is already telling.
	WeightMath = 0.25
	EnoughMath = 5

	// Each constraint is one more thing to get wrong. Words such as "only" are common, so that it takes four.
	WeightConstraints = 0.20
	EnoughConstraints = 4

	// Work in several steps; weak, as letters and recipes have steps too.
	WeightSteps = 0.10
	EnoughSteps = 5

	// Several questions in one message, counted from the second on.
	WeightQuestions = 0.10
	EnoughQuestions = 3

	// Length of what was asked, in words, beside other signs.
	WeightLength     = 0.15
	LongFrom, LongTo = 60, 400

	// A lookup (what is, who was, translate ...) is the only sign of easy work that is trusted, and only in a message of a sentence:
	// from ShortFull words down it counts fully, from ShortNone words on not at all, since long questions that begin with "what
	// is" are the exam questions that cheap models fail.
	EasyLookup           = 0.25
	ShortFull, ShortNone = 10, 20

	// HardSilencesEasy is how much hard evidence makes a lookup count for nothing: two weak marks are enough, as a request taken
	// for easier than it is costs more than one taken for harder.
	HardSilencesEasy = 0.10
)

func weigh(count, enough int, weight float64) float64 {
	return weight * float64(min(max(count, 0), enough)) / float64(enough)
}

// shortness is 1 for a short lookup and 0 for none. The lists do not know languages outside Latin script, so a lookup word within
// such a text is not trusted to be all that it asks.
func shortness(s exchange.Signals) float64 {
	if s.Lookups == 0 || s.NonLatin > 0 && s.NonLatin*4 > s.Words {
		return 0
	}
	return min(1, max(0, float64(ShortNone-s.Words)/(ShortNone-ShortFull)))
}
