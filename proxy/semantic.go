package proxy

import (
	"context"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"bursar/cache"
	"bursar/cache/embed"
	"bursar/cache/semantic"
	"bursar/exchange"
)

// meaning is what a semantic cache makes of a request: the context that it is asked in, and the question.
type meaning struct {
	partition *semantic.Partition // nil if the request has no question that a cache could compare
	question  semantic.Question
	compared  bool       // the question was looked for
	mark      cache.Mark // what had been purged when it was asked
	text      []byte
}

var meanings = sync.Pool{New: func() any { return new(meaning) }}

// compare looks for the answer to a question that means the same. It comes after the exact lookup has missed, and holds nothing. A hit is
// an answer that the answer cache still keeps, so it lives no longer than the policy lets either live, and goes with a purge.
func (s *Server) compare(t *trip, w *wishes) (answered bool) {
	if !s.comparable(t) {
		return false
	}
	m := t.meaning
	q := &m.question
	q.Reset(string(m.text), asker(&t.Identity), t.Start)
	if t.using.opinion != nil {
		q.Second = t.using.opinion
	}
	m.partition.Find(q)
	m.compared = true
	if q.Verdict != semantic.Served {
		return false
	}
	of := t.using.policy.Cache.Semantic
	ttl := min(of.TTL, t.Decision.CacheTTL)
	found := s.cache.Find(context.Background(), &cache.Ask{Key: q.Key, MaxAge: w.oldest(ttl, 0)})
	var body []byte
	ok := found != nil
	if ok {
		body, ok = t.replay(found)
	}
	if !ok {
		m.partition.Lost(q)
		return false
	}
	age := max(0, t.Start.Sub(found.Stored))
	t.freshFor = ttl - age
	s.leaveSeat(t, false) // who waits for this request's answer looks for one by itself
	s.answerHit(t, exchange.ReasonSemanticHit, found, body, age)
	return true
}

// comparable finds the partition of a request. What never enters one: requests with tools, several answers or anything but a plain question
// last, those hot enough that no two answers are meant to be alike, and those whose answers are not kept.
func (s *Server) comparable(t *trip) bool {
	of := t.using.policy.Cache.Semantic
	if s.semantic == nil || of == nil || t.behind || t.caching != exchange.CacheOn || t.Facts.N > 1 || t.endpoint.path != chatCompletions.path || t.envelope.Hot() {
		return false
	}
	scope, mark := of.Scope.Key(&t.Facts), s.cache.Mark()
	if mark.Epoch == 0 {
		return false // nobody knows yet what has been purged
	}
	builder := cache.NewKey(scope).
		Part("semantic").Part(embed.Default().Version()).Part(strconv.FormatUint(mark.Epoch, 36)).
		Part(t.using.policy.Cache.Namespace).Part(t.namespace).
		Part(t.Decision.Model).Part(t.servedBy()).Part(t.trims())
	if t.using.opinion != nil {
		builder.Part(t.using.opinion.Version())
	}
	for _, name := range changing {
		builder.Bytes(t.header(name))
	}
	m := t.meaning
	if m == nil {
		m = meanings.Get().(*meaning)
		t.meaning = m
	}
	var ok bool
	m.text, ok = t.envelope.Question(builder.Request(), m.text[:0])
	context := builder.Key()
	m.partition, m.mark, m.compared = nil, mark, false
	if ok && len(m.text) > 0 && len(m.text) <= longestQuestion {
		m.partition = s.semantic.Partition(context, semantic.Terms{Target: of.MaxFalseHits, TTL: of.TTL, Name: scope + ", " + t.Decision.Model})
	}
	return m.partition != nil
}

// longestQuestion is in bytes. What is longer has more in it than a comparison sees.
const longestQuestion = 2000

// asker tells askers apart, so that an answer is confirmed by somebody else than who asked first.
func asker(i *exchange.Identity) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(i.KeyID + "\n" + i.User)) // a hash does not fail
	return h.Sum64()
}

// learn tells the partition what came of a question that went upstream. The answer must have been kept, and be text.
func (s *Server) learn(t *trip, text []byte) {
	m := t.meaning
	if m == nil || m.partition == nil || m.question.Verdict == semantic.Served || t.Outcome.Finish != "stop" || len(text) == 0 {
		return
	}
	labels := t.labels()
	if t.Outcome.Served.Target != t.Decision.Model {
		labels = append(labels, cache.Label(cache.LabelModel, t.Outcome.Served.Target))
	}
	if !s.cache.Hides(t.key, labels, m.mark) { // else it was purged on its way
		m.partition.Learn(&m.question, semantic.Answer{Text: string(text), Key: t.key, At: t.Start, Labels: labels, Mark: m.mark})
	}
	m.partition = nil // once
}

// answerKey names the answer that a request got, or has left: under another key than its own if it was given to a question that means the same.
func (t *trip) answerKey() cache.Key {
	if t.hit && t.Outcome.Reason == exchange.ReasonSemanticHit {
		return t.meaning.question.Key
	}
	return t.key
}

// shadowed tells whether a request would have been a hit and was sent upstream to see whether the hit would have been right.
func (t *trip) shadowed() bool {
	return t.meaning != nil && t.meaning.question.Verdict == semantic.Shadowed && !t.hit && t.Outcome.Attempts > 0
}

// forget gives back what the request was compared with.
func (t *trip) forget() {
	if m := t.meaning; m != nil {
		m.partition, m.compared = nil, false
		m.question.Reset("", 0, time.Time{})
		meanings.Put(m)
		t.meaning = nil
	}
}
