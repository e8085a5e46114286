package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/exchange"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
)

// reprice works out anew what past requests cost, from the usage in their rows, at the prices of this program and policy that hold
// at their own dates. What differs is entered as corrections; no row is ever edited.
func reprice(p *program, args []string) error {
	f := p.flags("reprice")
	dir := f.String("data", "data", "the gateway's data folder; no gateway may be running on it")
	first := f.String("from", "", "first day, as 2026-11-01 (required)")
	last := f.String("to", "", "last day; default is now")
	file := f.String("policies", "policies.yaml", "policy file, for its price overrides and its providers")
	dry := f.Bool("dry-run", false, "tell what would change, and enter nothing; a gateway may be running")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	if *first == "" {
		return usageError{"-from is missing: the first day to work out anew"}
	}
	from, err := parseDay(*first, 0)
	if err != nil {
		return err
	}
	to, err := parseDay(*last, 1)
	if err != nil {
		return err
	}
	if !to.IsZero() && !from.Before(to) {
		return usageError{fmt.Sprintf("-to %s is before -from %s", *last, *first)}
	}
	loaded, err := policy.Load(*file)
	if err != nil {
		return whichPolicies(err)
	}
	r := newRepricing(loaded)
	if err := r.run(context.Background(), *dir, ledger.Filter{From: from, To: to}, *dry); err != nil {
		return inFolder(*dir, err)
	}
	return r.print(p.out, *dry)
}

// repricing is a run of reprice.
type repricing struct {
	policy *policy.Policy
	mark   string // of the prices, for the ids of corrections
	prices map[string]*pricing.Price
	models map[string]*repriced
	enter  func(*ledger.Row) error

	at    int64 // the time of group
	group []ledger.Row
}

// repriced is what was found of one model.
type repriced struct {
	rows, changed, unknown int64
	booked, now            pricing.Nano
}

func newRepricing(p *policy.Policy) *repricing {
	sum := sha256.Sum256([]byte(pricing.Embedded().Hash() + p.Hash))
	return &repricing{policy: p, mark: hex.EncodeToString(sum[:4]), prices: map[string]*pricing.Price{}, models: map[string]*repriced{}}
}

func (r *repricing) run(ctx context.Context, dir string, f ledger.Filter, dry bool) error {
	reader, err := ledger.OpenReader(dir) // Open would make a folder that is not there
	if err != nil {
		return err
	}
	if dry {
		defer reader.Close()
		r.enter = func(*ledger.Row) error { return nil }
		return r.read(ctx, reader, f)
	}
	if err := reader.Close(); err != nil {
		return err
	}
	// Holds that a dead gateway left stay for its successor, which knows whose they are.
	books, err := ledger.Open(dir, ledger.Options{KeepOpens: true})
	if err != nil {
		return fmt.Errorf("corrections are entered while no gateway runs: %w (or add -dry-run)", err)
	}
	r.enter = books.Append
	return errors.Join(r.read(ctx, &books.Reader, f), books.Close())
}

// read goes over the rows. A correction has the time of the row that it corrects, so rows of one time are looked at together.
func (r *repricing) read(ctx context.Context, reader *ledger.Reader, f ledger.Filter) error {
	err := reader.Rows(ctx, f, func(row *ledger.Row) error {
		if row.Time != r.at {
			if err := r.settle(); err != nil {
				return err
			}
			r.at = row.Time
		}
		r.group = append(r.group, *row)
		return nil
	})
	if err != nil {
		return err
	}
	return r.settle()
}

func (r *repricing) settle() error {
	for i := range r.group {
		row := &r.group[i]
		if (row.Kind == ledger.KindRequest || row.Kind == ledger.KindAside) && row.Target != "" {
			if err := r.look(row); err != nil {
				return err
			}
		}
	}
	clear(r.group) // lets go of their texts
	r.group = r.group[:0]
	return nil
}

const repriceMark = ".reprice."

// look works out one request, and enters the difference to what is booked for it so far: its row and earlier corrections.
func (r *repricing) look(row *ledger.Row) error {
	booked, again := *row, 1
	for i := range r.group {
		c := &r.group[i]
		if c.Kind != ledger.KindCorrection || !strings.HasPrefix(c.ID, row.ID+repriceMark) {
			continue
		}
		booked.Cost += c.Cost
		booked.Baseline += c.Baseline
		for lever, n := range c.Saved {
			booked.Saved[lever] += n
		}
		if strings.HasPrefix(c.ID, row.ID+repriceMark+r.mark) {
			again++ // these prices were in force, then others, and now they are again
		}
	}
	model := r.models[row.Target]
	if model == nil {
		model = &repriced{}
		r.models[row.Target] = model
	}
	model.rows++
	model.booked += booked.Cost
	price := r.price(row.Target)
	if price == nil {
		model.unknown++
		model.now += booked.Cost
		return nil
	}
	now := rework(&booked, price)
	model.now += now.Cost
	if now.Cost == booked.Cost {
		return nil
	}
	model.changed++
	correction := ledger.Row{
		ID: row.ID + repriceMark + r.mark, Kind: ledger.KindCorrection, Time: row.Time,
		Team: row.Team, Project: row.Project, Key: row.Key, User: row.User, Tags: row.Tags,
		Asked: row.Asked, Rule: row.Rule, Decision: row.Decision, Reason: "repriced", Target: row.Target, Tier: row.Tier, Policy: r.policy.Hash[:12],
		Cost: now.Cost - booked.Cost, Baseline: now.Baseline - booked.Baseline,
	}
	for lever := range correction.Saved {
		correction.Saved[lever] = now.Saved[lever] - booked.Saved[lever]
	}
	if again > 1 {
		correction.ID += fmt.Sprintf(".%d", again)
	}
	return r.enter(&correction)
}

// rework returns a row with its cost at a price, and its savings made to sum again. The baseline's price is taken as it was booked,
// unless the baseline is the model that served: then it moves with it.
func rework(booked *ledger.Row, price *pricing.Price) ledger.Row {
	now := *booked
	switch {
	case booked.Cache == ledger.CacheHit, booked.Cache == ledger.CacheSemantic, booked.Reason == exchange.ReasonProviderRefused.String():
		return now // these cost nothing at any price
	case booked.UsageMethod == exchange.MethodBeside.String():
		return now // the call beside it that brought its answer has the cost
	}
	if facts, err := exchange.ParseRecorded(booked.Facts); err == nil && facts.Unknown != "" {
		return now // what was held for it is booked: its usage is none that was told
	}
	at := time.Unix(0, booked.Time)
	untrimmed := booked.Usage
	if untrimmed.Prompt() > 0 {
		untrimmed.Input += booked.Trimmed
	}
	served := price.Cost(&booked.Usage, at)
	if booked.Kind == ledger.KindAside { // nobody asked for it: what it costs is lost, and where
		lever := exchange.LeverEscalate
		for _, l := range []exchange.Lever{exchange.LeverTrim, exchange.LeverRoute} {
			if booked.Saved[l] != 0 {
				lever = l
			}
		}
		now.Cost, now.Baseline, now.Saved = served, 0, exchange.Savings{}
		now.Saved[lever] = -served
		return now
	}
	now.Cost = served - booked.Saved[exchange.LeverEscalate] // rows of earlier versions have what cheap answers have cost that were thrown away
	marked := price.Cost(&untrimmed, at)
	now.Saved[exchange.LeverTrim] = marked - served
	routed := marked
	if booked.Saved[exchange.LeverPromptCache] != 0 { // without the gateway's marks its provider would have cached nothing
		untrimmed.Input += untrimmed.CacheRead + untrimmed.CacheWrite + untrimmed.CacheWrite1h
		untrimmed.CacheRead, untrimmed.CacheWrite, untrimmed.CacheWrite1h = 0, 0, 0
		routed = price.Cost(&untrimmed, at)
		now.Saved[exchange.LeverPromptCache] = routed - marked
	}
	others := booked.Saved.Sum() - booked.Saved[exchange.LeverRoute] - booked.Saved[exchange.LeverTrim] - booked.Saved[exchange.LeverPromptCache] - booked.Saved[exchange.LeverEscalate]
	if booked.Saved[exchange.LeverRoute] == 0 {
		now.Baseline = routed + others
	} else {
		now.Saved[exchange.LeverRoute] = booked.Baseline - routed - others
	}
	return now
}

// price returns what a target costs by the policy, nil if nobody knows.
func (r *repricing) price(target string) *pricing.Price {
	price, ok := r.prices[target]
	if !ok {
		if model, found := r.policy.Resolve(target); found {
			for _, c := range model.Use {
				if c.Target == target {
					price = c.Price
				}
			}
		}
		r.prices[target] = price
	}
	return price
}

func (r *repricing) print(out io.Writer, dry bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "model\trequests\tchanged\tno price\tbooked $\tnow $\tdifference $\t")
	var all repriced
	line := func(name string, m *repriced) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t\n", name, m.rows, m.changed, m.unknown, m.booked.Dollars(), m.now.Dollars(), (m.now - m.booked).Dollars())
	}
	dearest := func(a, b string) int {
		return cmp.Or(cmp.Compare(r.models[b].booked, r.models[a].booked), strings.Compare(a, b))
	}
	for _, name := range slices.SortedFunc(maps.Keys(r.models), dearest) {
		m := r.models[name]
		line(name, m)
		all.rows, all.changed, all.unknown = all.rows+m.rows, all.changed+m.changed, all.unknown+m.unknown
		all.booked, all.now = all.booked+m.booked, all.now+m.now
	}
	line("total", &all)
	if err := w.Flush(); err != nil {
		return err
	}
	verdict := fmt.Sprintf("%d corrections entered; prices %s", all.changed, r.mark)
	if dry {
		verdict = fmt.Sprintf("dry run: %d corrections would be entered; prices %s", all.changed, r.mark)
	}
	if all.unknown > 0 {
		verdict += fmt.Sprintf("; %d requests stay as booked, since this policy knows no price of their model", all.unknown)
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}
