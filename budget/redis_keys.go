package budget

import (
	_ "embed"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"bursar/pricing"
)

// keyspace names the keys of one org. The org in braces is the hash tag that keeps them in one cluster slot.
type keyspace struct {
	prefix                                       string
	holds, seeds, leases, outbox, orphans, epoch string

	wanted, since, idle      string // of slices: see slice.lua and beg.lua
	members, joined, arrived string // of gateways: see beat.lua and join.lua
}

func newKeyspace(org string) keyspace {
	p := "bursar:{" + org + "}:"
	return keyspace{
		prefix: p, holds: p + "holds", seeds: p + "seeds", leases: p + "leases", outbox: p + "outbox", orphans: p + "orphans", epoch: p + "epoch",
		wanted: p + "wanted", since: p + "since", idle: p + "idle", members: p + "members", joined: p + "joined", arrived: p + "arrived",
	}
}

// counter is the hash {spent, held} of one window of one budget.
func (k *keyspace) counter(charge string) string { return k.prefix + "window:" + charge }

// meter counts for one limit: a hash of seconds, or a number for Concurrent.
func (k *keyspace) meter(l *Limit) string { return k.prefix + l.Unit.String() + ":" + l.Key }

// closed tells what became of a hold, for as long as that matters.
func (k *keyspace) closed(id string) string { return k.prefix + "closed:" + id }

// slice is what Redis was told of a slice.
func (k *keyspace) slice(id string) string { return k.prefix + id }

// own is the outbox of orphans that one gateway was given.
func (k *keyspace) own(gateway string) string { return k.outbox + ":" + gateway }

//go:embed scripts/money.lua
var moneyLua string

//go:embed scripts/limits.lua
var limitsLua string

//go:embed scripts/reserve.lua
var reserveLua string

//go:embed scripts/settle.lua
var settleLua string

//go:embed scripts/rates.lua
var ratesLua string

//go:embed scripts/due.lua
var dueLua string

//go:embed scripts/expire.lua
var expireLua string

//go:embed scripts/renew.lua
var renewLua string

//go:embed scripts/orphans.lua
var orphansLua string

//go:embed scripts/slice.lua
var sliceLua string

//go:embed scripts/beg.lua
var begLua string

//go:embed scripts/beat.lua
var beatLua string

//go:embed scripts/join.lua
var joinLua string

//go:embed scripts/reassert.lua
var reassertLua string

// The scripts are run by their digest; a server that does not know one yet is sent its text.
var (
	reserveScript = redis.NewScript(moneyLua + limitsLua + reserveLua)
	settleScript  = redis.NewScript(moneyLua + limitsLua + settleLua)
	ratesScript   = redis.NewScript(moneyLua + limitsLua + ratesLua)
	dueScript     = redis.NewScript(moneyLua + dueLua)
	expireScript  = redis.NewScript(moneyLua + limitsLua + expireLua)
	renewScript   = redis.NewScript(moneyLua + renewLua)
	orphansScript = redis.NewScript(moneyLua + orphansLua)

	sliceScript    = redis.NewScript(moneyLua + sliceLua)
	begScript      = redis.NewScript(moneyLua + begLua)
	beatScript     = redis.NewScript(moneyLua + beatLua)
	joinScript     = redis.NewScript(moneyLua + joinLua)
	reassertScript = redis.NewScript(moneyLua + reassertLua)
)

// distinctCharge is one counter of a hold with the strictest limit asked of it: two budgets may watch one scope and window.
type distinctCharge struct {
	key       string
	hard      bool
	limit     pricing.Nano // if hard
	strictest int          // index of the charge that has it
	ends      time.Time
}

func distinct(charges []Charge) []distinctCharge {
	all := make([]distinctCharge, 0, len(charges))
	for i := range charges {
		c := &charges[i]
		at := indexOf(all, c.Key)
		if at < 0 {
			at = len(all)
			all = append(all, distinctCharge{key: c.Key, strictest: i, ends: c.Ends})
		}
		if d := &all[at]; c.Hard && (!d.hard || c.Limit < d.limit) {
			d.hard, d.limit, d.strictest = true, c.Limit, i
		}
	}
	return all
}

func indexOf(all []distinctCharge, key string) int {
	for i := range all {
		if all[i].key == key {
			return i
		}
	}
	return -1
}

// limitText is the limit as reserve.lua reads it.
func (d *distinctCharge) limitText() string {
	if !d.hard {
		return ""
	}
	return strconv.FormatInt(int64(d.limit), 10)
}

// forgetAt is the Unix time at which Redis may forget a window that ends then, 0 for never.
func forgetAt(ends time.Time) int64 {
	if ends.IsZero() {
		return 0
	}
	return ends.Add(keepWindow).Unix()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// remember, recall, extend and forget keep the counters of this process's own open holds.
func (r *Redis) remember(id string, counters []string, lease time.Duration) {
	r.mu.Lock()
	r.charged[id] = charged{counters, time.Now().Add(lease)}
	r.mu.Unlock()
}

func (r *Redis) recall(id string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.charged[id].counters
}

func (r *Redis) extend(ids []string, lease time.Duration) {
	until := time.Now().Add(lease)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if c, ok := r.charged[id]; ok {
			c.until = until
			r.charged[id] = c
		}
	}
}

func (r *Redis) forget(id string) {
	r.mu.Lock()
	delete(r.charged, id)
	r.mu.Unlock()
}

// forgetExpired drops what holds that nobody settled have left, so that the memory is bounded by the open holds.
func (r *Redis) forgetExpired() {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.charged {
		if now.After(c.until) {
			delete(r.charged, id)
		}
	}
}
