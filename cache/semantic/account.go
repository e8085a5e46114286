package semantic

import (
	"fmt"
	"math"

	"bursar/cache/pair"
)

// Account is what a lookup went by, for those who ask why it came out as it did.
type Account struct {
	Verdict   Verdict
	Admission Admission
	Nearest   float32       // cosine of the nearest question, 0 if there was none
	Same      float32       // the verifier's estimate that the candidate's question means the same, 0..1
	Conflict  pair.Conflict // what the verifier sees that differs
	Confirmed bool          // somebody else got the candidate's answer too, or it is the asker's own
	Risk      float64       // estimated chance that the candidate is wrong; 1 without a candidate
	Limit     float64       // the risk up to which the partition serves; 0 if it has no limit yet
	Certified bool          // the partition's own evidence certifies what it serves
	Checked   float64       // chance with which a hit such as this is sent upstream to be checked
	Target    float64       // wrong answers per hit that are tolerated
	Labels    int           // questions that the partition has learned
	Heard     bool          // a second opinion was known
	Second    float32       // its cosine of the candidate's question
}

func (p *Partition) account(q *Question) Account {
	a := Account{
		Verdict: q.Verdict, Admission: q.Admission, Risk: q.Risk(), Limit: p.gate.most(), Certified: p.gate.certified(), Target: p.options.Target, Labels: p.learned,
	}
	if len(q.near) > 0 {
		a.Nearest = q.near[0].Cosine
	}
	if q.candidate != nil {
		a.Same, a.Conflict = q.judgement.Same, q.judgement.Conflict
		a.Heard, a.Second = q.evidence[heard] != 0, q.opinion
		a.Confirmed = q.candidate.confirmed || q.entry.asker == q.Asker
	}
	if q.Verdict == Served || q.Verdict == Shadowed {
		a.Checked = q.chance
	}
	return a
}

// most is the risk up to which candidates are within the limit.
func (g *gate) most() float64 {
	if g.limit == 0 {
		return 0
	}
	return min(1, leastRisk*math.Exp2(float64(g.limit)/perOctave))
}

// Because says why, for people.
func (a *Account) Because() string {
	switch a.Verdict {
	case Empty:
		return "no question was answered before in its context"
	case Unlike:
		return "no answer that is still kept was given to a question like it"
	case Quarantined:
		return "the answer to the nearest question was given to one asker only: it serves others once somebody else got an equal one"
	case Unfit:
		return fmt.Sprintf("its words say %q: such a question is answered from the cache only where an answer was right at least eight times", a.Admission)
	case Conflicting:
		return fmt.Sprintf("it differs from the nearest question in what an answer depends on: %s", a.Conflict)
	case Uncertain:
		return fmt.Sprintf("the answer of the nearest question is wrong with an estimated chance of %.3f, and this context serves up to %.3f", a.Risk, a.Limit)
	case Uncertified:
		return fmt.Sprintf("its context has not shown yet, by %d questions, that its hits are wrong at most %.3g %% of the time, and the verifier alone is not sure enough (%.2f)", a.Labels, 100*a.Target, a.Same)
	case Behind:
		return "this gateway has not loaded what the fleet knows of its context, or has not heard of Redis of late"
	case Shadowed:
		return "it would have been a hit, and was drawn to be checked upstream"
	case Served:
		if a.Certified {
			return fmt.Sprintf("the answer of a question that means the same: wrong with an estimated chance of %.3f, and this context serves up to %.3f", a.Risk, a.Limit)
		}
		return fmt.Sprintf("the answer of a question that the verifier finds to mean the same (%.2f)", a.Same)
	default:
		return a.Verdict.String()
	}
}
