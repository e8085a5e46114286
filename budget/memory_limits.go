package budget

import (
	"context"
	"time"
)

// meter counts for one limit.
type meter struct {
	used   int64
	newest int64             // the second that was counted last
	slots  *[rateSlots]int64 // what passed in each second, up to the newest; nil for Concurrent
}

type meterKey struct {
	unit Unit
	key  string
}

// within is a limit that a hold counts on.
type within struct {
	unit  Unit
	meter *meter
}

// tick is the second as limits count it. It never goes back: calls that wait for the lock overtake each other.
func (m *Memory) tick(now time.Duration) int64 {
	m.second = max(m.second, int64(now/time.Second))
	return m.second
}

// limit lets a hold pass that money was found for, if every limit has room for it, and counts it then.
func (m *Memory) limit(b *holding, h *Hold, g *Grant, now time.Duration) {
	affordable := g.OK
	b.second, b.tokens = m.tick(now), h.Tokens
	for i := range h.Limits {
		c := m.meter(&h.Limits[i])
		c.advance(b.second)
		b.within = append(b.within, within{h.Limits[i].Unit, c})
	}
	for _, unit := range inOrder {
		for i, w := range b.within {
			if l := &h.Limits[i]; affordable && w.unit == unit && l.Hard && w.meter.used+h.takes(unit) > l.Most {
				g.refuse(i, w.meter.wait(h.takes(unit), l.Most, now))
			}
		}
	}
	if g.Slow >= 0 {
		g.OK, g.Short = false, -1
	}
	g.Rates = h.Rates[:0]
	for i, w := range b.within {
		if g.OK {
			w.meter.count(h.takes(w.unit), b.second)
		}
		g.Rates = append(g.Rates, Rate{Used: w.meter.used, Most: h.Limits[i].Most})
	}
}

// refuse notes a limit that has no room: the one with the longest wait is told of.
func (g *Grant) refuse(limit int, wait time.Duration) {
	if g.Slow < 0 || g.Wait != Never && (wait == Never || wait > g.Wait) {
		g.Slow, g.Wait = limit, wait
	}
}

// leave ends what a hold takes at a time, and corrects its tokens to the true count.
func (b *holding) leave(tokens int64) {
	for _, w := range b.within {
		switch {
		case w.unit == Concurrent:
			w.meter.used--
		case w.unit == Tokens && tokens != AsHeld && w.meter.newest-b.second < rateSlots:
			w.meter.used += tokens - b.tokens
			w.meter.slots[b.second%rateSlots] += tokens - b.tokens
		}
	}
}

// meter returns what counts for a limit, a new one if nothing does.
func (m *Memory) meter(l *Limit) *meter {
	key := meterKey{l.Unit, l.Key}
	found, known := m.meters[key]
	if !known {
		found = new(meter)
		if l.Unit != Concurrent {
			found.slots = new([rateSlots]int64)
		}
		m.meters[key] = found
	}
	return found
}

// advance forgets what passed more than a minute before now.
func (c *meter) advance(now int64) {
	if c.slots == nil || now <= c.newest {
		return
	}
	if now-c.newest >= rateSlots {
		*c.slots, c.used = [rateSlots]int64{}, 0
	}
	for at := c.newest + 1; c.used != 0 && at <= now; at++ {
		c.used -= c.slots[at%rateSlots]
		c.slots[at%rateSlots] = 0
	}
	c.newest = now
}

func (c *meter) count(n, second int64) {
	c.used += n
	if c.slots != nil {
		c.slots[second%rateSlots] += n
	}
}

// wait is how long it takes until n more fit below most.
func (c *meter) wait(n, most int64, now time.Duration) time.Duration {
	switch {
	case n > most:
		return Never
	case c.slots == nil:
		return 0
	}
	excess := c.used + n - most
	for at := c.newest - rateSeconds; ; at++ {
		if at >= 0 {
			excess -= c.slots[at%rateSlots]
		}
		if excess <= 0 {
			return max(0, time.Duration(at+rateSlots)*time.Second-now)
		}
	}
}

// Rates writes what each limit stands at into out, which must be as long as limits.
func (m *Memory) Rates(_ context.Context, limits []Limit, out []Rate) error {
	now := m.clock().Sub(m.base)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ratesOf(limits, out[:0], m.tick(now))
	return nil
}

func (m *Memory) ratesOf(limits []Limit, rates []Rate, now int64) []Rate {
	for i := range limits {
		r := Rate{Most: limits[i].Most}
		if c, known := m.meters[meterKey{limits[i].Unit, limits[i].Key}]; known {
			c.advance(now)
			r.Used = c.used
		}
		rates = append(rates, r)
	}
	return rates
}

// forgetMeters drops what counts nothing any more. A hold that is older than that may still point to one, and does no harm there.
func (m *Memory) forgetMeters(now int64) {
	for key, c := range m.meters {
		if c.slots == nil && c.used == 0 || c.slots != nil && now-c.newest >= rateSlots {
			delete(m.meters, key)
		}
	}
}
