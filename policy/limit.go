package policy

import (
	"fmt"

	"bursar/exchange"
)

// Limit bounds how fast the requests of a scope come, and how many are under way. A figure that is 0 bounds nothing.
type Limit struct {
	Name        string // given, or the scope: "team=search"
	Scope       Who
	Requests    int64     // per minute
	Tokens      int64     // per minute, prompts and answers
	Concurrent  int64     // at a time
	OnStoreDown StoreDown // what happens while nobody knows what has passed
	Observe     bool      // count and log, change nothing
	Line        int       // where it stands in the file

	key string // of the scope, with Each for parts that differ by request
}

// Touches tells whether a request, served by c, is bounded by the limit. c may be nil before a target is chosen: a limit on a model then goes
// by what the client asked for.
func (l *Limit) Touches(f *exchange.Facts, c *exchange.Candidate) bool { return l.Scope.touches(f, c) }

// ScopeKey names what counts for a request that the limit touches: "team=search". It is stable under edits of everything but the scope.
func (l *Limit) ScopeKey(f *exchange.Facts) string {
	if !l.Scope.Differs() {
		return l.key
	}
	return l.Scope.key(f)
}

func (c *compiler) limits() {
	byKey, byName := map[string]int{}, map[string]int{}
	for i := range c.file.Limits.items {
		file := &c.file.Limits.items[i]
		where := fmt.Sprintf("limits[%d]", i+1)
		if file.At.line == 0 {
			continue // not even a mapping; told already
		}
		l := &Limit{
			Line: file.At.line, Observe: file.Mode.value == "observe",
			Requests: file.RequestsPerMinute.value, Tokens: file.TokensPerMinute.value, Concurrent: file.Concurrent.value,
		}
		if file.OnStoreDown.value == "local" {
			l.OnStoreDown = Local
		}
		fine := c.who(&l.Scope, &file.scopeEntry, file.At, file.Strays, where)
		if !file.RequestsPerMinute.given() && !file.TokensPerMinute.given() && !file.Concurrent.given() && file.Strays == 0 {
			c.problem(file.At, "add at least one of requests_per_minute, tokens_per_minute and concurrent", "%s has no figure", where)
		}
		if fine {
			c.nameLimit(l, file, byKey, byName)
		}
		c.policy.Limits = append(c.policy.Limits, l)
	}
}

// nameLimit gives a limit its key and its name, and reports a second limit with one of them.
func (c *compiler) nameLimit(l *Limit, file *limitEntry, byKey, byName map[string]int) {
	l.key = l.Scope.key(nil)
	l.Name = l.key
	if line := byKey[l.key]; line > 0 {
		c.problem(file.At, "write all figures of one scope in one entry", "the limit on line %d already bounds %s", line, l.key)
		return
	}
	byKey[l.key] = file.At.line
	at := file.At
	if file.Name.ok {
		l.Name, at = file.Name.value, file.Name.at
	}
	if line := byName[l.Name]; line > 0 {
		c.problem(at, "give each limit a name of its own", "the limit on line %d is already called %s", line, quoted(l.Name))
	}
	byName[l.Name] = file.At.line
}
