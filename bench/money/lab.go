package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bursar/budget"

	"github.com/redis/go-redis/v9"
)

const org = "torture"

// lab is everything that runs: the gateways, Redis, and the folder they live in.
type lab struct {
	plan
	dir, bin, policy string
	upstream         string
	scopes           []*scope
	keys             []string // one for each project, in the order of scopes
	keyOf            []*scope
	gateways         []*gateway
	keep             bool

	redis  *redisServer
	client redis.UniversalClient
	money  *budget.Redis
	looks  int64 // round trips that are ours, not the gateways'
	meter  meter
}

func openLab(p plan, upstream string) (*lab, error) {
	dir, err := os.MkdirTemp("", "bursar-money-")
	if err != nil {
		return nil, err
	}
	l := &lab{
		plan: p, dir: dir, bin: filepath.Join(dir, "bursar"), policy: filepath.Join(dir, "policies.yaml"), upstream: upstream,
		scopes: newScopes(), keep: p.keep,
	}
	if err := l.open(); err != nil {
		l.keep = true
		l.close()
		return nil, fmt.Errorf("%w (see %s)", err, dir)
	}
	return l, nil
}

func (l *lab) open() error {
	if out, err := exec.Command("go", "build", "-o", l.bin, "./cmd/bursar").CombinedOutput(); err != nil {
		return fmt.Errorf("build bursar (run this from the repository): %w\n%s", err, out)
	}
	raise(l.scopes)
	if l.calm {
		for _, s := range l.scopes {
			s.limit.Add(1e6 * int64(s.step))
		}
	}
	if err := nameCounters(l.policy, policies(l.upstream, l.scopes), l.scopes); err != nil {
		return err
	}
	if err := l.writePolicy(); err != nil {
		return err
	}
	if !l.embedded {
		if err := l.openRedis(); err != nil {
			return err
		}
	}
	if err := l.issueKeys(); err != nil {
		return err
	}
	for i := range l.plan.gateways {
		g, err := l.newGateway(i)
		if err != nil {
			return err
		}
		l.gateways = append(l.gateways, g)
		if err := g.start(); err != nil {
			return err
		}
	}
	return nil
}

// writePolicy replaces the file in one step, as an editor does.
func (l *lab) writePolicy() error {
	next := l.policy + ".next"
	if err := os.WriteFile(next, []byte(policies(l.upstream, l.scopes)), 0o600); err != nil {
		return err
	}
	return os.Rename(next, l.policy)
}

// issueKeys makes one key for each project and gives all gateways the same key file.
func (l *lab) issueKeys() error {
	first := l.data(0)
	team := ""
	for _, s := range l.scopes {
		if s.team != "" {
			team = s.team
		}
		if s.project == "" {
			continue
		}
		out, err := exec.Command(l.bin, "keys", "add", "-team", team, "-project", s.project, "-data", first).Output()
		if err != nil {
			return fmt.Errorf("bursar keys add: %w", err)
		}
		l.keys, l.keyOf = append(l.keys, strings.TrimSpace(string(out))), append(l.keyOf, s)
	}
	for i := 1; i < l.plan.gateways; i++ {
		if err := os.CopyFS(l.data(i), os.DirFS(first)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) data(i int) string { return filepath.Join(l.dir, "data"+strconv.Itoa(i)) }

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

func (l *lab) openRedis() (err error) {
	if l.redis, err = openRedis(filepath.Join(l.dir, "redis"), l.fsync); err != nil {
		return err
	}
	redis.SetLogger(silence{}) // every call that fails says too what it would print
	l.client = budget.Connect(&redis.UniversalOptions{Addrs: []string{l.redis.addr()}})
	l.money, err = budget.NewRedis(l.client, org, budget.Options{})
	return err
}

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func (l *lab) close() {
	for _, g := range l.gateways {
		g.kill()
	}
	if l.client != nil {
		_ = l.client.Close()
	}
	if l.redis != nil {
		l.redis.kill()
	}
	if !l.keep {
		_ = os.RemoveAll(l.dir)
	}
}

// quiet waits until nothing is under way any more: every gateway is ready, no money is held, and every orphan has its row. Orphans that
// a killed gateway had taken from Redis, but not entered, are handed out again after a minute.
func (l *lab) quiet(ctx context.Context) error {
	deadline := time.Now().Add(100 * time.Second)
	for {
		left := l.busy(ctx)
		if left == nil || time.Now().After(deadline) {
			return nil // what is left shows in the comparison, as stranded or drift
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var errBusy = errors.New("busy")

func (l *lab) busy(ctx context.Context) error {
	for _, g := range l.gateways {
		if err := g.ready(ctx); err != nil {
			return err
		}
	}
	states, err := l.states(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.Held != 0 {
			return errBusy
		}
	}
	if l.embedded {
		return nil
	}
	open, err := l.money.Open(ctx)
	if err != nil {
		return err
	}
	orphans, err := l.client.Keys(ctx, "bursar:{"+org+"}:outbox*").Result() // an empty one is none
	if err == nil && (open > 0 || len(orphans) > 0) {
		err = errBusy
	}
	return err
}

// killRedis kills Redis and starts it again on its append-only file.
func (l *lab) killRedis() error {
	l.meter.readRedis(l)
	l.redis.kill()
	time.Sleep(300 * time.Millisecond)
	return l.redis.start()
}
