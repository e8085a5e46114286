package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"bursar/budget"
	"bursar/pricing"
)

// sampler looks at every window as fast as it can, from the first request to the last.
type sampler struct {
	lab  *lab
	done context.CancelFunc
	wait sync.WaitGroup

	samples, failures int
	over              pricing.Nano // the worst that was seen above any limit
	overOf            string
	negative          string
}

func startSampler(l *lab) *sampler {
	ctx, done := context.WithCancel(context.Background())
	s := &sampler{lab: l, done: done}
	s.wait.Go(func() {
		for ctx.Err() == nil {
			s.look(ctx)
			time.Sleep(500 * time.Microsecond) // the load needs the processor more
		}
	})
	return s
}

func (s *sampler) look(ctx context.Context) {
	states, err := s.lab.states(ctx)
	if err != nil {
		s.failures++ // it is being killed
		time.Sleep(5 * time.Millisecond)
		return
	}
	s.samples++
	for i, scope := range s.lab.scopes {
		state := states[i]
		if over := state.Spent + state.Held - pricing.Nano(scope.limit.Load()); over > s.over {
			s.over = over
			s.overOf = fmt.Sprintf("%s: $%s spent and $%s held of $%s", scope.name, state.Spent.Dollars(), state.Held.Dollars(),
				pricing.Nano(scope.limit.Load()).Dollars())
		}
		if state.Spent < 0 || state.Held < 0 {
			s.negative = fmt.Sprintf("%s: spent %d, held %d", scope.name, state.Spent, state.Held)
		}
	}
}

func (s *sampler) stop(r *result) {
	s.done()
	s.wait.Wait()
	r.samples, r.overspend, r.overOf = s.samples, s.over, s.overOf
	if s.negative != "" {
		r.fault("a counter is negative: %s", s.negative)
	}
	if s.samples < 100 {
		r.fault("only %d samples were taken", s.samples)
	}
}

// states reads every window as it stands: from Redis itself, or from the one gateway that has them.
func (l *lab) states(ctx context.Context) ([]budget.State, error) {
	states := make([]budget.State, len(l.scopes))
	if l.embedded {
		return states, l.standing(ctx, states)
	}
	charges := make([]budget.Charge, len(l.scopes))
	for i, s := range l.scopes {
		charges[i] = budget.Charge{Key: s.key}
	}
	atomic.AddInt64(&l.looks, 1)
	return states, l.money.States(ctx, charges, states)
}

func (l *lab) standing(ctx context.Context, into []budget.State) error {
	var all []struct {
		Name  string
		Spent pricing.Nano `json:"spent_nano"`
		Held  pricing.Nano `json:"held_nano"`
	}
	if err := getJSON(ctx, l.gateways[0].admin+"/admin/budgets", &all); err != nil {
		return err
	}
	if len(all) != len(into) {
		return fmt.Errorf("/admin/budgets has %d budgets, not %d", len(all), len(into))
	}
	for i, b := range all {
		if b.Name != l.scopes[i].name {
			return fmt.Errorf("/admin/budgets has %s where %s was expected", b.Name, l.scopes[i].name)
		}
		into[i] = budget.State{Spent: b.Spent, Held: b.Held}
	}
	return nil
}

func getJSON(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
