package ledger

import (
	"strconv"
	"strings"
)

// dialect is what differs between SQLite, where a gateway keeps its ledger, and Postgres, where a fleet gathers them. All else is
// the same SQL over the same tables, written with ? for a value.
type dialect struct {
	numbered bool   // values are $1, $2, ... instead of ?
	number   string // the type of 64 bits
	find     string // the function that finds a text in another
	tableEnd string // ends the making of a table of sums
}

var (
	sqlite   = dialect{number: "INTEGER", find: "instr", tableEnd: " STRICT, WITHOUT ROWID"}
	postgres = dialect{numbered: true, number: "BIGINT", find: "strpos"}
)

// text returns a statement as the database wants its values marked. No statement of ours holds a question mark that is none.
func (d dialect) text(statement string) string {
	if !d.numbered {
		return statement
	}
	var out strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(statement, "?")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString("$" + strconv.Itoa(n))
		statement = after
	}
}

// bytewise orders by a text as Go does, whatever the database's language.
func (d dialect) bytewise(column string) string {
	if d.numbered {
		return column + ` COLLATE "C"`
	}
	return column
}
