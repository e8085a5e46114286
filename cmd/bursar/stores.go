package main

import (
	"context"
	"errors"
	"time"

	"bursar/budget"
	"bursar/cache"
	"bursar/keys"
	"bursar/proxy"

	"github.com/redis/go-redis/v9"
)

// stores are where money is held and answers are kept: in this process, or in Redis.
type stores struct {
	budgets interface {
		proxy.Budgets
		Open(context.Context) (int, error)
	}
	cache answers
	keys  *keys.Shared          // nil without a fleet
	redis redis.UniversalClient // nil without a fleet
	close func()
}

// answers is a cache that tells what it has seen.
type answers interface {
	proxy.Cache
	Stats() cache.Stats
}

// In front of Redis each gateway keeps the answers of the last minute itself: a repeated question then costs no round trip.
const (
	nearBytes = 64 << 20
	nearAge   = time.Minute
)

// openStores opens the embedded stores, or those of a fleet if -redis names one.
func openStores(o *gatewayOptions, gateway string) (stores, error) {
	if o.redis == "" {
		memory, err := cache.NewMemory(cache.MemoryOptions{})
		if err != nil {
			return stores{close: func() {}}, err
		}
		return stores{budgets: budget.NewMemory(time.Now, budget.Options{}), cache: memory, close: memory.Close}, nil
	}
	servers := &budget.Servers{}
	client, err := connect(o.redis, servers)
	if err != nil {
		return stores{close: func() {}}, err
	}
	org := o.org
	money, err := openBudgets(client, o, gateway, servers)
	if err != nil {
		return stores{close: func() { _ = client.Close() }}, err
	}
	far, err := cache.NewRedis(client, org, cache.RedisOptions{})
	if err != nil {
		return stores{close: func() { _ = client.Close() }}, err
	}
	near, err := cache.NewMemory(cache.MemoryOptions{MaxBytes: nearBytes})
	if err != nil {
		return stores{close: func() { _ = client.Close() }}, err
	}
	issued, err := keys.NewShared(client, org)
	if err != nil {
		return stores{close: func() { _ = client.Close() }}, err
	}
	answers := cache.NewTiered(near, far, nearAge)
	return stores{budgets: money, cache: answers, keys: issued, redis: client, close: func() {
		answers.Close()
		_ = client.Close()
	}}, nil
}

// What -budget-mode may be.
const (
	byLease = "lease" // from slices that the gateway takes ahead
	byCall  = "call"  // by a call to Redis for each hold
)

// openBudgets opens a fleet's budgets. The client is theirs and the caches': a Redis that was restarted is known by its connections.
func openBudgets(client redis.UniversalClient, o *gatewayOptions, gateway string, servers *budget.Servers) (*budget.Leased, error) {
	money, err := budget.NewRedis(client, o.org, budget.Options{Gateway: gateway})
	if err != nil {
		return nil, err
	}
	return budget.NewLeased(money, budget.LeasedOptions{Gateway: gateway, Calls: o.budgetMode == byCall, Servers: servers})
}

// connect makes a client of the Redis that a URL names. It connects when it is first used.
func connect(url string, watched *budget.Servers) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("-redis is not a URL such as redis://HOST:PORT/DB or rediss://USER:PASSWORD@HOST:PORT/DB") // it may hold a password, so it is not repeated
	}
	redis.SetLogger(silence{}) // what it would print of a Redis that is down, every call that fails says too
	return budget.Connect(watched.Watch(&redis.UniversalOptions{
		Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
	})), nil
}

// silence drops log lines.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
