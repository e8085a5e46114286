package budget

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// One Expire does at most this much, so that it never keeps Redis from its requests for long.
const (
	expireBatch   = 100
	expireBatches = 20
)

// Expire turns holds whose lease has ended into spend at the held amount and puts them into the outbox of orphans. Every gateway of a fleet
// calls it every few seconds: they do not get in each other's way.
func (r *Redis) Expire(ctx context.Context) error {
	r.forgetExpired()
	for range expireBatches {
		due, err := r.run(ctx, dueScript, []string{r.keys.leases, r.keys.holds}, expireBatch, r.drift.Milliseconds())
		if err != nil {
			return fmt.Errorf("list expired holds: %w", err)
		}
		if err := r.expire(ctx, due); err != nil {
			return fmt.Errorf("expire %d holds: %w", len(due)/2, err)
		}
		if len(due) < 2*expireBatch {
			return nil
		}
	}
	return nil
}

// expire expires the holds of pairs of id and record. Each is its own script call, because each has its own counters, but they
// travel together.
func (r *Redis) expire(ctx context.Context, due []string) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	calls := make([]call, 0, len(due)/2)
	for i := 0; i+1 < len(due); i += 2 {
		id := due[i]
		_, counters, _ := strings.Cut(due[i+1], "\n")
		calls = append(calls, call{r.settleKeys(id, lines(counters)), []any{id, r.drift.Milliseconds(), r.options.Late.Milliseconds()}})
	}
	_, err := r.runAll(ctx, expireScript, calls)
	return err
}

// Orphans hands out at most most orphans, each with the amount its hold became. An orphan is handed out again after Options.Claim unless
// AckOrphan says that its ledger row is durable: a row may be written twice, so rows must be idempotent by ID. With Options.Gateway
// it is handed out again to the same gateway only, whose ledger has the row if any has.
func (r *Redis) Orphans(ctx context.Context, most int) ([]Orphan, error) {
	reply, err := r.run(ctx, orphansScript, []string{r.keys.outbox, r.keys.orphans, r.own()}, most, r.drift.Milliseconds(), r.options.Claim.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("read orphans: %w", err)
	}
	orphans := make([]Orphan, 0, len(reply)/2)
	for i := 0; i+1 < len(reply); i += 2 {
		amount, seed, _ := strings.Cut(reply[i+1], "\n")
		amounts, err := parseAmounts([]string{amount})
		if err != nil {
			return nil, fmt.Errorf("read orphan %q: amount %q cannot be understood: %w", reply[i], amount, ErrStoreDown)
		}
		orphans = append(orphans, Orphan{ID: reply[i], Amount: amounts[0], Seed: []byte(seed)})
	}
	return orphans, nil
}

// own is where the orphans wait that this gateway was given: they are given to no other.
func (r *Redis) own() string {
	if r.options.Gateway == "" {
		return r.keys.outbox
	}
	return r.keys.own(r.options.Gateway)
}

// AckOrphan says that the orphan's ledger row is durable, so that it is not handed out again.
func (r *Redis) AckOrphan(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	_, err := r.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRem(ctx, r.keys.outbox, id)
		p.ZRem(ctx, r.own(), id)
		p.HDel(ctx, r.keys.orphans, id)
		return nil
	})
	if err != nil {
		return fmt.Errorf("acknowledge orphan %q: %w: %w", id, ErrStoreDown, err)
	}
	return nil
}
