// Package cache finds and keeps exact answers: the same question asked again by somebody who may see the first answer.
// It is separate because it may always fail: whatever happens in here, a request sees a hit or a miss, and never an error.
package cache

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// Answer is one complete answer of a provider, as it was sent. Answers that Get returns are shared: read them, do not change them.
type Answer struct {
	Form   Form
	Body   []byte    // the provider's bytes: a JSON answer, or the whole text of an event stream
	Usage  Usage     // what the answer cost when it was made
	Finish string    // finish reason, in OpenAI's words
	Target string    // provider/model that answered
	Stored time.Time // when it was stored; Put sets it if it is zero
	Labels []string  // what a purge can name it by, as Label makes them; at most 32
	Mark   Mark      // what had been purged when it was asked for; Put takes the present for the zero Mark
}

// Form is how an answer's body is framed.
type Form uint8

// Forms.
const (
	Plain  Form = iota // one JSON document
	Stream             // server-sent events, up to and including the last one
)

// Usage counts the tokens of an answer. It has the members of pricing.Usage, in their order, so that one converts to the other.
type Usage struct {
	Input        int64
	CacheRead    int64
	CacheWrite   int64
	CacheWrite1h int64
	AudioIn      int64
	ImageIn      int64
	Output       int64
	Reasoning    int64
	AudioOut     int64
	ImageOut     int64

	Tier   string
	Region string
}

// Complete reports whether an answer with this finish reason may be kept: the model ended it by itself. An answer that was cut by a
// limit or a filter is not what the question deserves a second time.
func Complete(finish string) bool { return finish == "stop" || finish == "tool_calls" }

// storable reports whether an answer may be stored for ttl. Stores ask again what their callers should know, because a wrong
// answer would be served for as long as it lives.
func storable(a *Answer, ttl time.Duration) bool {
	return Complete(a.Finish) && len(a.Body) > 0 && a.Form <= Stream && len(a.Labels) <= mostLabels && ttl >= time.Millisecond
}

// clone copies all of an answer: its body and strings may be parts of a connection's buffer, which lives on.
func (a *Answer) clone(now time.Time) *Answer {
	c := *a
	c.Body = bytes.Clone(a.Body)
	c.Finish, c.Target = strings.Clone(a.Finish), strings.Clone(a.Target)
	c.Usage.Tier, c.Usage.Region = strings.Clone(a.Usage.Tier), strings.Clone(a.Usage.Region)
	c.Labels = slices.Clone(a.Labels)
	for i, label := range c.Labels {
		c.Labels[i] = strings.Clone(label)
	}
	if c.Stored.IsZero() {
		c.Stored = now
	}
	return &c
}

// weight is what an answer takes in memory, in bytes, with what a store keeps around it.
func (a *Answer) weight() int {
	size := len(a.Body) + len(a.Target) + 512
	for _, label := range a.Labels {
		size += len(label) + 16
	}
	return size
}
