package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bursar/ledger"
	"bursar/policy"
)

// report prints the statement of a data folder. It works beside a running gateway.
func report(p *program, args []string) error {
	var o reportOptions
	f := p.flags("report")
	dir := f.String("data", "data", "the gateway's data folder")
	f.StringVar(&o.postgres, "postgres", "", "postgres://USER@HOST/DATABASE of the fleet's ledger, to be asked instead of -data; give it in BURSAR_POSTGRES if it holds a password")
	f.StringVar(&o.format, "format", "table", strings.Join(reportFormats(), ", "))
	f.StringVar(&o.by, "by", "team", "group by, separated by commas: "+strings.Join(dimensions(), ", ")+", or tag:NAME")
	f.StringVar(&o.from, "from", "", "first day, as 2026-11-01; default is the beginning")
	f.StringVar(&o.to, "to", "", "last day; default is now")
	f.BoolVar(&o.forecast, "forecast", false, "this month so far, and what it comes to at its end if it goes on like that")
	f.BoolVar(&o.budgets, "budgets", false, "how the budgets of -policies stand in their windows, and whether they hold until they renew")
	f.BoolVar(&o.baselines, "baselines", false, "what simple routers would have spent on the same requests, with the models of -policies: always the cheapest, a random mix, the length rule, always the dearest")
	f.StringVar(&o.policies, "policies", "", "policy file, for the cost centres and owners of the teams, and for -budgets and -baselines")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	o.grouped = given["by"]
	query, err := o.query(p.clock())
	if err != nil {
		return err
	}
	loaded := &policy.Policy{Teams: map[string]*policy.Team{}}
	if o.policies != "" {
		if loaded, err = policy.Load(o.policies); err != nil {
			return whichPolicies(err)
		}
	}
	ctx := context.Background()
	reader, err := openBooks(ctx, *dir, o.postgres)
	if err != nil {
		return err
	}
	defer reader.Close()
	if o.budgets {
		all := outlook{books: reader, now: p.clock().In(loaded.Location)}
		if err := all.add(ctx, loaded); err != nil {
			return err
		}
		return all.print(p.out, o.format)
	}
	if o.baselines {
		return o.baselinesOf(ctx, p, reader, loaded, query)
	}
	statement, err := reader.Report(ctx, query)
	if err != nil {
		return err
	}
	teams := loaded.Teams
	if o.forecast {
		statement.Forecast = ledger.ThisMonth(p.clock())
	}
	if o.format == "focus" {
		return writeFocus(p.out, statement, teams)
	}
	return printStatement(p, byTeam(statement, strings.Split(o.by, ","), teams), o.format)
}

type reportOptions struct {
	format, by, from, to, policies, postgres string
	forecast, budgets, baselines, grouped    bool // grouped: -by was given
}

// books are what statements are read from: a gateway's ledger, or that of a fleet in Postgres.
type books interface {
	Report(context.Context, ledger.Query) (*ledger.Statement, error)
	Rows(context.Context, ledger.Filter, func(*ledger.Row) error) error
	Since(context.Context) (time.Time, error)
	Close() error
}

func openBooks(ctx context.Context, dir, postgres string) (books, error) {
	if postgres != "" {
		return ledger.OpenFleet(ctx, postgres)
	}
	reader, err := ledger.OpenReader(dir)
	if err != nil {
		return nil, inFolder(dir, err)
	}
	return reader, nil
}

func reportFormats() []string { return []string{"table", "csv", "json", "focus"} }

// ofTeam are the dimensions that the policy knows of a team, and the ledger does not.
func ofTeam() []string { return []string{"cost_center", "owner"} }

// isTag tells whether a dimension is the values of a tag.
func isTag(dimension string) bool {
	name, ok := strings.CutPrefix(dimension, ledger.TagDimension)
	return ok && name != ""
}

func dimensions() []string { return append(ledger.Dimensions(), ofTeam()...) }

// query turns the options into what the ledger is asked.
func (o *reportOptions) query(now time.Time) (q ledger.Query, err error) {
	if q.From, err = parseDay(o.from, 0); err != nil {
		return q, err
	}
	if q.To, err = parseDay(o.to, 1); err != nil { // the whole last day
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, usageError{fmt.Sprintf("-to %s is before -from %s", o.to, o.from)}
	}
	if !slices.Contains(reportFormats(), o.format) {
		return q, usageError{fmt.Sprintf("-format %q: choose of %s", o.format, strings.Join(reportFormats(), ", "))}
	}
	if o.baselines {
		switch {
		case o.policies == "":
			return q, usageError{"-baselines needs -policies F, the file that has the models"}
		case o.grouped || o.forecast || o.budgets || o.format != "table" && o.format != "json":
			return q, usageError{"-baselines is of all requests of -from and -to, as a table or JSON: leave out -by, -forecast, -budgets and other formats"}
		}
		return q, nil
	}
	if o.budgets {
		switch {
		case o.policies == "":
			return q, usageError{"-budgets needs -policies F, the file that has them"}
		case o.grouped || o.forecast || o.from != "" || o.to != "" || o.format == "focus":
			return q, usageError{"-budgets is of their current windows: leave out -by, -forecast, -from, -to and -format focus"}
		}
		return q, nil
	}
	if o.format == "focus" {
		if o.grouped || o.forecast {
			return q, usageError{"-format focus has one line for each team, model and day: leave out -by and -forecast"}
		}
		q.By = focusDimensions()
		return q, nil
	}
	if err := o.group(&q); err != nil {
		return q, err
	}
	if o.forecast {
		if o.from != "" || o.to != "" {
			return q, usageError{"-forecast is of the current month: leave out -from and -to"}
		}
		month := ledger.ThisMonth(now)
		q.From, q.To = month.From, month.To
	}
	return q, nil
}

func (o *reportOptions) group(q *ledger.Query) error {
	teams := false
	asked := strings.Split(o.by, ",")
	for i, name := range asked {
		switch {
		case slices.Contains(asked[:i], name):
			return usageError{fmt.Sprintf("-by names %s twice", name)}
		case !slices.Contains(dimensions(), name) && !isTag(name):
			return usageError{fmt.Sprintf("-by %q: choose of %s, %sNAME", name, strings.Join(dimensions(), ", "), ledger.TagDimension)}
		case isTag(name) && slices.ContainsFunc(asked[:i], isTag):
			return usageError{"-by names two tags: choose one"}
		case o.forecast && slices.Contains([]string{"hour", "day", "month"}, name):
			return usageError{fmt.Sprintf("-forecast is of the whole month, so not -by %s", name)}
		case !slices.Contains(ofTeam(), name):
			q.By = append(q.By, name)
		case o.policies == "":
			return usageError{fmt.Sprintf("-by %s needs -policies F, the file that says it of each team", name)}
		default:
			teams = true
		}
	}
	if teams && !slices.Contains(q.By, "team") {
		q.By = append(q.By, "team")
	}
	return nil
}

// byTeam turns a statement by team into one by what the policy knows of teams.
func byTeam(s *ledger.Statement, by []string, teams map[string]*policy.Team) *ledger.Statement {
	if slices.Equal(s.By, by) {
		return s
	}
	return s.Regroup(by, func(values []string) []string {
		group := make([]string, len(by))
		for i, name := range by {
			column := name
			if slices.Contains(ofTeam(), name) {
				column = "team"
			}
			value := values[slices.Index(s.By, column)]
			if team := teams[value]; name == "cost_center" && team != nil {
				value = team.CostCenter
			} else if name == "owner" && team != nil {
				value = team.Owner
			} else if column != name {
				value = "" // a team that the policy does not know
			}
			group[i] = value
		}
		return group
	})
}

func printStatement(p *program, statement *ledger.Statement, format string) error {
	text := ""
	switch format {
	case "csv":
		text = statement.CSV()
	case "json":
		object, err := statement.JSON()
		if err != nil {
			return err
		}
		text = string(object) + "\n"
	default:
		text = statement.Table()
	}
	_, err := io.WriteString(p.out, text)
	return err
}

func parseDay(text string, plus int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, time.UTC)
	if err != nil {
		return time.Time{}, usageError{fmt.Sprintf("%q is not a day: write it as 2026-11-30", text)}
	}
	return day.AddDate(0, 0, plus), nil
}
