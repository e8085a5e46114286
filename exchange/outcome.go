package exchange

import (
	"time"

	"bursar/pricing"
)

// Outcome is what came of a request, known when it is settled.
type Outcome struct {
	Status    int        // HTTP status the client got, 499 if it left before one was sent
	Reason    Reason     // why it came out so
	Served    *Candidate // who answered; nil for a hit or a refusal before any call
	Attempts  int        // upstream calls made
	Usage     pricing.Usage
	Method    Method        // how the usage came to be
	Finish    string        // finish reason of the answer, in OpenAI's words
	Capped    int64         // output cap sent upstream, 0 if none
	Trimmed   int64         // prompt tokens removed
	Cache     string        // hit, miss, off: what the cache did
	Cost      pricing.Nano  // of the call that the request ended with; others that it paid for have exchanges of their own
	Baseline  pricing.Nano  // what the same answer would have cost on the baseline
	Saved     Savings       // per lever; sums to Baseline - Cost exactly
	Held      pricing.Nano  // what was held for it
	Cascade   CascadeWord   // what the checks made of it
	Failed    string        // the check that the cheap answer failed, "" if none
	Second    pricing.Nano  // what a second opinion has cost; it has a row of its own
	Waited    time.Duration // how much longer the client waited because of the checks
	FirstByte time.Duration
	Duration  time.Duration
	Steps     [Steps]time.Duration // time spent in each step
}

// Lever is one way Bursar saves money.
type Lever uint8

// Levers.
const (
	LeverRoute Lever = iota
	LeverExact
	LeverSemantic
	LeverTrim
	LeverCap
	LeverEscalate
	LeverPromptCache
	leverCount
)

// Levers is how many levers there are.
const Levers = int(leverCount)

var leverNames = [Levers]string{"route", "exact", "semantic", "trim", "cap", "escalate", "prompt_cache"}

// String returns the lever's name.
func (l Lever) String() string {
	if int(l) < len(leverNames) {
		return leverNames[l]
	}
	return "unknown"
}

// Savings is signed money per lever.
type Savings [Levers]pricing.Nano

// Sum returns the total of all levers.
func (s *Savings) Sum() pricing.Nano {
	var sum pricing.Nano
	for _, n := range s {
		sum += n
	}
	return sum
}
