package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// rollup is a table of sums: one line for rows that statements and budgets never need to tell apart there. No table has all columns:
// it would have almost as many lines as there are rows. What none of them can answer is read from the rows.
type rollup struct {
	table, start string // start is the column of its lines' time: their start, Unix nanoseconds
	nanos        int64  // how long a line is
	columns      []string
	tagged       bool // it has a line for each tag of a row, and none for rows without tags
}

// rollups are the tables of sums: days before hours, and among them those with few lines first.
var rollups = [rollupCount]rollup{
	{table: "days", start: "day", nanos: dayNanos, columns: []string{"team", "project", "key", "target", "tier", "rule"}},
	{table: "user_days", start: "day", nanos: dayNanos, columns: []string{"team", "project", "user"}},
	{table: "user_model_days", start: "day", nanos: dayNanos, columns: []string{"team", "user", "target", "tier"}},
	{table: "tag_days", start: "day", nanos: dayNanos, columns: []string{"team", "tag", "target", "tier"}, tagged: true},
	{table: "hours", start: "hour", nanos: hourNanos, columns: []string{"team", "target", "tier", "rule"}},
	{table: "key_hours", start: "hour", nanos: hourNanos, columns: []string{"team", "project", "key"}},
}

const (
	rollupCount = 6
	rollupTexts = 6 // most columns that one has
)

const (
	hourNanos = int64(time.Hour)
	dayNanos  = 24 * hourNanos // of UTC
)

func floorTo(t, nanos int64) int64 { return t - t%nanos }

// rollupKey is what a rollup has one line for.
type rollupKey struct {
	start int64
	texts [rollupTexts]string // in the order of its columns; what it has less stays empty
}

func (k rollupKey) compare(other rollupKey) int {
	return cmp.Or(cmp.Compare(k.start, other.start), slices.Compare(k.texts[:], other.texts[:]))
}

// tally is what rows add to each rollup.
type tally [rollupCount]map[rollupKey]*Sums

func newTally() tally {
	var t tally
	for i := range t {
		t[i] = map[rollupKey]*Sums{}
	}
	return t
}

func (t *tally) clear() {
	for _, sums := range t {
		clear(sums)
	}
}

// add adds a row to its line of each rollup.
func (t *tally) add(r *Row) {
	texts := r.texts()
	for i := range rollups {
		u := &rollups[i]
		key := rollupKey{start: floorTo(r.Time, u.nanos)}
		for n, at := range rollupFields[i] {
			if at >= 0 {
				key.texts[n] = *texts[at]
			}
		}
		if !u.tagged {
			t.addTo(i, key, r)
			continue
		}
		slot := slices.Index(rollupFields[i], -1)
		for _, key.texts[slot] = range splitTags(r.Tags) {
			t.addTo(i, key, r)
		}
	}
}

// rollupFields are the places of each rollup's columns among a row's texts; -1 is that of one tag.
var rollupFields = func() (all [rollupCount][]int) {
	for i := range rollups {
		for _, column := range rollups[i].columns {
			all[i] = append(all[i], slices.Index(textColumns[:], column))
		}
	}
	return all
}()

func (t *tally) addTo(rollup int, key rollupKey, r *Row) {
	sum := t[rollup][key]
	if sum == nil {
		sum = &Sums{}
		t[rollup][key] = sum
	}
	sum.add(r)
}

// splitTags returns the tags of a row, each as "name=value". A name that is there twice counts by its first value.
func splitTags(tags string) []string {
	if tags == "" {
		return nil
	}
	all := strings.Split(tags, ",")
	if len(all) == 1 {
		return all
	}
	kept := all[:0]
	for _, tag := range all {
		name, _, _ := strings.Cut(tag, "=")
		if !slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(k, name+"=") }) {
			kept = append(kept, tag)
		}
	}
	return kept
}

// tagValue returns the value of a named tag among a row's tags, "" if it has none.
func tagValue(tags, name string) string {
	for _, tag := range splitTags(tags) {
		if value, ok := strings.CutPrefix(tag, name+"="); ok {
			return tagReverse.Replace(value)
		}
	}
	return ""
}

var tagReverse = strings.NewReplacer("%25", "%", "%2C", ",")

// covers tells whether the rollup can answer for rows told apart by these columns.
func (u *rollup) covers(columns []string) bool {
	return u.tagged == slices.Contains(columns, "tag") &&
		!slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(u.columns, c) })
}

// create makes the rollup's table.
func (u *rollup) create(d dialect) string {
	return "CREATE TABLE " + u.table + " (" + u.start + " " + d.number + " NOT NULL, " + idents(u.columns, " TEXT NOT NULL") + ", " +
		idents(sumColumns[:], " "+d.number+" NOT NULL") + ", PRIMARY KEY (" + u.start + ", " + idents(u.columns, "") + "))" + d.tableEnd
}

// insert adds one line to the rollup's table.
func (u *rollup) insert() string {
	return "INSERT INTO " + u.table + " VALUES (?" + strings.Repeat(",?", len(u.columns)+int(sums)) + ")" + u.orAdd()
}

// orAdd ends an INSERT into the rollup: a line that is there already grows.
func (u *rollup) orAdd() string {
	sets := make([]string, sums)
	for i, column := range sumColumns {
		sets[i] = column + " = " + u.table + "." + column + " + excluded." + column
	}
	return " ON CONFLICT (" + u.start + ", " + idents(u.columns, "") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// line appends a line's values, in the order of the table's columns.
func (u *rollup) line(args []any, key rollupKey, sum *Sums) []any {
	args = append(args, key.start)
	for _, text := range key.texts[:len(u.columns)] {
		args = append(args, text)
	}
	for _, n := range sum.numbers() {
		args = append(args, *n)
	}
	return args
}

// idents lists columns, quoted since some are words of SQL, each with what follows its name.
func idents(columns []string, each string) string {
	quoted := make([]string, len(columns))
	for i, column := range columns {
		quoted[i] = `"` + column + `"` + each
	}
	return strings.Join(quoted, ", ")
}
