package ledger

import (
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/exchange"
	"bursar/pricing"
)

// Statement is what rows add up to: in total, and in lines that sum to the total exactly.
type Statement struct {
	From, To time.Time // zero where the query had no bound
	By       []string  // what each line's Group names, in this order
	Sums
	Lines []*Line // none if By is empty
}

// Line is one group of a statement.
type Line struct {
	Group []string // a value for each of the statement's By
	Sums
}

// SavedTotal returns what was saved by all levers: baseline minus spend.
func (s *Sums) SavedTotal() pricing.Nano { return s.Saved.Sum() }

// JSON returns the statement as JSON. Money is in dollars, as numbers written digit by digit from integers: a reader of decimals
// gets every nano-dollar.
func (s *Statement) JSON() ([]byte, error) {
	rows := make([]map[string]any, 0, len(s.Lines))
	for _, line := range s.Lines {
		row := line.members()
		for i, by := range s.By {
			row[by] = line.Group[i]
		}
		rows = append(rows, row)
	}
	all := s.members()
	all["rows"] = rows
	all["by"] = append([]string{}, s.By...)
	if !s.From.IsZero() {
		all["from"] = s.From
	}
	if !s.To.IsZero() {
		all["to"] = s.To
	}
	return json.MarshalIndent(all, "", "  ")
}

// MarshalJSON returns what JSON returns.
func (s *Statement) MarshalJSON() ([]byte, error) { return s.JSON() }

// members are the JSON members of sums.
func (s *Sums) members() map[string]any {
	levers := map[string]json.Number{}
	for lever, n := range s.Saved {
		levers[exchange.Lever(lever).String()] = dollars(n)
	}
	return map[string]any{
		"requests": s.Requests, "refused": s.Refused, "hits": s.Hits, "orphans": s.Orphans,
		"prompt_tokens": s.PromptTokens, "cached_tokens": s.CachedTokens,
		"completion_tokens": s.CompletionTokens, "trimmed_tokens": s.TrimmedTokens,
		"spend_usd": dollars(s.Spend), "baseline_usd": dollars(s.Baseline), "saved_usd": dollars(s.SavedTotal()), "saved_by_lever": levers,
	}
}

func dollars(n pricing.Nano) json.Number { return json.Number(n.Dollars()) }

// CSV returns the statement's lines, or the total if it has none, as CSV with a header.
func (s *Statement) CSV() string {
	var text strings.Builder
	w := csv.NewWriter(&text)
	header := append([]string{}, s.By...)
	header = append(header, "requests", "refused", "hits", "orphans",
		"prompt_tokens", "cached_tokens", "completion_tokens", "trimmed_tokens", "spend_usd", "baseline_usd", "saved_usd")
	for lever := range exchange.Levers {
		header = append(header, "saved_"+exchange.Lever(lever).String()+"_usd")
	}
	_ = w.Write(header) // a Builder never fails
	for _, line := range s.lines() {
		record := make([]string, 0, len(header))
		for _, value := range line.Group {
			record = append(record, guardFormula(value))
		}
		for _, n := range []int64{
			line.Requests, line.Refused, line.Hits, line.Orphans,
			line.PromptTokens, line.CachedTokens, line.CompletionTokens, line.TrimmedTokens,
		} {
			record = append(record, strconv.FormatInt(n, 10))
		}
		record = append(record, line.Spend.Dollars(), line.Baseline.Dollars(), line.SavedTotal().Dollars())
		for _, n := range line.Saved {
			record = append(record, n.Dollars())
		}
		_ = w.Write(record)
	}
	w.Flush()
	return text.String()
}

// guardFormula keeps a spreadsheet from running a name that a client chose, say its user, as a formula.
func guardFormula(value string) string {
	if value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) {
		return "'" + value
	}
	return value
}

// lines returns the lines, or the total as the only one.
func (s *Statement) lines() []*Line {
	if len(s.By) == 0 {
		return []*Line{{Sums: s.Sums}}
	}
	return s.Lines
}

// Table returns the statement as text for a terminal, with its total last.
func (s *Statement) Table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	cell := func(value string) { _, _ = w.Write([]byte(value + "\t")) } // a Builder never fails
	end := func() { _, _ = w.Write([]byte("\n")) }
	header := append([]string{}, s.By...)
	for _, title := range append(header, "requests", "refused", "hits", "spend $", "baseline $", "saved $", "saved %") {
		cell(title)
	}
	end()
	line := func(group []string, sum *Sums) {
		for _, value := range group {
			cell(printable(value))
		}
		for _, n := range []int64{sum.Requests, sum.Refused, sum.Hits} {
			cell(strconv.FormatInt(n, 10))
		}
		cell(sum.Spend.Dollars())
		cell(sum.Baseline.Dollars())
		cell(sum.SavedTotal().Dollars())
		cell(share(sum.SavedTotal(), sum.Baseline))
		end()
	}
	for _, l := range s.Lines {
		line(l.Group, &l.Sums)
	}
	total := make([]string, len(s.By))
	if len(total) > 0 {
		total[0] = "total"
	}
	line(total, &s.Sums)
	_ = w.Flush()
	for lever, n := range s.Saved {
		if n != 0 {
			text.WriteString("saved by " + exchange.Lever(lever).String() + ": $" + n.Dollars() + "\n")
		}
	}
	if s.Orphans > 0 {
		text.WriteString("orphans: " + strconv.FormatInt(s.Orphans, 10) + " requests whose gateway died, booked at what was held for them\n")
	}
	return text.String()
}

// printable keeps a name that a client chose from moving the cursor or breaking a column.
func printable(value string) string {
	if value == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, value)
}

// share returns a part of a whole in percent, with one decimal, rounded towards zero; it is for eyes, not for sums.
func share(part, whole pricing.Nano) string {
	if whole == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(part)/float64(whole)*100, 'f', 1, 64)
}
