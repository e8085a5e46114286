package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"bursar/keys"
)

// keysCommand issues, lists and revokes keys. A running gateway follows within a second.
func keysCommand(p *program, args []string) error {
	if len(args) == 0 {
		return usageError{"say add, list or revoke"}
	}
	verb := args[0]
	if verb == "-h" || verb == "-help" || verb == "--help" {
		verb, args = "add", []string{"add", "-h"} // it has the most to tell
	}
	if verb != "add" && verb != "list" && verb != "revoke" {
		return usageError{fmt.Sprintf("no %q: say add, list or revoke", verb)}
	}
	f := p.flags("keys " + verb)
	dir := f.String("data", "data", "the gateway's data folder")
	var o keys.Options
	var days int
	if verb == "add" {
		f.StringVar(&o.Team, "team", "", "team that pays (required)")
		f.StringVar(&o.Project, "project", "", "project")
		f.StringVar(&o.User, "user", "", "user")
		f.StringVar(&o.Name, "name", "", "a name for lists")
		f.IntVar(&days, "days", 0, "days until it expires; 0 is never")
	}
	rest, err := p.parse(f, args[1:])
	if err != nil {
		return err
	}
	if verb != "revoke" && len(rest) > 0 {
		return usageError{fmt.Sprintf("unexpected argument %q", rest[0])}
	}
	switch verb {
	case "add":
		if o.Team == "" {
			return usageError{"-team is missing"}
		}
		if days < 0 {
			return usageError{"-days must not be negative"}
		}
		if days > 0 {
			o.Expires = time.Now().AddDate(0, 0, days)
		}
		return addKey(p, *dir, o)
	case "list":
		return listKeys(p, *dir)
	default:
		if len(rest) != 1 {
			return usageError{"name one key by its id: bursar keys revoke -data DIR ID"}
		}
		if _, err := os.Stat(*dir); err != nil { // keys.Revoke would make the folder
			return fmt.Errorf("-data: %w", err)
		}
		return inFolder(*dir, keys.Revoke(*dir, rest[0]))
	}
}

// inFolder says which data folder an error is of.
func inFolder(dir string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("-data %s: %w", dir, err)
}

// addKey prints the new key alone, for scripts.
func addKey(p *program, dir string, o keys.Options) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return inFolder(dir, err)
	}
	secret, key, err := keys.Add(dir, o)
	if err != nil {
		return inFolder(dir, err)
	}
	fmt.Fprintln(p.out, secret.Reveal())
	fmt.Fprintf(p.err, "key %s of team %s; it is shown only this once\n", key.ID, key.Team)
	return nil
}

func listKeys(p *program, dir string) error {
	all, err := keys.List(dir)
	if err != nil {
		return inFolder(dir, err)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTEAM\tPROJECT\tUSER\tNAME\tADDED\tEXPIRES\tREVOKED")
	for _, k := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Team, k.Project, k.User, k.Name, day(k.Added), day(k.Expires), day(k.Revoked))
	}
	return w.Flush()
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}
