package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/exchange"
)

// Key is a key that stands in the policy, by the digest of its secret.
type Key struct {
	SHA256              [sha256.Size]byte
	ID                  string // "" is the one that the digest gives it
	Team, Project, User string
	Name                string
	Scope               exchange.KeyScope
	Expires             time.Time // zero: never
}

func (c *compiler) keys() {
	lines := map[[sha256.Size]byte]int{}
	for i := range c.file.Keys.items {
		file := &c.file.Keys.items[i]
		if file.At.line == 0 {
			continue // not even a mapping; told already
		}
		k := Key{
			ID: file.ID.value, Team: file.Team.value, Project: file.Project.value, User: file.User.value, Name: file.Name.value,
			Expires: file.Expires.in(c.policy.Location),
		}
		c.team(file.Team, "keys.team")
		c.digest(&k, file, lines)
		if digits, ok := strings.CutPrefix(k.ID, "k-"); file.ID.ok && (!ok || len(digits) != 12 || strings.Trim(digits, "0123456789abcdef") != "") {
			c.problem(file.ID.at, "write the id that `bursar keys list` shows, or leave it out", "keys.id %s is not the id of a key", quoted(k.ID))
		}
		k.Scope = exchange.KeyScope{Models: c.keyModels(&file.Models), Routes: c.keyRoutes(&file.Routes), NoPin: file.Pin.ok && !file.Pin.value}
		for _, row := range file.Tags.rows {
			k.Scope.Tags = append(k.Scope.Tags, exchange.Tag{Name: strings.ToLower(row.name), Value: row.value.value})
		}
		slices.SortFunc(k.Scope.Tags, func(a, b exchange.Tag) int { return strings.Compare(a.Name, b.Name) })
		if file.Expires.ok && !k.Expires.After(c.now) {
			c.warn(file.Expires.at, "remove the row, or give a later date", "the key %s expired on %s", k.called(), k.Expires.Format(time.DateOnly))
		}
		c.policy.Keys = append(c.policy.Keys, k)
	}
}

// called names a key in a message.
func (k *Key) called() string {
	if k.Name != "" {
		return quoted(k.Name)
	}
	return "k-" + hex.EncodeToString(k.SHA256[:6])
}

func (c *compiler) digest(k *Key, file *keyEntry, lines map[[sha256.Size]byte]int) {
	if !file.SHA256.ok {
		return
	}
	digest, err := hex.DecodeString(file.SHA256.value)
	if err != nil || len(digest) != sha256.Size {
		c.problem(file.SHA256.at, "run `bursar keys hash`, which reads the key and prints its row", "keys.sha256 is not 64 hexadecimal digits")
		return
	}
	k.SHA256 = [sha256.Size]byte(digest)
	if line := lines[k.SHA256]; line > 0 {
		c.problem(file.SHA256.at, "keep one of the two", "the key is on line %d already", line)
	}
	lines[k.SHA256] = file.SHA256.at.line
}

// keyModels checks what a key may use: models of the policy, targets, and patterns of them that match something.
func (c *compiler) keyModels(names *words) []string {
	for _, name := range names.items {
		switch {
		case !strings.Contains(name.value, "*"):
			c.model(name, "keys.models")
		case !c.matchesModel(name.value):
			c.problem(name.at, "write * for a part of a name, as in openai/*", "keys.models: %s matches no model, and no provider", quoted(name.value))
		}
	}
	return names.values()
}

// matchesModel tells whether a pattern can match a model of the policy, or a target of a provider.
func (c *compiler) matchesModel(pattern string) bool {
	for name := range c.policy.Models {
		if exchange.Glob(pattern, name) {
			return true
		}
	}
	before, _, _ := strings.Cut(pattern, "*")
	for name := range c.policy.Providers {
		if prefix := name + "/"; strings.HasPrefix(before, prefix) || strings.HasPrefix(prefix, before) {
			return true
		}
	}
	return false
}

func (c *compiler) keyRoutes(names *words) []string {
	known := map[string]bool{}
	for i := range c.file.Routes.items {
		known[c.file.Routes.items[i].Name.value] = true
	}
	for _, name := range names.items {
		if !known[name.value] {
			c.problem(name.at, c.didYouMean(name.value, maps.Keys(known)), "keys.routes names route %s, which does not exist", quoted(name.value))
		}
	}
	return names.values()
}
