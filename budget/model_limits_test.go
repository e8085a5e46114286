package budget

import (
	"time"

	"pgregory.net/rapid"
)

// step is what the model's clock moves by, and what leases are multiples of: a real server's clock also runs by itself, and so much that it
// does not matter in which moment of a step something happened. What passed one step ago still counts on limits, two steps ago not any more.
const step = 40 * time.Second

func stepsOf(t *rapid.T, label string, most int) time.Duration {
	return time.Duration(rapid.IntRange(1, most).Draw(t, label)) * step
}

// minute is how long the model counts what passed.
const minute = rateSlots * time.Second

// rates counts what limits stand at, by adding all holds up.
func (m *model) rates(limits []Limit) []Rate {
	var all []Rate
	for _, l := range limits {
		r := Rate{Most: l.Most}
		for _, h := range m.holds {
			r.Used += h.counts(l, m.now)
		}
		all = append(all, r)
	}
	return all
}

// counts is what a hold counts on a limit.
func (h *modelHold) counts(l Limit, now time.Duration) int64 {
	for _, of := range h.limits {
		switch {
		case of.Key != l.Key || of.Unit != l.Unit:
		case l.Unit == Concurrent && h.state == "open", l.Unit == Requests && now-h.at < minute:
			return 1
		case l.Unit == Tokens && now-h.at < minute:
			return h.tokens
		}
	}
	return 0
}

// slow refuses a hold that some limit has no room for.
func (m *model) slow(h *Hold, g *Grant) {
	for _, unit := range inOrder {
		for i, l := range h.Limits {
			if takes := h.takes(unit); l.Unit == unit && l.Hard && g.Rates[i].Used+takes > l.Most {
				g.OK, g.Amount = false, 0
				if wait := m.wait(l, takes); g.Slow < 0 || g.Wait != Never && (wait == Never || wait > g.Wait) {
					g.Slow, g.Wait = i, wait
				}
			}
		}
	}
	if g.Slow >= 0 {
		g.Short = -1
	}
}

// wait looks for the first moment at which there is room, as a caller would who tries each second.
func (m *model) wait(l Limit, takes int64) time.Duration {
	switch {
	case takes > l.Most:
		return Never
	case l.Unit == Concurrent:
		return 0
	}
	later := *m
	for ; later.rates([]Limit{l})[0].Used+takes > l.Most; later.now += time.Second {
	}
	return later.now - m.now
}

// sameWait allows for what a real clock has run on.
func sameWait(t *rapid.T, got, want *Grant) {
	if d := want.Wait - got.Wait; (want.Wait > 0) != (got.Wait > 0) || d < 0 || d > 10*time.Second {
		t.Fatalf("wait %v, want %v or a little less", got.Wait, want.Wait)
	}
	got.Wait = want.Wait
}
