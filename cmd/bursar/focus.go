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

// focusColumns are columns of the FinOps Open Cost and Usage Specification, FOCUS 1.x. Those that begin with x_ are our own, as it
// provides for.
func focusColumns() []string {
	return []string{
		"BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency",
		"BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
		"ChargeCategory", "ChargeDescription", "ConsumedQuantity", "ConsumedUnit",
		"ProviderName", "PublisherName", "InvoiceIssuerName", "ServiceCategory", "ServiceName", "SkuId",
		"SubAccountId", "SubAccountName", "Tags",
		"x_Requests", "x_BaselineCost", "x_SavedCost",
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
	cost := line.Spend.Dollars() // one price is known: the one that was paid
	provider, model, target, team = ledger.GuardFormula(provider), ledger.GuardFormula(model), ledger.GuardFormula(target), ledger.GuardFormula(team)
	return []string{
		cost, cost, cost, cost, "USD",
		month.Format(time.RFC3339), month.AddDate(0, 1, 0).Format(time.RFC3339), day.Format(time.RFC3339), day.AddDate(0, 0, 1).Format(time.RFC3339),
		"Usage", fmt.Sprintf("%s: %d requests", model, line.Requests), strconv.FormatInt(line.PromptTokens+line.CompletionTokens, 10), "Tokens",
		provider, provider, provider, "AI and Machine Learning", "Chat Completions", target,
		team, team, string(text),
		strconv.FormatInt(line.Requests, 10), line.Baseline.Dollars(), line.SavedTotal().Dollars(),
	}, nil
}
