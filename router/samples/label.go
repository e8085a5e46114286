// Package samples gathers what is known of how good answers were: requests that two models have answered, and what evaluators and clients said of
// answers; and makes of it how each route stands with each team. It is separate because it is all that certificates rest on: it is
// pure, knows no store, and the same labels give the same standing in every gateway, in whatever order they come.
package samples

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bursar/pricing"
	"bursar/router/certify"
	"bursar/router/verify"
)

// Label is one thing that is known of an answer. It is kept in the ledger, as a row of the kind label: see Text.
type Label struct {
	ID          string // unique: a second label of the same id is the same label
	At          time.Time
	Team, Route string
	Said
}

// Said is what a label says: either a score of one answer, or that a request was answered by both models.
type Said struct {
	Of     string   `json:"of"` // the request whose answer it is
	Source string   `json:"source"`
	Score  *float64 `json:"score,omitempty"` // 0 (useless) to 1 (perfect)
	Pair   *Pair    `json:"pair,omitempty"`
}

// Pair is a request that the cheap model and the other one have both answered. One of them was the client's request, Said.Of; the other
// has Twin(Said.Of) as its id.
type Pair struct {
	Terms   string       `json:"terms"`       // of which models, and with which checks: only pairs of the same are compared
	Served  bool         `json:"cheap"`       // the client got the cheap answer
	Cheap   pricing.Nano `json:"cheap_nano"`  // what the calls cost
	Checker pricing.Nano `json:"second_nano"` // 0 if no second model was asked
	Paid    pricing.Nano `json:"paid_nano"`
	Bytes   int          `json:"bytes"` // of the user's last message
	Digits  int          `json:"digits"`
	Failed  bool         `json:"failed"` // a free check of the cheap answer did
	Agree   bool         `json:"agree"`  // nothing the second model said speaks against it
	Same    string       `json:"same"`   // whether both answers say the same: same, different or unclear
}

// Twin is the id of the call that answered a sampled request as well.
func Twin(request string) string { return request + "-shadow" }

// PairID and ScoreID make the ids of labels: one pair for each request, and one score for each answer and source.
func PairID(request string) string          { return "label:" + request }
func ScoreID(request, source string) string { return "label:" + request + ":" + source }

// Text is what a label says, for a row's facts.
func (s *Said) Text() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: " + err.Error()) // it holds nothing that cannot be written
	}
	return string(text)
}

// ParseSaid reads what Text wrote.
func ParseSaid(text string) (Said, error) {
	var s Said
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Said{}, fmt.Errorf("read a label: %w", err)
	}
	switch {
	case s.Of == "":
		return Said{}, errors.New("read a label: it names no request")
	case (s.Score == nil) == (s.Pair == nil):
		return Said{}, errors.New("read a label: it is neither a score nor a pair")
	case s.Score != nil && !(*s.Score >= 0 && *s.Score <= 1):
		return Said{}, fmt.Errorf("read a label: score %v is not within 0 and 1", *s.Score)
	}
	return s, nil
}

func (p *Pair) evidence() certify.Evidence {
	return certify.Evidence{Cheap: p.Cheap, Checker: p.Checker, Bytes: p.Bytes, Digits: p.Digits, Invalid: p.Failed, Agree: p.Agree}
}

// scores returns what the answers of a pair are worth, from what was said of them and whether they say the same. What nobody has judged is taken at its
// worst for the cheap answer: the other one is right, and the cheap one is if it says the same. Settled is false if somebody may yet judge it.
func (p *Pair) scores(cheap, other tally) (c, o float64, settled bool) {
	switch {
	case p.Same == verify.Same.String():
		both := tally{sum: cheap.sum + other.sum, n: cheap.n + other.n}.or(1)
		return both, both, true
	case cheap.n > 0:
		return cheap.or(0), other.or(1), true
	default:
		return 0, other.or(1), p.Failed || p.Same == verify.Different.String()
	}
}

// Judge is what the answers of a pair are worth by the scores that each has got. Settled is false if somebody may yet judge it.
func (p *Pair) Judge(cheap, other []float64) (c, o float64, settled bool) {
	return p.scores(tallyOf(cheap), tallyOf(other))
}

func tallyOf(scores []float64) (t tally) {
	for _, s := range scores[:min(len(scores), mostScores)] {
		t.sum, t.n = t.sum+s, t.n+1
	}
	return t
}

// tally is what was said of one answer.
type tally struct {
	sum float64
	n   int
	at  time.Time // of the last score
}

func (t tally) or(usual float64) float64 {
	if t.n == 0 {
		return usual
	}
	return t.sum / float64(t.n)
}
