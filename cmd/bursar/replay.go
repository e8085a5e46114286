package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"bursar/budget"
	"bursar/ledger"
	"bursar/policy"
	"bursar/replay"
)

// replayCommand decides the requests of the past again, by the same function as the gateway, and tells what the policy would have made of them.
func replayCommand(p *program, args []string) error {
	var o replayOptions
	f := p.flags("replay")
	f.StringVar(&o.policies, "policies", "policies.yaml", "the policy to try out")
	f.StringVar(&o.from, "from", "data", "a gateway's data folder, or a file that -export has written")
	f.StringVar(&o.against, "against", "", "compare with this policy, run on the same requests; default is what was recorded")
	f.StringVar(&o.since, "since", "", "only requests since then: 7d, 24h, or a day as 2026-11-01; earlier ones fill budget windows and the cache")
	f.Var(&o.whatIf, "what-if", "price.openai/gpt-5=+20%, * stands for any name; may be repeated; holds for both policies")
	f.StringVar(&o.export, "export", "", "write the records to this file as well, one JSON object a line")
	asJSON := f.Bool("json", false, "print JSON")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	since, err := parseSince(o.since, p.clock())
	if err != nil {
		return err
	}
	r, err := o.start(since)
	if err != nil {
		return err
	}
	if err := r.read(context.Background(), o.from); err != nil {
		return inFolder(o.from, err)
	}
	if err := r.finish(); err != nil {
		return err
	}
	if r.summary.Total.Requests == 0 {
		return fmt.Errorf("%s has no request to replay%s", o.from, r.whyNone())
	}
	if *asJSON {
		return r.printJSON(p.out)
	}
	return r.print(p.out)
}

type replayOptions struct {
	policies, from, against, since, export string
	whatIf                                 whatIfFlags
}

type whatIfFlags struct {
	prices replay.Prices
	said   []string
}

func (w *whatIfFlags) String() string { return strings.Join(w.said, " ") }

func (w *whatIfFlags) Set(text string) error {
	w.said = append(w.said, text)
	return w.prices.Add(text)
}

var _ flag.Value = (*whatIfFlags)(nil)

// parseSince reads a moment: so long ago, or the beginning of a day. Nothing is the beginning of time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	days, rest, isDays := strings.Cut(text, "d")
	if n, err := strconv.Atoi(days); err == nil && isDays && rest == "" && n > 0 && n < 36500 {
		return now.AddDate(0, 0, -n), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, time.UTC)
	if err != nil {
		return time.Time{}, usageError{fmt.Sprintf("-since %q: write it as 7d, 24h or 2026-11-01", text)}
	}
	return day, nil
}

// replaying is a run of replay.
type replaying struct {
	policy, other *policy.Policy // other is nil without -against
	now, before   *replay.Simulation
	known         *replay.Known
	summary       *replay.Summary
	since, warm   time.Time // requests before warm are not even needed for budget windows

	batch   []replay.Record
	latest  time.Time
	skipped int64 // rows that are no decided request
	bare    int64 // records of versions that did not record what decisions went by
	took    time.Duration
	decided int64
	export  *exporter
	whatIf  []string
}

func (o *replayOptions) start(since time.Time) (*replaying, error) {
	r := &replaying{since: since, whatIf: o.whatIf.said}
	var err error
	if r.policy, err = policy.LoadWithKeys(o.policies); err != nil {
		return nil, whichPolicies(err)
	}
	r.known = replay.NewKnown()
	r.now = replay.New(r.policy, o.whatIf.prices, r.known)
	targets := targetsOf(r.policy)
	if o.against != "" {
		if r.other, err = policy.LoadWithKeys(o.against); err != nil {
			return nil, err
		}
		r.before = replay.New(r.other, o.whatIf.prices, r.known)
		targets = append(targets, targetsOf(r.other)...)
	}
	if idle := o.whatIf.prices.Idle(targets); len(idle) > 0 {
		return nil, usageError{fmt.Sprintf("-what-if: no model of the policy uses %s", strings.Join(idle, ", "))}
	}
	r.summary = replay.NewSummary(r.policy, o.whatIf.prices, true)
	r.warm = since
	for _, p := range []*policy.Policy{r.policy, r.other} {
		if p == nil || since.IsZero() {
			continue
		}
		for _, b := range p.Budgets {
			if start := budget.WindowOf(b.Period, since, p.Location).Start; start.Before(r.warm) {
				r.warm = start
			}
		}
	}
	if o.export != "" {
		r.export, err = newExporter(o.export)
	}
	return r, err
}

func targetsOf(p *policy.Policy) []string {
	var all []string
	for _, m := range p.Models {
		for _, c := range m.Use {
			all = append(all, c.Target)
		}
	}
	return all
}

// read goes over the records twice: what came of cascades, and what was said of answers, stands in rows that are later than the requests it is of.
func (r *replaying) read(ctx context.Context, from string) error {
	if info, err := os.Stat(from); err == nil && !info.IsDir() {
		learn := func(record *replay.Record) error {
			r.known.Learn(record)
			return nil
		}
		for _, do := range []func(*replay.Record) error{learn, r.take} {
			if err := readFile(from, do); err != nil {
				return err
			}
		}
		return nil
	}
	reader, err := ledger.OpenReader(from)
	if err != nil {
		return err
	}
	defer reader.Close()
	filter := ledger.Filter{From: r.warm}
	if err := reader.Rows(ctx, filter, r.known.Row); err != nil {
		return err
	}
	r.known.Settle()
	return reader.Rows(ctx, filter, r.takeRow)
}

func readFile(path string, do func(*replay.Record) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := replay.Read(file, do); err != nil {
		return fmt.Errorf("%s, %w", path, err)
	}
	return nil
}

func (r *replaying) takeRow(row *ledger.Row) error {
	record, ok, err := replay.FromRow(row)
	switch {
	case err != nil:
		return err
	case !ok:
		if row.Kind != ledger.KindAside && row.Kind != ledger.KindLabel {
			r.skipped++
		}
		return nil
	case row.Facts == "":
		r.bare++
	}
	r.known.Join(row.ID, &record)
	return r.take(&record)
}

// replayBatch is how many records are decided at a time: enough that looking at the clock costs nothing.
const replayBatch = 4096

func (r *replaying) take(record *replay.Record) error {
	if record.Facts.At.Before(r.latest) {
		return errors.New("it is earlier than the one before: sort the records by time")
	}
	r.latest = record.Facts.At
	if r.export != nil && !record.Facts.At.Before(r.since) {
		if err := replay.Write(r.export, record); err != nil {
			return err
		}
	}
	r.batch = append(r.batch, *record)
	if len(r.batch) == replayBatch {
		r.decide()
	}
	return nil
}

// decide runs the batch. Only the new policy's part of it is timed.
func (r *replaying) decide() {
	results := make([]replay.Result, len(r.batch))
	begin := time.Now()
	for i := range r.batch {
		results[i] = r.now.Run(&r.batch[i])
	}
	r.took += time.Since(begin)
	r.decided += int64(len(r.batch))
	for i := range r.batch {
		record := &r.batch[i]
		before := replay.AsRecorded(record, r.policy)
		if r.before != nil {
			before = r.before.Run(record)
		}
		if !record.Facts.At.Before(r.since) {
			r.summary.Add(record, &before, &results[i])
		}
	}
	r.batch = r.batch[:0]
}

func (r *replaying) finish() error {
	r.decide()
	if r.export != nil {
		return r.export.Close()
	}
	return nil
}

func (r *replaying) whyNone() string {
	switch {
	case !r.since.IsZero():
		return " since " + r.since.Format(time.RFC3339)
	case r.skipped > 0:
		return fmt.Sprintf(" among its %d rows", r.skipped)
	default:
		return ""
	}
}
