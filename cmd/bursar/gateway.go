package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bursar/admin"
	"bursar/budget"
	"bursar/cache/semantic"
	"bursar/events"
	"bursar/exchange"
	"bursar/keys"
	"bursar/ledger"
	"bursar/policy"
	"bursar/proxy"
	"bursar/tokens"

	"go.uber.org/zap"
)

type gatewayOptions struct {
	policies, listen, admin, data, redis, org, budgetMode, semanticIndex string
	secret                                                               string
	postgres                                                             string
	retain, audit                                                        time.Duration
	maxBody                                                              int
	readTimeout, slowClient, drain, holdLease                            time.Duration
	logger                                                               *zap.Logger
}

// gateway is a running gateway: every room opened and joined.
type gateway struct {
	options  gatewayOptions
	logger   *zap.Logger
	ledger   *ledger.Ledger
	keys     *keys.Ring
	stores   stores
	secret   secret
	semantic *semantic.Cache
	proxy    *proxy.Server
	admin    *admin.Server
	metrics  *admin.Metrics
	name     string          // in its fleet
	shipper  *ledger.Shipper // nil without a fleet's Postgres
	audit    *selfAudit
	labels   *fleetLabels // nil without a fleet's Postgres
	events   *events.Sender

	detector *events.Detector
	undetect func()

	watcher *policy.Watcher
	unwatch context.CancelFunc
	front   net.Listener
	back    net.Listener
}

// openGateway opens the rooms in the order in which they need each other. What was opened is closed again when a later one fails.
func openGateway(o gatewayOptions) (g *gateway, err error) {
	g = &gateway{options: o, logger: o.logger, metrics: admin.NewMetrics(), stores: stores{close: func() {}}}
	defer func() {
		if err != nil {
			g.close(context.Background())
			g = nil
		}
	}()
	if err := os.MkdirAll(o.data, 0o750); err != nil {
		return g, inFolder(o.data, err)
	}
	counter, err := tokens.New()
	if err != nil {
		return g, err
	}
	if g.ledger, err = ledger.Open(o.data, ledger.Options{KeepOpens: o.redis != "", Warn: g.warn, CommitEvery: 250 * time.Millisecond, CommitRows: 4096}); err != nil {
		return g, err
	}
	g.tellRecovery()
	if g.name, err = gatewayName(o.data); err != nil {
		return g, err
	}
	if g.stores, err = openStores(&o, g.name); err != nil {
		return g, err
	}
	if g.keys, err = keys.Open(o.data, keys.RingOptions{Fleet: g.stores.keys, Changed: g.keysChanged}); err != nil {
		return g, err
	}
	if err := g.openEvents(g.name); err != nil {
		return g, err
	}
	if err := g.openSecret(); err != nil {
		return g, err
	}
	if err := g.openSemantic(); err != nil {
		return g, err
	}
	var sources []proxy.Labels
	if o.postgres != "" {
		g.labels = &fleetLabels{url: o.postgres}
		sources = append(sources, g.labels)
	}
	g.proxy = proxy.New(proxy.Rooms{
		Keys: g.keys, Counter: counter, Cache: g.stores.cache, Semantic: g.semantic, Budgets: g.stores.budgets, Ledger: g.ledger,
	}, proxy.Options{
		Gateway: g.name,
		MaxBody: o.maxBody, ReadTimeout: o.readTimeout, SlowClient: o.slowClient, HoldLease: o.holdLease, Embedded: o.redis == "",
		Observe: []func(*exchange.Exchange){g.metrics.Record, g.spent, func(x *exchange.Exchange) { logRequest(g.logger, x) }},
		Warn:    g.warn,
		Budget:  g.budgetReached,
		Limit:   g.limitReached,
		Sources: sources,
		Opinion: g.metrics.OpinionSpent,
		Secret:  g.secret.get,
	})
	watching, unwatch := context.WithCancel(context.Background())
	g.unwatch = unwatch
	if g.watcher, err = policy.Watch(watching, o.policies, policy.WatchOptions{OnLoad: g.onLoad, OnWatchError: g.unwatched}); err != nil {
		return g, whichPolicies(err)
	}
	if err := g.takeIntoUse(); err != nil {
		return g, err
	}
	g.admin = admin.New(admin.Deps{
		Metrics: g.metrics, Policy: g.proxy.Policy, Reload: g.reload, Ready: g.ready, Report: g.report, Budgets: g.budgets, Cache: g.cacheDeps(), Limits: g.limits, Certificates: g.certificates, Version: buildVersion(),
	})
	if err := g.ship(g.name); err != nil {
		return g, err
	}
	g.gauges()
	g.auditEvery(o.audit)
	return g, g.bind()
}

// gatewayFile, in the data folder, holds the gateway's name.
const gatewayFile = "gateway-id"

// gatewayName is the name of this gateway in a fleet, kept in its data folder so that it outlives the process.
func gatewayName(data string) (string, error) {
	path := filepath.Join(data, gatewayFile)
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	name := rand.Text()
	return name, os.WriteFile(path, []byte(name+"\n"), 0o600)
}

func (g *gateway) bind() (err error) {
	if g.front, err = net.Listen("tcp", g.options.listen); err != nil {
		return fmt.Errorf("-listen: %w; choose another address", err)
	}
	if g.back, err = net.Listen("tcp", g.options.admin); err != nil {
		return fmt.Errorf("-admin: %w; choose another address", err)
	}
	return nil
}

func (g *gateway) addr() string      { return g.front.Addr().String() }
func (g *gateway) adminAddr() string { return g.back.Addr().String() }

// start serves. The channel tells when a listener fails.
func (g *gateway) start() <-chan error {
	failed := make(chan error, 2)
	go func() {
		if err := g.proxy.Serve(g.front); err != nil {
			failed <- fmt.Errorf("serve %s: %w", g.addr(), err)
		}
	}()
	go func() { _ = g.admin.Serve(g.back) }() // ends with http.ErrServerClosed
	return failed
}

// close drains, settles, and closes the rooms in reverse.
func (g *gateway) close(ctx context.Context) error {
	var errs []error
	if g.unwatch != nil {
		g.unwatch()
	}
	if g.proxy != nil {
		if err := g.proxy.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("drain: %w", err))
		}
	}
	if g.admin != nil {
		errs = append(errs, g.admin.Shutdown(ctx))
	}
	for _, ln := range []net.Listener{g.front, g.back} {
		if ln != nil {
			_ = ln.Close() // closed already if it was served
		}
	}
	if g.undetect != nil {
		g.undetect()
	}
	if g.events != nil {
		g.closeEvents(ctx)
	}
	if g.keys != nil {
		g.keys.Close()
	}
	if g.semantic != nil {
		g.semantic.Close()
	}
	g.secret.close()
	g.stores.close()
	g.audit.close()
	if g.labels != nil {
		g.labels.close()
	}
	if g.shipper != nil {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shipPatience)
		defer cancel()
		if err := g.shipper.Close(patience); err != nil {
			g.logger.Warn("rows not shipped yet are shipped at the next start", zap.Error(err))
		}
	}
	if g.ledger != nil {
		errs = append(errs, g.ledger.Close())
	}
	return errors.Join(errs...)
}

// reload loads the policy file and takes it into use. On an error the last good policy stays.
func (g *gateway) reload() error {
	if err := g.watcher.Reload(); err != nil {
		return err
	}
	return g.takeIntoUse()
}

// onLoad hears of each load of the file.
func (g *gateway) onLoad(p *policy.Policy, err error) { _ = g.policyLoaded(p, err) } // it is logged and counted there

// takeIntoUse tries again with a policy that was loaded but could not be taken into use: the watcher does not load the same bytes
// twice.
func (g *gateway) takeIntoUse() error {
	for p := g.watcher.Policy(); g.proxy.Policy() != p; p = g.watcher.Policy() {
		if err := g.policyLoaded(p, nil); err != nil {
			return fmt.Errorf("take the policy %s into use: %w", p.File, err)
		}
	}
	return nil
}

func (g *gateway) policyLoaded(p *policy.Policy, err error) error {
	if err == nil {
		err = g.proxy.Use(p)
	}
	if err == nil {
		g.useEvents(p)
	}
	g.metrics.PolicyLoaded(err)
	if err != nil {
		if g.proxy.Policy() != nil { // else serve ends and says why
			g.logger.Error("policy not loaded; the last good one stays", zap.Error(err))
		}
		return err
	}
	g.logger.Info("policy loaded", zap.String("file", p.File), zap.String("hash", p.Hash[:12]), zap.Int("warnings", len(p.Warnings)))
	return nil
}

func (g *gateway) unwatched(err error) {
	g.logger.Warn("policy file not watched; reload by SIGHUP or POST /-/reload", zap.Error(err))
}

func (g *gateway) keysChanged(err error) {
	if err != nil {
		g.logger.Error("keys not read; those known so far stay", zap.Error(err))
		return
	}
	g.logger.Info("keys loaded")
}

func (g *gateway) warn(what string, err error) {
	g.metrics.Warned()
	g.logger.Warn(what, zap.Error(err))
}

func (g *gateway) limitReached(e proxy.LimitEvent) {
	g.metrics.LimitReached(e.Limit.Name, e.Unit.String())
	g.logger.Warn("limit reached", zap.String("limit", e.Limit.Name), zap.String("unit", e.Unit.String()), zap.String("scope", e.Key),
		zap.Int64("used", e.Used), zap.Int64("most", e.Most), zap.Bool("observed", e.Limit.Observe))
}

func (g *gateway) tellRecovery() {
	r := g.ledger.Recovered()
	if r.Rows+len(r.Orphans)+len(r.Opens) > 0 {
		g.logger.Info("recovered from the journal", zap.Int("rows", r.Rows), zap.Int("orphans", len(r.Orphans)), zap.Int("open_holds", len(r.Opens)))
	}
	for _, damage := range r.Damage {
		g.logger.Error("the journal is damaged", zap.Error(damage))
	}
}

func (g *gateway) report(ctx context.Context) (*ledger.Statement, error) {
	return g.ledger.Report(ctx, ledger.Query{By: []string{"team"}})
}

// quiet waits until no request is under way: a stream is settled a moment after its client has read the last byte.
func (g *gateway) quiet(ctx context.Context) error {
	for {
		open, err := g.stores.budgets.Open(ctx)
		if err != nil || open == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d requests are still under way: %w", open, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ready tells whether requests can be served: a policy is loaded, the store of budgets answers, the ledger can be written.
func (g *gateway) ready(ctx context.Context) error {
	if g.proxy.Draining() {
		return errors.New("draining")
	}
	if err := g.ledger.Health().Journal; err != nil { // without SQLite rows wait in the journal, and nothing is lost
		return fmt.Errorf("ledger: %w", err)
	}
	if err := g.stores.budgets.States(ctx, []budget.Charge{{Key: "ready"}}, make([]budget.State, 1)); err != nil {
		return fmt.Errorf("budget store: %w", err)
	}
	if _, known := g.keys.Behind(); !known {
		return fmt.Errorf("the fleet's keys were never read: %w", g.keys.Problem())
	}
	return nil
}

// budgets are the policy's budgets that have one window each, as they stand.
func (g *gateway) budgets(ctx context.Context) ([]admin.Budget, error) {
	lines, err := g.proxy.Standing(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]admin.Budget, 0, len(lines))
	for _, l := range lines {
		var raised *admin.Raise
		if r := l.Budget.RaisedAt(time.Now()); r != nil {
			raised = &admin.Raise{From: l.Budget.Limit, Until: r.Until, Why: r.Why}
		}
		all = append(all, admin.Budget{
			Name: l.Budget.Name, Window: l.Window.ID, Spent: l.Spent, Held: l.Held, Limit: l.Limit,
			WhenSpent: l.Budget.WhenSpent.String(), Raised: raised, Renews: l.Window.End, Starts: l.Window.Start, Shared: g.options.redis != "",
			Scope: scopeOf(&l.Budget.Scope),
		})
	}
	return all, nil
}

// limits are the policy's limits that count all their requests together, as they stand.
func (g *gateway) limits(ctx context.Context) ([]admin.Limit, error) {
	lines, err := g.proxy.LimitStandings(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]admin.Limit, 0, len(lines))
	for _, l := range lines {
		all = append(all, admin.Limit{Name: l.Limit.Name, Unit: l.Unit.String(), Used: l.Used, Limit: l.Most, Observed: l.Limit.Observe})
	}
	return all, nil
}

func scopeOf(s *policy.Who) admin.Scope {
	return admin.Scope{
		Team: s.Team, Project: s.Project, Key: s.Key, User: s.User, Model: s.Model, TagName: s.Tag.Name, TagValue: s.Tag.Value,
	}
}

// providers tell how the providers stand, for the metrics.
func (g *gateway) providers() (all []admin.Provider) {
	for _, h := range g.proxy.Health() {
		p := admin.Provider{Name: h.Provider}
		for _, t := range h.Targets {
			p.Targets = append(p.Targets, admin.ProviderTarget{
				Target: t.Target, Breaker: t.Breaker.String(), Under: t.Under, Waiting: t.Waiting, Most: t.Most, Learnt: t.Learnt, Late: t.Late, Usual: t.Usual, Outlier: t.Outlier,
			})
		}
		for _, k := range h.Keys {
			key := admin.ProviderKey{Name: k.Name, Rests: k.Rests}
			for _, l := range k.Limits {
				key.Limits = append(key.Limits, admin.ProviderLimit(l))
			}
			p.Keys = append(p.Keys, key)
		}
		all = append(all, p)
	}
	return all
}

func (g *gateway) gauges() {
	g.metrics.Certificates(g.certificates)
	g.metrics.CacheStore(g.stores.cache.Stats)
	g.metrics.Semantic(g.semantic.Stats)
	g.metrics.Providers(g.providers)
	g.metrics.Events(func() map[string]admin.EventTally {
		all := map[string]admin.EventTally{}
		for webhook, t := range g.events.Tallies() {
			all[webhook] = admin.EventTally(t)
		}
		return all
	})
	g.metrics.Gauge("keys_known", "Secrets of keys that this gateway knows, those of revoked and expired keys included.", func() float64 { return float64(g.keys.Len()) })
	g.metrics.Gauge("keys_behind_seconds", "Since the fleet's keys were last found to be as they are in Redis; 0 without a fleet, -1 if never.", func() float64 {
		behind, known := g.keys.Behind()
		if !known || behind < 0 {
			return -1
		}
		return behind.Seconds()
	})
	g.metrics.Gauge("background_responses", "Background responses that this gateway keeps the books of until they end.", func() float64 { return float64(g.proxy.Pending()) })
	g.metrics.Gauge("holds_open", "Holds not settled yet, of all gateways on the store.", func() float64 {
		n, err := g.stores.budgets.Open(context.Background())
		if err != nil {
			return -1
		}
		return float64(n)
	})
	g.bookGauges()
}
