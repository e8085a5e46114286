package semantic

import "math"

// evidence is what speaks for and against one answer to a question. Its members are of the order of 1.
type evidence [evidenceCount]float32

// Members of the evidence.
const (
	one       = iota // always 1
	odds             // of the answer, by the classifier, logarithmic
	lead             // of the answer over the next one, by the classifier, logarithmic
	likely           // probability by the classifier
	alone            // probability that the question has an answer of its own, by the classifier
	votes            // the answer's share of the neighbours
	nearest          // cosine of the nearest question with this answer
	rival            // cosine of the nearest question with another answer
	distance         // nearest - rival
	members          // questions with this answer, logarithmic
	agreement        // classifier and nearest neighbour name the same answer
	verified         // the verifier's odds on the nearest question with this answer
	contested        // the verifier's odds on the nearest question with another answer
	conflict         // the verifier sees a number, name or negation that differs
	record           // how often this answer was right when it was the candidate
	novelty          // share of the question that was never seen in this partition
	brevity          // short questions say little
	maturity         // questions learned, logarithmic
	ripeOdds         // odds x maturity
	heard            // a second opinion is known
	second           // the log-odds of its cosine of the nearest question with this answer
	evidenceCount
)

func clamp(x, low, high float32) float32 { return max(low, min(high, x)) }

func logit(p float32) float32 {
	p = clamp(p, 1e-4, 1-1e-4)
	return float32(math.Log(float64(p / (1 - p))))
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logarithm(n int) float32 { return float32(math.Log1p(float64(n))) }
