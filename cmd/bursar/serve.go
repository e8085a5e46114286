package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// serve runs the gateway until SIGTERM or SIGINT, then drains; a second one ends the draining. SIGHUP reloads the policy.
func serve(p *program, args []string) error {
	var o gatewayOptions
	f := p.flags("serve")
	f.StringVar(&o.policies, "policies", "policies.yaml", "policy file; reloaded when it changes, on SIGHUP, and by POST /-/reload")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address for clients")
	f.StringVar(&o.admin, "admin", "127.0.0.1:9090", "address for health, metrics, reload and the page; keep it private")
	f.StringVar(&o.data, "data", "data", "folder for keys, journal and ledger")
	f.StringVar(&o.redis, "redis", "", "redis://HOST:PORT/DB for shared budgets and caches; empty keeps them in this process")
	f.StringVar(&o.postgres, "postgres", "", "postgres://USER@HOST/DATABASE to ship the ledger's rows to, those of a fleet together; give it in BURSAR_POSTGRES if it holds a password")
	f.Var((*days)(&o.retain), "retain", "how long rows are kept in -data once they are shipped, as 400d; sums stay. Empty keeps them for good")
	f.DurationVar(&o.audit, "audit", 10*time.Minute, "how often the gateway audits its books of today and yesterday; 0 is never")
	f.StringVar(&o.budgetMode, "budget-mode", byLease, "how money is held in Redis: lease takes slices of the budgets ahead, and spends them without a round trip; call asks for each hold")
	f.StringVar(&o.secret, "secret", "", "file with the secret, the same for a whole fleet, that names of semantic caches and ids of stored responses are sealed with; by default the gateway makes one, and keeps it in -data or in Redis")
	f.StringVar(&o.secret, "semantic-secret", "", "an older name of -secret")
	f.StringVar(&o.semanticIndex, "semantic-index", inMemory, "where semantic caches look for questions: memory, or redis, which finds in Redis 8's vector sets what memory has no room for")
	f.StringVar(&o.org, "org", "default", "prefix of this fleet's keys in Redis")
	f.DurationVar(&o.holdLease, "hold-lease", 90*time.Second, "how long money held by a gateway that died stays held in Redis before it counts as spent")
	f.IntVar(&o.maxBody, "max-body", 32<<20, "largest request body, in bytes")
	f.DurationVar(&o.readTimeout, "read-timeout", time.Minute, "for a request's headers and body to arrive")
	f.DurationVar(&o.slowClient, "slow-client", 30*time.Second, "for one write to a client that does not read")
	f.DurationVar(&o.drain, "drain", 2*time.Minute, "how long requests under way may finish after SIGTERM")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	if o.holdLease < time.Second {
		return usageError{fmt.Sprintf("-hold-lease %s: give at least 1s", o.holdLease)}
	}
	if o.retain != 0 && (o.postgres == "" || o.retain < 7*24*time.Hour) {
		return usageError{"-retain: give at least 7d, and -postgres: only what is there may go here"}
	}
	if o.budgetMode != byLease && o.budgetMode != byCall {
		return usageError{fmt.Sprintf("-budget-mode %q: choose lease or call", o.budgetMode)}
	}
	switch {
	case o.semanticIndex != inMemory && o.semanticIndex != inRedis:
		return usageError{fmt.Sprintf("-semantic-index %q: choose memory or redis", o.semanticIndex)}
	case o.semanticIndex == inRedis && o.redis == "":
		return usageError{"-semantic-index redis: give -redis too"}
	}
	// Registered before anything is read: a reload that is asked for while the gateway starts must not kill it.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	logger, flush := newLogger(p.err)
	defer flush()
	o.logger = logger
	g, err := openGateway(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.err, "bursar %s serves %s; admin on %s\n  export OPENAI_BASE_URL=http://%s/v1\n  export OPENAI_API_KEY=$(bursar keys add -team TEAM -data %s)\n",
		buildVersion(), g.addr(), g.adminAddr(), g.addr(), o.data)
	failed := g.start()
	for {
		select {
		case err := <-failed:
			g.close(context.Background())
			return err
		case s := <-signals:
			if s == syscall.SIGHUP {
				_ = g.reload() // its outcome is logged and counted
				continue
			}
			logger.Info("draining")
			ctx, cancel := context.WithTimeout(context.Background(), o.drain)
			defer cancel()
			go func() { // whoever asks twice means at once
				for s := range signals {
					if s != syscall.SIGHUP {
						cancel()
					}
				}
			}()
			return g.close(ctx)
		}
	}
}
