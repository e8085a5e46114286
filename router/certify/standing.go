package certify

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"bursar/pricing"
)

// Sample is one request that both models have answered, judged.
type Sample struct {
	At             time.Time
	Evidence       Evidence
	Cheap, Premium float64      // scores, 0 to 1
	Paid           pricing.Nano // what the premium call cost
}

// Terms are what a certificate of live traffic is given on.
type Terms struct {
	Demand
	Valid time.Duration // how long it holds
}

// Standing is how a route stands with a tenant at a moment: what is certified by its samples, and until when. It is a function of the samples
// and the moment alone, so every gateway that has seen the same samples says the same. Once made it is safe for concurrent use.
type Standing struct {
	Certificate           // its Labels are the samples that it rests on; not Valid: nothing is certified
	Samples     int       // of the proof under way, or that came since the certificate was given
	From, Until time.Time // of the certificate
	Revoked     time.Time // when drift took the last one back, zero if none did since

	order *Workload // orders answers by the prior alone, so that all samples may prove
}

// mostSamples bounds the samples that a standing is worked out from: the last ones.
const mostSamples = 8192

// unitSamples set the units that answers are weighed in. The units stay, for the proof and for live answers: a proof is of one order.
const unitSamples = 50

// longestProof is after how many samples a proof that has not succeeded begins anew, with its full risk: a bad time must not be held against a route
// for ever.
const longestProof = 2000

// Stand works out how a route stands. Samples come in the order of time.
//
// The first samples, unitSamples of them, set the units that answers are weighed in, and prove nothing. The others are ordered by what the shipped prior
// makes of them in these units: an order that has not seen how they were judged. Prove's test says up to which threshold of it answers may be kept. A certificate is given once that saves money, too. The samples that come after it watch it: when they show that the target is missed it is
// taken back, and the proof begins anew with the samples after that. When its time is over it is renewed if the samples that came meanwhile prove it
// again.
func Stand(samples []Sample, t Terms, now time.Time) *Standing {
	samples = samples[max(0, len(samples)-mostSamples):]
	f := fold{Standing: Standing{order: NewWorkload(Shipped())}, terms: t, samples: samples, weights: make([]float64, len(samples))}
	f.order.beliefs() // worked out once, so that later reads change nothing
	f.proof, f.begun = newProof(t.Demand), unitSamples
	for i := range samples {
		f.until(samples[i].At)
		f.take(i)
	}
	f.until(now)
	return &f.Standing
}

// Next says what to do with an answer of which the second model has not been asked.
func (s *Standing) Next(e *Evidence) Step {
	if !s.Valid() || e.Invalid {
		return Escalate
	}
	return s.order.Next(e, s.Threshold)
}

// Keep says whether an answer is kept, once all is known of it.
func (s *Standing) Keep(e *Evidence) bool {
	return s.Valid() && !e.Invalid && s.order.Decide(e, s.Threshold)
}

// fold is a Standing being worked out.
type fold struct {
	Standing
	terms   Terms
	samples []Sample
	weights []float64 // of the samples so far
	proof   *proof
	begun   int // the first sample of the proof
	first   int // the first sample that Samples counts while nothing is certified
	issued  int // the first sample after the certificate
	watch   *Watch
}

// take takes in the next sample.
func (f *fold) take(i int) {
	s := &f.samples[i]
	if i < unitSamples {
		f.order.norms.See(&s.Evidence)
		f.weights[i], f.Samples = math.Inf(1), i+1
		return
	}
	shape := f.order.Shape(&s.Evidence)
	f.weights[i] = f.order.Weigh(&shape)
	if s.Evidence.Invalid { // a free check sends it on, whatever it weighs
		f.weights[i] = math.Inf(1)
	}
	j := Judged{Weight: f.weights[i], Cheap: s.Cheap, Premium: s.Premium, Share: 1}
	if f.Valid() {
		got := s.Premium
		if f.Keeps(f.weights[i]) {
			got = s.Cheap
		}
		if f.watch.Add(got, s.Premium); f.watch.Broken() {
			f.Certificate, f.From, f.Until, f.Revoked = Certificate{}, time.Time{}, time.Time{}, s.At
			f.proof, f.begun, f.first, f.Samples = newProof(f.terms.Demand), i+1, i+1, 0
			return
		}
	}
	if !f.Valid() && i-f.begun >= longestProof {
		f.proof, f.begun, f.first = newProof(f.terms.Demand), i, i
	}
	f.proof.Add(j)
	f.Samples = i + 1 - f.first
	if f.Valid() {
		f.Samples = i + 1 - f.issued
	}
	c := f.proof.Certificate()
	if c.Threshold <= f.Threshold || !f.saves(c.Threshold, f.begun, i+1) {
		return
	}
	if !f.Valid() {
		f.From, f.Until, f.Revoked = s.At, s.At.Add(f.terms.Valid), time.Time{}
		f.issued, f.Samples, f.watch = i+1, 0, NewWatch(f.terms.Target, 1-f.terms.Confidence)
	}
	f.Certificate = c
}

// until ends certificates whose time is over by then, and renews them if the samples since prove it.
func (f *fold) until(at time.Time) {
	for f.Valid() && at.After(f.Until) {
		end, seen := f.Until, f.issued
		for seen < len(f.samples) && !f.samples[seen].At.After(end) {
			seen++
		}
		f.proof, f.begun = newProof(f.terms.Demand), f.issued
		for i := f.begun; i < seen; i++ {
			f.proof.Add(Judged{Weight: f.weights[i], Cheap: f.samples[i].Cheap, Premium: f.samples[i].Premium, Share: 1})
		}
		c := f.proof.Certificate()
		if !c.Valid() || !f.saves(c.Threshold, f.begun, seen) {
			f.Certificate, f.From, f.Until, f.first, f.Samples = Certificate{}, time.Time{}, time.Time{}, f.begun, seen-f.begun
			return
		}
		f.Certificate, f.From, f.Until = c, end, end.Add(f.terms.Valid)
		f.issued, f.Samples, f.watch = seen, 0, NewWatch(f.terms.Target, 1-f.terms.Confidence)
	}
}

// lately is over how many samples a certificate must have saved money.
const lately = 200

// saves tells whether keeping answers up to a threshold would have cost less than the premium model alone over the last of some samples.
func (f *fold) saves(threshold float64, from, to int) bool {
	var saved pricing.Nano
	for i := max(from, to-lately); i < to; i++ {
		s := &f.samples[i]
		saved -= s.Evidence.Cheap + s.Evidence.Checker
		if f.weights[i] <= threshold {
			saved += s.Paid
		}
	}
	return saved > 0
}

// Text says what is certified: "quality >= 98 % (n=412, 95 %), valid to 2026-12-26T12:00:00Z".
func (s *Standing) Text(t Terms) string {
	promise := fmt.Sprintf("quality >= %s %%", percent(t.Target))
	switch {
	case s.Valid():
		return fmt.Sprintf("%s (n=%d, %s %%), valid to %s", promise, s.Labels, percent(t.Confidence), s.Until.UTC().Format(time.RFC3339))
	case !s.Revoked.IsZero():
		return fmt.Sprintf("%s not certified (n=%d), taken back %s", promise, s.Samples, s.Revoked.UTC().Format(time.RFC3339))
	default:
		return fmt.Sprintf("%s not certified (n=%d)", promise, s.Samples)
	}
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e6)/1e4, 'f', -1, 64)
}
