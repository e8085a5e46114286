package cache

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lease says to the fleet which gateway leads the flight of a key. It is taken by the lookup that misses (lookupScript), kept while the flight
// lasts, and given back with the answer stored. That of a gateway that has died ends by itself, and whoever follows it takes over.

// storeScript stores an answer and ends the lease of the gateway that made it.
var storeScript = redis.NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local holder = redis.call('GET', KEYS[2])
if holder and string.match(holder, '^[^/]*') == string.match(ARGV[3], '^[^/]*') then redis.call('DEL', KEYS[2]) end
return 1
`)

var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

var keepScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
`)

// release gives a lease back without an answer.
func (r *Redis) release(ctx context.Context, j *job) error {
	return releaseScript.Run(ctx, r.client, []string{r.name(j.epoch, j.key) + leaseSuffix}, j.lease).Err()
}

// keepLeases renews the leases of flights that last. Most calls are over before the first renewal.
func (f *fleet) keepLeases() {
	every := f.redis.options.Lease / 3
	tick := time.NewTicker(every)
	defer tick.Stop()
	loaded := false
	for {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
		held := f.redis.flight.held()
		if len(held) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(f.ctx, every)
		if !loaded {
			loaded = keepScript.Load(ctx, f.redis.client).Err() == nil
		}
		_, err := f.redis.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, h := range held {
				keepScript.EvalSha(ctx, p, []string{f.redis.name(h.epoch, h.key) + leaseSuffix}, h.lease, f.redis.options.Lease.Milliseconds())
			}
			return nil
		})
		loaded = loaded && err == nil // a Redis that was restarted knows no scripts
		cancel()
	}
}

// heldLease is a lease with what names it in Redis.
type heldLease struct {
	key   Key
	epoch uint64
	lease string
}

// held returns the leases of the flights that this gateway leads.
func (f *Flight) held() (all []heldLease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, c := range f.aloft {
		if c.led && c.lease != "" {
			all = append(all, heldLease{key, c.mark.Epoch, c.lease})
		}
	}
	return all
}
