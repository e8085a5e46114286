package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"bursar/exchange"
)

// Query asks for a statement.
type Query struct {
	Filter
	By       []string       // what the statement's lines are grouped by: see Dimensions; none for a single total
	Location *time.Location // whose calendar hours, days and months are of; nil is UTC
}

// Filter picks rows. Empty parts pick all.
type Filter struct {
	Team, Project, Key, User string
	Model                    string        // provider/model that answered, or the policy model it stands in
	Tag                      *exchange.Tag // rows tagged so
	From, To                 time.Time     // From inclusive, To exclusive, by the start of the request; zero is unbounded
}

// Dimensions are what a statement can be grouped by. A model is the provider/model that answered, a tier the policy model it
// stands in; both are empty where nobody answered. At most one of hour, day and month can be asked for.
func Dimensions() []string {
	return []string{"team", "project", "model", "tier", "key", "user", "rule", "hour", "day", "month"}
}

// dimensionColumns are the columns that hold the dimensions that are texts.
var dimensionColumns = map[string]string{
	"team": "team", "project": "project", "model": "target", "tier": "tier", "key": "key", "user": "user", "rule": "rule",
}

// calendarLayouts are how the dimensions of time are labelled. They sort as time does.
var calendarLayouts = map[string]string{"hour": "2006-01-02T15:00Z07:00", "day": "2006-01-02", "month": "2006-01"}

// plan is a query being carried out.
type plan struct {
	Query
	columns  []string // of the grouping, the calendar's excluded
	calendar string   // hour, day, month or ""
	slot     int      // index in By of the calendar's dimension
	from, to int64    // Unix nanoseconds
	total    Sums
	groups   map[string]*Line
}

func (q Query) plan() (*plan, error) {
	p := &plan{Query: q, from: math.MinInt64, to: math.MaxInt64}
	if p.Location == nil {
		p.Location = time.UTC
	}
	if !q.From.IsZero() {
		p.from = q.From.UnixNano()
	}
	if !q.To.IsZero() {
		p.to = q.To.UnixNano()
	}
	for i, by := range q.By {
		if slices.Contains(q.By[:i], by) {
			return nil, fmt.Errorf("ledger: a statement cannot be grouped by %q twice", by)
		}
		if column, ok := dimensionColumns[by]; ok {
			p.columns = append(p.columns, column)
			continue
		}
		if _, ok := calendarLayouts[by]; !ok {
			return nil, fmt.Errorf("ledger: a statement cannot be grouped by %q: choose of %s", by, strings.Join(Dimensions(), ", "))
		}
		if p.calendar != "" {
			return nil, fmt.Errorf("ledger: a statement cannot be grouped by %s and %s at once: choose one", p.calendar, by)
		}
		p.calendar, p.slot = by, i
	}
	return p, nil
}

// sum adds up what SQLite has committed. It begins anew, as view demands.
func (p *plan) sum(ctx context.Context, tx *sql.Tx) error {
	p.total, p.groups = Sums{}, map[string]*Line{}
	if p.calendar == "" {
		return p.sumSpan(ctx, tx, p.from, p.to, "")
	}
	first, last := p.from, p.to
	var low, high sql.NullInt64 // one subquery each, which an index answers; together they would scan
	if err := tx.QueryRowContext(ctx, "SELECT (SELECT min(hour) FROM hours), (SELECT max(hour) FROM hours)").Scan(&low, &high); err != nil {
		return err
	}
	if !low.Valid {
		return nil
	}
	first, last = max(first, low.Int64), min(last, high.Int64+hourNanos)
	for first < last {
		at := time.Unix(0, first).In(p.Location)
		end := min(last, p.slotEnd(at).UnixNano())
		if err := p.sumSpan(ctx, tx, first, end, at.Format(calendarLayouts[p.calendar])); err != nil {
			return err
		}
		first = end
	}
	return nil
}

// slotEnd returns when the hour, day or month of a moment ends on the query's calendar.
func (p *plan) slotEnd(at time.Time) time.Time {
	year, month, day := at.Date()
	end := time.Date(year, month+1, 1, 0, 0, 0, 0, p.Location)
	switch p.calendar {
	case "day":
		end = time.Date(year, month, day+1, 0, 0, 0, 0, p.Location)
	case "hour": // by the wall's minutes, so that an hour repeated in autumn ends too
		into := time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second + time.Duration(at.Nanosecond())
		end = at.Add(time.Hour - into)
	}
	if !end.After(at) { // a calendar that skips midnight names it after the jump
		end = at.Add(time.Hour)
	}
	return end
}

// sumSpan adds up the rows of a span of time: whole days from the table days, then whole hours on either side from the table hours,
// then what is left from the rows.
func (p *plan) sumSpan(ctx context.Context, tx *sql.Tx, from, to int64, label string) error {
	return p.sumLevel(ctx, tx, p.coarsest(), span{from, to, ofRows}, label)
}

// coarsest is the level with the fewest lines that can answer.
func (p *plan) coarsest() int {
	switch {
	case p.Tag != nil:
		return ofRows
	case p.User != "" || slices.Contains(p.By, "user"):
		return 0
	}
	return 1
}

func (p *plan) sumLevel(ctx context.Context, tx *sql.Tx, level int, s span, label string) error {
	if level == ofRows {
		return p.sumTable(ctx, tx, s, label)
	}
	nanos := rollups()[level].nanos
	first, last := ceilTo(s.from, nanos), s.to
	if s.to != math.MaxInt64 {
		last = floorTo(s.to, nanos)
	}
	if first >= last {
		return p.sumLevel(ctx, tx, level-1, s, label)
	}
	for _, part := range []struct {
		span
		level int
	}{{span{s.from, first, ofRows}, level - 1}, {span{first, last, level}, level}, {span{last, s.to, ofRows}, level - 1}} {
		var err error
		switch {
		case part.from >= part.to:
		case part.level == level:
			err = p.sumTable(ctx, tx, part.span, label)
		default:
			err = p.sumLevel(ctx, tx, part.level, part.span, label)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func ceilTo(t, nanos int64) int64 {
	if t == math.MinInt64 || floorTo(t, nanos) == t {
		return t
	}
	return floorTo(t, nanos) + nanos
}

// span is a stretch of time, to be read from the table rows or from a rollup.
type span struct {
	from, to int64
	table    int // of rollups, or ofRows
}

// ofRows is the table rows, beside the indices of rollups.
const ofRows = -1

// sumTable adds the sums of one span to the groups.
func (p *plan) sumTable(ctx context.Context, tx *sql.Tx, s span, label string) error {
	text, args := p.statementText(s)
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	values := make([]string, len(p.columns))
	var sum Sums
	into := make([]any, 0, len(values)+int(sums))
	for i := range values {
		into = append(into, &values[i])
	}
	for _, n := range sum.numbers() {
		into = append(into, n)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		p.merge(p.group(values, label), &sum)
	}
	return rows.Err()
}

func (p *plan) statementText(s span) (text string, args []any) {
	table, moment := "rows", "time"
	if s.table != ofRows {
		r := rollups()[s.table]
		table, moment = r.table, r.start
	}
	where, args := p.where(moment, s)
	text = "SELECT " + strings.Join(append(slices.Clone(p.columns), sumList(s.table == ofRows)), ", ") + " FROM " + table + " WHERE " + where
	if len(p.columns) > 0 {
		text += " GROUP BY " + strings.Join(p.columns, ", ")
	} else {
		text += " HAVING count(*) > 0" // else no rows would sum up to a line of zeros
	}
	return text, args
}

func (p *plan) where(moment string, s span) (string, []any) {
	terms, args := []string{moment + " >= ?", moment + " < ?"}, []any{s.from, s.to}
	if s.to == math.MaxInt64 {
		terms[1] = moment + " <= ?"
	}
	for _, part := range []struct{ column, value string }{{"team", p.Team}, {"project", p.Project}, {"key", p.Key}, {"user", p.User}} {
		if part.value != "" {
			terms, args = append(terms, part.column+" = ?"), append(args, part.value)
		}
	}
	if p.Model != "" {
		terms, args = append(terms, "(target = ? OR tier = ?)"), append(args, p.Model, p.Model)
	}
	if p.Tag != nil {
		terms = append(terms, "tags <> ''", "instr(',' || tags || ',', ?) > 0")
		args = append(args, ","+TagText([]exchange.Tag{*p.Tag})+",")
	}
	return strings.Join(terms, " AND "), args
}

// add adds a row that is only in the journal yet. It picks and groups as the SQL does.
func (p *plan) add(r *Row) {
	if !p.picks(r) {
		return
	}
	values := make([]string, 0, len(p.By))
	for _, column := range p.columns {
		values = append(values, *r.column(column))
	}
	label := ""
	if p.calendar != "" {
		label = time.Unix(0, r.Time).In(p.Location).Format(calendarLayouts[p.calendar])
	}
	var sum Sums
	sum.add(r)
	p.merge(p.group(values, label), &sum)
}

func (r *Row) column(name string) *string {
	return r.texts()[slices.Index(textColumns[:], name)]
}

func (p *plan) picks(r *Row) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return r.Time >= p.from && (r.Time < p.to || p.to == math.MaxInt64) &&
		is(p.Team, r.Team) && is(p.Project, r.Project) && is(p.Key, r.Key) && is(p.User, r.User) &&
		(is(p.Model, r.Target) || is(p.Model, r.Tier)) &&
		(p.Tag == nil || strings.Contains(","+r.Tags+",", ","+TagText([]exchange.Tag{*p.Tag})+","))
}

// group returns the values of a line in the order of By.
func (p *plan) group(values []string, label string) []string {
	all := slices.Clone(values)
	if p.calendar != "" {
		all = slices.Insert(all, p.slot, label)
	}
	return all
}

func (p *plan) merge(group []string, sum *Sums) {
	p.total.merge(sum)
	if len(p.By) == 0 {
		return
	}
	key := strings.Join(group, "\x00")
	line := p.groups[key]
	if line == nil {
		line = &Line{Group: group}
		p.groups[key] = line
	}
	line.merge(sum)
}

// statement returns the sums with their lines.
func (p *plan) statement() *Statement {
	s := &Statement{From: p.From, To: p.To, By: p.By, Sums: p.total, Lines: make([]*Line, 0, len(p.groups))}
	for _, line := range p.groups {
		s.Lines = append(s.Lines, line)
	}
	s.sort()
	return s
}
