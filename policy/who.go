package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"bursar/exchange"
)

// Who is whom a budget or a limit bounds: a request must meet every part that is set. Each as a part's value gives every team, project, key
// or user a counter of its own; requests without one are then not bounded.
type Who struct {
	Everyone                        bool // the whole organisation
	Team, Project, Key, User, Model string
	Tag                             exchange.Tag
}

// Each is the value of a scope part that gives each team, project, key or user a counter of its own.
const Each = "each"

func (s *Who) touches(f *exchange.Facts, c *exchange.Candidate) bool {
	return meets(s.Team, f.Team) && meets(s.Project, f.Project) && meets(s.Key, f.Key) && meets(s.User, f.User) &&
		(s.Model == "" || s.meetsModel(f, c)) && (s.Tag.Name == "" || slices.Contains(f.Tags, s.Tag))
}

func meets(want, is string) bool {
	return want == "" || want == is || want == Each && is != ""
}

// meetsModel goes by the tier that serves, or by the target itself if the budget names provider/model.
func (s *Who) meetsModel(f *exchange.Facts, c *exchange.Candidate) bool {
	if c == nil {
		return f.Model == s.Model
	}
	return c.Tier == s.Model || c.Target == s.Model
}

// Differs tells whether the scope has a part with a counter for each.
func (s *Who) Differs() bool {
	return s.Team == Each || s.Project == Each || s.Key == Each || s.User == Each
}

// key writes the scope. f fills in the parts that are Each; without it they stay so.
func (s *Who) key(f *exchange.Facts) string {
	if f == nil {
		f = &exchange.Facts{}
	}
	var b strings.Builder
	part := func(name, want, is string) {
		if want == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
		b.WriteByte('=')
		if want != Each {
			b.WriteString(escaped(want))
			return
		}
		b.WriteString(Each) // user=each:alice is another counter than user=alice: both budgets may bound one request
		if is != "" {
			b.WriteByte(':')
			b.WriteString(escaped(is))
		}
	}
	part("team", s.Team, f.Team)
	part("project", s.Project, f.Project)
	part("key", s.Key, f.Key)
	part("user", s.User, f.User)
	if s.Model != "" {
		part("model", s.Model, "")
	}
	if s.Tag.Name != "" {
		part("tag."+escaped(s.Tag.Name), " "+s.Tag.Value, "")
	}
	if b.Len() == 0 {
		b.WriteString("everyone")
	}
	return b.String()
}

// escaped makes a value safe between the signs of a key, and bounds its length: users and tags are whatever a client sends.
func escaped(s string) string {
	const most = 96
	s = strings.TrimPrefix(s, " ")
	if len(s) > most {
		sum := sha256.Sum256([]byte(s))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	safe := func(c byte) bool {
		return c > ' ' && c < 0x7f && !strings.ContainsRune(",=/:%{}", rune(c))
	}
	i := 0
	for i < len(s) && safe(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if safe(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// who reads the scope of an entry at a place.
func (c *compiler) who(s *Who, file *scopeEntry, at place, strays int, where string) bool {
	*s = Who{
		Everyone: file.Everyone.value,
		Team:     file.Team.value, Project: file.Project.value, Key: file.Key.value, User: file.User.value, Model: file.Model.value,
	}
	if file.Team.ok && s.Team != Each {
		c.team(file.Team, where)
	}
	c.model(file.Model, where)
	switch rows := file.Tag.rows; {
	case len(rows) == 1:
		s.Tag = exchange.Tag{Name: strings.ToLower(rows[0].name), Value: rows[0].value.value}
	case len(rows) > 1:
		c.problem(rows[1].at, "write one entry per tag", "%s bounds two tags; an entry bounds one", where)
		return false
	}
	narrow := file.Team.given() || file.Project.given() || file.Key.given() || file.User.given() || file.Model.given() || file.Tag.given()
	switch {
	case file.Everyone.ok && !s.Everyone:
		c.problem(file.Everyone.at, "remove the key, or write everyone: true", "%s: everyone: false means nothing", where)
		return false
	case s.Everyone && narrow:
		c.problem(file.Everyone.at, "remove everyone, or the other parts of the scope", "%s bounds everyone, and less than everyone", where)
		return false
	case !file.Everyone.given() && !narrow && strays > 0:
		return false // one of the strays was meant to say it
	case !file.Everyone.given() && !narrow:
		c.problem(at, "add everyone: true, or one of team, project, key, user, model and tag", "%s does not say whom it bounds", where)
		return false
	}
	return true
}
