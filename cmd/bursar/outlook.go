package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/budget"
	"bursar/ledger"
	"bursar/policy"
	"bursar/pricing"
)

// outlook is how each budget of a policy stands in its current window by the books, and how the window will end if spending goes on as it
// did in the last seven days. What is held for requests under way is not in it.
type outlook struct {
	books books
	now   time.Time
	lines []outlookLine
}

// outlookLine is one window: of a budget, or of one of those that a budget of each team, project, key or user has.
type outlookLine struct {
	Budget   string
	Whom     string // of each, "" otherwise
	Window   budget.Window
	Limit    pricing.Nano
	Spent    pricing.Nano
	Forecast pricing.Nano // at the window's end; what is spent by now if it has none
	Empty    time.Time    // when the limit is reached; zero if that is not before the window's end
}

func (o *outlook) add(ctx context.Context, p *policy.Policy) error {
	calendar := budget.NewCalendar(p.Location)
	for _, b := range p.Budgets {
		window := calendar.Window(b.Period, o.now)
		query := queryOf(b)
		query.Location = p.Location
		rates, err := ledger.RunRates(ctx, o.books, query, o.now)
		if err != nil {
			return err
		}
		query.From, query.To = window.Start, o.now
		spent, err := o.books.Report(ctx, query)
		if err != nil {
			return err
		}
		lines := spent.Lines
		if len(query.By) == 0 {
			lines = []*ledger.Line{{Sums: spent.Sums}}
		}
		for _, line := range lines {
			if len(query.By) == 0 || !slices.Contains(line.Group, "") { // who has no such name has no window of that budget
				o.lines = append(o.lines, o.line(b, window, line, rates[strings.Join(line.Group, "\x00")]))
			}
		}
	}
	return nil
}

// queryOf asks for what a budget counts, by those who have windows of their own.
func queryOf(b *policy.Budget) ledger.Query {
	q := ledger.Query{Filter: ledger.Filter{Model: b.Scope.Model}}
	if b.Scope.Tag.Name != "" {
		q.Tag = &b.Scope.Tag
	}
	for _, part := range []struct {
		by, want string
		fixed    *string
	}{{"team", b.Scope.Team, &q.Team}, {"project", b.Scope.Project, &q.Project}, {"key", b.Scope.Key, &q.Key}, {"user", b.Scope.User, &q.User}} {
		if part.want == policy.Each {
			q.By = append(q.By, part.by)
		} else {
			*part.fixed = part.want
		}
	}
	return q
}

func (o *outlook) line(b *policy.Budget, w budget.Window, line *ledger.Line, rate ledger.RunRate) outlookLine {
	l := outlookLine{Budget: b.Name, Whom: strings.Join(line.Group, ", "), Window: w, Limit: b.LimitAt(o.now), Spent: line.Spend, Forecast: line.Spend}
	if !w.End.IsZero() {
		l.Forecast += rate.Within(w.End.Sub(o.now))
	}
	if left, ok := rate.Until(l.Limit - l.Spent); ok {
		if empty := o.now.Add(left); w.End.IsZero() || empty.Before(w.End) {
			l.Empty = empty
		}
	}
	if l.Spent >= l.Limit {
		l.Empty = o.now
	}
	return l
}

// verdict says in words whether the budget holds.
func (l *outlookLine) verdict() string {
	switch {
	case l.Spent >= l.Limit:
		return "spent"
	case !l.Empty.IsZero():
		return "spent on " + l.Empty.Format("2006-01-02 15:04")
	}
	return "holds"
}

func (l *outlookLine) renews() string {
	if l.Window.End.IsZero() {
		return ""
	}
	return l.Window.End.Format(time.RFC3339)
}

func (o *outlook) print(out io.Writer, format string) error {
	switch format {
	case "json":
		return o.printJSON(out)
	case "csv":
		return o.printCSV(out)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "budget\tof\twindow\tlimit $\tspent $\tforecast $\trenews\toutlook")
	for _, l := range o.lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", ledger.Printable(l.Budget), ledger.Printable(l.Whom), l.Window.ID,
			l.Limit.Dollars(), l.Spent.Dollars(), l.Forecast.Dollars(), ledger.Printable(l.renews()), l.verdict())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "forecast: what is spent, and the rate of the last seven days until the budget renews; money held for requests under way is not counted")
	return err
}

func (o *outlook) printCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"budget", "of", "window", "limit_usd", "spent_usd", "forecast_usd", "renews", "spent_on", "outlook"}) // Error tells
	for _, l := range o.lines {
		_ = w.Write([]string{
			ledger.GuardFormula(l.Budget), ledger.GuardFormula(l.Whom), l.Window.ID, l.Limit.Dollars(), l.Spent.Dollars(), l.Forecast.Dollars(),
			l.renews(), l.spentOn(), l.verdict(),
		})
	}
	w.Flush()
	return w.Error()
}

func (l *outlookLine) spentOn() string {
	if l.Empty.IsZero() {
		return ""
	}
	return l.Empty.Format(time.RFC3339)
}

func (o *outlook) printJSON(out io.Writer) error {
	lines := make([]map[string]any, 0, len(o.lines))
	for _, l := range o.lines {
		line := map[string]any{
			"budget": l.Budget, "window": l.Window.ID, "limit_usd": json.Number(l.Limit.Dollars()), "spent_usd": json.Number(l.Spent.Dollars()),
			"forecast_usd": json.Number(l.Forecast.Dollars()), "holds": l.Empty.IsZero(),
		}
		for name, text := range map[string]string{"of": l.Whom, "renews": l.renews(), "spent_on": l.spentOn()} {
			if text != "" {
				line[name] = text
			}
		}
		lines = append(lines, line)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"now": o.now, "method": "spent, and the rate of the last seven days until the window's end", "budgets": lines})
}
