package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"bursar/budget"
	"bursar/cache"
	"bursar/exchange"
	"bursar/keys"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
	"bursar/proxy"
	"bursar/tokens"
)

// gateway is a gateway as `bursar serve` opens it, with its stores in memory and its ledger in a folder of its own.
type gateway struct {
	url, key string
	dir      string
	server   *proxy.Server
	ring     *keys.Ring
	answers  *cache.Memory
	books    *ledger.Ledger
	served   chan error

	mu    sync.Mutex
	ended map[string][]exchange.Exchange // by request id
	tries map[string]pricing.Nano        // by request id: what it has paid before the call that it ended with
}

const policyText = `version: 1
providers:
  first: { dialect: openai, base_url: "%s", keys: [%s], retries: 1, timeouts: { connect: 500ms, first_byte: 500ms, idle: 1s, total: 2s } }
  second: { dialect: openai, base_url: "%s", retries: 1, timeouts: { connect: 500ms, first_byte: 500ms, idle: 1s, total: 2s } }
models:
  both: { use: [first/m, second/m] }
prices: { overrides: { first/m: { input: 2, output: 4 }, second/m: { input: 2, output: 4 } } }
teams: { drill: {} }
routes: [ { name: all, to: asked } ]
default: both
output: { default_max_tokens: 100 }
`

// Prices per token, in nano-dollars, as the policy has them.
const (
	promptPrice = 2000
	answerPrice = 4000
)

var counter = sync.OnceValues(func() (*tokens.Counter, error) { return tokens.New() })

func startGateway(first, second string, keyCount int) (*gateway, error) {
	g := &gateway{ended: map[string][]exchange.Exchange{}, tries: map[string]pricing.Nano{}, served: make(chan error, 1)}
	list := "{ key_env: KEY_0 }"
	for i := 1; i < keyCount; i++ {
		list += fmt.Sprintf(", { key_env: KEY_%d }", i)
	}
	p, err := policy.Parse("policies.yaml", fmt.Appendf(nil, policyText, first, list, second), func(name string) string { return "key-" + name[len(name)-1:] })
	if err != nil {
		return nil, err
	}
	if g.dir, err = os.MkdirTemp("", "bursar-failover-"); err != nil {
		return nil, err
	}
	secret, _, err := keys.File(g.dir).Add(context.Background(), keys.Terms{Team: "drill"})
	if err != nil {
		return nil, err
	}
	g.key = secret.Reveal()
	if g.ring, err = keys.Open(g.dir, keys.RingOptions{}); err != nil {
		return nil, err
	}
	if g.answers, err = cache.NewMemory(cache.MemoryOptions{}); err != nil {
		return nil, err
	}
	if g.books, err = ledger.Open(g.dir, ledger.Options{}); err != nil {
		return nil, err
	}
	count, err := counter()
	if err != nil {
		return nil, err
	}
	g.server = proxy.New(
		proxy.Rooms{Keys: g.ring, Counter: count, Cache: g.answers, Budgets: budget.NewMemory(time.Now, budget.Options{}), Ledger: g.books},
		proxy.Options{Embedded: true, Observe: []func(*exchange.Exchange){g.observe}, Warn: func(string, error) {}},
	)
	if err := g.server.Use(p); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g.url = "http://" + ln.Addr().String() + "/v1"
	go func() { g.served <- g.server.Serve(ln) }()
	return g, nil
}

// observe takes down how each request ended.
func (g *gateway) observe(x *exchange.Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if x.Aside != exchange.AsideNone {
		id, _, _ := strings.Cut(x.ID, "-")
		g.tries[id] += x.Outcome.Cost
		return
	}
	g.ended[x.ID] = append(g.ended[x.ID], *x)
}

// close ends the gateway as the program does, and checks its books.
func (g *gateway) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer os.RemoveAll(g.dir)
	if err := g.server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-g.served; err != nil {
		return err
	}
	g.ring.Close()
	g.answers.Close()
	if _, err := g.books.Verify(ctx); err != nil {
		return fmt.Errorf("the books do not balance: %w", err)
	}
	return g.books.Close()
}
