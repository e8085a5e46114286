package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"bursar/ledger"
	"bursar/policy"
)

// focusDimensions are what a line of the FOCUS export is of.
func focusDimensions() []string { return []string{"team", "model", "day"} }

// focusColumns are the columns of the FinOps Open Cost and Usage Specification, FOCUS 1.2, that are mandatory there, and those of the others
// that the ledger can fill: no unit prices, since a line is of many requests at several rates, and no invoices. Those that
// begin with x_ are our own, as it provides for.
func focusColumns() []string {
	return []string{
		"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
		"ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
		"ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost",
		"PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
		"ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SubAccountId", "SubAccountName", "Tags",
		"x_BaselineCost", "x_Requests", "x_SavedCost",
	}
}

// writeFocus writes a statement by focusDimensions as CSV with FOCUS columns. Days and months are of UTC. The sum of every cost
// column is the ledger's spend to the nano-dollar; only lines of nothing but refused requests are left out.
func writeFocus(out io.Writer, s *ledger.Statement, teams map[string]*policy.Team) error {
	w := csv.NewWriter(out)
	_ = w.Write(focusColumns()) // Error tells
	for _, line := range s.Lines {
		if line.Spend == 0 && line.Baseline == 0 && line.PromptTokens+line.CompletionTokens == 0 {
			continue
		}
		record, err := focusRecord(line, teams)
		if err != nil {
			return err
		}
		_ = w.Write(record)
	}
	w.Flush()
	return w.Error()
}

func focusRecord(line *ledger.Line, teams map[string]*policy.Team) ([]string, error) {
	team, target, label := line.Group[0], line.Group[1], line.Group[2]
	day, err := time.Parse(time.DateOnly, label)
	if err != nil {
		return nil, fmt.Errorf("day of a statement: %w", err)
	}
	month := day.AddDate(0, 0, 1-day.Day())
	provider, model, _ := strings.Cut(target, "/")
	tags := map[string]string{"team": team}
	if t := teams[team]; t != nil {
		if t.CostCenter != "" {
			tags["cost_center"] = t.CostCenter
		}
		if t.Owner != "" {
			tags["owner"] = t.Owner
		}
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return nil, fmt.Errorf("tags of team %s: %w", team, err)
	}
	if provider == "" { // a correction, say, of a row that nobody had answered
		provider, model, target = unknownName, unknownName, unknownName
	}
	if team == "" {
		team = unknownName
	}
	provider, model, target, team = ledger.GuardFormula(provider), ledger.GuardFormula(model), ledger.GuardFormula(target), ledger.GuardFormula(team)
	cost, tokens := line.Spend.Dollars(), strconv.FormatInt(line.PromptTokens+line.CompletionTokens, 10) // one price is known: the one that was paid
	at := func(t time.Time) string { return t.Format(time.RFC3339) }
	return []string{
		cost, provider, provider, "USD", at(month.AddDate(0, 1, 0)), at(month),
		"Usage", "", fmt.Sprintf("%s: %d requests", model, line.Requests), "Usage-Based", at(day.AddDate(0, 0, 1)), at(day),
		tokens, "Tokens", cost, cost, provider, cost,
		tokens, "Tokens", provider, provider,
		"AI and Machine Learning", "Chat Completions", "Generative AI", target, team, team, string(text),
		line.Baseline.Dollars(), strconv.FormatInt(line.Requests, 10), line.SavedTotal().Dollars(),
	}, nil
}

// unknownName stands where FOCUS wants a name and the ledger has none.
const unknownName = "unknown"
