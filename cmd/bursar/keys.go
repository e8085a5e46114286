package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"bursar/budget"
	"bursar/keys"
)

// keyVerbs are what can be done to keys.
func keyVerbs() map[string]func(p *program, args []string) error {
	return map[string]func(p *program, args []string) error{
		"add": addKey, "list": listKeys, "edit": editKey, "move": moveKey, "rotate": rotateKey, "revoke": revokeKey, "hash": hashKey, "copy": copyKeys,
	}
}

// keysCommand issues, lists, changes and revokes keys. Running gateways follow within a second.
func keysCommand(p *program, args []string) error {
	verbs := strings.Join(slices.Sorted(maps.Keys(keyVerbs())), ", ")
	if len(args) == 0 {
		return usageError{"say one of " + verbs}
	}
	verb := args[0]
	if verb == "-h" || verb == "-help" || verb == "--help" {
		verb, args = "add", []string{"add", "-h"} // it has the most to tell
	}
	run, ok := keyVerbs()[verb]
	if !ok {
		return usageError{fmt.Sprintf("no %q: say one of %s", verb, verbs)}
	}
	return run(p, args[1:])
}

// keyStore is where a command's keys are: a data folder, or a fleet's Redis.
type keyStore struct {
	*program
	data, redis, org, by *string
}

func (p *program) keyStore(f *flag.FlagSet) keyStore {
	return keyStore{
		program: p,
		data:    f.String("data", "data", "the gateway's data folder"),
		redis:   f.String("redis", "", "redis://HOST:PORT/DB of a fleet: its keys instead of those of -data"),
		org:     f.String("org", "default", "prefix of the fleet's keys in Redis"),
		by:      f.String("by", "", "who makes the change, for the audit trail; default is USER@HOST"),
	}
}

// with opens the store and calls do. An error says where the keys are.
func (o keyStore) with(do func(ctx context.Context, s *keys.Store) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if *o.redis == "" {
		store := keys.File(*o.data)
		store.By = o.author()
		return inFolder(*o.data, do(ctx, store))
	}
	return o.fleet(func(shared *keys.Shared) error {
		store := shared.Store()
		store.By = o.author()
		return do(ctx, store)
	})
}

func (o keyStore) fleet(do func(*keys.Shared) error) error {
	client, err := connect(*o.redis, &budget.Servers{})
	if err != nil {
		return err
	}
	defer client.Close()
	shared, err := keys.NewShared(client, *o.org)
	if err != nil {
		return err
	}
	if err := do(shared); err != nil {
		return fmt.Errorf("-redis: %w", err)
	}
	return nil
}

// existing is with for changes of keys that are there already: a folder that is not there was surely mistyped.
func (o keyStore) existing(do func(ctx context.Context, s *keys.Store) error) error {
	if *o.redis == "" {
		if _, err := os.Stat(*o.data); err != nil {
			return fmt.Errorf("-data: %w", err)
		}
	}
	return o.with(do)
}

func (o keyStore) author() string {
	host, _ := os.Hostname()
	return cmp.Or(*o.by, cmp.Or(o.env("USER"), o.env("LOGNAME"), fmt.Sprintf("uid %d", os.Getuid()))+"@"+host)
}

// inFolder says which data folder an error is of.
func inFolder(dir string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("-data %s: %w", dir, err)
}

// addKey prints the new key alone, for scripts.
func addKey(p *program, args []string) error {
	f := p.flags("keys add")
	at := p.keyStore(f)
	var t termFlags
	t.define(f)
	yaml := f.Bool("yaml", false, "store nothing: print the row for `keys:` in policies.yaml on standard error")
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	if t.team == "" {
		return usageError{"-team is missing"}
	}
	var terms keys.Terms
	if err := t.apply(f, &terms); err != nil {
		return err
	}
	if *yaml {
		secret, key, err := keys.Make(terms)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, secret.Reveal())
		fmt.Fprint(p.err, keyRow(&key))
		return nil
	}
	if *at.redis == "" {
		if err := os.MkdirAll(*at.data, 0o750); err != nil {
			return inFolder(*at.data, err)
		}
	}
	return at.with(func(ctx context.Context, s *keys.Store) error {
		secret, key, err := s.Add(ctx, terms)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, secret.Reveal())
		fmt.Fprintf(p.err, "key %s of team %s; it is shown only this once\n", key.ID, key.Team)
		return nil
	})
}

// editKey changes what is given, and leaves the rest.
func editKey(p *program, args []string) error {
	f := p.flags("keys edit")
	at := p.keyStore(f)
	var t termFlags
	t.define(f)
	id, err := p.oneKey(f, args, "edit")
	if err != nil {
		return err
	}
	if err := t.apply(f, new(keys.Terms)); err != nil { // a value that is not understood must change nothing, the others neither
		return err
	}
	return at.existing(func(ctx context.Context, s *keys.Store) error {
		key, err := s.Edit(ctx, id, func(terms *keys.Terms) { _ = t.apply(f, terms) })
		if err == nil {
			fmt.Fprintf(p.err, "key %s of team %s; gateways follow within a second\n", key.ID, key.Team)
		}
		return err
	})
}

// moveKey moves a key to another team. What it has spent stays where it was booked.
func moveKey(p *program, args []string) error {
	f := p.flags("keys move")
	at := p.keyStore(f)
	team := f.String("team", "", "the team that pays from now on (required)")
	id, err := p.oneKey(f, args, "move")
	if err != nil {
		return err
	}
	if *team == "" {
		return usageError{"-team is missing"}
	}
	return at.existing(func(ctx context.Context, s *keys.Store) error {
		key, err := s.Edit(ctx, id, func(terms *keys.Terms) { terms.Team = *team })
		if err == nil {
			fmt.Fprintf(p.err, "key %s counts on team %s from now on; what it has spent stays where it was booked\n", key.ID, key.Team)
		}
		return err
	})
}

// rotateKey prints the new secret alone, for scripts.
func rotateKey(p *program, args []string) error {
	f := p.flags("keys rotate")
	at := p.keyStore(f)
	grace := f.Duration("grace", 24*time.Hour, "how long earlier secrets still work")
	id, err := p.oneKey(f, args, "rotate")
	if err != nil {
		return err
	}
	return at.existing(func(ctx context.Context, s *keys.Store) error {
		secret, key, err := s.Rotate(ctx, id, *grace)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, secret.Reveal())
		fmt.Fprintf(p.err, "key %s of team %s has a new secret, shown only this once; earlier ones work for another %s\n", key.ID, key.Team, *grace)
		return nil
	})
}

func revokeKey(p *program, args []string) error {
	f := p.flags("keys revoke")
	at := p.keyStore(f)
	id, err := p.oneKey(f, args, "revoke")
	if err != nil {
		return err
	}
	return at.existing(func(ctx context.Context, s *keys.Store) error { return s.Revoke(ctx, id) })
}

// oneKey parses the command line of what is done to one key, named by its id or its text.
func (p *program) oneKey(f *flag.FlagSet, args []string, verb string) (string, error) {
	rest, err := p.parse(f, args)
	if err != nil {
		return "", err
	}
	if len(rest) != 1 {
		return "", usageError{fmt.Sprintf("name one key by its id: bursar keys %s ID ...", verb)}
	}
	return rest[0], nil
}

// hashKey reads a key from standard input, never from the command line, which other processes can see, and prints its row for a policy.
func hashKey(p *program, args []string) error {
	f := p.flags("keys hash")
	var t termFlags
	t.define(f)
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(p.in, 4096))
	if err != nil {
		return fmt.Errorf("read the key from standard input: %w", err)
	}
	terms := keys.Terms{Team: keys.TeamOf(string(text))}
	if err := t.apply(f, &terms); err != nil {
		return err
	}
	key, err := keys.Of(string(text), terms)
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	fmt.Fprint(p.out, keyRow(&key))
	return nil
}

// copyKeys gives a fleet the keys of a gateway that ran alone.
func copyKeys(p *program, args []string) error {
	f := p.flags("keys copy")
	at := p.keyStore(f)
	if err := p.parseAll(f, args); err != nil {
		return err
	}
	if *at.redis == "" {
		return usageError{"-redis is missing: keys are copied from -data to a fleet"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return at.fleet(func(shared *keys.Shared) error {
		added, err := shared.Take(ctx, *at.data)
		if err == nil {
			fmt.Fprintf(p.err, "%d records copied; revoke keys with -redis from now on, as those of %s are read as well\n", added, *at.data)
		}
		return err
	})
}

// keyRow writes a key as a row of `keys:` in policies.yaml. JSON is YAML.
func keyRow(k *keys.Key) string {
	var b strings.Builder
	put := func(name string, value any, present bool) {
		if present {
			text, _ := json.Marshal(value) // strings, and slices and maps of strings
			fmt.Fprintf(&b, ", %s: %s", name, text)
		}
	}
	put("project", k.Project, k.Project != "")
	put("user", k.User, k.User != "")
	put("name", k.Name, k.Name != "")
	put("models", k.Models, len(k.Models) > 0)
	put("routes", k.Routes, len(k.Routes) > 0)
	tags := map[string]string{}
	for _, tag := range k.Tags {
		tags[tag.Name] = tag.Value
	}
	put("tags", tags, len(tags) > 0)
	put("pin", false, k.NoPin)
	put("expires", k.Expires.Format(time.RFC3339), !k.Expires.IsZero())
	return fmt.Sprintf("  - { sha256: \"%s\", team: %q%s }\n", k.SHA256(), k.Team, b.String())
}
