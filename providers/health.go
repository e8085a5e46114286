package providers

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Health is how a provider stands, as far as this gateway has learnt it: its targets that were called, and its keys.
type Health struct {
	Provider string
	Targets  []TargetHealth // by name
	Keys     []KeyHealth    // in the policy's order
}

// TargetHealth is how one model of a provider stands.
type TargetHealth struct {
	Target      string // provider/model
	Breaker     BreakerState
	Under       int // calls under way
	Waiting     int // for a place
	Most        int // calls that may be under way at once; 0 is no bound
	Learnt      bool
	Late, Usual time.Duration // to the first byte of a stream, of late and usually; 0 until one came
	Outlier     bool          // most of its streams go elsewhere, where there is somewhere else
}

// KeyHealth is how one key stands.
type KeyHealth struct {
	Name   string
	Team   string                   // whose own it is, "" for all
	Rests  map[string]time.Duration // for how long yet, by target; "" is for all
	Limits []KeyLimit
}

// KeyLimit is what headers have told of a limit of a key, as it stands now.
type KeyLimit struct {
	Target, Unit string // requests or tokens
	Limit, Left  float64
}

// Health tells how the provider stands.
func (u *Upstream) Health() Health {
	u.mu.Lock()
	breakers := maps.Clone(u.breakers)
	u.mu.Unlock()
	h := Health{Provider: u.cfg.Name}
	for target, b := range breakers {
		h.Targets = append(h.Targets, b.health(target))
	}
	slices.SortFunc(h.Targets, func(a, b TargetHealth) int { return cmp.Compare(a.Target, b.Target) })
	now := u.cfg.Now()
	for _, c := range u.keys {
		h.Keys = append(h.Keys, c.health(now))
	}
	return h
}

func (b *Breaker) health(target string) TargetHealth {
	h := TargetHealth{Target: target, Breaker: b.State()}
	g := &b.gate
	g.mu.Lock()
	h.Under, h.Waiting, h.Most = g.under, len(g.waiting), g.most
	if h.Learnt = g.learnt > 0 && (g.most == 0 || g.learnt < g.most); h.Learnt {
		h.Most = g.learnt
	}
	g.mu.Unlock()
	p := &b.pulse
	p.mu.Lock()
	h.Late, h.Usual, h.Outlier = time.Duration(p.late), time.Duration(p.usual), p.outlier()
	p.mu.Unlock()
	return h
}

func (c *credential) health(now time.Time) KeyHealth {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := KeyHealth{Name: c.Name, Team: c.Team, Rests: map[string]time.Duration{}}
	for target, r := range c.rests {
		if left := r.until.Sub(now); left > 0 {
			h.Rests[target] = left
		}
	}
	for _, target := range slices.Sorted(maps.Keys(c.paces)) {
		p := c.paces[target]
		for _, l := range []struct {
			unit string
			of   *allowance
		}{{"requests", &p.requests}, {"tokens", &p.tokens}} {
			if l.of.limit > 0 {
				h.Limits = append(h.Limits, KeyLimit{Target: target, Unit: l.unit, Limit: l.of.limit, Left: l.of.holds(now)})
			}
		}
	}
	return h
}

// holds is what the bucket holds by now: below zero if requests that are under way have asked for more than there was.
func (a *allowance) holds(now time.Time) float64 {
	if a.reset <= 0 || a.left >= a.limit {
		return a.left
	}
	filled := (a.limit - a.left) * float64(now.Sub(a.at)) / float64(a.reset)
	return min(a.limit, a.left+max(0, filled))
}
