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
	By       []string       // what the statement's lines are grouped by: see Dimensions and TagDimension; none for a single total
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

// TagDimension, followed by the name of a tag, groups by its values; rows without that tag are in the line of "". At most one can be
// asked for.
const TagDimension = "tag:"

// dimensionColumns are the columns that hold the dimensions that are texts.
var dimensionColumns = map[string]string{
	"team": "team", "project": "project", "model": "target", "tier": "tier", "key": "key", "user": "user", "rule": "rule",
}

// calendarLayouts are how the dimensions of time are labelled. They sort as time does.
var calendarLayouts = map[string]string{"hour": "2006-01-02T15:00Z07:00", "day": "2006-01-02", "month": "2006-01"}

// plan is a query being carried out.
type plan struct {
	Query
	columns  []string // of the grouping, the calendar's excluded; a tag's is "tag"
	tagName  string   // of the tag that is grouped by, or ""
	tagSlot  int      // its index in columns
	calendar string   // hour, day, month or ""
	slot     int      // index in By of the calendar's dimension
	from, to int64    // Unix nanoseconds

	dialect dialect
	missing span // rows of days in it were removed
	total   Sums
	groups  map[string]*Line
}

func (q Query) plan() (*plan, error) {
	p := &plan{Query: q, from: math.MinInt64, to: math.MaxInt64, dialect: sqlite}
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
		if name, ok := strings.CutPrefix(by, TagDimension); ok && name != "" {
			if p.tagName != "" {
				return nil, fmt.Errorf("ledger: a statement cannot be grouped by two tags, %s and %s: choose one", p.tagName, name)
			}
			p.tagName, p.tagSlot = name, len(p.columns)
			p.columns = append(p.columns, "tag")
			continue
		}
		if _, ok := calendarLayouts[by]; !ok {
			return nil, fmt.Errorf("ledger: a statement cannot be grouped by %q: choose of %s, %sNAME", by, strings.Join(Dimensions(), ", "), TagDimension)
		}
		if p.calendar != "" {
			return nil, fmt.Errorf("ledger: a statement cannot be grouped by %s and %s at once: choose one", p.calendar, by)
		}
		p.calendar, p.slot = by, i
	}
	return p, nil
}

// sum adds up what the database has. It begins anew, as view demands.
func (p *plan) sum(ctx context.Context, tx *sql.Tx) (err error) {
	p.total, p.groups = Sums{}, map[string]*Line{}
	if p.missing, err = removedSpan(ctx, tx); err != nil {
		return err
	}
	if p.calendar == "" {
		return p.sumSpan(ctx, tx, span{p.from, p.to}, "")
	}
	first, last := p.from, p.to
	var low, high sql.NullInt64 // one subquery each, which an index answers; together they would scan
	if err := tx.QueryRowContext(ctx, "SELECT (SELECT min(hour) FROM hours), (SELECT max(hour) FROM hours)").Scan(&low, &high); err != nil {
		return err
	}
	if !low.Valid {
		return nil
	}
	first, last = max(first, floorTo(low.Int64, dayNanos)), min(last, floorTo(high.Int64, dayNanos)+dayNanos) // days are not cut without need
	for first < last {
		at := time.Unix(0, first).In(p.Location)
		end := min(last, p.slotEnd(at).UnixNano())
		if err := p.sumSpan(ctx, tx, span{first, end}, at.Format(calendarLayouts[p.calendar])); err != nil {
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

// span is a stretch of time in Unix nanoseconds, its end excluded; the greatest end is none.
type span struct{ from, to int64 }

func (s span) empty() bool { return s.from >= s.to }

// whole returns the part of s that consists of whole days, or hours, and what is left before and after it.
func (s span) whole(nanos int64) (before, within, after span) {
	first, last := ceilTo(s.from, nanos), s.to
	if s.to != math.MaxInt64 {
		last = floorTo(s.to, nanos)
	}
	if first >= last {
		return s, span{}, span{}
	}
	return span{s.from, first}, span{first, last}, span{last, s.to}
}

func ceilTo(t, nanos int64) int64 {
	if t == math.MinInt64 || floorTo(t, nanos) == t {
		return t
	}
	return floorTo(t, nanos) + nanos
}

// sumSpan adds up the rows of a span of time: whole days from a table of days, then whole hours on either side from a table of hours,
// then what is left from the rows. A table that cannot answer is passed over.
func (p *plan) sumSpan(ctx context.Context, tx *sql.Tx, s span, label string) error {
	return p.sumFrom(ctx, tx, p.tables(), s, label)
}

// tables are the rollups that can answer, the coarsest first: at most one of days and one of hours.
func (p *plan) tables() (found []*rollup) {
	if p.tagName != "" && p.Tag != nil { // they stand on different lines
		return nil
	}
	needed := p.needs()
	for i := range rollups {
		u := &rollups[i]
		if u.covers(needed) && !slices.ContainsFunc(found, func(f *rollup) bool { return f.nanos == u.nanos }) {
			found = append(found, u)
		}
	}
	return found
}

// needs are the columns that rows must be told apart by.
func (p *plan) needs() []string {
	needed := slices.Clone(p.columns)
	for column, value := range map[string]string{"team": p.Team, "project": p.Project, "key": p.Key, "user": p.User, "target": p.Model, "tier": p.Model} {
		if value != "" {
			needed = append(needed, column)
		}
	}
	if p.Tag != nil {
		needed = append(needed, "tag")
	}
	return needed
}

func (p *plan) sumFrom(ctx context.Context, tx *sql.Tx, tables []*rollup, s span, label string) error {
	if s.empty() {
		return nil
	}
	if len(tables) == 0 {
		return p.sumRows(ctx, tx, s, label)
	}
	u := tables[0]
	before, within, after := s.whole(u.nanos)
	if !within.empty() {
		if err := p.sumRollup(ctx, tx, u, within, label); err != nil {
			return err
		}
	}
	if err := p.sumFrom(ctx, tx, tables[1:], before, label); err != nil {
		return err
	}
	return p.sumFrom(ctx, tx, tables[1:], after, label)
}

// sumRollup adds the sums of a span of whole days or hours.
func (p *plan) sumRollup(ctx context.Context, tx *sql.Tx, u *rollup, s span, label string) error {
	if p.tagName == "" {
		return p.sumTable(ctx, tx, u, p.columns, s, func(values []string, sum *Sums) { p.merge(p.group(values, label), sum) })
	}
	// Lines by tag, and then those of all rows, less what has the tag: the rows without it.
	rest := slices.Delete(slices.Clone(p.columns), p.tagSlot, p.tagSlot+1)
	untagged := func(values []string, sum *Sums) {
		p.merge(p.group(slices.Insert(slices.Clone(values), p.tagSlot, ""), label), sum)
	}
	err := p.sumTable(ctx, tx, u, p.columns, s, func(values []string, sum *Sums) {
		values = slices.Clone(values)
		values[p.tagSlot] = tagValue(values[p.tagSlot], p.tagName)
		p.merge(p.group(values, label), sum)
		less := *sum
		less.negate()
		untagged(slices.Delete(values, p.tagSlot, p.tagSlot+1), &less)
	})
	if err != nil {
		return err
	}
	return p.sumTable(ctx, tx, &rollups[0], rest, s, untagged)
}

// sumRows adds the sums of a span from the rows themselves.
func (p *plan) sumRows(ctx context.Context, tx *sql.Tx, s span, label string) error {
	columns := slices.Clone(p.columns)
	if p.tagName != "" {
		columns[p.tagSlot] = "tags"
	}
	add := func(values []string, sum *Sums) {
		if p.tagName != "" {
			values = slices.Clone(values)
			values[p.tagSlot] = tagValue(values[p.tagSlot], p.tagName)
		}
		p.merge(p.group(values, label), sum)
	}
	if err := p.sumRemoved(ctx, tx, s, columns, add); err != nil {
		return err
	}
	return p.sumTable(ctx, tx, nil, columns, s, add)
}

// sumTable asks one table, a rollup or the rows, for its sums by columns. The values are only lent.
func (p *plan) sumTable(ctx context.Context, tx *sql.Tx, u *rollup, columns []string, s span, add func([]string, *Sums)) error {
	text, args := p.statementText(u, columns, s)
	rows, err := tx.QueryContext(ctx, p.dialect.text(text), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	values := make([]string, len(columns))
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
		add(values, &sum)
	}
	return rows.Err()
}

func (p *plan) statementText(u *rollup, columns []string, s span) (text string, args []any) {
	table, moment := "rows", "time"
	if u != nil {
		table, moment = u.table, u.start
	}
	where, args := p.where(u, moment, s)
	list := sumList(u == nil)
	if len(columns) > 0 {
		by := idents(columns, "")
		return "SELECT " + by + ", " + list + " FROM " + table + " WHERE " + where + " GROUP BY " + by, args
	}
	return "SELECT " + list + " FROM " + table + " WHERE " + where + " HAVING count(*) > 0", args // else no rows would sum up to a line of zeros
}

func (p *plan) where(u *rollup, moment string, s span) (string, []any) {
	terms, args := []string{moment + " >= ?", moment + " < ?"}, []any{s.from, s.to}
	if s.to == math.MaxInt64 {
		terms[1] = moment + " <= ?"
	}
	for _, part := range []struct{ column, value string }{{"team", p.Team}, {"project", p.Project}, {"key", p.Key}, {"user", p.User}} {
		if part.value != "" {
			terms, args = append(terms, `"`+part.column+`" = ?`), append(args, part.value)
		}
	}
	if p.Model != "" {
		terms, args = append(terms, "(target = ? OR tier = ?)"), append(args, p.Model, p.Model)
	}
	if u != nil && u.tagged && p.tagName != "" {
		terms, args = append(terms, p.dialect.find+"(tag, ?) = 1"), append(args, p.tagName+"=")
	}
	if p.Tag != nil {
		tag := TagText([]exchange.Tag{*p.Tag})
		if u != nil && u.tagged {
			terms, args = append(terms, "tag = ?"), append(args, tag)
		} else {
			terms = append(terms, "tags <> ''", p.dialect.find+"(',' || tags || ',', ?) > 0")
			args = append(args, ","+tag+",")
		}
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
		if column == "tag" {
			values = append(values, tagValue(r.Tags, p.tagName))
		} else {
			values = append(values, *r.column(column))
		}
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

// lineKey names a line among others.
func lineKey(group []string) string { return strings.Join(group, "\x00") }

func (p *plan) merge(group []string, sum *Sums) {
	p.total.merge(sum)
	if len(p.By) == 0 {
		return
	}
	key := lineKey(group)
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
		if line.Sums != (Sums{}) || p.tagName == "" { // what has the tag may be all there is
			s.Lines = append(s.Lines, line)
		}
	}
	s.sort()
	return s
}
