package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"bursar/events"
	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
	"bursar/proxy"

	"go.uber.org/zap"
)

// judgeEvery is how often the gateway looks for spend that is out of proportion.
const judgeEvery = 10 * time.Second

// openEvents opens the room that tells people what happens to their money.
func (g *gateway) openEvents(name string) (err error) {
	o := events.Options{Gateway: name, Dir: g.options.data, Warn: g.warn}
	var hours events.Hours = events.NewOwnHours(time.Now(), g.bookedHours)
	if g.stores.redis != nil {
		o.Fleet = events.NewClaims(g.stores.redis, g.options.org, name)
		hours = events.NewFleetHours(g.stores.redis, g.options.org)
	}
	if g.events, err = events.New(o); err != nil {
		return err
	}
	g.detector = events.NewDetector(hours, g.anomaly, g.warn)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.detector.Run(ctx, judgeEvery)
	}()
	g.undetect = func() { stop(); <-ended }
	return nil
}

// bookedHours reads from the ledger what each team and each key has spent, by the hour.
func (g *gateway) bookedHours(ctx context.Context, from, to time.Time) (map[events.Subject]map[int64]pricing.Nano, error) {
	statement, err := g.ledger.Report(ctx, ledger.Query{By: []string{"team", "key", "hour"}, Filter: ledger.Filter{From: from, To: to}})
	if err != nil {
		return nil, err
	}
	all := map[events.Subject]map[int64]pricing.Nano{}
	for _, line := range statement.Lines {
		at, err := time.Parse("2006-01-02T15:00Z07:00", line.Group[2])
		if err != nil {
			return nil, fmt.Errorf("the hour %q of a statement: %w", line.Group[2], err)
		}
		for _, s := range []events.Subject{{Team: line.Group[0]}, {Team: line.Group[0], Key: line.Group[1]}} {
			if all[s] == nil {
				all[s] = map[int64]pricing.Nano{}
			}
			all[s][at.Unix()/3600] += line.Spend
			if line.Group[1] == "" {
				break
			}
		}
	}
	return all, nil
}

// spent tells the detector what a request has cost.
func (g *gateway) spent(x *exchange.Exchange) {
	g.detector.Spend(x.Identity.Team, x.Identity.KeyID, x.Outcome.Cost, x.Start)
}

// useEvents takes a policy's webhooks and its rule into use.
func (g *gateway) useEvents(p *policy.Policy) {
	g.events.Use(webhooks(p))
	g.detector.Use(events.Rule{Times: p.Events.Times, Least: p.Events.Least})
}

// closeEvents gives the webhooks a moment for what waits. What they do not take is told when it is noticed again.
func (g *gateway) closeEvents(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := g.events.Close(ctx); err != nil {
		g.logger.Warn("close the webhooks", zap.Error(err))
	}
}

func webhooks(p *policy.Policy) []events.Hook {
	hooks := make([]events.Hook, len(p.Events.Webhooks))
	for i, w := range p.Events.Webhooks {
		hooks[i] = events.Hook{Name: w.Name, URL: w.URL, Secret: w.Secret, Teams: w.Teams}
		if w.Slack {
			hooks[i].Format = events.Slack
		}
		for _, kind := range w.Kinds {
			hooks[i].Kinds = append(hooks[i].Kinds, events.Kind(kind))
		}
	}
	return hooks
}

func (g *gateway) anomaly(e events.Event) {
	g.logger.Warn("spend is out of proportion", zap.String("event", e.ID), zap.String("team", e.Team), zap.String("key", e.Key),
		zap.String("spent_usd", e.Spend.Spent.Dollars()), zap.String("usual_usd", e.Spend.Usual.Dollars()), zap.String("bound_usd", e.Spend.Bound.Dollars()))
	g.events.Send(e)
}

func (g *gateway) budgetReached(e proxy.BudgetEvent) {
	g.metrics.BudgetReached(e.Budget.Name)
	g.logger.Warn("budget threshold reached", zap.String("budget", e.Budget.Name), zap.String("window", e.Key), zap.Float64("share", e.Share),
		zap.String("spent_usd", e.Spent.Dollars()), zap.String("held_usd", e.Held.Dollars()), zap.String("limit_usd", e.Limit.Dollars()))
	g.events.Send(budgetEvent(&e, time.Now()))
}

// budgetEvent tells a threshold in words. Its id has the limit in it: a budget that was raised may reach its thresholds anew.
func budgetEvent(e *proxy.BudgetEvent, now time.Time) events.Event {
	told := events.Event{
		ID: fmt.Sprintf("budget/%s/%g%%/%d", e.Key, e.Share*100, e.Limit), Kind: events.BudgetThreshold, At: now, Team: e.Team,
		Text: fmt.Sprintf("Budget %s has reached %g%% of its limit: $%s spent of $%s.", e.Budget.Name, e.Share*100, e.Spent.Dollars(), e.Limit.Dollars()),
		Budget: &events.Budget{
			Name: e.Budget.Name, Window: e.Key, Share: e.Share, Spent: e.Spent, Held: e.Held, Limit: e.Limit, Renews: e.Renews,
		},
		Matters: e.Renews.Add(24 * time.Hour),
	}
	if e.Renews.IsZero() {
		told.Matters = now.AddDate(1, 0, 0)
	}
	if e.Share >= 1 {
		told.Kind = events.BudgetSpent
		told.Text = fmt.Sprintf("Budget %s has no room: $%s spent and $%s held of $%s.", e.Budget.Name, e.Spent.Dollars(), e.Held.Dollars(), e.Limit.Dollars())
	}
	return told
}

// eventsCommand sends a test event to a policy's webhooks, and tells how each of them took it.
func eventsCommand(p *program, args []string) error {
	if len(args) == 0 {
		return usageError{"say test"}
	}
	if verb := args[0]; verb == "-h" || verb == "-help" || verb == "--help" {
		args = []string{"test", "-h"}
	} else if verb != "test" {
		return usageError{fmt.Sprintf("no %q: say test", verb)}
	}
	f := p.flags("events test")
	file := f.String("policies", "policies.yaml", "policy file")
	wait := f.Duration("wait", 10*time.Second, "for the webhooks to answer")
	if err := p.parseAll(f, args[1:]); err != nil {
		return err
	}
	loaded, err := policy.Load(*file)
	if err != nil {
		return whichPolicies(err)
	}
	hooks := webhooks(loaded)
	if len(hooks) == 0 {
		return fmt.Errorf("%s has no webhook that can be used; see `bursar check %s`", *file, *file)
	}
	last := make(chan string, len(hooks)*16)
	sender, err := events.New(events.Options{Gateway: "bursar events test", Warn: func(what string, err error) { last <- fmt.Sprintf("%s: %v", what, err) }, Patience: *wait})
	if err != nil {
		return err
	}
	sender.Use(hooks)
	sender.Send(events.Event{ID: "test/" + p.clock().Format(time.RFC3339Nano), Kind: events.Test, At: p.clock(), Text: "This is a test of " + *file + "."})
	ctx, cancel := context.WithTimeout(context.Background(), *wait)
	defer cancel()
	failed := sender.Close(ctx)
	close(last)
	for line := range last {
		fmt.Fprintln(p.err, line)
	}
	for name, t := range sender.Tallies() {
		if t.Sent == 0 {
			failed = cmp.Or(failed, errFailed)
			continue
		}
		fmt.Fprintf(p.out, "%s took it\n", name)
	}
	return failed
}
