// Package semantic answers a question with the answer to one that means the same, and shows how often that is wrong.
//
// No threshold on similarity can do that: what is near enough in one place is a trap in the next. So each partition learns from its own
// traffic. Every question that goes upstream tells whether the candidate that the cache had for it was right; answers that came more
// than once are classes, which a classifier learns to tell apart; and a gate serves what the labels allow, within the policy's bound
// on wrong answers. Until a partition has shown that, only what the pair verifier alone is sure of is served.
package semantic

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"
	"unsafe"

	"bursar/cache"
	"bursar/cache/embed"
	"bursar/cache/index"
)

// Partition is the semantic cache of one context: of requests that are equal in all but what is asked last. It finds a candidate (an
// answer given before), weighs the evidence for it, and serves it if the gate is open for that much risk. It is safe for
// concurrent use.
type Partition struct {
	options Options
	context cache.Key
	name    string
	shared  *shared // with a fleet; nil if it is alone

	mu         sync.Mutex
	index      *index.Index
	entries    []*entry       // by index.ID
	bytes      int            // that the entries take
	known      map[ref]*entry // the entries by their names in the fleet's record; nil where nobody asks for them
	total      *atomic.Int64  // the cache's count of entries; nil outside of one
	queue      []*entry       // in the order in which they came, with some that are gone
	classes    map[[16]byte]*class
	classifier classifier
	columns    []*class // by column of the classifier
	examples   []example
	next       int // example to be replaced
	selector   selector
	gate       gate
	shipped    gate // of what the verifier alone would serve
	learned    int
	random     *rand.Rand
	reader     reader
	marks      marks
	scores     []float32
	counts     Counts
}

// Options tune a partition.
type Options struct {
	Target     float64       // wrong answers per hit that are tolerated, 0..1
	TTL        time.Duration // how long an entry serves
	MaxEntries int
	Seed       uint64                               // of the draw of shadow checks
	Trace      func(evidence []float32, wrong bool) // hears of each label, for those who train
}

// entry is a question that was answered.
type entry struct {
	text    string
	vector  embed.Vector
	class   *class
	key     cache.Key // of its answer
	asker   uint64
	labels  unique.Handle[string] // of its answer, one a line; most entries have the labels of many others
	mark    cache.Mark            // what had been purged when its answer was asked for
	expires time.Time

	id       index.ID
	ref      ref  // its name in the fleet's record
	admitted bool // its words alone say nothing against it
	gone     bool
}

// labelled are the labels of its answer.
func (e *entry) labelled() []string { return strings.Split(e.labels.Value(), "\n") }

// size is what an entry takes beside its place in the index, in bytes, without the labels that others have too.
func (e *entry) size() int { return int(unsafe.Sizeof(*e)) + len(e.text) + 16 }

// class is an answer, with all questions that it was given to.
type class struct {
	content   content
	column    int // of the classifier, 0 if it has none
	members   int
	last      *entry
	asker     uint64 // who asked first
	confirmed bool   // somebody else got the same answer
	right     float32
	judged    float32
}

type example struct {
	marks marks
	class *class
}

const (
	reach     = 16   // neighbours that are looked at
	replays   = 4    // examples that are learned again with each new one
	remember  = 4096 // examples
	shadows   = 0.03 // share of would-be hits that go upstream all the same, at half the target's risk; more where there is more doubt
	mostDoubt = 0.25 // largest share
)

// New makes an empty partition.
func New(o Options) *Partition {
	p := &Partition{
		options: o, index: &index.Index{}, classes: map[[16]byte]*class{}, columns: []*class{nil}, selector: newSelector(),
		random: rand.New(rand.NewPCG(o.Seed, 1)), reader: reader{model: embed.Default()},
	}
	p.gate.target, p.shipped.target = o.Target, o.Target
	return p
}

// Learn takes the fresh answer to a question that went upstream, whatever Find had said of it: it labels the candidate, and becomes an
// entry of its own.
func (p *Partition) Learn(q *Question, a Answer) {
	said := newContent(a.Text)
	e := &entry{
		text: q.Text, vector: q.vector, key: a.Key, asker: q.Asker, expires: a.At.Add(p.options.TTL), admitted: q.Admission == Admitted,
		labels: unique.Make(strings.Join(a.Labels, "\n")), mark: a.Mark,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	class := p.classOf(q, &said)
	p.label(q, class)
	answer := said.digest
	if class != nil {
		answer = class.content.digest
	}
	if p.shared != nil {
		p.shared.announce(&newcomer{entry: e, said: said, answer: answer})
		return
	}
	p.enter(e, answer, &said)
}

// Answer is the fresh answer to a question.
type Answer struct {
	Text   string
	Key    cache.Key // under which the answer cache keeps it
	At     time.Time
	Labels []string   // what a purge can name it by
	Mark   cache.Mark // what had been purged when it was asked for
}

// classOf finds the class of an answer: the one that is equal, else one near the question that says the same.
func (p *Partition) classOf(q *Question, c *content) *class {
	if known := p.classes[c.digest]; known != nil {
		return known
	}
	if q.candidate != nil && q.candidate.members > 0 && q.candidate.content.same(c) {
		return q.candidate
	}
	for i := range q.near {
		if e := p.entryAt(q.near[i].ID); e != nil && e.class.content.same(c) {
			return e.class
		}
	}
	return nil
}

// entryAt is the entry of an id, nil if it has gone since the id was found.
func (p *Partition) entryAt(id index.ID) *entry {
	if int(id) >= len(p.entries) {
		return nil
	}
	return p.entries[id]
}

// label tells all who estimated how the candidate was.
func (p *Partition) label(q *Question, answer *class) {
	if q.candidate == nil || q.chance == 0 {
		return
	}
	q.hearLate()
	wrong := answer != q.candidate
	p.note(event{kind: judged, risk: q.risk, doubt: q.doubt(), chance: q.chance, wrong: wrong, answer: q.candidate.content.digest, evidence: q.evidence})
	if q.Verdict == Shadowed {
		p.counts.Checked++
		if wrong {
			p.counts.CheckedWrong++
		}
	}
	if p.options.Trace != nil {
		p.options.Trace(q.evidence[:], wrong)
	}
}

// note learns from an event, at once or when the fleet hears of it.
func (p *Partition) note(e event) {
	if p.shared != nil {
		p.shared.note(&e)
		return
	}
	p.take(&e)
}

// enter keeps a question that was given an answer, or one that says the same as it, and learns from it.
func (p *Partition) enter(e *entry, answer [16]byte, said *content) {
	p.teach(e, p.admit(e, answer, said))
}

// admit keeps a question.
func (p *Partition) admit(e *entry, answer [16]byte, said *content) *class {
	class := p.classes[answer]
	if class == nil {
		class = p.classes[said.digest] // the one it was alike to has gone
	}
	if class == nil {
		class = p.found(said, e.asker)
	} else if class.asker != e.asker {
		class.confirmed = true
	}
	p.keep(e, class)
	return class
}

func (p *Partition) found(c *content, asker uint64) *class {
	class := &class{content: *c, asker: asker}
	p.classes[c.digest] = class
	return class
}

// keep makes an entry one that can be found, and lets the oldest go if there are too many.
func (p *Partition) keep(e *entry, c *class) {
	e.class = c
	for len(p.queue) > 0 && (p.queue[0].gone || p.index.Len() >= p.options.MaxEntries) {
		if p.known != nil && !p.queue[0].gone {
			p.shared.beyond.Store(true)
		}
		p.remove(p.queue[0])
		p.queue = p.queue[1:]
	}
	e.id = p.index.Add(&e.vector)
	for int(e.id) >= len(p.entries) {
		p.entries = append(p.entries, nil)
	}
	p.entries[e.id] = e
	if p.known != nil {
		p.known[e.ref] = e
	}
	p.bytes += e.size()
	p.count(1)
	p.queue = append(p.queue, e)
	c.members++
	c.last = e
}

// remove forgets an entry; its class goes with the last one.
func (p *Partition) remove(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	p.index.Delete(e.id)
	p.entries[e.id] = nil
	delete(p.known, e.ref)
	p.bytes -= e.size()
	p.count(-1)
	if e.class.members--; e.class.members > 0 {
		return
	}
	delete(p.classes, e.class.content.digest)
	if e.class.column > 0 {
		p.classifier.forget(e.class.column)
		p.columns[e.class.column] = nil
		e.class.column = 0
	}
}

// count counts entries for the cache, as long as the partition is one of its.
func (p *Partition) count(n int64) {
	if p.total != nil {
		p.total.Add(n)
	}
}

// leave takes the partition's entries out of the cache's count, and returns what the partition has seen.
func (p *Partition) leave() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(-int64(p.index.Len()))
	p.total = nil
	return p.counts
}

// Lost tells that the answer of a question that was served is no longer there: its entry goes.
func (p *Partition) Lost(q *Question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(q.entry)
	p.counts.Lost++
	q.Verdict, q.candidate = Unlike, nil
}

// teach learns a question's class, and some older ones again. A class counts once its answer was given twice: most are not, and
// together they are column 0.
func (p *Partition) teach(e *entry, c *class) {
	p.learned++
	p.reader.read(e.text, &e.vector, &p.marks)
	if c.members >= 2 && c.column == 0 {
		if c.column = p.classifier.grow(); c.column >= len(p.columns) {
			p.columns = append(p.columns, nil)
		}
		p.columns[c.column] = c
		if c.column == 0 {
			p.columns[0] = nil
		}
	}
	x := example{marks: p.marks.clone(), class: c}
	if len(p.examples) < remember {
		p.examples = append(p.examples, x)
	} else {
		p.examples[p.next] = x
		p.next = (p.next + 1) % remember
	}
	p.classifier.notice(&x.marks)
	p.scores = p.classifier.learn(&x.marks, c.column, p.scores)
	for range replays {
		x := &p.examples[p.random.IntN(len(p.examples))]
		p.scores = p.classifier.learn(&x.marks, x.class.column, p.scores)
	}
}
