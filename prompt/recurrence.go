package prompt

import (
	"sync"
	"time"
)

// Recurrence learns how likely prefixes of prompts are to come again while a provider still has them in its cache, and decides by it which
// ones to have written there: a write costs more than no cache at all, and pays only if it is read. What it learns from is which prefixes come,
// not which were written, so it learns as much where nothing is. It is safe for concurrent use. The zero value is ready.
type Recurrence struct {
	mu    sync.Mutex
	odds  map[class]*odds
	known map[uint64]uint64 // where in the queue a prefix stood last, counted from the first one ever
	queue []sighting        // in the order of time
	gone  uint64            // how many have left the queue
}

// Terms are a target's terms for its prompt cache.
type Terms struct {
	Least int64 // tokens of the shortest prefix that it keeps
	Pays  int64 // the chance, in thousandths, of being read from which on a write pays; see pricing.Price.CachePays
}

// sighting is one time that a prefix came.
type sighting struct {
	prefix     uint64
	at         time.Time
	class      class
	wasWritten bool // it was marked, so its provider has it
	again      bool // it came again in time
}

// class is what prefixes have in common that are equally likely to come again.
type class struct {
	route string
	kind  kind
}

type kind uint8

const (
	kindNewStatic   kind = iota // tools and system, not seen of late
	kindKnownStatic             // tools and system, seen of late
	kindFirst                   // a prompt without an answer in it
	kindFirstOfTools
	kindLater
	kinds
)

// usual are the chances in thousandths that hold until a route has shown its own, as if learned from so many sightings.
var usual = [kinds]int64{kindNewStatic: 200, kindKnownStatic: 700, kindFirst: 200, kindFirstOfTools: 500, kindLater: 600}

const usualWeight = 8

// odds are how often prefixes of a class came again. Both halve now and then, so that a change of traffic shows.
type odds struct{ again, all int64 }

const mostOdds = 512

const (
	// cachedFor is how long a provider keeps a prefix that is not read (Anthropic's usual time).
	cachedFor = 5 * time.Minute
	// mostSightings bounds the queue; what leaves it too early tells nothing.
	mostSightings = 1 << 16
)

// Request is what is known of a request whose prefixes may be marked.
type Request struct {
	Route  string // whose traffic it is part of: what is learned is learned of it
	Target string // who serves it: what one provider has is nothing to another
	Tools  bool   // it offers tools, so it is likely to be the first of several
	At     time.Time
}

// Marks appends the prefixes of a request to mark, at most three, and notes that they came.
func (r *Recurrence) Marks(dst []Prefix, q Request, p *Prefixes, terms Terms) []Prefix {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(q.At)
	static, earlier, whole := r.find(q.Target, p.Static), r.find(q.Target, p.Earlier), r.find(q.Target, p.Whole)
	shared, own := class{q.Route, kindNewStatic}, class{q.Route, kindLater}
	if static.seen() {
		shared.kind = kindKnownStatic
	}
	if p.Earlier.Sum == 0 {
		own.kind = kindFirst
		if q.Tools {
			own.kind = kindFirstOfTools
		}
	}
	long := p.Static.Tokens >= terms.Least
	writesStatic := long && (static.written() || r.chance(shared) >= terms.Pays)
	writesWhole := p.Whole.Tokens >= terms.Least && (whole.written() || r.chance(own) >= terms.Pays)

	if writesStatic || long && writesWhole { // as part of the whole it is written anyway
		dst = append(dst, p.Static)
	}
	if earlier.written() || writesWhole && p.Earlier.Sum != 0 { // a provider looks only a few blocks back from a mark for what it has
		dst = append(dst, p.Earlier)
	}
	if writesWhole {
		dst = append(dst, p.Whole)
	}
	r.note(shared, q, p.Static, writesStatic || writesWhole)
	r.note(own, q, p.Whole, writesWhole)
	return dst
}

// expire lets go of the sightings that are older than a provider's memory, and learns from them. It does not learn before: what comes again does so
// soon, and what does not is known late, so an early count would be far too hopeful.
func (r *Recurrence) expire(now time.Time) {
	for len(r.queue) > 0 {
		first := &r.queue[0]
		old := now.Sub(first.at) > cachedFor
		if !old && len(r.queue) < mostSightings {
			return
		}
		if old {
			r.learn(first)
		}
		if r.known[first.prefix] == r.gone {
			delete(r.known, first.prefix)
		}
		r.queue = r.queue[1:]
		r.gone++
	}
}

func (r *Recurrence) learn(s *sighting) {
	o := r.odds[s.class]
	if o == nil {
		if r.odds == nil {
			r.odds = make(map[class]*odds)
		}
		o = new(odds)
		r.odds[s.class] = o
	}
	if o.all++; s.again {
		o.again++
	}
	if o.all >= mostOdds {
		o.again, o.all = o.again/2, o.all/2
	}
}

// find finds when a prefix came last, and notes that it came again; nil if not of late.
func (r *Recurrence) find(target string, p Prefix) *sighting {
	at, ok := r.known[p.at(target)]
	if !ok || p.Sum == 0 {
		return nil
	}
	s := &r.queue[at-r.gone]
	s.again = true
	return s
}

func (r *Recurrence) note(of class, q Request, p Prefix, written bool) {
	if p.Sum == 0 {
		return
	}
	if r.known == nil {
		r.known = make(map[uint64]uint64)
	}
	key := p.at(q.Target)
	r.known[key] = r.gone + uint64(len(r.queue))
	r.queue = append(r.queue, sighting{prefix: key, at: q.At, class: of, wasWritten: written})
}

// chance is how likely a prefix of a class is to come again, in thousandths.
func (r *Recurrence) chance(of class) int64 {
	again, all := usual[of.kind]*usualWeight, int64(usualWeight)
	if o := r.odds[of]; o != nil {
		again, all = again+1000*o.again, all+o.all
	}
	return again / all
}

// at is the prefix as one target has it.
func (p *Prefix) at(target string) uint64 {
	h := newFingerprint()
	h.add([]byte(target))
	h.mix(p.Sum)
	return h.sum()
}

func (s *sighting) seen() bool    { return s != nil }
func (s *sighting) written() bool { return s != nil && s.wasWritten }
