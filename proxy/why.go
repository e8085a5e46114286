package proxy

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"bursar/cache"
	"bursar/cache/semantic"
	"bursar/exchange"
)

// diary remembers what the cache did for the last requests of this gateway, and by what parts their keys differed. It holds digests only, under
// a seed of this process: no text of a prompt.
type diary struct {
	mu    sync.Mutex
	pages [4096]page
	next  int
}

type page struct {
	id, team, rule, model string
	at                    time.Time
	key                   cache.Key // its own
	answer                cache.Key // that of the answer it got or has left
	word                  string    // hit, miss, off, refresh
	reason                exchange.Reason
	finish                string
	kept                  bool // the answer was fit to be given again
	evicted               bool // its answer was reported as false, and purged
	parts                 []part
	compared              bool             // with questions that mean the same
	account               semantic.Account // what came of that
	receipt               *semantic.Receipt
}

// part is a digest of one part of a key.
type part struct {
	name string
	sum  uint64
}

var partSeed = maphash.MakeSeed()

// note takes down a request at its end.
func (d *diary) note(t *trip) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &d.pages[d.next]
	d.next = (d.next + 1) % len(d.pages)
	out := &t.Outcome
	*p = page{
		id: t.ID, team: t.Identity.Team, rule: t.Decision.Rule, model: t.Decision.Model, at: t.Start, key: t.key, answer: t.answerKey(),
		word: out.Cache, reason: out.Reason, finish: out.Finish, kept: t.keptAnswer, parts: append(p.parts[:0], t.parts...),
	}
	if m := t.meaning; m != nil && m.compared {
		p.compared, p.account, p.receipt = true, m.question.Account, m.question.Receipt()
	}
}

// keyParts are the digests of what cacheKey is made of.
func (t *trip) keyParts(dst []part) []part {
	add := func(name string, value []byte) {
		sum := maphash.Bytes(partSeed, value)
		for i := range dst {
			if dst[i].name == name {
				dst[i].sum = dst[i].sum*31 + sum
				return
			}
		}
		dst = append(dst, part{name, sum})
	}
	text := func(name, value string) { add(name, []byte(value)) }
	text("endpoint", t.endpoint.path)
	text("namespace", t.using.policy.Cache.Namespace+"\n"+t.namespace)
	text("model decided for", t.Decision.Model)
	text("targets that serve it", t.servedBy())
	text("trim", t.trims())
	for _, name := range changing {
		add(name+" header", t.header(name))
	}
	t.envelope.Parts(add)
	return dst
}

// Why is what the cache did for a request, and why.
type Why struct {
	ID      string    `json:"request_id"`
	At      time.Time `json:"at"`
	Team    string    `json:"team"`
	Route   string    `json:"route"`
	Model   string    `json:"model"`
	Cache   string    `json:"cache"`
	Reason  string    `json:"reason"`
	Key     string    `json:"cache_key,omitempty"`
	Because string    `json:"because"`
	// Nearest is the earlier request of the scope whose key differs in the fewest parts, "" if there is none.
	Nearest string   `json:"nearest_request_id,omitempty"`
	Differs []string `json:"differs,omitempty"`
	// Semantic is what comparing its question with those before it came to, nil if it was not compared.
	Semantic *Compared `json:"semantic,omitempty"`
}

// Compared is what came of comparing a question with those that were asked in an equal context.
type Compared struct {
	Verdict   string  `json:"verdict"`
	Because   string  `json:"because"`
	Admission string  `json:"admission"`                // what its words alone say
	Nearest   float32 `json:"nearest_cosine"`           // of the nearest question
	Verifier  float32 `json:"verifier"`                 // its estimate that both mean the same
	Conflict  string  `json:"conflict"`                 // what the verifier sees that differs
	Confirmed bool    `json:"confirmed"`                // somebody else got the answer too, or it is the asker's own
	Risk      float64 `json:"risk"`                     // estimated chance that the answer is wrong
	Limit     float64 `json:"risk_limit"`               // up to which its context serves; 0 if there is none yet
	Certified bool    `json:"certified"`                // its context's own evidence certifies what it serves
	Checked   float64 `json:"checked_chance,omitempty"` // with which such a hit is checked upstream
	Target    float64 `json:"max_false_hits"`
	Samples   int     `json:"samples"` // questions that its context has learned
	// SecondOpinion is the embedder's cosine, nil if it was not asked or not in time.
	SecondOpinion *float32 `json:"second_opinion,omitempty"`
}

func compared(a *semantic.Account) *Compared {
	c := &Compared{
		Verdict: a.Verdict.String(), Because: a.Because(), Admission: a.Admission.String(), Nearest: a.Nearest, Verifier: a.Same, Conflict: a.Conflict.String(),
		Confirmed: a.Confirmed, Risk: a.Risk, Limit: a.Limit, Certified: a.Certified, Checked: a.Checked, Target: a.Target, Samples: a.Labels,
	}
	if a.Heard {
		c.SecondOpinion = &a.Second
	}
	return c
}

// Why tells of one of the last 4096 requests of this gateway. Missing says that it is none of them.
func (s *Server) Why(id string) (why Why, missing bool) {
	d := &s.diary
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.find(id)
	if p == nil {
		return Why{}, true
	}
	why = Why{ID: p.id, At: p.at, Team: p.team, Route: p.rule, Model: p.model, Cache: p.word, Reason: p.reason.String()}
	if !p.answer.IsZero() {
		why.Key = p.answer.String()
	}
	if p.compared {
		why.Semantic = compared(&p.account)
	}
	switch {
	case p.reason == exchange.ReasonSemanticHit:
		why.Because = why.Semantic.Because
	case p.reason == exchange.ReasonExactHit:
		why.Because = "an equal request had been answered before"
	case p.reason == exchange.ReasonSharedHit:
		why.Because = "an equal request was under way, and its answer was shared"
	case p.word == "refresh":
		why.Because = "it fetched anew what another request had found stale"
	case p.key.IsZero() || p.word == "off":
		why.Because = "the cache was not asked: its route, the policy, or the client's Cache-Control says so, or the request was refused before"
	default:
		d.explainMiss(p, &why)
	}
	return why, false
}

func (d *diary) find(id string) *page {
	for i := range d.pages {
		if d.pages[i].id == id && id != "" {
			return &d.pages[i]
		}
	}
	return nil
}

func (d *diary) noteEvicted(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.find(id); p != nil {
		p.evicted = true
	}
}

// explainMiss compares a miss with the requests before it that it could have shared an answer with.
func (d *diary) explainMiss(p *page, why *Why) {
	var same, near *page
	var differs []string
	for i := range d.pages {
		o := &d.pages[i]
		if o == p || o.id == "" || !o.at.Before(p.at) || len(o.parts) == 0 || !o.key.SameScope(p.key) {
			continue
		}
		if o.key == p.key {
			if same == nil || o.at.After(same.at) {
				same = o
			}
			continue
		}
		if names := differences(o.parts, p.parts); near == nil || len(names) < len(differs) || len(names) == len(differs) && o.at.After(near.at) {
			near, differs = o, names
		}
	}
	switch {
	case same != nil && !same.kept && same.word != "hit":
		why.Nearest = same.id
		why.Because = fmt.Sprintf("the equal request before it left no answer that may be given again: it ended as %s, finish reason %q", same.reason, same.finish)
	case same != nil:
		why.Nearest = same.id
		why.Because = "the equal request before it was answered, but its answer was too old for this one, purged, evicted, or not found in time"
	case near != nil:
		why.Nearest, why.Differs = near.id, differs
		why.Because = "no equal request was seen before it in its scope; the nearest one differs in: " + strings.Join(differs, ", ")
	default:
		why.Because = "no other request was seen before it in its scope by this gateway"
	}
}

// differences names the parts that two keys do not have in common.
func differences(a, b []part) (names []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			names = append(names, x.name)
		}
	}
	for _, x := range b {
		if !slices.ContainsFunc(a, func(y part) bool { return y.name == x.name }) {
			names = append(names, x.name)
		}
	}
	return names
}
