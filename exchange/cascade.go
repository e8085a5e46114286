package exchange

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"bursar/pricing"
)

// Cascade is how the answers of a route's own model are checked, and who answers instead of one that fails. It is made when a policy loads and
// never changes.
type Cascade struct {
	Route  string
	Cheap  string       // the route's own model, as the policy calls it
	Own    []*Candidate // its targets
	Model  string       // the model that answers instead
	To     []*Candidate // its targets, in the order to try
	Checks []string     // the checks that keep an answer
	Second string       // a second cheap model that must say the same, "" if none is asked
	Ask    []*Candidate // its targets
	Refuse bool         // what fails and cannot escalate is refused; else it is served as it is
	Buffer int          // bytes of a stream that are held back for its checks; 0 passes streams on unchecked

	Quality    float64       // share of the other model's quality that must be certified, 0 if no certificate is needed
	Confidence float64       // of certificates
	Valid      time.Duration // how long one holds
	Shadow     float64       // share of the route's requests that both models answer
}

// Digest tells cascades apart by the models and checks that their samples are of: samples of others say nothing of it.
func (k *Cascade) Digest() string {
	h := fnv.New64a()
	for _, targets := range [][]*Candidate{k.Own, k.Ask, k.To} {
		for _, c := range targets {
			_, _ = h.Write([]byte(c.Target + "\n")) // a hash does not fail
		}
		_, _ = h.Write([]byte("\n"))
	}
	checks := slices.Sorted(slices.Values(k.Checks))
	_, _ = h.Write([]byte(strings.Join(checks, ",")))
	return fmt.Sprintf("%016x", h.Sum64())
}

// Instead is who answers a request whose answer fails its checks.
type Instead struct {
	Candidates []*Candidate // in the order to try; none if nobody can
	MaxOutput  int64        // output cap in tokens
}

// CascadeWord is what a cascade made of a request.
type CascadeWord string

// What a cascade can make of a request.
const (
	CascadeNone      CascadeWord = ""
	CascadeKept      CascadeWord = "kept"      // the cheap answer passed
	CascadeEscalated CascadeWord = "escalated" // it failed, and the other model answered
	CascadeUnchecked CascadeWord = "unchecked" // it was a stream beyond its buffer, or one that is not held back
	CascadeServed    CascadeWord = "served"    // it failed, and was served as nobody else could answer
	CascadeRefused   CascadeWord = "refused"   // it failed, nobody else could answer, and the policy wants no such answer
)

// PaidCall is a call that was paid beside the one that answered, as rows of earlier versions have it.
type PaidCall struct {
	Target string
	Cost   pricing.Nano
	Why    string // the check that its answer failed
}

// Aside says what a call is that is paid for beside the one that answers a client's request. Such a call is held, settled and booked like a
// request, but is none.
type Aside string

// Calls beside a request: the house's own, and those that the request has gone on from.
const (
	AsideNone     Aside = ""
	AsideSecond   Aside = "second"   // a second cheap model is asked whether it says the same
	AsideSummary  Aside = "summary"  // what was dropped of a long conversation is summed up
	AsideShadow   Aside = "shadow"   // the model that did not serve a sampled request is asked too
	AsideRejected Aside = "rejected" // an answer failed the checks of its route
	AsideFailed   Aside = "failed"   // a candidate gave no answer that is of use, and may bill the request all the same
)

// AsideTag is the tag that calls beside a request carry, with the call and the route as its value: "shadow:ROUTE". No client can set it.
const AsideTag = "bursar-aside"
