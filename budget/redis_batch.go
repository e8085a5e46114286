package budget

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// SettleBatch settles many holds in one round trip. results must be as long as batch. On an error some may be settled: settle the batch
// again, the results then tell what was done.
func (r *Redis) SettleBatch(ctx context.Context, batch []Settlement, results []Settled) error {
	calls := make([]call, len(batch))
	for i := range batch {
		s := &batch[i]
		if err := s.check(0); err != nil {
			return err
		}
		counters, args := r.settleArgs(s, nil)
		calls[i] = call{r.settleKeys(s.ID, counters), args}
	}
	deadline, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	replies, err := r.runAll(deadline, settleScript, calls)
	if err != nil {
		return fmt.Errorf("settle %d holds: %w", len(batch), err)
	}
	for i, s := range batch {
		reply := texts(replies[i])
		if len(reply) > 0 && reply[0] == "counters" { // another process took this hold
			results[i], err = r.Settle(ctx, s)
		} else {
			r.forget(s.ID)
			results[i], err = settled(s.ID, reply)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// call is one run of a script among many.
type call struct {
	keys []string
	args []any
}

// runAll carries out one script for many calls in one round trip, or in two if the server does not know the script yet. Scripts are
// idempotent, so all calls may be made again.
func (r *Redis) runAll(ctx context.Context, s *redis.Script, calls []call) ([][]any, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	replies, err := r.pipeline(ctx, s, calls)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := s.Load(ctx, r.client).Err(); err != nil {
			return nil, fmt.Errorf("load a script: %w: %w", ErrStoreDown, err)
		}
		replies, err = r.pipeline(ctx, s, calls)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStoreDown, err)
	}
	return replies, nil
}

func (r *Redis) pipeline(ctx context.Context, s *redis.Script, calls []call) ([][]any, error) {
	pipe := r.client.Pipeline()
	sent := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		sent[i] = s.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	replies := make([][]any, len(calls))
	for i, cmd := range sent {
		if list, ok := cmd.Val().([]any); ok {
			replies[i] = list
		}
	}
	return replies, nil
}
