package budget

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

// Redis is a store for a fleet of gateways: Redis 7 or later, or Valkey; single, Sentinel or Cluster. Every change is one Lua call, so
// it happens whole or not at all, and leases run on the server's clock. All keys of an org carry one hash tag, so its budgets live in one
// cluster slot. It is safe for concurrent use. Every error from Redis is an ErrStoreDown.
//
// A call that ends with ErrStoreDown may have been carried out all the same. Everything but Orphans may simply be called again; a Reserve that
// is given up must be followed by a Cancel, called until it succeeds, else its money expires into spend.
type Redis struct {
	client  redis.UniversalClient
	options Options
	keys    keyspace
	drift   time.Duration // added to the server's clock; 0 but in tests
	pretend string        // the server's name instead of its own; "" but in tests

	epoch   atomic.Pointer[string] // the mark this process knows the store's memory by, nil before the first grant
	mu      sync.Mutex
	charged map[string]charged // counters of the holds that this process took, so that a settle can name them at once
}

// charged remembers the counters of one hold. It may be lost: a settle then asks the store for them.
type charged struct {
	counters []string
	until    time.Time
}

// NewRedis makes the store of one org. The client must come from Connect, or have ContextTimeoutEnabled set: without it a call to a Redis
// that hangs would hang with it.
func NewRedis(client redis.UniversalClient, org string, o Options) (*Redis, error) {
	if org == "" || strings.ContainsAny(org, "{}\n") {
		return nil, fmt.Errorf("org %q: it must not be empty nor contain braces or line breaks, because it is the hash tag of its keys", org)
	}
	if !keepsDeadlines(client) {
		return nil, fmt.Errorf("redis client of org %q: set ContextTimeoutEnabled, or make it with budget.Connect: calls must not outlive their deadline", org)
	}
	return &Redis{client: client, options: o.withDefaults(), keys: newKeyspace(org), charged: map[string]charged{}}, nil
}

// Connect makes a client with the settings that a store needs: deadlines are kept, commands are not sent again behind its back, and a
// server that refuses connections is known to be down at once.
func Connect(o *redis.UniversalOptions) redis.UniversalClient {
	own := *o
	own.ContextTimeoutEnabled = true
	own.MaxRetries = -1
	own.DialerRetries = 1
	return redis.NewUniversalClient(&own)
}

func keepsDeadlines(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	default:
		return true // a client of the caller's own make
	}
}

// Reserve holds money on every charge of h and takes room within every limit, or does neither. It returns ErrClosed if h.ID is settled, expired or cancelled.
func (r *Redis) Reserve(ctx context.Context, h *Hold) (Grant, error) {
	if err := h.check(); err != nil {
		return Grant{}, err
	}
	known, fresh := "", rand.Text()
	if epoch := r.epoch.Load(); epoch != nil {
		known = *epoch
	}
	budgets := distinct(h.Charges)
	keys := append(make([]string, 0, 5+len(budgets)+len(h.Limits)), r.keys.holds, r.keys.seeds, r.keys.leases, r.keys.closed(h.ID), r.keys.epoch)
	args := append(make([]any, 0, 10+2*len(budgets)+2*len(h.Limits)), h.ID, int64(h.Want), int64(h.Least), h.Lease.Milliseconds(), h.Seed,
		r.drift.Milliseconds(), known, fresh, len(h.Limits), h.limited())
	for _, b := range budgets {
		keys = append(keys, r.keys.counter(b.key))
		args = append(args, b.limitText(), forgetAt(b.ends))
	}
	meters, left := places(h.Limits)
	for _, at := range meters {
		keys = append(keys, r.keys.meter(&h.Limits[at]))
		args = append(args, h.Limits[at].Unit.String(), h.Limits[at].text())
	}
	reply, err := r.run(ctx, reserveScript, keys, args...)
	if err != nil {
		return Grant{}, fmt.Errorf("reserve %q: %w", h.ID, err)
	}
	return r.granted(h, budgets, meters, keys[5:5+len(budgets)+left], reply)
}

// granted reads the reply of reserve.lua.
func (r *Redis) granted(h *Hold, budgets []distinctCharge, meters []int, counters, reply []string) (Grant, error) {
	switch reply[0] {
	case "lost":
		return Grant{}, fmt.Errorf("reserve %q: %w: restore the windows from the ledger, then Resume: %w", h.ID, ErrStoreLost, ErrStoreDown)
	case "closed":
		return Grant{}, fmt.Errorf("reserve %q: %w", h.ID, ErrClosed)
	case "full":
		return Grant{}, fmt.Errorf("reserve %q: a budget counts more than %d nano-dollars, more than a counter can safely hold", h.ID, maxUsed)
	}
	if reply[1] != "" {
		r.epoch.CompareAndSwap(nil, &reply[1])
	}
	amounts, err := parseAmounts(reply[2:])
	if err != nil || len(amounts) != 2+2*len(budgets)+len(meters) {
		return Grant{}, fmt.Errorf("reserve %q: reply %q cannot be understood: %w", h.ID, reply, ErrStoreDown)
	}
	g := Grant{OK: true, Amount: amounts[0], Short: -1, Slow: -1}
	switch i := int(amounts[1]) - 1; {
	case reply[0] == "slow":
		g.OK, g.Amount, g.Slow, g.Wait = false, 0, meters[i], time.Duration(amounts[0])*time.Millisecond
		if amounts[0] < 0 {
			g.Wait = Never
		}
	case i >= 0:
		g.OK, g.Short = reply[0] != "short", budgets[i].strictest
	}
	var added pricing.Nano
	if reply[0] == "held" {
		added = g.Amount
	}
	g.States = h.States[:0]
	for i := range h.Charges {
		at := 2 + 2*indexOf(budgets, h.Charges[i].Key)
		g.States = append(g.States, State{Spent: amounts[at], Held: amounts[at+1] + added, Limit: h.Charges[i].Limit})
	}
	g.rates(h, meters, amounts[2+2*len(budgets):], reply[0] == "held")
	if g.OK {
		r.remember(h.ID, counters, h.Lease)
	}
	return g, nil
}

// Settle replaces a hold by what it truly took, exactly once however often it is called.
func (r *Redis) Settle(ctx context.Context, s Settlement) (Settled, error) {
	return r.settle(ctx, &s, nil)
}

// Cancel settles a hold at nothing, also one whose Reserve has not arrived yet: that is refused when it does.
func (r *Redis) Cancel(ctx context.Context, id string) error {
	_, err := r.settle(ctx, &Settlement{ID: id}, nil)
	return err
}

// Charge makes amount the true cost of id, with or without a hold: it settles an open or expired hold, does nothing for an id that is settled,
// and else adds the amount, which may be negative, to what the charges have spent. So ledger rows can be replayed after Redis lost its last moments.
func (r *Redis) Charge(ctx context.Context, id string, charges []Charge, amount pricing.Nano) (Settled, error) {
	if err := checkCharges(id, charges); err != nil {
		return Settled{}, err
	}
	return r.settle(ctx, &Settlement{ID: id, Actual: amount, Tokens: AsHeld}, &charges)
}

func (r *Redis) settle(ctx context.Context, s *Settlement, charges *[]Charge) (Settled, error) {
	if err := s.check(leastOf(charges)); err != nil {
		return Settled{}, err
	}
	id := s.ID
	counters, args := r.settleArgs(s, charges)
	for range 3 { // the counters of a hold never change, so two rounds do
		reply, err := r.run(ctx, settleScript, r.settleKeys(id, counters), args...)
		if err != nil {
			return Settled{}, fmt.Errorf("settle %q: %w", id, err)
		}
		if reply[0] != "counters" {
			r.forget(id)
			return settled(id, reply)
		}
		counters = lines(reply[1])
	}
	return Settled{}, fmt.Errorf("settle %q: its counters change while it is settled: %w", id, ErrStoreDown)
}

func (r *Redis) settleArgs(s *Settlement, charges *[]Charge) (counters []string, args []any) {
	args = []any{s.ID, int64(s.Actual), r.options.Remember.Milliseconds(), "0", s.Tokens}
	if charges == nil {
		return r.recall(s.ID), args
	}
	args[3] = "1"
	for _, b := range distinct(*charges) {
		counters = append(counters, r.keys.counter(b.key))
		args = append(args, forgetAt(b.ends))
	}
	return counters, args
}

func (r *Redis) settleKeys(id string, counters []string) []string {
	keys := append(make([]string, 0, 6+len(counters)),
		r.keys.holds, r.keys.seeds, r.keys.leases, r.keys.closed(id), r.keys.outbox, r.keys.orphans)
	return append(keys, counters...)
}

// settled reads the reply of settle.lua.
func settled(id string, reply []string) (Settled, error) {
	s := Settled{Applied: true}
	if reply[0] == "again" {
		s.Applied, reply = false, reply[1:]
	}
	if len(reply) == 0 || reply[0] == "full" {
		return Settled{}, fmt.Errorf("charge %q: a budget counts more than %d nano-dollars, more than a counter can safely hold", id, maxUsed)
	}
	amounts, err := parseAmounts(reply[1:])
	if err != nil || len(amounts) != 3 {
		return Settled{}, fmt.Errorf("settle %q: reply %q cannot be understood: %w", id, reply, ErrStoreDown)
	}
	held, actual := amounts[0], amounts[1]
	switch reply[0] {
	case "unknown", "cancelled":
		return Settled{Unknown: true}, nil
	case "charged":
		return s, nil
	case "late":
		s.Late, s.Correction, s.Orphaned = true, actual-held, amounts[2] == 1
	}
	s.Held, s.Overrun = held, max(0, actual-held)
	return s, nil
}

// Renew makes the lease of an open hold end a lease from now. One that is not open is left alone: its settle tells what became of it.
func (r *Redis) Renew(ctx context.Context, id string, lease time.Duration) error {
	return r.RenewAll(ctx, []string{id}, lease)
}

// renewBatch bounds how long one call keeps Redis busy, to about 0.1 ms.
const renewBatch = 256

// RenewAll renews many holds, in few calls.
func (r *Redis) RenewAll(ctx context.Context, ids []string, lease time.Duration) error {
	for len(ids) > 0 {
		batch := ids[:min(len(ids), renewBatch)]
		ids = ids[len(batch):]
		args := []any{lease.Milliseconds(), r.drift.Milliseconds()}
		for _, id := range batch {
			args = append(args, id)
		}
		if _, err := r.run(ctx, renewScript, []string{r.keys.holds, r.keys.leases}, args...); err != nil {
			return fmt.Errorf("renew %d holds: %w", len(batch), err)
		}
		r.extend(batch, lease)
	}
	return nil
}

// States writes what each charge's window stands at into out, which must be as long as charges.
func (r *Redis) States(ctx context.Context, charges []Charge, out []State) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	replies := make([]*redis.SliceCmd, len(charges))
	pipe := r.client.Pipeline()
	for i := range charges {
		replies[i] = pipe.HMGet(ctx, r.keys.counter(charges[i].Key), "spent", "held")
	}
	if len(charges) > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("read the states of %d budgets: %w: %w", len(charges), ErrStoreDown, err)
		}
	}
	for i, reply := range replies {
		values, err := parseAmounts(texts(reply.Val()))
		if err != nil || len(values) != 2 {
			return fmt.Errorf("read the state of %q: reply %v cannot be understood: %w", charges[i].Key, reply.Val(), ErrStoreDown)
		}
		out[i] = State{Spent: values[0], Held: values[1], Limit: charges[i].Limit}
	}
	return nil
}

// Open returns how many holds are open, expired ones that no Expire has met included.
func (r *Redis) Open(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	n, err := r.client.HLen(ctx, r.keys.holds).Result()
	if err != nil {
		return 0, fmt.Errorf("count open holds: %w: %w", ErrStoreDown, err)
	}
	return int(n), nil
}

// Known tells whether the store remembers this org. It does not before the first hold, nor after it lost its data: then restore
// the windows from the ledger by Charge before the first request.
func (r *Redis) Known(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	n, err := r.client.Exists(ctx, r.keys.epoch).Result()
	if err != nil {
		return false, fmt.Errorf("read the epoch: %w: %w", ErrStoreDown, err)
	}
	return n == 1, nil
}

// Resume accepts the store as it is after an ErrStoreLost. Until then this process refuses to reserve: counters that Redis lost would be
// free money. Before it, Charge what the ledger knows under IDs that no other gateway uses.
func (r *Redis) Resume() { r.epoch.Store(nil) }

// Incarnation names the running server: another one has been restarted, or another node has taken its place, and either may have lost its
// last moments, even though it remembers the rest. "" if the server does not tell. A store that has lost all its memory is an ErrStoreLost.
func (r *Redis) Incarnation(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	node := redis.Cmdable(r.client)
	if c, ok := r.client.(*redis.ClusterClient); ok { // all keys of the org live on one node
		master, err := c.MasterForKey(ctx, r.keys.epoch)
		if err != nil {
			return "", fmt.Errorf("find the node of %q: %w: %w", r.keys.epoch, ErrStoreDown, err)
		}
		node = master
	}
	if r.pretend != "" {
		return r.pretend, nil
	}
	info, err := node.Info(ctx, "server").Result()
	if refused := redis.Error(nil); err != nil && !errors.As(err, &refused) { // refused: a test double, or a service that hides it
		return "", fmt.Errorf("ask which server it is: %w: %w", ErrStoreDown, err)
	}
	epoch, err := node.Get(ctx, r.keys.epoch).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("read the epoch: %w: %w", ErrStoreDown, err)
	}
	if known := r.epoch.Load(); known != nil && *known != epoch {
		return "", fmt.Errorf("ask which server it is: %w: %w", ErrStoreLost, ErrStoreDown)
	}
	return runID(info), nil
}

// run carries out one script and returns its reply as texts.
func (r *Redis) run(ctx context.Context, s *redis.Script, keys []string, args ...any) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	reply, err := s.Run(ctx, r.client, keys, args...).Result()
	again := err != nil && hungUp(err)
	if again {
		reply, err = s.Run(ctx, r.client, keys, args...).Result()
	}
	switch {
	case err != nil && !again && unsent(err):
		return nil, fmt.Errorf("%w: %w: %w", ErrStoreDown, ErrUnsent, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrStoreDown, err)
	}
	switch v := reply.(type) {
	case []any:
		return texts(v), nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil
	default:
		return nil, fmt.Errorf("reply %v cannot be understood: %w", reply, ErrStoreDown)
	}
}

// hungUp tells whether the server closed the connection, as it does when it restarts: what it has not carried out by then it never will,
// and scripts are idempotent, so the call may be made again. After a timeout it may not: it could overtake itself.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// unsent tells whether the server cannot have carried out the call: nobody listened, or it said that it is still starting.
func unsent(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial" || redis.HasErrorPrefix(err, "LOADING")
}

var errNotText = errors.New("not a decimal number")

func parseAmounts(fields []string) ([]pricing.Nano, error) {
	amounts := make([]pricing.Nano, len(fields))
	for i, text := range fields {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errNotText
		}
		amounts[i] = pricing.Nano(n)
	}
	return amounts, nil
}

// texts reads a reply of bulk strings; a missing counter is 0.
func texts(reply []any) []string {
	fields := make([]string, len(reply))
	for i, v := range reply {
		switch v := v.(type) {
		case string:
			fields[i] = v
		case nil:
			fields[i] = "0"
		default:
			fields[i] = fmt.Sprint(v)
		}
	}
	return fields
}
