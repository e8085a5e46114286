// Command money proves the books: it drives real gateways to the edge of their budgets, again and again, with clients that leave,
// kills and freezes gateways and kills Redis in the middle, and then compares every counter with the sum of all ledgers, to the nano-dollar.
//
//	go run ./bench/money                       # a fleet on a Redis of its own, in both budget modes, then one gateway with everything in it
//	go run ./bench/money -mode lease -gateways 3 -workers 128 -seconds 20
//	go run ./bench/money -mode embedded
//	go run ./bench/money -short                # two thirds of a minute
//	go run ./bench/money -mode redis -calm     # far from any limit, and without kills: what the two budget modes cost
//
// It needs Go and a Redis: scripts/redis unpacks one on Debian; elsewhere redis-server must be in PATH.
//
// Whenever the budgets are spent their limits are raised a little, so that the load stays at the edge. A sampler looks all the while
// for a window with more spent and held than its limit. The exit status is 1 if money was overspent, stranded or lost, or if a request
// was billed twice, wrongly or not at all. The last line is JSON.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// plan is what a run is asked to do.
type plan struct {
	gateways, workers int
	length            time.Duration
	gatewayKills      int
	redisKills        int
	freezes           int
	lease             time.Duration
	seed              uint64
	keep              bool
	mode              string // lease, call or embedded
	embedded          bool
	calm              bool
	fsync             string
}

func main() {
	var p plan
	mode := flag.String("mode", "all", "lease, call, redis (those two), embedded, or all")
	flag.IntVar(&p.gateways, "gateways", 3, "gateways of the fleet")
	flag.IntVar(&p.workers, "workers", 128, "clients that send at once")
	flag.IntVar(&p.gatewayKills, "gateway-kills", 2, "how often a gateway is killed")
	flag.IntVar(&p.redisKills, "redis-kills", 1, "how often Redis is killed")
	flag.IntVar(&p.freezes, "freezes", 1, "how often a gateway of the fleet stands still until its holds have expired")
	flag.DurationVar(&p.lease, "hold-lease", 3*time.Second, "the gateways' -hold-lease")
	flag.Uint64Var(&p.seed, "seed", uint64(time.Now().UnixNano()), "of all that is random; threads still interleave as they like")
	flag.BoolVar(&p.calm, "calm", false, "budgets that are never spent, nothing is killed: to measure what a request costs")
	flag.StringVar(&p.fsync, "appendfsync", "everysec", "Redis' own: everysec or always")
	short := flag.Bool("short", false, "a short run of both budget modes, with every kill")
	flag.BoolVar(&p.keep, "keep", false, "keep the folder of logs, ledgers and Redis' data even if the books balance")
	seconds := flag.Float64("seconds", 20, "seconds of load")
	flag.Parse()
	if *short {
		*mode, *seconds, p.workers, p.gatewayKills, p.lease = "redis", 12, 64, 1, 1500*time.Millisecond
	}
	p.length = time.Duration(*seconds * float64(time.Second))
	if p.calm {
		p.gatewayKills, p.redisKills, p.freezes = 0, 0, 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var results []*result
	for _, p.mode = range []string{"call", "lease", "embedded"} {
		p.embedded = p.mode == "embedded"
		if *mode != p.mode && *mode != "all" && (*mode != "redis" || p.embedded) {
			continue
		}
		r, err := torture(ctx, p)
		if err != nil {
			fmt.Fprintln(os.Stderr, "money:", err)
			os.Exit(2)
		}
		r.print(os.Stdout)
		results = append(results, r)
	}
	if len(results) == 0 {
		fmt.Fprintf(os.Stderr, "money: -mode %q: choose lease, call, redis, embedded or all\n", *mode)
		os.Exit(2)
	}
	compareModes(os.Stdout, results)
	if !printJSON(os.Stdout, results) {
		os.Exit(1)
	}
}

// torture is one run: load and kills, quiet, a last push to the edge, quiet again, and the comparison.
func torture(ctx context.Context, p plan) (*result, error) {
	if p.embedded {
		p.gateways = 1
	}
	up, err := startUpstream(p.seed)
	if err != nil {
		return nil, err
	}
	defer up.close()
	l, err := openLab(p, up.url)
	if err != nil {
		return nil, err
	}
	defer l.close()
	watch := startSampler(l)
	c := newCrowd(l)
	fmt.Printf("seed %d; logs and ledgers in %s\n", p.seed, l.dir)
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := l.quiet(ctx); err != nil {
		return nil, err
	}
	waited := time.Since(began)
	if !p.calm {
		c.fill(ctx)
		if err := l.quiet(ctx); err != nil {
			return nil, err
		}
	}
	r := &result{plan: p, quietAfter: waited}
	watch.stop(r)
	if err := r.compare(ctx, l, up); err != nil {
		return nil, err
	}
	c.tell(r)
	l.tell(r)
	l.keep = l.keep || !r.clean()
	return r, ctx.Err()
}
