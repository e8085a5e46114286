package budget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

// Left is a slice that the process before has left in its journal, with the holds drawn from it whose cost the store may not know: of each what
// it has cost, or what was held if nobody knows.
type Left struct {
	ID    string
	About []byte // as BeginSlice was given it
	Holds map[string]pricing.Nano
}

// Recover tells the store what the process before spent of a slice, exactly once however often it is called, and ends it. The seed is for a
// correction if the outcome is Orphaned. On an error what was spent counts as spent without the store, until it is called again.
func (l *Leased) Recover(ctx context.Context, left *Left) (s Settled, seed []byte, err error) {
	var a sliceFacts
	if err := json.Unmarshal(left.About, &a); err != nil {
		return Settled{}, nil, fmt.Errorf("recover slice %q: what the journal has of it cannot be read: %w", left.ID, err)
	}
	if err = checkCharges(left.ID, a.Charges); err != nil {
		return Settled{}, nil, fmt.Errorf("recover: %w", err)
	}
	s, err = l.recover(ctx, left, &a)
	l.owing(left, a.Charges, err != nil)
	return s, a.Seed, l.heard(err)
}

func (l *Leased) recover(ctx context.Context, left *Left, a *sliceFacts) (Settled, error) {
	old := &slice{id: left.ID, charges: a.Charges, budgets: distinct(a.Charges), lease: a.Lease, seed: a.Seed}
	for _, b := range old.budgets {
		old.counters = append(old.counters, l.redis.keys.counter(b.key))
	}
	told, err := l.told(ctx, old)
	if err != nil {
		return Settled{}, err
	}
	ids := make([]string, 0, len(left.Holds))
	for id, cost := range left.Holds {
		ids = append(ids, id)
		if !slices.Contains(told, id) {
			old.spent += cost
		}
	}
	old.number++
	c := l.redis.putCall(old, ask{give: true}, 0, ids)
	reply, err := l.redis.run(ctx, sliceScript, c.keys, c.args...)
	if err != nil {
		return Settled{}, fmt.Errorf("recover slice %q: %w", left.ID, err)
	}
	rest := pricing.Nano(0)
	switch reply[0] {
	case "lost":
		return Settled{}, fmt.Errorf("recover slice %q: %w: %w", left.ID, ErrStoreLost, ErrStoreDown)
	case "closed": // by an earlier recovery, whose outcome the journal may not have
		return l.redis.Settle(ctx, Settlement{ID: left.ID, Tokens: AsHeld})
	case "expired":
		rest = old.spent - old.reported
	}
	s, err := l.redis.Charge(ctx, left.ID, a.Charges, rest)
	if err != nil {
		return Settled{}, fmt.Errorf("recover slice %q: %w", left.ID, err)
	}
	l.mu.Lock()
	l.ended = append(l.ended, endedSlice{old, l.options.Clock()})
	l.mu.Unlock()
	return s, nil
}

// told asks what the store was told of a slice: how much, and of which holds last.
func (l *Leased) told(ctx context.Context, s *slice) (ids []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.redis.options.Timeout)
	defer cancel()
	fields, err := l.redis.client.HMGet(ctx, l.redis.keys.slice(s.id), "number", "spent", "ids").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("recover slice %q: %w: %w", s.id, ErrStoreDown, err)
	}
	if fields[0] == nil {
		return nil, nil
	}
	read := texts(fields)
	number, err1 := strconv.ParseInt(read[0], 10, 64)
	spent, err2 := strconv.ParseInt(read[1], 10, 64)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("recover slice %q: Redis has %q of it: %w", s.id, read[:2], errors.Join(err1, err2))
	}
	s.number, s.spent, s.reported = number, pricing.Nano(spent), pricing.Nano(spent)
	return strings.Split(read[2], "\n"), nil
}

// owing counts what a slice of the process before has spent among what was taken without the store, while it does not know.
func (l *Leased) owing(left *Left, charges []Charge, owes bool) {
	var sum pricing.Nano
	for _, cost := range left.Holds {
		sum += cost
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.before[left.ID]
	if l.before == nil {
		l.before = map[string]pricing.Nano{}
	}
	if delete(l.before, left.ID); owes {
		l.before[left.ID] = sum
	} else {
		sum = 0
	}
	for _, b := range distinct(charges) {
		if l.owed[b.key] += sum - before; l.owed[b.key] <= 0 {
			delete(l.owed, b.key)
		}
	}
}
