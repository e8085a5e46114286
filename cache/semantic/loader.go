package semantic

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// loadAll loads partitions one after the other.
func (f *fleet) loadAll() {
	for {
		select {
		case <-f.ctx.Done():
			return
		case s := <-f.loads:
			for failures := 1; f.ctx.Err() == nil && !s.left(); failures++ {
				if err := f.load(s); err == nil {
					break
				}
				f.pause(failures)
			}
		}
	}
}

// load reads the estimates, the questions that still serve, and the events since. Then the partition is followed from there on.
func (f *fleet) load(s *shared) error {
	if err := f.call(func(ctx context.Context) error { return f.loadEstimates(ctx, s) }); err != nil {
		return err
	}
	p := s.of
	p.mu.Lock()
	learned := p.learned
	p.learned = 0
	p.mu.Unlock()
	for i := range streams {
		if err := f.loadStream(s, i); err != nil {
			return err
		}
	}
	if err := f.call(func(ctx context.Context) error { return f.missing(ctx, s) }); err != nil {
		return err
	}
	p.mu.Lock()
	p.learned = max(p.learned, learned) // the snapshot has counted most of the questions
	p.mu.Unlock()
	s.fresh.Store(time.Now().UnixNano())
	f.mu.Lock()
	defer f.mu.Unlock()
	if !s.dropped {
		f.followed = append(f.followed[:len(f.followed):len(f.followed)], s)
	}
	return nil
}

func (f *fleet) loadEstimates(ctx context.Context, s *shared) error {
	values, err := f.client.HMGet(ctx, s.state(), "at", "estimates").Result()
	if err != nil {
		return err
	}
	at, _ := values[0].(string)
	estimates, _ := values[1].(string)
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if seen, ok := s.of.restore([]byte(estimates)); ok && at != "" {
		s.at[learning], s.seen[learning] = at, seen
	}
	return nil
}

func (f *fleet) loadStream(s *shared, i int) error {
	for {
		var messages []redis.XMessage
		err := f.call(func(ctx context.Context) (err error) {
			messages, err = f.client.XRangeN(ctx, s.stream(i), "("+s.at[i], "+", readAtOnce).Result()
			return err
		})
		if err != nil {
			return err
		}
		newcomers, err := f.fetch([]*shared{s}, map[string][]redis.XMessage{s.stream(i): messages})
		if err != nil {
			return err
		}
		if s.learn(i, messages, newcomers); len(messages) < readAtOnce {
			return nil
		}
	}
}
