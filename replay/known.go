package replay

import (
	"fmt"
	"slices"
	"strings"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/pricing"
	"bursar/router/samples"
)

// Tried is what the cascade of a request's route made of it.
type Tried struct {
	Word   exchange.CascadeWord
	Failed string       // the check that the cheap answer failed, "" if none
	Cheap  string       // target of the cheap answer
	Cost   pricing.Nano // of the cheap answer, if it was thrown away
	Second pricing.Nano // of the second opinion, 0 if none was asked for
}

// Sample is a request that both models of a cascade have answered, judged.
type Sample struct {
	Terms       string // the cascade's digest
	Cheap       string // targets that answered, "" where that is not known
	Other       string
	Served      bool // the client got the cheap answer
	Passed      bool // nothing that was checked spoke against it
	Score       float64
	OtherScore  float64
	Unsettled   bool // nobody has judged it yet
	CheapCost   pricing.Nano
	SecondCost  pricing.Nano
	PremiumCost pricing.Nano
}

// Known is what all the records say together, gathered before any of them is decided again: calls beside requests, judgements, and how often cheap
// answers have failed their checks.
type Known struct {
	calls  map[string]*calls    // by request
	pairs  map[string]pair      // by request
	scores map[string][]float64 // by answer
	likes  map[like]*outcomes
}

// calls are what was paid beside a request, in rows of their own.
type calls struct {
	all, second, rejected pricing.Nano
	cheap, shadow, failed string // target of the rejected answer and of the shadow's, and the check that failed
}

// pair is a sample as a label has it.
type pair struct {
	*samples.Pair
	route, team string
}

// like is what requests whose cheap answers may be expected to fare alike have in common. Team and route are "" for those of all.
type like struct{ route, team, cheap string }

// outcomes counts cheap answers, and those that did not pass.
type outcomes struct{ seen, failed int64 }

// NewKnown returns what nothing is known from.
func NewKnown() *Known {
	return &Known{calls: map[string]*calls{}, pairs: map[string]pair{}, scores: map[string][]float64{}, likes: map[like]*outcomes{}}
}

// Row takes in what a ledger's row says of other requests than its own, and what a cascade made of it. Its texts are kept.
func (k *Known) Row(row *ledger.Row) error {
	switch row.Kind {
	case ledger.KindLabel:
		said, err := samples.ParseSaid(row.Facts)
		if err != nil {
			return nil // of a version to come
		}
		if said.Pair != nil {
			k.pairs[said.Of] = pair{said.Pair, row.Rule, row.Team}
		} else {
			k.scores[said.Of] = append(k.scores[said.Of], *said.Score)
		}
	case ledger.KindAside:
		return k.aside(row)
	case ledger.KindRequest:
		recorded, err := exchange.ParseRecorded(row.Facts)
		if err != nil {
			return fmt.Errorf("request %s: %w", row.ID, err)
		}
		for i := range recorded.Beside { // of rows of earlier versions, which have no row for it
			k.count(row.Rule, row.Team, recorded.Beside[i].Target, true)
		}
		if recorded.Cascade == exchange.CascadeKept {
			k.count(row.Rule, row.Team, row.Target, false)
		}
	}
	return nil
}

func (k *Known) aside(row *ledger.Row) error {
	recorded, err := exchange.ParseRecorded(row.Facts)
	if err != nil {
		return fmt.Errorf("call %s: %w", row.ID, err)
	}
	of := k.calls[recorded.Of]
	if of == nil {
		of = &calls{}
		k.calls[recorded.Of] = of
	}
	of.all += row.Cost
	switch kind := asideKind(row.Tags); {
	case kind == string(exchange.AsideSecond):
		of.second += row.Cost
	case kind == string(exchange.AsideRejected):
		of.rejected, of.cheap, of.failed = of.rejected+row.Cost, row.Target, recorded.Failed
		k.count(row.Rule, row.Team, row.Target, true)
	case kind == string(exchange.AsideShadow) && row.Target != "":
		of.shadow = row.Target
	}
	return nil
}

// asideKind reads which call a row of the house's own is of.
func asideKind(tags string) string {
	for _, t := range ledger.ParseTags(tags) {
		if t.Name == exchange.AsideTag {
			kind, _, _ := strings.Cut(t.Value, ":")
			return kind
		}
	}
	return ""
}

// Learn takes in what a record says by itself, as one from a file does.
func (k *Known) Learn(r *Record) {
	if t := r.Tried; t != nil && t.Cheap != "" && (t.Word == exchange.CascadeKept || t.Failed != "") {
		k.count(r.Rule, r.Facts.Team, t.Cheap, t.Failed != "")
	} else if p := r.Sample; p != nil && p.Cheap != "" {
		k.count(r.Rule, r.Facts.Team, p.Cheap, !p.Passed)
	}
}

func (k *Known) count(route, team, cheap string, failed bool) {
	for _, l := range [...]like{{route, team, cheap}, {route, "", cheap}, {"", "", cheap}} {
		o := k.likes[l]
		if o == nil {
			o = &outcomes{}
			k.likes[l] = o
		}
		if o.seen++; failed {
			o.failed++
		}
	}
}

// Settle ends the gathering of rows: samples of requests that no cascade has answered tell how their cheap answers fare, too.
func (k *Known) Settle() {
	for id, p := range k.pairs {
		if of := k.calls[id]; of != nil && !p.Served && of.shadow != "" {
			k.count(p.route, p.team, of.shadow, p.Failed || !p.Agree)
		}
	}
}

// Join adds to a request's record what rows beside its own say of it.
func (k *Known) Join(id string, r *Record) {
	of, pair := k.calls[id], k.pairs[id].Pair
	if of == nil {
		of = &calls{}
	}
	r.Beside = of.all
	if r.Tried != nil {
		r.Tried.Second = of.second
		if of.cheap != "" {
			r.Tried.Cheap, r.Tried.Cost, r.Tried.Failed = of.cheap, of.rejected, of.failed
		}
	}
	if pair == nil {
		return
	}
	p := &Sample{
		Terms: pair.Terms, Served: pair.Served, Passed: !pair.Failed && pair.Agree,
		CheapCost: pair.Cheap, SecondCost: pair.Checker, PremiumCost: pair.Paid,
	}
	own, twin := k.scores[id], k.scores[samples.Twin(id)]
	switch {
	case pair.Served:
		p.Cheap, p.Other = r.Target, of.shadow
	case of.shadow != "":
		p.Cheap, p.Other = of.shadow, r.Target
		own, twin = twin, own
	default: // its cheap answer was thrown away
		p.Other = r.Target
		if r.Tried != nil {
			p.Cheap = r.Tried.Cheap
		}
		own, twin = twin, own
	}
	settled := false
	p.Score, p.OtherScore, settled = pair.Judge(own, twin)
	p.Unsettled = !settled
	r.Sample = p
}

// enoughLike is from how many like requests on a share is taken; of fewer, more distant ones are asked too.
const enoughLike = 20

// expect returns how cheap answers of like requests fared: of the route and the team, else of the route, else of any route. Nil if none is known.
func (k *Known) expect(route, team string, own []*exchange.Candidate) *outcomes {
	var best *outcomes
	for _, l := range [...]like{{route, team, ""}, {route, "", ""}, {"", "", ""}} {
		for _, c := range own {
			l.cheap = c.Target
			o := k.likes[l]
			if o != nil && o.seen >= enoughLike {
				return o
			}
			if o != nil && (best == nil || o.seen > best.seen) {
				best = o
			}
		}
	}
	return best
}

// has tells whether a target is one of some candidates.
func has(all []*exchange.Candidate, target string) bool {
	return target != "" && slices.ContainsFunc(all, func(c *exchange.Candidate) bool { return c.Target == target })
}
