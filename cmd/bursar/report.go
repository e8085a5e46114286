package main

import (
	"context"
	"fmt"
	"io"
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
	rest, err := p.parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{fmt.Sprintf("unexpected argument %q", rest[0])}
	}
	query := ledger.Query{By: strings.Split(*by, ",")}
	if query.From, err = parseDay(*from, 0); err != nil {
		return err
	}
	if query.To, err = parseDay(*to, 1); err != nil { // the whole last day
		return err
	}
	reader, err := ledger.OpenReader(*dir)
	if err != nil {
		return err
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
	case "table":
		text = statement.Table()
	case "csv":
		text = statement.CSV()
	case "json":
		object, err := statement.JSON()
		if err != nil {
			return err
		}
		text = string(object) + "\n"
	default:
		return usageError{fmt.Sprintf("-format %q: say table, csv or json", format)}
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
