package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"bursar/pricing"
)

// result is what a run has shown.
type result struct {
	plan
	overspend, stranded, drift pricing.Nano
	overOf                     string
	drifts                     []string
	usable                     float64 // least share of a budget that could be spent before it refused
	samples                    int
	quietAfter, took           time.Duration

	rows, orphans, corrections       int
	duplicates, freeRides, misbilled int
	generated                        int // requests that reached the provider
	truth, under, over               pricing.Nano
	sent, answered, refused, cut     int
	codes                            map[string]int
	waves, reloads                   int
	harmed                           [3]int // by harm
	starts                           int
	gatewayCPU, redisCPU             time.Duration
	roundTrips                       int64
	faults                           []string
}

func (r *result) fault(format string, a ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, a...))
}

// fault2 names the first few of what is wrong.
func (r *result) fault2(n int, what string, which []string) {
	if n > 0 {
		slices.Sort(which)
		r.fault("%d %s: %q", n, what, which[:min(3, n)])
	}
}

func (r *result) clean() bool {
	return r.overspend == 0 && r.stranded == 0 && r.drift == 0 && len(r.faults) == 0
}

func (r *result) print(w io.Writer) {
	line := func(name, format string, a ...any) { fmt.Fprintf(w, "  %-22s %s\n", name, fmt.Sprintf(format, a...)) }
	fmt.Fprintf(w, "\n%s: %d gateways, %d workers, %.1f s, seed %d\n", r.plan.mode, r.plan.gateways, r.workers, r.took.Seconds(), r.seed)
	line("requests", "%d: %d answered, %d refused for want of money, %d cut by a kill", r.sent, r.answered, r.refused, r.cut)
	for _, code := range slices.Sorted(maps.Keys(r.codes)) {
		line("", "%d x %s", r.codes[code], code)
	}
	line("kill -9", "%d gateways, %d Redis; %d gateways frozen; quiet after %.1f s", r.harmed[killsGateway], r.harmed[killsRedis],
		r.harmed[freezesGateway], r.quietAfter.Seconds())
	line("budgets", "%d, spent and raised %d times; %d reloads", 1+teams*(1+projects), r.waves, r.reloads)
	line("ledger rows", "%d, %d orphans, %d corrections", r.rows, r.orphans, r.corrections)
	line("samples", "%d of every window", r.samples)
	line("overspend", "$%s %s", r.overspend.Dollars(), r.overOf)
	line("stranded", "$%s", r.stranded.Dollars())
	line("drift", "$%s", r.drift.Dollars())
	for _, d := range r.drifts {
		line("", "%s", d)
	}
	line("usable share", "%.3f %%", 100*r.usable)
	line("billed twice", "%d", r.duplicates)
	line("free rides", "%d of %d served", r.freeRides, r.generated)
	line("estimates", "$%s below and $%s above the provider's truth of $%s", r.under.Dollars(), r.over.Dollars(), r.truth.Dollars())
	line("requests a second", "%.0f", float64(r.sent)/r.took.Seconds())
	line("CPU", "%.0f µs a request in gateways, %.0f in Redis; %.2f round trips", r.cpu(r.gatewayCPU), r.cpu(r.redisCPU), r.trips())
	for _, f := range r.faults {
		fmt.Fprintf(w, "  FAULT %s\n", f)
	}
}

func (r *result) cpu(used time.Duration) float64 {
	return float64(used.Microseconds()) / float64(max(1, r.sent))
}

func (r *result) trips() float64 { return float64(r.roundTrips) / float64(max(1, r.sent)) }

// compareModes prints what a request costs by slices and by calls, and the ratio: only that is worth quoting.
func compareModes(w io.Writer, all []*result) {
	var call, lease *result
	for _, r := range all {
		switch r.plan.mode {
		case "call":
			call = r
		case "lease":
			lease = r
		}
	}
	if call == nil || lease == nil {
		return
	}
	fmt.Fprintf(w, "\nlease against call\n")
	line := func(name string, of func(*result) float64) {
		fmt.Fprintf(w, "  %-28s %8.2f against %8.2f: %.2f\n", name, of(lease), of(call), of(lease)/of(call))
	}
	line("round trips a request", (*result).trips)
	line("CPU a request, gateways, us", func(r *result) float64 { return r.cpu(r.gatewayCPU) })
	line("CPU a request, Redis, us", func(r *result) float64 { return r.cpu(r.redisCPU) })
	line("requests a second", func(r *result) float64 { return float64(r.sent) / r.took.Seconds() })
}

// printJSON prints all runs in one line, the sums of what must be zero first, and tells whether all is well.
func printJSON(w io.Writer, all []*result) bool {
	var overspend, stranded, drift pricing.Nano
	ops, usable, clean := 0, 1.0, true
	runs := map[string]any{}
	for _, r := range all {
		overspend, stranded, drift = overspend+r.overspend, stranded+r.stranded, drift+r.drift
		ops, usable, clean = ops+r.sent, min(usable, r.usable), clean && r.clean()
		runs[r.plan.mode] = map[string]any{
			"overspend_nano": r.overspend, "stranded_nano": r.stranded, "drift_nano": r.drift, "usable_share": r.usable, "ops": r.sent,
			"requests": r.sent, "answered": r.answered, "refused": r.refused, "rows": r.rows, "orphans": r.orphans, "corrections": r.corrections,
			"duplicates": r.duplicates, "free_rides": r.freeRides, "misbilled": r.misbilled, "gateway_kills": r.harmed[killsGateway], "redis_kills": r.harmed[killsRedis], "freezes": r.harmed[freezesGateway],
			"samples": r.samples, "waves": r.waves, "seconds": r.took.Seconds(), "quiet_after_seconds": r.quietAfter.Seconds(),
			"round_trips_per_request": r.trips(), "cpu_us_per_op": r.cpu(r.gatewayCPU), "redis_cpu_us_per_op": r.cpu(r.redisCPU),
			"estimates_below_nano": r.under, "estimates_above_nano": r.over, "true_nano": r.truth, "faults": r.faults, "seed": r.seed,
		}
	}
	fmt.Fprintln(w)
	line := map[string]any{
		"overspend_nano": overspend, "stranded_nano": stranded, "drift_nano": drift, "usable_share": usable, "ops": ops, "clean": clean, "runs": runs,
	}
	if err := json.NewEncoder(w).Encode(line); err != nil {
		return false
	}
	return clean
}
