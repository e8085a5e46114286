package keys

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"bursar/exchange"
)

// Key is what is known of an issued key. Its secrets are not: only their digests are stored.
type Key struct {
	ID string // public, safe to log; stays the same for the key's whole life, whatever its secret and its terms
	Terms
	Added   time.Time
	Revoked time.Time // zero: not revoked
	Changes []Change  // all that was ever done to it, oldest first

	secrets []secret // at least one; the last one is the newest
}

// Terms say for whom a key is, and what it may use.
type Terms struct {
	Team    string // lower-case letters, digits and -; 1 to 63 characters
	Project string // "" if the key stands for no project
	User    string // "" if the key stands for no user; at most 200 bytes, as are all other texts
	Name    string // what its owner calls it, for lists
	Tags    []exchange.Tag
	Models  []string  // models of the policy and provider/model, * for any text; empty is every model
	Routes  []string  // names of routes; empty is every route
	NoPin   bool      // x-bursar-pin is refused
	Expires time.Time // zero: never
}

// Change is one thing that was done to a key.
type Change struct {
	At   time.Time
	By   string // who said to have done it
	What string // added, revoked, "rotated; the old secret works until 2026-11-27T12:00:00Z", "team search -> support; ..."
}

// secret is a digest of one text of the key.
type secret struct {
	digest [sha256.Size]byte
	until  time.Time // when it stops to work because another one has replaced it; zero for the newest
}

// Scope returns what the key may use, nil if that is everything.
func (t *Terms) Scope() *exchange.KeyScope {
	if len(t.Models)+len(t.Routes)+len(t.Tags) == 0 && !t.NoPin {
		return nil
	}
	return &exchange.KeyScope{Models: t.Models, Routes: t.Routes, NoPin: t.NoPin, Tags: t.Tags}
}

// differences tells what other terms would change, "" if nothing.
func (t *Terms) differences(to *Terms) string {
	var all []string
	note := func(name, from, to string) {
		if from != to {
			all = append(all, fmt.Sprintf("%s %s -> %s", name, orNone(from), orNone(to)))
		}
	}
	note("team", t.Team, to.Team)
	note("project", t.Project, to.Project)
	note("user", t.User, to.User)
	note("name", t.Name, to.Name)
	note("tags", tagText(t.Tags), tagText(to.Tags))
	note("models", strings.Join(t.Models, ","), strings.Join(to.Models, ","))
	note("routes", strings.Join(t.Routes, ","), strings.Join(to.Routes, ","))
	note("pin", pinText(t.NoPin), pinText(to.NoPin))
	note("expires", dateText(t.Expires), dateText(to.Expires))
	return strings.Join(all, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func pinText(no bool) string {
	if no {
		return "refused"
	}
	return "allowed"
}

func dateText(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func tagText(tags []exchange.Tag) string {
	all := make([]string, len(tags))
	for i, t := range tags {
		all[i] = t.Name + "=" + t.Value
	}
	return strings.Join(all, ",")
}

// normal returns the terms as they are stored: tags by lower-case name in order, times in whole seconds of UTC.
func (t Terms) normal() Terms {
	t.Tags = slices.Clone(t.Tags)
	for i := range t.Tags {
		t.Tags[i].Name = strings.ToLower(t.Tags[i].Name)
	}
	slices.SortFunc(t.Tags, func(a, b exchange.Tag) int { return strings.Compare(a.Name, b.Name) })
	if !t.Expires.IsZero() {
		t.Expires = t.Expires.UTC().Truncate(time.Second)
	}
	return t
}

// mostWords bounds the models, the routes and the tags of a key.
const mostWords = 100

func (t *Terms) validate() error {
	if err := validTeam(t.Team); err != nil {
		return err
	}
	type text struct{ name, value string }
	all := []text{{"project", t.Project}, {"user", t.User}, {"name", t.Name}}
	for _, m := range t.Models {
		all = append(all, text{"a model", m})
	}
	for _, r := range t.Routes {
		all = append(all, text{"a route", r})
	}
	for i, tag := range t.Tags {
		if tag.Name == "" || i > 0 && t.Tags[i-1].Name == tag.Name {
			return fmt.Errorf("tag %q has no name, or stands twice; give each NAME=VALUE once", tag.Name)
		}
		all = append(all, text{"a tag", tag.Name}, text{"a tag", tag.Value})
	}
	if len(all) > 3+mostWords {
		return fmt.Errorf("the key has %d models, routes and tags; use at most %d", len(all)-3, mostWords)
	}
	for _, f := range all {
		switch {
		case f.value == "" && strings.HasPrefix(f.name, "a ") && f.name != "a tag":
			return fmt.Errorf("%s is empty; leave it out", f.name)
		case strings.Contains(f.value, prefix):
			return fmt.Errorf("%s holds the text of a key, which must not be stored; give it another", f.name)
		case len(f.value) > 200:
			return fmt.Errorf("%s has %d bytes; use at most 200", f.name, len(f.value))
		case !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, unicode.IsControl):
			return fmt.Errorf("%s has control characters or is not UTF-8; use plain text", f.name)
		}
	}
	return nil
}

// validTeam keeps team names fit for a key's text, a header, a metric label and a file name. It does not repeat what it refuses.
func validTeam(team string) error {
	ok := len(team) >= 1 && len(team) <= 63 && team[0] != '-' && team[len(team)-1] != '-'
	for i := 0; i < len(team) && ok; i++ {
		c := team[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	if !ok {
		return errors.New("the team's name is not 1 to 63 lower-case letters, digits and inner -; for example: search, data-science")
	}
	return nil
}
