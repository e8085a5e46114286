package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"bursar/exchange"
	"bursar/keys"
)

// listKeys shows the keys, and what was done to them.
func listKeys(p *program, args []string) error {
	f := p.flags("keys list")
	at := p.keyStore(f)
	asJSON := f.Bool("json", false, "print JSON, one key a line, with its history")
	history := f.Bool("history", false, "print what was done to the keys: when, by whom, what")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	var all []keys.Key
	err := at.with(func(ctx context.Context, s *keys.Store) (err error) {
		all, err = s.List(ctx)
		return err
	})
	switch {
	case err != nil:
		return err
	case *asJSON:
		return p.keysAsJSON(all)
	case *history:
		return p.keyHistory(all)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTEAM\tPROJECT\tUSER\tNAME\tMAY USE\tADDED\tBY\tEXPIRES\tREVOKED")
	for i := range all {
		k := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Team, k.Project, k.User, k.Name, mayUse(k),
			day(k.Added), k.Changes[0].By, day(k.Expires), day(k.Revoked))
	}
	return w.Flush()
}

// mayUse is what a key is bound to, in a word.
func mayUse(k *keys.Key) string {
	var parts []string
	if len(k.Models) > 0 {
		parts = append(parts, strings.Join(k.Models, ","))
	}
	if len(k.Routes) > 0 {
		parts = append(parts, fmt.Sprintf("routes %q", k.Routes))
	}
	if k.NoPin {
		parts = append(parts, "no pins")
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, "; ")
}

func (p *program) keyHistory(all []keys.Key) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tAT\tBY\tWHAT")
	for _, k := range all {
		for _, c := range k.Changes {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, c.At.Format(time.RFC3339), c.By, c.What)
		}
	}
	return w.Flush()
}

func (p *program) keysAsJSON(all []keys.Key) error {
	type change struct {
		At   time.Time `json:"at"`
		By   string    `json:"by,omitempty"`
		What string    `json:"what"`
	}
	type row struct {
		ID      string         `json:"id"`
		Team    string         `json:"team"`
		Project string         `json:"project,omitempty"`
		User    string         `json:"user,omitempty"`
		Name    string         `json:"name,omitempty"`
		Tags    []exchange.Tag `json:"tags,omitempty"`
		Models  []string       `json:"models,omitempty"`
		Routes  []string       `json:"routes,omitempty"`
		Pin     bool           `json:"pin"`
		Added   time.Time      `json:"added"`
		Expires time.Time      `json:"expires,omitzero"`
		Revoked time.Time      `json:"revoked,omitzero"`
		History []change       `json:"history"`
	}
	out := json.NewEncoder(p.out)
	for _, k := range all {
		r := row{k.ID, k.Team, k.Project, k.User, k.Name, k.Tags, k.Models, k.Routes, !k.NoPin, k.Added, k.Expires, k.Revoked, nil}
		for _, c := range k.Changes {
			r.History = append(r.History, change(c))
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}
