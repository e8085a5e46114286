package semantic

import (
	"context"
	"time"

	"bursar/cache/pair"
)

// Opinion is another embedder's, such as opinion.Client's: the cosine of two texts, 1 for equal ones.
type Opinion interface {
	// Cosine finds it out, and waits no longer than a request may; ok is false if it is not known by then.
	Cosine(ctx context.Context, a, b string) (cosine float32, ok bool)
	// Begin has it found out, for Kept to know it later.
	Begin(a, b string)
	// Kept tells what is known already.
	Kept(a, b string) (cosine float32, ok bool)
}

// refused is the verifier's estimate below which nobody else is asked.
const refused = 0.1

// open tells whether the verifier leaves it open what becomes of the candidate: nothing speaks against it but doubt.
func (p *Partition) open(q *Question) bool {
	known := q.Admission == Admitted && q.judgement.Conflict == pair.NoConflict && q.judgement.Same >= refused && (q.candidate.confirmed || q.entry.asker == q.Asker)
	return known && !p.bySelf(q) && !(p.gate.certified() && p.gate.within(q.risk))
}

// consult asks for a second opinion, and returns how long that took. It is waited for only where it can make a hit: a partition that is not certified
// serves nothing on it, so there it is asked for the label's sake, behind the request's back. The lock is let go meanwhile.
func (p *Partition) consult(q *Question) time.Duration {
	q.consulted = true
	began, known, waits := time.Now(), q.entry.text, p.gate.certified()
	p.mu.Unlock()
	var cosine float32
	var ok bool
	if waits {
		cosine, ok = q.Second.Cosine(context.Background(), q.Text, known)
	} else if cosine, ok = q.Second.Kept(q.Text, known); !ok {
		q.Second.Begin(q.Text, known)
	}
	p.mu.Lock()
	if ok {
		q.hear(cosine)
		q.risk = p.selector.risk(&q.evidence)
	}
	return time.Since(began)
}

// hearLate takes an opinion that was not there in time into the evidence of the label: the partition learns how much it is worth.
func (q *Question) hearLate() {
	if !q.consulted || q.evidence[heard] != 0 {
		return
	}
	if cosine, ok := q.Second.Kept(q.Text, q.entry.text); ok {
		q.hear(cosine)
	}
}

// hear takes an opinion into the evidence. Cosines of good embedders lie close together; their log-odds are of the order of 1, as weights that learn
// from few labels want them.
func (q *Question) hear(cosine float32) {
	const surest = 0.98
	q.opinion, q.evidence[heard], q.evidence[second] = cosine, 1, logit(clamp(cosine, 1-surest, surest))
}
