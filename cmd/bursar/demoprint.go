package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"bursar/exchange"
	"bursar/internal/simulate"
	"bursar/ledger"
)

// print writes the statement for a person.
func (r *demoResult) print(w io.Writer) {
	uses := map[string]string{}
	for _, team := range simulate.Teams() {
		uses[team.Name] = team.Use
	}
	fmt.Fprintln(w, "Statement, by team (baseline: every request on deep-1, untrimmed)")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "  team\tuse\trequests\thits\trefused\tspend $\tbaseline $\tsaved $\tsaved %")
	levers := r.movedLevers()
	for _, l := range levers {
		fmt.Fprintf(t, "\t%s $", l)
	}
	fmt.Fprintln(t)
	row := func(name string, s *ledger.Sums) {
		share := 0.0
		if s.Baseline > 0 {
			share = float64(s.SavedTotal()) / float64(s.Baseline) * 100
		}
		fmt.Fprintf(t, "  %s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%.1f", name, uses[name], s.Requests, s.Hits, s.Refused,
			s.Spend.Dollars(), s.Baseline.Dollars(), s.SavedTotal().Dollars(), share)
		for _, l := range levers {
			fmt.Fprintf(t, "\t%s", s.Saved[l].Dollars())
		}
		fmt.Fprintln(t)
	}
	for _, line := range r.statement.Lines {
		row(line.Group[0], &line.Sums)
	}
	row("all", &r.statement.Sums)
	_ = t.Flush() // a terminal
	fmt.Fprintf(w, "\nCache: %d hits of %d requests that could have been answered from it.\n", r.tally.Cache["hit"], r.tally.Cache["hit"]+r.tally.Cache["miss"])
	fmt.Fprintln(w, "\nBudgets")
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  budget\twindow\tspent $\theld $\tlimit $\twhen spent\tstate")
	for _, b := range r.budgets {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Name, b.Window, b.Spent.Dollars(), b.Held.Dollars(), b.Limit.Dollars(), b.WhenSpent, b.State())
	}
	_ = t.Flush()
}

// movedLevers are the levers that saved or cost anything.
func (r *demoResult) movedLevers() []exchange.Lever {
	var moved []exchange.Lever
	for l := range exchange.Levers {
		if r.statement.Saved[l] != 0 {
			moved = append(moved, exchange.Lever(l))
		}
	}
	return moved
}

// machine is the result as one JSON object.
func (r *demoResult) machine() map[string]any {
	text, err := r.statement.JSON()
	object := map[string]any{}
	if err == nil {
		var members map[string]json.RawMessage // numbers stay as they are written
		if json.Unmarshal(text, &members) == nil {
			for k, v := range members {
				object[k] = v
			}
		}
	}
	object["cache"] = map[string]int{"exact_hits": r.tally.Cache["hit"], "misses": r.tally.Cache["miss"], "off": r.tally.Cache["off"]}
	object["status"] = r.tally.Status
	object["budgets"] = r.budgets
	object["simulated"] = true
	return object
}
