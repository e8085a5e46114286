package cache

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// Label is what a purge names answers by: a kind and a value. An answer carries the labels of the request that it was made for.
func Label(kind, value string) string { return kind + "=" + value }

// Kinds of labels. LabelTag's value is NAME=VALUE; LabelAnswer's is the key of one answer, in hex.
const (
	LabelTeam      = "team"
	LabelRoute     = "route"
	LabelModel     = "model" // a model of the policy, or the provider/model that answered
	LabelTag       = "tag"
	LabelNamespace = "namespace"
	LabelAnswer    = "answer"
)

// Mark is what had been purged at a moment. An answer keeps the Mark of the moment at which it was asked for, so that a purge reaches
// those too that were under way.
type Mark struct {
	Epoch uint64 // changes when everything is purged; 0 if not known
	Purge uint64 // counts purges by label
}

// purges knows, by label, the last purge that named it. Answers that were asked for before are hidden. It is a count and not a time:
// clocks of gateways differ.
type purges struct{ table atomic.Pointer[purgeTable] }

type purgeTable struct {
	count uint64
	last  map[string]uint64 // by label: the count as of its last purge
}

var noPurges = new(purgeTable)

func (p *purges) current() *purgeTable {
	if t := p.table.Load(); t != nil {
		return t
	}
	return noPurges
}

// add counts a purge of some labels, in a store that is only this process's.
func (p *purges) add(labels []string) {
	for {
		before := p.table.Load()
		next := &purgeTable{count: 1, last: map[string]uint64{}}
		if before != nil {
			next.count = before.count + 1
			next.last = maps.Clone(before.last)
		}
		for _, label := range labels {
			next.last[label] = next.count
		}
		if len(next.last) > mostPurged {
			next.forgetAnswers()
		}
		if p.table.CompareAndSwap(before, next) {
			return
		}
	}
}

// mostPurged bounds the labels that are remembered. Purges of single answers, which need it only until the answer is surely gone, are
// forgotten first.
const mostPurged = 4096

func (t *purgeTable) forgetAnswers() {
	var single []string
	for label := range t.last {
		if strings.HasPrefix(label, LabelAnswer+"=") {
			single = append(single, label)
		}
	}
	slices.SortFunc(single, func(a, b string) int { return int(t.last[a]) - int(t.last[b]) })
	for _, label := range single[:len(single)/2] {
		delete(t.last, label)
	}
}

// hides reports whether a purge has reached an answer, or one to come that carries these labels and was asked for at mark. The answer
// itself is a label too.
func (t *purgeTable) hides(key Key, labels []string, mark Mark) bool {
	if len(t.last) == 0 || mark.Purge >= t.count {
		return false
	}
	if t.last[Label(LabelAnswer, key.String())] > mark.Purge {
		return true
	}
	for _, label := range labels {
		if t.last[label] > mark.Purge {
			return true
		}
	}
	return false
}
