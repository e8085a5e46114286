package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/exchange"
	"bursar/keys"
)

// termFlags are the terms of a key as flags. Only those that are given change anything.
type termFlags struct {
	team, project, user, name, models, routes, expires string
	tags                                               tagFlags
	days                                               int
	pin                                                bool
}

func (t *termFlags) define(f *flag.FlagSet) {
	f.StringVar(&t.team, "team", "", "team that pays")
	f.StringVar(&t.project, "project", "", "project")
	f.StringVar(&t.user, "user", "", "user")
	f.StringVar(&t.name, "name", "", "a name for lists")
	f.Var(&t.tags, "tag", "NAME=VALUE that all its requests carry; may be repeated")
	f.StringVar(&t.models, "models", "", "models it may use: those of the policy, and provider/model, separated by commas; * stands for any text; empty is all")
	f.StringVar(&t.routes, "routes", "", "routes it may use, separated by commas; empty is all")
	f.BoolVar(&t.pin, "pin", true, "whether it may pin a model with x-bursar-pin")
	f.IntVar(&t.days, "days", 0, "days until it expires; 0 is never")
	f.StringVar(&t.expires, "expires", "", "when it expires: 2027-01-31 (in UTC), 2027-01-31T12:00:00Z, or never")
}

// apply sets the terms that were given on the command line.
func (t *termFlags) apply(f *flag.FlagSet, terms *keys.Terms) (err error) {
	if t.days < 0 {
		return usageError{"-days must not be negative"}
	}
	f.Visit(func(given *flag.Flag) {
		switch given.Name {
		case "team":
			terms.Team = t.team
		case "project":
			terms.Project = t.project
		case "user":
			terms.User = t.user
		case "name":
			terms.Name = t.name
		case "tag":
			terms.Tags = merged(terms.Tags, t.tags)
		case "models":
			terms.Models = commas(t.models)
		case "routes":
			terms.Routes = commas(t.routes)
		case "pin":
			terms.NoPin = !t.pin
		case "days":
			if terms.Expires = (time.Time{}); t.days > 0 {
				terms.Expires = time.Now().AddDate(0, 0, t.days)
			}
		case "expires":
			terms.Expires, err = expiry(t.expires)
		}
	})
	return err
}

// merged sets tags by name. NAME= takes one away.
func merged(tags, given []exchange.Tag) []exchange.Tag {
	tags = slices.Clone(tags)
	for _, tag := range given {
		tags = slices.DeleteFunc(tags, func(t exchange.Tag) bool { return t.Name == tag.Name })
		if tag.Value != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// commas cuts a list apart.
func commas(list string) (words []string) {
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

func expiry(text string) (time.Time, error) {
	if text == "never" || text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usageError{fmt.Sprintf("-expires %q: give a day such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, or never", text)}
}
