package budget

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bursar/pricing"
)

// TestCrowd sends 200 callers at a budget of one dollar through several gateways. Some callers die with their hold, some settle late.
// A sampler reads the budgets all the while: none may ever be overspent, and in the end every nano-dollar is accounted for.
func TestCrowd(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		const callers = 200
		c := &crowd{bench: b, charges: []Charge{hard("org", 3*pricing.Dollar), hard("team", pricing.Dollar), soft("user", 1)}}
		sampled := make(chan struct{})
		var sampler, all sync.WaitGroup
		sampler.Go(func() {
			for {
				select {
				case <-sampled:
					return
				default:
					c.sample(t)
				}
			}
		})
		for i := range callers {
			all.Go(func() {
				for j := range b.calls {
					c.call(t, b.handles[(i+j)%len(b.handles)], fmt.Sprintf("%d.%d", i, j), rand.New(rand.NewPCG(uint64(i), uint64(j))))
				}
			})
		}
		all.Wait()
		b.forward(time.Hour)
		for _, s := range b.handles {
			all.Go(func() {
				if err := s.Expire(t.Context()); err != nil {
					t.Errorf("expire: %v", err)
				}
			})
		}
		all.Wait()
		c.adopt(t)
		close(sampled)
		sampler.Wait()
		total := pricing.Nano(c.spent.Load())
		wantStates(t, b.handles[0], c.charges, total, 0, total, 0, total, 0)
		if total < pricing.Dollar/4 || c.refused.Load() == 0 || c.orphaned.Load() == 0 {
			t.Errorf("spent %d with %d refusals and %d orphans: the test does not test much", total, c.refused.Load(), c.orphaned.Load())
		}
	})
}

type crowd struct {
	*bench
	charges                  []Charge
	spent, refused, orphaned atomic.Int64 // spent counts what the callers know
}

// call is one request: most settle at once, some a second time, some never.
func (c *crowd) call(t *testing.T, s store, id string, r *rand.Rand) {
	want := pricing.Nano(r.Int64N(int64(pricing.Dollar / 20)))
	g, err := s.Reserve(t.Context(), &Hold{ID: id, Want: want, Least: want / 2, Charges: c.charges, Lease: time.Minute})
	switch {
	case err != nil:
		t.Errorf("reserve: %v", err)
	case !g.OK:
		c.refused.Add(1)
	case g.Amount < want/2 || g.Amount > want:
		t.Errorf("granted %d of %d to %d", g.Amount, want/2, want)
	case r.IntN(50) == 0: // the gateway dies
	default:
		actual := pricing.Nano(r.Int64N(int64(g.Amount)/8 + 1))
		for range 1 + r.IntN(2) {
			done, err := s.Settle(t.Context(), Settlement{ID: id, Actual: actual})
			if err != nil || done.Unknown || done.Late || done.Overrun != 0 {
				t.Errorf("settle: %+v, %v", done, err)
			}
			if done.Applied {
				c.spent.Add(int64(actual))
			}
		}
	}
}

func (c *crowd) sample(t *testing.T) {
	states := make([]State, len(c.charges))
	if err := c.handles[0].States(t.Context(), c.charges, states); err != nil {
		t.Errorf("sample: %v", err)
	}
	for i, s := range states {
		if c.charges[i].Hard && s.Room() < 0 || s.Held < 0 || s.Spent < 0 {
			t.Errorf("budget %s is overspent: %+v", c.charges[i].Key, s)
		}
	}
}

// adopt has several gateways collect the orphans at once, half of which turn out to have an owner that settles late.
func (c *crowd) adopt(t *testing.T) {
	var all sync.WaitGroup
	for i, s := range c.handles {
		all.Go(func() {
			for {
				orphans, err := s.Orphans(t.Context(), 7)
				if err != nil {
					t.Errorf("orphans: %v", err)
				}
				if len(orphans) == 0 {
					return
				}
				for n, o := range orphans {
					c.orphaned.Add(1)
					c.spent.Add(int64(o.Amount))
					if n%2 == 0 {
						if err := s.AckOrphan(t.Context(), o.ID); err != nil {
							t.Errorf("acknowledge: %v", err)
						}
						continue
					}
					done, err := c.handles[(i+1)%len(c.handles)].Settle(t.Context(), Settlement{ID: o.ID, Actual: o.Amount / 3})
					if err != nil || !done.Applied || !done.Late || !done.Orphaned {
						t.Errorf("late settle: %+v, %v", done, err)
					}
					c.spent.Add(int64(done.Correction))
				}
			}
		})
	}
	all.Wait()
}

// TestOneHoldManyHands: the same hold reserved, settled, cancelled and expired by many at once counts once.
func TestOneHoldManyHands(t *testing.T) {
	eachStore(t, func(t *testing.T, b *bench) {
		team := []Charge{hard("team", 1000)}
		var want pricing.Nano
		for round := range 30 {
			id := fmt.Sprint("hold ", round)
			var truth atomic.Int64
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					s := b.handles[i%len(b.handles)]
					if _, err := s.Reserve(t.Context(), &Hold{ID: id, Want: 10, Least: 10, Charges: team, Lease: time.Minute}); err != nil && !errors.Is(err, ErrClosed) {
						t.Errorf("reserve: %v", err)
					}
					done, err := s.Settle(t.Context(), Settlement{ID: id, Actual: pricing.Nano(i)})
					if err != nil {
						t.Errorf("settle: %v", err)
					}
					if done.Applied && truth.Swap(int64(i)) != 0 {
						t.Error("two settles were applied")
					}
				})
			}
			all.Wait()
			want += pricing.Nano(truth.Load())
		}
		wantStates(t, b.handles[0], team, want, 0)
	})
}
