package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"text/tabwriter"
	"time"

	"bursar/admin"
	"bursar/ledger"
)

// certificatesCommand shows how the routes of a running gateway stand whose cheap answers need a certificate.
func certificatesCommand(p *program, args []string) error {
	c := &cacheClient{program: p}
	f := p.flags("certificates")
	at := f.String("admin", "127.0.0.1:9090", "admin address of a running gateway")
	f.BoolVar(&c.json, "json", false, "print JSON")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	c.url = adminURL(*at)
	var all []admin.Certificate
	if err := c.ask(http.MethodGet, "/admin/certificates", nil, &all); err != nil || c.json {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(p.out, "no samples yet: a route needs `escalate: { quality: ..., shadow: ... }`, and traffic")
		return nil
	}
	t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "team\troute\tcertificate\tkept\texpected\tsince\twaiting")
	for i := range all {
		k := &all[i]
		kept, expected := "-", "-"
		if k.Certified {
			kept, expected = fmt.Sprintf("%.1f %%", 100*k.Kept), fmt.Sprintf("%.1f %%", 100*k.Expected)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", k.Team, k.Route, k.Text, kept, expected, k.Since, k.Waiting)
	}
	return t.Flush()
}

// certificates are those of this gateway, for its admin address.
func (g *gateway) certificates() []admin.Certificate {
	var all []admin.Certificate
	for _, s := range g.proxy.Certificates() {
		k := admin.Certificate{
			Team: s.Team, Route: s.Route, Text: s.Text(s.Terms), Certified: s.Valid(), Quality: s.Terms.Target, Sure: s.Terms.Confidence,
			Samples: s.Samples, Waiting: s.Waiting, Kept: s.Kept, Expected: s.Expected, Threshold: s.Threshold, From: s.From, Until: s.Until, Revoked: s.Revoked,
		}
		if s.Valid() {
			k.Samples, k.Since = s.Labels, s.Samples
		}
		all = append(all, k)
	}
	return all
}

// fleetLabels read what all gateways of a fleet know of answers. Postgres may be down at the start, and come later.
type fleetLabels struct {
	url   string
	mu    sync.Mutex
	fleet *ledger.Fleet
}

func (f *fleetLabels) open(ctx context.Context) (*ledger.Fleet, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fleet != nil {
		return f.fleet, nil
	}
	var err error
	f.fleet, err = ledger.OpenFleet(ctx, f.url)
	return f.fleet, err
}

// fleetPatience bounds a question to Postgres: who asks it does not wait for a dead one.
const fleetPatience = 10 * time.Second

// Labels reads judgements.
func (f *fleetLabels) Labels(ctx context.Context, since time.Time, do func(*ledger.Row) error) error {
	ctx, cancel := context.WithTimeout(ctx, fleetPatience)
	defer cancel()
	fleet, err := f.open(ctx)
	if err != nil {
		return err
	}
	return fleet.Labels(ctx, since, do)
}

// Find finds a request of any gateway.
func (f *fleetLabels) Find(ctx context.Context, id string) (ledger.Row, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, fleetPatience)
	defer cancel()
	fleet, err := f.open(ctx)
	if err != nil {
		return ledger.Row{}, false, err
	}
	return fleet.Find(ctx, id)
}

func (f *fleetLabels) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fleet != nil {
		_ = f.fleet.Close() // it only reads
	}
}
