package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"bursar/exchange"
	"bursar/pricing"
	"bursar/replay"
)

// print writes what a replay found, the sums first.
func (r *replaying) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	t := &r.summary.Total
	before := "recorded"
	if r.other != nil {
		before = r.other.File
	}
	fmt.Fprintf(w, "%d requests, %s to %s\n", t.Requests, r.summary.First.UTC().Format("2006-01-02 15:04"), r.summary.Last.UTC().Format("2006-01-02 15:04"))
	for _, said := range r.whatIf {
		fmt.Fprintf(w, "what if %s\n", said)
	}
	fmt.Fprintf(w, "\n\t%s\t%s\t\t\n", before, r.policy.File)
	fmt.Fprintf(w, "spend\t$%s\t$%s\t%s\t\n", cents(t.Before), cents(t.Spend), changeOf(t.Before, t.Spend))
	fmt.Fprintf(w, "denied\t%d\t%d\t\t\n", t.DeniedBefore, t.Denied)
	fmt.Fprintf(w, "cache hits\t%d\t%d\t%.1f%%\t\n", t.HitsBefore, t.Hits, percent(t.Hits, t.Requests))
	fmt.Fprintf(w, "decided otherwise\t\t%d\t%.1f%%\t\n", t.Changed, percent(t.Changed, t.Requests))
	fmt.Fprintf(w, "answers longer than the cap\t\t%d\t\t\n", t.Cut)

	fmt.Fprintf(w, "\nteam\t%s\t%s\t\tdenied\thits\tchanged\t\n", before, r.policy.File)
	for _, name := range slices.Sorted(maps.Keys(r.summary.Teams)) {
		s := r.summary.Teams[name]
		fmt.Fprintf(w, "%s\t$%s\t$%s\t%s\t%d\t%d\t%d\t\n", name, cents(s.Before), cents(s.Spend), changeOf(s.Before, s.Spend), s.Denied, s.Hits, s.Changed)
	}
	printShares(w, "rule", r.summary.Rules, "(none read)", t.Requests)
	printShares(w, "model", r.summary.Tiers, "(refused)", t.Requests)
	fmt.Fprintf(w, "\nlever\tsaved of $%s\t\n", cents(t.Baseline))
	for lever, saved := range t.Saved {
		if saved != 0 {
			fmt.Fprintf(w, "%s\t$%s\t\n", exchange.Lever(lever), cents(saved))
		}
	}
	r.printCascades(w)
	r.printQuality(w, before)
	r.printChanges(w)
	if len(r.summary.Observed) > 0 {
		fmt.Fprintf(w, "\nobserved rule\twould have decided\t\n")
		for _, name := range slices.Sorted(maps.Keys(r.summary.Observed)) {
			fmt.Fprintf(w, "%s\t%d\t\n", name, r.summary.Observed[name])
		}
	}
	if all := r.summary.Baselines(); all != nil {
		fmt.Fprintf(w, "\nsimple routers, same requests\tspend\t\n")
		for _, b := range all {
			fmt.Fprintf(w, "%s\t$%s\t\n", b.Name, cents(b.Spend))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(to, r.footnotes())
	return err
}

func printShares(w io.Writer, what string, shares map[string]*replay.Share, nameless string, requests int64) {
	fmt.Fprintf(w, "\n%s\trequests\t\tspend\t\n", what)
	names := slices.SortedFunc(maps.Keys(shares), func(a, b string) int {
		return cmp.Or(cmp.Compare(shares[b].Requests, shares[a].Requests), cmp.Compare(a, b))
	})
	for _, name := range names {
		fmt.Fprintf(w, "%s\t%d\t%.1f%%\t$%s\t\n", cmp.Or(name, nameless), shares[name].Requests, percent(shares[name].Requests, requests), cents(shares[name].Spend))
	}
}

// mostChanges are printed; JSON has all.
const mostChanges = 20

func (r *replaying) printChanges(w io.Writer) {
	changes := r.changes()
	if len(changes) == 0 {
		return
	}
	fmt.Fprintf(w, "\nfor whom\tfrom\tto\trequests\tspend before\tnow\t\n")
	for i, c := range changes {
		if i == mostChanges {
			fmt.Fprintf(w, "%d more\t\t\t\t\t\t\n", len(changes)-i)
			break
		}
		s := r.summary.Changes[c]
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t$%s\t$%s\t\n", c.Team, c.From, c.To, s.Requests, cents(s.Before), cents(s.Spend))
	}
}

// changes are the kinds of differences, the commonest first.
func (r *replaying) changes() []replay.Change {
	return slices.SortedFunc(maps.Keys(r.summary.Changes), func(a, b replay.Change) int {
		return cmp.Or(cmp.Compare(r.summary.Changes[b].Requests, r.summary.Changes[a].Requests),
			strings.Compare(a.Team, b.Team), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
}

// footnotes say what the figures rest on.
func (r *replaying) footnotes() string {
	var b strings.Builder
	t := &r.summary.Total
	fmt.Fprintf(&b, "\nAnswers are taken to be as long as the recorded ones, whichever model gives them.\n")
	r.cascadeNotes(&b)
	r.qualityNotes(&b)
	if t.Guessed > 0 {
		fmt.Fprintf(&b, "%d requests were never answered; their answers are taken to be as long as the others on average.\n", t.Guessed)
	}
	if r.bare > 0 {
		fmt.Fprintf(&b, "%d rows are of a version that did not record tools, turns, complexity and the like: they count as absent.\n", r.bare)
	}
	if r.decided > 0 && r.took > 0 {
		fmt.Fprintf(&b, "Decided at %.2f million requests a second.\n", float64(r.decided)/r.took.Seconds()/1e6)
	}
	return b.String()
}

// cents shows money to the cent, or to four digits where it is less than a dollar.
func cents(n pricing.Nano) string {
	const cent = 10_000_000
	unit := pricing.Nano(cent)
	if n > -100*cent && n < 100*cent {
		unit = cent / 100
	}
	rounded := (n + unit/2) / unit * unit
	if n < 0 {
		rounded = (n - unit/2) / unit * unit
	}
	return rounded.Dollars()
}

func percent(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

func changeOf(before, now pricing.Nano) string {
	if before == 0 {
		return ""
	}
	return fmt.Sprintf("%+.1f%%", 100*(float64(now)-float64(before))/float64(before))
}

// dollars is money in JSON: a number, written digit by digit.
func dollars(n pricing.Nano) json.Number { return json.Number(n.Dollars()) }

// sumsJSON are Sums as JSON has them. Before is recorded_spend_usd even if another policy is compared with.
type sumsJSON struct {
	Requests int64                  `json:"requests"`
	Recorded json.Number            `json:"recorded_spend_usd"`
	Spend    json.Number            `json:"spend_usd"`
	DeniedIn int64                  `json:"recorded_denied"`
	Denied   int64                  `json:"denied"`
	HitsIn   int64                  `json:"recorded_hits"`
	Hits     int64                  `json:"hits"`
	Changed  int64                  `json:"changed"`
	Cut      int64                  `json:"answers_cut"`
	Guessed  int64                  `json:"answers_guessed"`
	Baseline json.Number            `json:"baseline_usd"`
	Saved    map[string]json.Number `json:"saved_usd"`
	qualityJSON
	Before qualityJSON `json:"recorded_quality"` // as recorded, or of the policy that is compared with
}

// qualityJSON is an estimate of how much of the premium model's quality is kept. Quality and its bound are null where nothing is known.
type qualityJSON struct {
	Quality *float64 `json:"quality"`
	Lower95 *float64 `json:"quality_lower95"`
	Samples int      `json:"quality_n"`
	Unknown int64    `json:"quality_unknown_requests"`
}

func qualityOf(e replay.Estimate) qualityJSON {
	out := qualityJSON{Samples: e.Samples, Unknown: e.Unknown}
	if e.Requests > 0 {
		out.Quality, out.Lower95 = &e.Share, &e.Lower95
	}
	return out
}

func (r *replaying) toJSON(s *replay.Sums, team string) sumsJSON {
	out := sumsJSON{
		Requests: s.Requests, Recorded: dollars(s.Before), Spend: dollars(s.Spend), DeniedIn: s.DeniedBefore, Denied: s.Denied,
		HitsIn: s.HitsBefore, Hits: s.Hits, Changed: s.Changed, Cut: s.Cut, Guessed: s.Guessed, Baseline: dollars(s.Baseline),
		Saved: map[string]json.Number{}, qualityJSON: qualityOf(r.summary.Quality.Estimate(team)), Before: qualityOf(r.summary.QualityBefore.Estimate(team)),
	}
	for lever, saved := range s.Saved {
		out.Saved[exchange.Lever(lever).String()] = dollars(saved)
	}
	return out
}

type shareJSON struct {
	Requests int64       `json:"requests"`
	Spend    json.Number `json:"spend_usd"`
}

func (r *replaying) printJSON(to io.Writer) error {
	type change struct {
		Team     string      `json:"team"`
		From     string      `json:"from"`
		To       string      `json:"to"`
		Requests int64       `json:"requests"`
		Before   json.Number `json:"spend_before_usd"`
		Spend    json.Number `json:"spend_usd"`
	}
	out := struct {
		sumsJSON
		Policies  string                 `json:"policies"`
		Against   string                 `json:"against"` // "" is what was recorded
		WhatIf    []string               `json:"what_if,omitempty"`
		Teams     map[string]sumsJSON    `json:"teams"`
		Rules     map[string]shareJSON   `json:"rules"`
		Models    map[string]shareJSON   `json:"models"`
		Observed  map[string]int64       `json:"observed,omitempty"`
		Cascades  map[string]cascadeJSON `json:"cascades,omitempty"`
		Kept      int64                  `json:"kept_from_switching"` // conversations' turns that stay, as moving costs more than it saves
		NotMoved  json.Number            `json:"kept_from_switching_saved_usd"`
		Changes   []change               `json:"changes"`
		Baselines map[string]json.Number `json:"simple_routers_usd"`
		Rate      int64                  `json:"decisions_per_second"`
	}{
		sumsJSON: r.toJSON(&r.summary.Total, ""), Policies: r.policy.File, WhatIf: r.whatIf, Teams: map[string]sumsJSON{}, Rules: map[string]shareJSON{},
		Models: map[string]shareJSON{}, Observed: r.summary.Observed, Changes: []change{}, Baselines: map[string]json.Number{},
		Cascades: map[string]cascadeJSON{}, Kept: r.summary.Kept, NotMoved: dollars(r.summary.NotMoved),
	}
	for name, s := range r.summary.Cascades {
		out.Cascades[name] = cascadeToJSON(s)
	}
	if r.other != nil {
		out.Against = r.other.File
	}
	for name, s := range r.summary.Teams {
		out.Teams[name] = r.toJSON(s, name)
	}
	for name, s := range r.summary.Rules {
		out.Rules[name] = shareJSON{s.Requests, dollars(s.Spend)}
	}
	for name, s := range r.summary.Tiers {
		out.Models[name] = shareJSON{s.Requests, dollars(s.Spend)}
	}
	for _, c := range r.changes() {
		s := r.summary.Changes[c]
		out.Changes = append(out.Changes, change{c.Team, c.From, c.To, s.Requests, dollars(s.Before), dollars(s.Spend)})
	}
	for _, b := range r.summary.Baselines() {
		out.Baselines[b.Name] = dollars(b.Spend)
	}
	if r.took > 0 {
		out.Rate = int64(float64(r.decided) / r.took.Seconds())
	}
	return json.NewEncoder(to).Encode(out)
}

// exporter writes records to a file.
type exporter struct {
	file *os.File
	*bufio.Writer
}

func newExporter(path string) (*exporter, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // it tells what everybody asked for
	if err != nil {
		return nil, err
	}
	return &exporter{file, bufio.NewWriterSize(file, 1<<16)}, nil
}

// Close ends the file.
func (e *exporter) Close() error { return errors.Join(e.Flush(), e.file.Close()) }
