package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/budget"
	"bursar/ledger"

	"go.uber.org/zap"
)

// shipPatience is how long a gateway that ends goes on shipping; the rest is shipped at its next start.
const shipPatience = 10 * time.Second

// ship begins to carry the ledger's rows to the Postgres of the fleet, if there is one.
func (g *gateway) ship(name string) (err error) {
	if g.options.postgres == "" {
		return nil
	}
	g.shipper, err = g.ledger.Ship(ledger.ShipOptions{URL: g.options.postgres, Gateway: name, Retain: g.options.retain, Keep: g.oldestWindow})
	if err != nil {
		return fmt.Errorf("-postgres: %w", err)
	}
	return nil
}

// oldestWindow returns when the oldest window began of the budgets that have one: its rows are what counters are restored from. A
// budget without windows, in total, is restored from sums.
func (g *gateway) oldestWindow() time.Time {
	oldest := time.Unix(0, 0)
	p := g.proxy.Policy()
	if p == nil {
		return oldest // nobody knows yet
	}
	calendar, now := budget.NewCalendar(p.Location), time.Now()
	oldest = now
	for _, b := range p.Budgets {
		if w := calendar.Window(b.Period, now); !w.Start.IsZero() && w.Start.Before(oldest) {
			oldest = w.Start
		}
	}
	return oldest.AddDate(0, 0, -1)
}

// selfAudit audits the books of a running gateway again and again: the rows of today and yesterday, so that it costs little however
// long the ledger is.
type selfAudit struct {
	gateway *gateway
	drift   func(books string, value float64)
	ok      func(books string, value float64)
	last    func(books string, value float64)

	stop    context.CancelFunc
	running sync.WaitGroup
}

// auditEvery begins the self-audit.
func (g *gateway) auditEvery(every time.Duration) {
	a := &selfAudit{
		gateway: g,
		drift:   g.metrics.Gauges("ledger_drift_nano", "How far books are apart that must be equal, in nano-dollars: sums and counters with the rows, Postgres with what was shipped.", "books"),
		ok:      g.metrics.Gauges("ledger_audit_ok", "1 if the last self-audit of these books found no difference, of counts neither.", "books"),
		last:    g.metrics.Gauges("ledger_audit_timestamp_seconds", "When these books were last audited.", "books"),
	}
	g.audit = a
	if every <= 0 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				a.run(ctx)
			}
		}
	})
}

func (a *selfAudit) close() {
	if a != nil && a.stop != nil {
		a.stop()
		a.running.Wait()
	}
}

// run audits once.
func (a *selfAudit) run(ctx context.Context) {
	g, since := a.gateway, time.Now().AddDate(0, 0, -1)
	_, err := g.ledger.VerifySince(ctx, since)
	a.tell("sums", err)
	if g.options.redis == "" { // those of a fleet are of all its gateways: see the command
		a.tell("counters", a.counters(ctx))
	}
	if g.options.postgres != "" {
		a.tell("postgres", a.shipped(ctx, since))
	}
}

// tell sets the metrics of one pair of books. What could not be audited keeps the last verdict, and its time grows old.
func (a *selfAudit) tell(books string, err error) {
	var found *ledger.Imbalance
	switch {
	case errors.As(err, &found):
		a.drift(books, float64(found.Drift))
		a.ok(books, 0)
		a.gateway.metrics.Warned()
		a.gateway.logger.Error("the books do not balance", zap.String("books", books), zap.Int64("drift_nano", int64(found.Drift)), zap.Error(err))
	case err != nil:
		a.gateway.logger.Warn("books not audited", zap.String("books", books), zap.Error(err))
		return
	default:
		a.drift(books, 0)
		a.ok(books, 1)
	}
	a.last(books, float64(time.Now().Unix()))
}

// counters compares the counters of budgets in this process with the ledger.
func (a *selfAudit) counters(ctx context.Context) error {
	c := audit{Ledgers: []*auditedLedger{{reader: &a.gateway.ledger.Reader}}, OK: true}
	if err := c.compare(ctx, a.gateway.budgets); err != nil {
		return err
	}
	return c.imbalance()
}

// shipped compares what was shipped with what Postgres has of it.
func (a *selfAudit) shipped(ctx context.Context, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	fleet, err := ledger.OpenFleet(ctx, a.gateway.options.postgres)
	if err != nil {
		return err
	}
	defer func() { _ = fleet.Close() }() // it only read
	_, err = a.gateway.ledger.CompareFleet(ctx, fleet, a.gateway.name, since)
	return err
}

// bookGauges are the metrics of the ledger.
func (g *gateway) bookGauges() {
	g.metrics.Gauge("ledger_healthy", "1 if rows reach the ledger's database; if not they wait in the journal.", func() float64 {
		if h := g.ledger.Health(); h.Journal != nil || h.Database != nil {
			return 0
		}
		return 1
	})
	g.metrics.Gauge("ledger_waiting_rows", "Rows in the journal that are not in the ledger's database yet.", func() float64 { return float64(g.ledger.Health().Waiting) })
	if g.shipper == nil {
		return
	}
	lag := func() ledger.Lag { return g.shipper.Lag(context.Background()) }
	g.metrics.Gauge("ledger_shipping_healthy", "1 if rows reach the fleet's Postgres; if not they wait in the ledger.", func() float64 {
		if lag().Fault != nil {
			return 0
		}
		return 1
	})
	g.metrics.Gauge("ledger_shipping_lag_rows", "Rows that are not in the fleet's Postgres yet; -1 until it has first answered.", func() float64 { return float64(lag().Rows) })
	g.metrics.Gauge("ledger_shipping_lag_seconds", "Since all rows were in the fleet's Postgres; 0 if they are.", func() float64 { return lag().Time.Seconds() })
}
