package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bursar/ledger"
)

// report prints the statement of a data folder. It works beside a running gateway.
func report(p *program, args []string) error {
	f := p.flags("report")
	dir := f.String("data", "data", "the gateway's data folder")
	format := f.String("format", "table", "table, csv or json")
	by := f.String("by", "team", "group by, separated by commas: "+strings.Join(ledger.Dimensions(), ", "))
	from := f.String("from", "", "first day, as 2026-11-01; default is the beginning")
	to := f.String("to", "", "last day; default is now")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	query := ledger.Query{By: strings.Split(*by, ",")}
	var err error
	if query.From, err = parseDay(*from, 0); err != nil {
		return err
	}
	if query.To, err = parseDay(*to, 1); err != nil { // the whole last day
		return err
	}
	if !query.From.IsZero() && !query.To.IsZero() && !query.From.Before(query.To) {
		return usageError{fmt.Sprintf("-to %s is before -from %s", *to, *from)}
	}
	for _, name := range query.By {
		if !slices.Contains(ledger.Dimensions(), name) {
			return usageError{fmt.Sprintf("-by %q: choose of %s", name, strings.Join(ledger.Dimensions(), ", "))}
		}
	}
	if !slices.Contains([]string{"table", "csv", "json"}, *format) {
		return usageError{fmt.Sprintf("-format %q: say table, csv or json", *format)}
	}
	reader, err := ledger.OpenReader(*dir)
	if err != nil {
		return inFolder(*dir, err)
	}
	defer reader.Close()
	statement, err := reader.Report(context.Background(), query)
	if err != nil {
		return err
	}
	return printStatement(p, statement, *format)
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
