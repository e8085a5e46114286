package samples

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"bursar/router/certify"
)

// Book holds labels, and says how routes stand by them. It is safe for concurrent use.
type Book struct {
	mu    sync.Mutex
	known map[string]known // by the ids of labels
	teams map[string]int   // how many of them are of each team
	lines map[Line]*line
	loose map[string]tally // scores of answers, whether they are of pairs or not
	aged  time.Time        // when old labels were last dropped
}

// known is a label that was taken in.
type known struct {
	at    time.Time
	team  string
	score *float64 // nil of a pair
}

// Line is one route of one team.
type Line struct{ Team, Route string }

// line is what is known of one route of one team.
type line struct {
	pairs    []pair
	changed  bool
	standing *certify.Standing
	terms    certify.Terms
	digest   string
	until    time.Time // the standing may be another one from then on
}

type pair struct {
	id string
	at time.Time
	Pair
}

// Horizon is how far back labels count.
const Horizon = 60 * 24 * time.Hour

// patience is how long a pair that nobody but a reader can judge waits for a score, before it counts against the cheap model.
const patience = 24 * time.Hour

// Bounds on what is held. What is beyond them is not taken in.
const (
	mostPairs  = 20_000 // of one line
	mostKnown  = 1 << 20
	mostOfTeam = mostKnown / 8 // so that no team's labels leave no room for those of others
	mostScores = 16            // of one answer
)

// Add takes in a label. False: it was known, is too old, or there is no room for it.
func (b *Book) Add(l *Label, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.age(now)
	if _, have := b.known[l.ID]; have || now.Sub(l.At) > Horizon || len(b.known) >= mostKnown || b.teams[l.Team] >= mostOfTeam {
		return false
	}
	if b.known == nil {
		b.known, b.teams, b.lines, b.loose = map[string]known{}, map[string]int{}, map[Line]*line{}, map[string]tally{}
	}
	t := b.loose[l.Of]
	if l.Score != nil && t.n >= mostScores {
		return false
	}
	b.known[l.ID] = known{l.At, l.Team, l.Score}
	b.teams[l.Team]++
	if l.Score != nil {
		b.loose[l.Of] = tally{t.sum + *l.Score, t.n + 1, l.At}
		if of := b.lines[Line{l.Team, l.Route}]; of != nil {
			of.changed = true
		}
		return true
	}
	of := b.lines[Line{l.Team, l.Route}]
	if of == nil {
		of = &line{}
		b.lines[Line{l.Team, l.Route}] = of
	}
	at, _ := slices.BinarySearchFunc(of.pairs, l, func(p pair, l *Label) int { return cmp.Or(p.at.Compare(l.At), cmp.Compare(p.id, l.Of)) })
	of.pairs = slices.Insert(of.pairs, at, pair{l.Of, l.At, *l.Pair})
	of.changed = true
	return true
}

// Score returns the score of a label that was taken in. False: there is none, or it is of a pair.
func (b *Book) Score(id string) (float64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.known[id]; k.score != nil {
		return *k.score, true
	}
	return 0, false
}

// age drops what is older than the horizon, now and then.
func (b *Book) age(now time.Time) {
	if now.Sub(b.aged) < time.Hour {
		return
	}
	b.aged = now
	old := now.Add(-Horizon)
	for id, k := range b.known {
		if k.at.Before(old) {
			delete(b.known, id)
			if b.teams[k.team]--; b.teams[k.team] == 0 {
				delete(b.teams, k.team)
			}
		}
	}
	for answer, t := range b.loose {
		if t.at.Before(old) {
			delete(b.loose, answer)
		}
	}
	for _, l := range b.lines {
		n := 0
		for n < len(l.pairs) && (l.pairs[n].at.Before(old) || len(l.pairs)-n > mostPairs) {
			n++
		}
		if n > 0 {
			l.pairs, l.changed = slices.Delete(l.pairs, 0, n), true
		}
	}
}

// Standing says how a route stands with a team on some terms. Only pairs whose digest of models and checks is the same count.
func (b *Book) Standing(of Line, digest string, terms certify.Terms, now time.Time) *certify.Standing {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[of]
	if l == nil {
		return certify.Stand(nil, terms, now)
	}
	if l.standing != nil && !l.changed && l.terms == terms && l.digest == digest && now.Before(l.until) {
		return l.standing
	}
	l.changed, l.terms, l.digest = false, terms, digest
	var all []certify.Sample
	next := now.Add(time.Hour)
	for i := range l.pairs {
		p := &l.pairs[i]
		if p.Terms != digest {
			continue
		}
		cheap, other := b.loose[Twin(p.id)], b.loose[p.id]
		if p.Served {
			cheap, other = other, cheap
		}
		c, o, settled := p.scores(cheap, other)
		if wait := p.at.Add(patience); !settled && now.Before(wait) {
			if wait.Before(next) {
				next = wait
			}
			continue
		}
		all = append(all, certify.Sample{At: p.at, Evidence: p.evidence(), Cheap: c, Premium: o, Paid: p.Paid})
	}
	l.standing = certify.Stand(all, terms, now)
	if u := l.standing.Until; l.standing.Valid() && u.Before(next) {
		next = u.Add(1)
	}
	l.until = next
	return l.standing
}

// Lines returns the routes and teams that have pairs, sorted.
func (b *Book) Lines() []Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Line, 0, len(b.lines))
	for l := range b.lines {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Line) int { return cmp.Or(cmp.Compare(a.Team, b.Team), cmp.Compare(a.Route, b.Route)) })
	return all
}

// Waiting returns how many pairs of a line wait to be judged.
func (b *Book) Waiting(of Line, digest string, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, n := b.lines[of], 0
	if l == nil {
		return 0
	}
	for i := range l.pairs {
		p := &l.pairs[i]
		cheap, other := b.loose[Twin(p.id)], b.loose[p.id]
		if p.Served {
			cheap, other = other, cheap
		}
		if _, _, settled := p.scores(cheap, other); p.Terms == digest && !settled && now.Before(p.at.Add(patience)) {
			n++
		}
	}
	return n
}
