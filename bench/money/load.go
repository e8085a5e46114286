package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// crowd is the clients.
type crowd struct {
	lab *lab

	mu                           sync.Mutex
	sent, answered, refused, cut int
	codes                        map[string]int // other errors
	waves                        int            // how often the budgets were spent and raised
	reloads                      int
	harmed                       [3]int
	took                         time.Duration
}

func newCrowd(l *lab) *crowd { return &crowd{lab: l, codes: map[string]int{}} }

// load sends from all workers for the plan's time, raises limits whenever they are spent, and does harm in between.
func (c *crowd) load(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, c.lab.length)
	defer stop()
	began := time.Now()
	var running sync.WaitGroup
	for i := range c.lab.workers {
		running.Go(func() { c.work(ctx, rand.New(rand.NewPCG(c.lab.seed, uint64(i)))) })
	}
	failed := make(chan error, 2)
	running.Go(func() { failed <- c.raiseLimits(ctx) })
	running.Go(func() { failed <- c.harm(ctx) })
	running.Wait()
	c.took = time.Since(began)
	for range 2 {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

// work is one client: any key, any gateway, any size, and one in ten leaves early.
func (c *crowd) work(ctx context.Context, rng *rand.Rand) {
	conns := make([]*conn, len(c.lab.gateways))
	for i, g := range c.lab.gateways {
		conns[i] = &conn{addr: g.addr, rng: rng}
		defer conns[i].drop()
	}
	for ctx.Err() == nil {
		i := rng.IntN(len(conns))
		if !c.lab.gateways[i].up.Load() && rng.IntN(20) > 0 {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		q := question{words: 1 + rng.IntN(300), maxTokens: 1 + rng.IntN(400), stream: rng.IntN(2) == 0, key: c.lab.keys[rng.IntN(len(c.lab.keys))]}
		if rng.IntN(10) == 0 {
			q.leaves = leavesBefore + leaving(rng.IntN(3))
		}
		o := conns[i].ask(&q)
		c.note(o, q.leaves)
		if o.status == 503 || o.status == 0 && q.leaves == stays {
			time.Sleep(5 * time.Millisecond) // something is being killed
		}
	}
}

func (c *crowd) note(o outcome, leaves leaving) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	switch {
	case o.status == 200:
		c.answered++
	case o.refused != "":
		c.refused++
		for _, s := range c.lab.scopes {
			if s.name == o.refused {
				s.refusals.Add(1)
			}
		}
	case o.status == 0:
		if leaves == stays {
			c.cut++ // by a kill
		}
	default:
		c.codes[fmt.Sprintf("%d %s", o.status, o.code)]++
	}
}

func (c *crowd) counts() (answered, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered, c.refused
}

// raiseLimits lets the crowd push at spent budgets for a while, and then gives it room again. In between it changes limits by next to
// nothing, so that policies are reloaded under load.
func (c *crowd) raiseLimits(ctx context.Context) error {
	if c.lab.calm {
		return nil
	}
	pressed := 0
	answered, refused := c.counts()
	for tick := 1; wait(ctx, 100*time.Millisecond); tick++ {
		a, r := c.counts()
		if passed, stopped := a-answered, r-refused; stopped > 0 && stopped > 5*passed {
			pressed++
		}
		answered, refused = a, r
		switch {
		case pressed >= 3:
			pressed = 0
			c.waves++
			raise(c.lab.scopes)
		case tick%5 == 0:
			c.lab.scopes[tick%len(c.lab.scopes)].limit.Add(1)
		default:
			continue
		}
		c.reloads++
		if err := c.lab.writePolicy(); err != nil {
			return err
		}
	}
	return nil
}

// harm is one thing that goes wrong on the way.
type harm int

const (
	killsGateway harm = iota
	killsRedis
	freezesGateway
)

// harms are all of a run, in random order. A single gateway is not frozen: nobody could take its holds away meanwhile.
func (c *crowd) harms(rng *rand.Rand) []harm {
	all := slices.Repeat([]harm{killsGateway}, c.lab.gatewayKills)
	if !c.lab.embedded {
		all = append(all, slices.Repeat([]harm{killsRedis}, c.lab.redisKills)...)
		all = append(all, slices.Repeat([]harm{freezesGateway}, c.lab.freezes)...)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// harm does harm at random moments, spread over the run.
func (c *crowd) harm(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(c.lab.seed, 1<<40))
	all := c.harms(rng)
	slot := c.lab.length / time.Duration(len(all)+1)
	began := time.Now()
	for i, h := range all {
		at := slot*time.Duration(i) + slot/2 + time.Duration(rng.Int64N(int64(slot/2)))
		if !wait(ctx, at-time.Since(began)) {
			return nil
		}
		c.harmed[h]++
		g := c.lab.gateways[rng.IntN(len(c.lab.gateways))]
		switch h {
		case killsRedis:
			if err := c.lab.killRedis(); err != nil {
				return err
			}
		case freezesGateway:
			if err := g.freeze(c.lab.lease + c.lab.lease/2); err != nil {
				return err
			}
		case killsGateway:
			g.kill()
			time.Sleep(time.Duration(rng.Int64N(int64(1500 * time.Millisecond))))
			if err := g.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill spends what is left with the smallest of requests, until every project is refused for want of money.
func (c *crowd) fill(ctx context.Context) {
	for _, s := range c.lab.scopes {
		s.refusals.Store(0)
	}
	var running sync.WaitGroup
	for i, key := range c.lab.keys {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(c.lab.seed, 1<<41+uint64(i)))
			at := &conn{addr: c.lab.gateways[i%len(c.lab.gateways)].addr, rng: rng}
			defer at.drop()
			for words, tokens, tries := 300, 400, 0; ctx.Err() == nil && tries < 50_000; tries++ {
				o := at.ask(&question{words: words, maxTokens: tokens, key: key})
				c.note(o, stays)
				if o.refused == "" {
					continue
				}
				if words == 1 {
					return
				}
				words, tokens = max(1, words/4), max(1, tokens/4)
			}
		})
	}
	running.Wait()
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c *crowd) tell(r *result) {
	if !c.lab.calm && c.waves < 2 || c.codes["429 budget_exceeded"] > 0 {
		r.fault("the load was not at the edge: budgets were raised %d times; other answers: %v", c.waves, c.codes)
	}
	r.sent, r.answered, r.refused, r.cut, r.codes = c.sent, c.answered, c.refused, c.cut, c.codes
	r.waves, r.reloads, r.harmed, r.took = c.waves, c.reloads, c.harmed, c.took
}
