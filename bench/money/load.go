package main

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	gatewayKills, redisKills     int
	took                         time.Duration
}

func newCrowd(l *lab) *crowd { return &crowd{lab: l, codes: map[string]int{}} }

// load sends from all workers for the plan's time, raises limits whenever they are spent, and kills in between.
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
	running.Go(func() { failed <- c.killSome(ctx) })
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
			time.Sleep(time.Millisecond)
			continue
		}
		q := question{words: 1 + rng.IntN(300), maxTokens: 1 + rng.IntN(400), stream: rng.IntN(2) == 0, key: c.lab.keys[rng.IntN(len(c.lab.keys))]}
		if rng.IntN(10) == 0 {
			q.leaves = leavesBefore + leaving(rng.IntN(3))
		}
		c.note(conns[i].ask(&q), q.leaves)
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

// raiseLimits lets the crowd push at spent budgets for a while, and then gives it room again.
func (c *crowd) raiseLimits(ctx context.Context) error {
	pressed := 0
	answered, refused := c.counts()
	for wait(ctx, 100*time.Millisecond) {
		a, r := c.counts()
		if passed, stopped := a-answered, r-refused; stopped > 0 && stopped > 5*passed {
			pressed++
		}
		answered, refused = a, r
		if pressed < 3 {
			continue
		}
		pressed = 0
		c.waves++
		raise(c.lab.scopes)
		if err := c.lab.writePolicy(); err != nil {
			return err
		}
	}
	return nil
}

// killSome kills gateways and Redis in turn at random moments, spread over the run.
func (c *crowd) killSome(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(c.lab.seed, 1<<40))
	gateways, redis := c.lab.gatewayKills, c.lab.redisKills
	if c.lab.embedded {
		redis = 0
	}
	slot := c.lab.length / time.Duration(gateways+redis+1)
	for gateways+redis > 0 {
		if !wait(ctx, slot/2+time.Duration(rng.Int64N(int64(slot/2)))) {
			return nil
		}
		if rng.IntN(gateways+redis) < redis {
			redis--
			c.redisKills++
			if err := c.lab.killRedis(); err != nil {
				return err
			}
			continue
		}
		gateways--
		c.gatewayKills++
		g := c.lab.gateways[rng.IntN(len(c.lab.gateways))]
		g.kill()
		time.Sleep(time.Duration(rng.Int64N(int64(1500 * time.Millisecond))))
		if err := g.start(); err != nil {
			return err
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
			for words, tokens := 300, 400; ctx.Err() == nil; {
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
	r.sent, r.answered, r.refused, r.cut, r.codes = c.sent, c.answered, c.refused, c.cut, c.codes
	r.waves, r.gatewayKills, r.redisKills, r.took = c.waves, c.gatewayKills, c.redisKills, c.took
}
