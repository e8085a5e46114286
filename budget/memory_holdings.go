package budget

import (
	"slices"
	"time"

	"bursar/pricing"
)

// holding returns an empty one for id, used before if possible.
func (m *Memory) holding(id string) *holding {
	n := len(m.free)
	if n == 0 {
		return &holding{id: id}
	}
	b := m.free[n-1]
	m.free = m.free[:n-1]
	*b = holding{id: id, windows: b.windows[:0], within: b.within[:0], seed: b.seed[:0]}
	return b
}

// recycle keeps b for another hold. Nothing may point to it any more.
func (m *Memory) recycle(b *holding) {
	const enough = 1024
	if len(m.free) < enough {
		m.free = append(m.free, b)
	}
}

// window returns the counters of a charge, new ones if it has none.
func (m *Memory) window(c *Charge) *window {
	w, known := m.windows[c.Key]
	if !known {
		w = &window{ends: c.Ends}
		m.windows[c.Key] = w
	}
	return w
}

func distinctWindows(all []*window) []*window {
	kept := all[:0]
	for _, w := range all {
		if !slices.Contains(kept, w) {
			kept = append(kept, w)
		}
	}
	return kept
}

// close remembers that the hold of b.id is over.
func (m *Memory) close(b *holding, state holdState, actual pricing.Nano, now time.Duration) {
	b.state, b.actual, b.until = state, actual, now+m.options.Remember
	m.ids[b.id] = b
	m.closed.push(b)
	if m.closed.len() > rememberMost {
		m.drop(m.closed.pop())
	}
}

// forget drops what need not be remembered any more.
func (m *Memory) forget(now time.Duration) {
	for m.closed.len() > 0 && m.closed.first().until <= now {
		m.drop(m.closed.pop())
	}
	for len(m.late) > 0 && m.late[0].until <= now {
		b := m.late[0]
		m.late.remove(b)
		m.drop(b)
	}
}

func (m *Memory) drop(b *holding) {
	delete(m.ids, b.id)
	m.recycle(b)
}

// holdHeap is a binary heap of holdings, the smallest until first, in which each knows its place.
type holdHeap []*holding

func (h *holdHeap) push(b *holding) {
	b.at = len(*h)
	*h = append(*h, b)
	h.up(b)
}

func (h *holdHeap) remove(b *holding) {
	last := len(*h) - 1
	moved := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	if moved != b {
		moved.at = b.at
		(*h)[b.at] = moved
		h.fix(moved)
	}
}

// fix moves b to its place after its until changed.
func (h *holdHeap) fix(b *holding) {
	h.up(b)
	h.down(b)
}

func (h *holdHeap) up(b *holding) {
	for b.at > 0 {
		parent := (*h)[(b.at-1)/2]
		if parent.until <= b.until {
			return
		}
		h.swap(b, parent)
	}
}

func (h *holdHeap) down(b *holding) {
	for {
		child := 2*b.at + 1
		if child >= len(*h) {
			return
		}
		if next := child + 1; next < len(*h) && (*h)[next].until < (*h)[child].until {
			child = next
		}
		if b.until <= (*h)[child].until {
			return
		}
		h.swap((*h)[child], b)
	}
}

func (h *holdHeap) swap(a, b *holding) {
	(*h)[a.at], (*h)[b.at] = b, a
	a.at, b.at = b.at, a.at
}

// holdQueue is a queue of holdings in a ring.
type holdQueue struct {
	ring        []*holding
	start, size int
}

func (q *holdQueue) len() int        { return q.size }
func (q *holdQueue) first() *holding { return q.ring[q.start] }

func (q *holdQueue) push(b *holding) {
	if q.size == len(q.ring) {
		grown := make([]*holding, max(64, 2*q.size))
		n := copy(grown, q.ring[q.start:])
		copy(grown[n:], q.ring[:q.start])
		q.ring, q.start = grown, 0
	}
	q.ring[(q.start+q.size)%len(q.ring)] = b
	q.size++
}

func (q *holdQueue) pop() *holding {
	b := q.ring[q.start]
	q.ring[q.start] = nil
	q.start = (q.start + 1) % len(q.ring)
	q.size--
	return b
}
