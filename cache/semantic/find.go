package semantic

import (
	"math"
	"time"

	"bursar/cache"
	"bursar/cache/embed"
	"bursar/cache/index"
	"bursar/cache/pair"
)

// Question is one question on its way: what is asked, and what was found. It must not be copied once it was used; Reset makes it ready for
// the next.
type Question struct {
	Text  string
	Asker uint64 // whoever asks, so that an answer is confirmed by somebody else
	At    time.Time
	// Second is asked where the verifier leaves it open whether two questions mean the same; nil asks nobody.
	Second Opinion

	Verdict   Verdict
	Admission Admission
	Key       cache.Key // of the answer to serve, if the verdict is Served
	Asked     string    // the question that it was given to
	Account   Account   // what the verdict went by

	context   cache.Key
	vector    embed.Vector
	side      pair.Side
	other     pair.Side
	near      []index.Match
	room      [reach]index.Match
	votes     [reach]float32 // of near
	weight    float32        // sum of the votes
	judged    [3]judgedEntry // what the verifier was asked about
	candidate *class
	entry     *entry
	judgement pair.Judgement
	evidence  evidence
	risk      float64
	chance    float64 // with which the candidate is labelled
	consulted bool    // a second opinion was asked for
	opinion   float32 // and what it said, a cosine
}

// judgedEntry is what the verifier says of an entry.
type judgedEntry struct {
	of        *entry
	judgement pair.Judgement
}

// Reset makes a question ready for use, and keeps its memory.
func (q *Question) Reset(text string, asker uint64, at time.Time) {
	*q = Question{Text: text, Asker: asker, At: at, side: q.side, other: q.other}
}

// Risk is the estimated probability that the candidate is wrong, 1 if there is none.
func (q *Question) Risk() float64 {
	if q.candidate == nil {
		return 1
	}
	return q.risk
}

// doubt is the risk as the verifier alone sees it.
func (q *Question) doubt() float64 { return float64(1 - q.judgement.Same) }

// Verdict is what came of a lookup, and why.
type Verdict uint8

// Verdicts.
const (
	Empty       Verdict = iota // nothing was asked before
	Unlike                     // nothing that was asked before is near
	Quarantined                // nobody else has confirmed the answer
	Unfit                      // the words bind the answer to the moment, the asker or a deed, and experience does not say otherwise
	Conflicting                // a literal differs: a number, name, quote, ...
	Uncertain                  // too likely wrong
	Uncertified                // this partition has not shown yet that it can serve within its target
	Shadowed                   // would be served, but is checked upstream
	Behind                     // the fleet was not heard of of late, or what it knows is being loaded still
	Served
	verdictCount
)

var verdictNames = [verdictCount]string{"empty", "unlike", "quarantined", "unfit", "conflicting", "uncertain", "uncertified", "shadowed", "behind", "served"}

// String returns the verdict's name.
func (v Verdict) String() string {
	if v < verdictCount {
		return verdictNames[v]
	}
	return "unknown"
}

// Find looks for an answer that was given to a question that means the same. Unless it is Served, the question goes upstream, and Learn
// wants to hear what came of it.
func (p *Partition) Find(q *Question) {
	began := time.Now()
	q.context = p.context
	q.Admission = Admit(q.Text)
	embed.Default().Embed(q.Text, &q.vector)
	pair.Default().ReadWith(q.Text, &q.vector, &q.side)
	q.near = p.index.Nearest(&q.vector, q.room[:0:reach])
	p.recall(q)
	p.mu.Lock()
	defer p.mu.Unlock()
	q.Verdict = p.find(q)
	if q.candidate != nil {
		if q.Second != nil && p.open(q) {
			began = began.Add(p.consult(q))
		}
		q.Verdict = p.decide(q)
	}
	p.counts.Verdicts[q.Verdict]++
	p.counts.Took.add(time.Since(began))
	q.Account = p.account(q)
	if q.Verdict == Served {
		q.Key, q.Asked = q.entry.key, q.entry.text
	}
}

// find proposes a candidate; without one it says why.
func (p *Partition) find(q *Question) Verdict {
	if p.shared != nil && p.shared.behind(time.Now()) {
		return Behind
	}
	p.living(q)
	if len(q.near) == 0 {
		return Empty
	}
	p.propose(q)
	return Unlike
}

// decide says what becomes of the candidate.
func (p *Partition) decide(q *Question) Verdict {
	if q.entry.gone { // while a second opinion was asked for
		q.candidate = nil
		return Unlike
	}
	q.chance = 1
	p.note(event{kind: asked, risk: q.risk, doubt: q.doubt()})
	switch {
	case q.judgement.Conflict.Literal():
		return Conflicting
	case !q.candidate.confirmed && q.entry.asker != q.Asker:
		return Quarantined
	case p.gate.within(q.risk) && p.gate.certified() && (q.Admission == Admitted || q.candidate.proven()), p.bySelf(q):
		return p.serve(q)
	case q.Admission != Admitted:
		return Unfit
	case q.judgement.Conflict != pair.NoConflict:
		return Conflicting
	case p.gate.within(q.risk) || p.gate.limit == 0:
		return Uncertified
	default:
		return Uncertain
	}
}

// proven tells whether an answer was right so often that words of caution do not count against it.
func (c *class) proven() bool {
	const many, mostly = 8, 0.85
	return c.members >= many && c.right >= mostly*c.judged
}

// bySelf tells whether the verifier alone may serve: what it is sure of, while its word has held in this partition.
func (p *Partition) bySelf(q *Question) bool {
	return q.Admission == Admitted && q.entry.admitted && q.judgement.Conflict == pair.NoConflict && q.judgement.Same >= sure && p.shipped.trusts()
}

// sure is the verifier's estimate above which it alone is believed.
const sure = 0.8

// serve draws whether a hit is checked. Doubt attracts checks: where they are needed they are many, and where all is well they cost little.
func (p *Partition) serve(q *Question) Verdict {
	q.chance = min(mostDoubt, max(shadows/2, shadows*math.Sqrt(q.risk/(p.options.Target/2))))
	if p.random.Float64() < q.chance {
		return Shadowed
	}
	p.note(event{kind: passed, risk: q.risk, doubt: q.doubt(), chance: q.chance})
	return Served
}

// living drops neighbours that have expired or gone.
func (p *Partition) living(q *Question) {
	kept := q.near[:0]
	for _, m := range q.near {
		e := p.entryAt(m.ID)
		if e == nil {
			continue
		}
		if !q.At.Before(e.expires) {
			p.remove(e)
			continue
		}
		kept = append(kept, m)
	}
	q.near = kept
}

// propose finds the candidate: of the answers that the neighbours and the classifier name, the one that is less likely wrong.
func (p *Partition) propose(q *Question) {
	p.reader.read(q.Text, &q.vector, &p.marks)
	p.scores = p.classifier.probabilities(&p.marks, p.scores)
	top := 0
	for k := 1; k < len(p.scores); k++ {
		if p.columns[k] != nil && (top == 0 || p.scores[k] > p.scores[top]) {
			top = k
		}
	}
	q.vote()
	voted := p.elect(q)
	q.risk = 2
	p.consider(q, voted, top)
	if top > 0 && p.columns[top] != voted {
		p.consider(q, p.columns[top], top)
	}
}

// vote weighs the neighbours, the nearer ones more.
func (q *Question) vote() {
	var all float32
	for i := range q.near {
		q.votes[i] = float32(math.Exp(float64(10 * (q.near[i].Cosine - q.near[0].Cosine))))
		all += q.votes[i]
	}
	q.weight = all
}

// elect finds the class that the neighbours speak for.
func (p *Partition) elect(q *Question) *class {
	var best *class
	var most float32
	for i := range q.near {
		c := p.entries[q.near[i].ID].class
		if v := p.votes(q, c); v > most {
			best, most = c, v
		}
	}
	return best
}

// votes is a class's share of the neighbours' votes.
func (p *Partition) votes(q *Question, c *class) float32 {
	var of float32
	for i := range q.near {
		if p.entries[q.near[i].ID].class == c {
			of += q.votes[i]
		}
	}
	return of / q.weight
}

// consider weighs the evidence for a class, and makes it the candidate if it is less likely wrong than the one so far.
func (p *Partition) consider(q *Question, c *class, top int) {
	e := evidence{one: 1}
	own, rivalEntry := c.last, (*entry)(nil)
	floor := q.near[len(q.near)-1].Cosine
	e[nearest], e[rival] = floor, floor
	ownFound := false
	for i := range q.near {
		m := p.entries[q.near[i].ID]
		switch {
		case m.class == c && !ownFound:
			own, ownFound, e[nearest] = m, true, q.near[i].Cosine
		case m.class != c && rivalEntry == nil:
			rivalEntry, e[rival] = m, q.near[i].Cosine
		}
	}
	judgement := q.judge(own)
	e[contested] = -1
	if rivalEntry != nil {
		e[contested] = logit(q.judge(rivalEntry).Same) / 4
	}
	p.classified(&e, c)
	e[votes] = p.votes(q, c)
	e[distance] = 3 * (e[nearest] - e[rival])
	e[members] = logarithm(c.members) / 4
	e[agreement] = truth(top > 0 && p.columns[top] == c && p.entries[q.near[0].ID].class == c)
	e[verified] = logit(judgement.Same) / 4
	e[conflict] = truth(judgement.Conflict != pair.NoConflict)
	e[record] = (c.right + 1) / (c.judged + 2)
	e[novelty] = p.classifier.novelty(&p.marks)
	e[brevity] = 1 / sqrt(1+float32(len(p.marks.ids))/16)
	e[maturity] = logarithm(p.learned) / 8
	e[ripeOdds] = e[odds] * e[maturity]
	if risk := p.selector.risk(&e); risk < q.risk {
		q.candidate, q.entry, q.evidence, q.risk = c, own, e, risk
		q.judgement = judgement
	}
}

// classified takes what the classifier says of a class.
func (p *Partition) classified(e *evidence, c *class) {
	var of, next float32
	if c.column > 0 {
		of = p.scores[c.column]
	}
	for k := 1; k < len(p.scores); k++ {
		if k != c.column {
			next = max(next, p.scores[k])
		}
	}
	e[odds], e[likely] = logit(of)/4, of
	e[lead] = (logit(of) - logit(next)) / 8
	e[alone] = 1
	if len(p.scores) > 0 {
		e[alone] = p.scores[0]
	}
}

// judge asks the verifier about an entry, once in a lookup.
func (q *Question) judge(e *entry) pair.Judgement {
	free := len(q.judged) - 1
	for i := range q.judged {
		if q.judged[i].of == e {
			return q.judged[i].judgement
		}
		if q.judged[i].of == nil {
			free = i
			break
		}
	}
	pair.Default().ReadWith(e.text, &e.vector, &q.other)
	q.judged[free] = judgedEntry{e, pair.Default().Judge(&q.side, &q.other)}
	return q.judged[free].judgement
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
