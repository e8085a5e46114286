package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"bursar/replay"
)

// printCascades tells what the new policy's cascades do, by route.
func (r *replaying) printCascades(w io.Writer) {
	if len(r.summary.Cascades) == 0 {
		return
	}
	fmt.Fprintf(w, "\ncascade\trequests\tkept\tescalated\tcheap\tsecond\tpremium\tsamples\t\n")
	for _, name := range slices.Sorted(maps.Keys(r.summary.Cascades)) {
		s := r.summary.Cascades[name]
		fmt.Fprintf(w, "%s\t%d\t%.1f%%\t%.1f%%\t$%s\t$%s\t$%s\t$%s\t\n", name, s.Requests, percent(s.Requests-s.Escalated, s.Requests),
			percent(s.Escalated, s.Requests), cents(s.Cheap), cents(s.Second), cents(s.Premium), cents(s.Shadow))
	}
}

// cascadeNotes say what the outcomes of cascades rest on.
func (r *replaying) cascadeNotes(b *strings.Builder) {
	for _, name := range slices.Sorted(maps.Keys(r.summary.Cascades)) {
		s := r.summary.Cascades[name]
		fmt.Fprintf(b, "Cascade %q: the answers of %d requests are known from the same cascade, of %d from samples", name, s.By[replay.Recorded], s.By[replay.Sampled])
		if n := s.By[replay.Estimated]; n > 0 {
			share, low, high, of := s.Likely()
			fmt.Fprintf(b, "; those of %d are taken to fare like %d others, of which %.1f %% escalated (95 %%: %.1f to %.1f %%)", n, of, 100*share, 100*low, 100*high)
		}
		if n := s.By[replay.Assumed]; n > 0 {
			fmt.Fprintf(b, "; of %d nothing is known: assumed to escalate all, which is $%s more than if none did", n, cents(s.AssumedPremium))
		}
		b.WriteString(".\n")
	}
	if r.summary.Kept > 0 {
		fmt.Fprintf(b, "%d turns stay where their conversation is warm, as moving costs more than it saves: $%s of prompt_cache.\n", r.summary.Kept, cents(r.summary.NotMoved))
	}
}

// printQuality tells how much of the premium model's quality is kept, by team.
func (r *replaying) printQuality(w io.Writer, before string) {
	fmt.Fprintf(w, "\nquality kept\t%s\tat least\t%s\tat least\tsamples\tunknown for\t\n", before, r.policy.File)
	line := func(name, team string) {
		old, now := r.summary.QualityBefore.Estimate(team), r.summary.Quality.Estimate(team)
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t\n", name, shares(old), shares(now), now.Samples, now.Unknown)
	}
	for _, name := range slices.Sorted(maps.Keys(r.summary.Teams)) {
		line(name, name)
	}
	line("all", "")
}

func shares(e replay.Estimate) string {
	if e.Requests == 0 {
		return "unknown\t"
	}
	return fmt.Sprintf("%.1f%%\t%.1f%%", 100*e.Share, 100*e.Lower95)
}

func (r *replaying) qualityNotes(b *strings.Builder) {
	fmt.Fprintf(b, "Quality is that of the premium model (%q, or what a cascade escalates to), as far as known: its own answers are all of it, others as samples of like requests say; the bound has 95 %% confidence.\n", r.policy.Baseline.Name)
	if e := r.summary.Quality.Estimate(""); e.Unknown > 0 {
		fmt.Fprintf(b, "Quality is unknown for %d requests: no sample has both answers of their like. They are in no share above.\n", e.Unknown)
	}
}

// cascadeJSON is what a route's cascade does.
type cascadeJSON struct {
	Requests  int64            `json:"requests"`
	Kept      int64            `json:"kept"`
	Escalated int64            `json:"escalated"`
	By        map[string]int64 `json:"known_by"`
	Like      int64            `json:"like_requests"` // that the estimates rest on
	Share     *float64         `json:"like_escalated_share"`
	Low       *float64         `json:"like_escalated_low95"`
	High      *float64         `json:"like_escalated_high95"`
	Cheap     json.Number      `json:"cheap_usd"`
	Second    json.Number      `json:"second_usd"`
	Premium   json.Number      `json:"premium_usd"`
	Assumed   json.Number      `json:"premium_assumed_usd"`
	Samples   json.Number      `json:"samples_usd"`
}

func cascadeToJSON(s *replay.CascadeSums) cascadeJSON {
	out := cascadeJSON{
		Requests: s.Requests, Kept: s.Requests - s.Escalated, Escalated: s.Escalated, By: map[string]int64{},
		Cheap: dollars(s.Cheap), Second: dollars(s.Second), Premium: dollars(s.Premium), Assumed: dollars(s.AssumedPremium), Samples: dollars(s.Shadow),
	}
	for source, n := range s.By {
		out.By[replay.Source(source).String()] = n
	}
	if share, low, high, of := s.Likely(); of > 0 {
		out.Like, out.Share, out.Low, out.High = of, &share, &low, &high
	}
	return out
}
