package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
	"bursar/replay"
)

// simpleRouters are what routers that know less would have spent on the requests of a statement that a provider has answered, beside what was spent.
// Answers are taken to be as long as they were, whichever model gives them; of their quality nothing is known.
type simpleRouters struct {
	requests int64
	spend    pricing.Nano // on these requests
	own      pricing.Nano // on calls beside them: second opinions, shadow samples, answers that were thrown away, candidates that failed
	all      []replay.Baseline
	skipped  int64 // rows that cannot be read
}

// routersOf adds up the requests of a time. The policy names the models that the simple routers choose among, with its prices of those days.
func routersOf(ctx context.Context, from books, p *policy.Policy, filter ledger.Filter) (*simpleRouters, error) {
	r := &simpleRouters{}
	sums := replay.NewSummary(p, replay.Prices{}, true)
	err := from.Rows(ctx, filter, func(row *ledger.Row) error {
		if row.Kind == ledger.KindAside {
			r.own += row.Cost
			return nil
		}
		record, ok, err := replay.FromRow(row)
		if err != nil {
			r.skipped++
		}
		if err != nil || !ok || record.Refused || record.Hit || record.Target == "" {
			return nil
		}
		r.requests++
		r.spend += row.Cost
		now := replay.AsRecorded(&record, p)
		sums.Add(&record, &now, &now)
		return nil
	})
	r.all = sums.Baselines()
	return r, err
}

func (r *simpleRouters) print(to io.Writer, format string) error {
	if format == "json" {
		type line struct {
			Router string      `json:"router"`
			Spend  json.Number `json:"spend_usd"`
		}
		lines := []line{{"ours", json.Number((r.spend + r.own).Dollars())}}
		for _, b := range r.all {
			lines = append(lines, line{b.Name, json.Number(b.Spend.Dollars())})
		}
		return json.NewEncoder(to).Encode(map[string]any{"requests": r.requests, "own_calls_usd": json.Number(r.own.Dollars()), "skipped": r.skipped, "routers": lines})
	}
	ours := r.spend + r.own
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "router\tspend $\tagainst ours\t\n")
	fmt.Fprintf(w, "ours\t%s\t\t\n", ours.Dollars())
	for _, b := range r.all {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", b.Name, b.Spend.Dollars(), changeOf(ours, b.Spend))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(to, "\n%d requests that a provider has answered; ours includes $%s of calls beside them (second opinions, shadow samples, answers that were thrown away). Answers are taken to be as long as they were; nothing is known of their quality.\n", r.requests, r.own.Dollars())
	if r.skipped > 0 {
		fmt.Fprintf(to, "%d rows could not be read and are left out\n", r.skipped)
	}
	return nil
}

// baselinesOf checks the options that go with -baselines, and prints.
func (o *reportOptions) baselinesOf(ctx context.Context, p *program, from books, loaded *policy.Policy, q ledger.Query) error {
	since := q.From
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	r, err := routersOf(ctx, from, loaded, ledger.Filter{From: since, To: q.To})
	if err != nil {
		return err
	}
	return r.print(p.out, o.format)
}
