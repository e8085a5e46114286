package ledger

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"slices"
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
	Lines    []*Line   // none if By is empty
	Forecast *Forecast // nil if none was asked for; set it to have one printed with each line
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
		if s.Forecast != nil {
			row["forecast_usd"] = dollars(s.Forecast.Of(line.Spend))
		}
		for i, by := range s.By {
			row[by] = line.Group[i]
		}
		rows = append(rows, row)
	}
	all := s.members()
	all["rows"] = rows
	if s.Forecast != nil {
		all["forecast_usd"] = dollars(s.forecast())
		all["forecast"] = map[string]any{"method": "linear run-rate over the time elapsed", "from": s.Forecast.From, "now": s.Forecast.Now, "to": s.Forecast.To}
	}
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
	if s.Forecast != nil {
		header = append(header, "forecast_"+s.Forecast.until()+"_usd")
	}
	_ = w.Write(header) // a Builder never fails
	for _, line := range s.lines() {
		record := make([]string, 0, len(header))
		for _, value := range line.Group {
			record = append(record, GuardFormula(value))
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
		if s.Forecast != nil {
			record = append(record, s.Forecast.Of(line.Spend).Dollars())
		}
		_ = w.Write(record)
	}
	w.Flush()
	return text.String()
}

// GuardFormula keeps a spreadsheet from running a name that a client chose, say its user, as a formula.
func GuardFormula(value string) string {
	if value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) {
		return "'" + value
	}
	return value
}

// Regroup returns the statement with other lines: group turns the values of a line into those of by, and lines that come to the
// same are one. It is how statements go by what the ledger does not know, such as a team's cost centre.
func (s *Statement) Regroup(by []string, group func([]string) []string) *Statement {
	out := &Statement{From: s.From, To: s.To, By: by, Sums: s.Sums, Forecast: s.Forecast}
	known := map[string]*Line{}
	for _, line := range s.Lines {
		values := group(line.Group)
		key := lineKey(values)
		if known[key] == nil {
			known[key] = &Line{Group: values}
			out.Lines = append(out.Lines, known[key])
		}
		known[key].merge(&line.Sums)
	}
	out.sort()
	return out
}

// sort puts the lines in order: by time where there is a calendar, and dearest first.
func (s *Statement) sort() {
	slot := slices.IndexFunc(s.By, func(by string) bool { return calendarLayouts[by] != "" })
	slices.SortFunc(s.Lines, func(a, b *Line) int {
		if slot >= 0 {
			if c := cmp.Compare(a.Group[slot], b.Group[slot]); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(b.Spend, a.Spend), cmp.Compare(b.Requests, a.Requests), slices.Compare(a.Group, b.Group))
	})
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
	header = append(header, "requests", "refused", "hits", "spend $", "baseline $", "saved $", "saved %")
	if s.Forecast != nil {
		header = append(header, "forecast "+s.Forecast.until()+" $")
	}
	for _, title := range header {
		cell(title)
	}
	end()
	line := func(group []string, sum *Sums, forecast pricing.Nano) {
		for _, value := range group {
			cell(Printable(value))
		}
		for _, n := range []int64{sum.Requests, sum.Refused, sum.Hits} {
			cell(strconv.FormatInt(n, 10))
		}
		cell(sum.Spend.Dollars())
		cell(sum.Baseline.Dollars())
		cell(sum.SavedTotal().Dollars())
		cell(share(sum.SavedTotal(), sum.Baseline))
		if s.Forecast != nil {
			cell(forecast.Dollars())
		}
		end()
	}
	for _, l := range s.Lines {
		line(l.Group, &l.Sums, s.Forecast.Of(l.Spend))
	}
	total := make([]string, len(s.By))
	if len(total) > 0 {
		total[0] = "total"
	}
	line(total, &s.Sums, s.forecast())
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

// Printable keeps a name that a client chose from moving the cursor or breaking a column.
func Printable(value string) string {
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
