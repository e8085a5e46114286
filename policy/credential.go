package policy

import (
	"fmt"
	"strings"
)

// Credential is one key of a provider.
type Credential struct {
	Name   string // of its variable, or its file's path
	Value  string // the key, if it came from a variable; never logged
	File   string // where it is read from, "" for a variable
	Weight int    // its share of the requests, at least 1
	Team   string // whose own it is, "" for all teams that have none
}

// credentials reads a provider's keys. A missing variable is no problem of the file: it may be set on another machine.
func (c *compiler) credentials(p *Provider, file *providerEntry) {
	ways := 0
	for _, given := range []bool{file.KeyEnv.ok, file.KeyFile.ok, file.Keys.ok} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		c.problem(file.At, "list them all under keys", "provider %q: give one of key_env, key_file and keys", p.Name)
	}
	if ways == 0 && p.Dialect == "bedrock" {
		c.amazon(p, file)
		return
	}
	for i := range file.Keys.items {
		k := &file.Keys.items[i]
		if k.At.line == 0 {
			continue // not even a mapping; told already
		}
		if k.KeyEnv.ok == k.KeyFile.ok {
			c.problem(k.At, "write { key_env: OPENAI_API_KEY }", "provider %q: each of keys needs one of key_env and key_file", p.Name)
			continue
		}
		if k.Team.ok && !c.file.Teams.has(k.Team.value) {
			c.problem(k.Team.at, c.orAdd("", k.Team.value, "teams"), "keys.team names team %s, which does not exist", quoted(k.Team.value))
		}
		c.credential(p, k.KeyEnv, k.KeyFile, Credential{Weight: max(1, int(k.Weight.value)), Team: k.Team.value})
	}
	if file.KeyEnv.ok || file.KeyFile.ok {
		c.credential(p, file.KeyEnv, file.KeyFile, Credential{Weight: 1})
	}
	if ways > 0 && len(p.Keys) == 0 && p.Unavailable == "" {
		p.Unavailable = "it has no key"
	}
	if len(p.Keys) > 0 {
		p.Unavailable = "" // those that are set serve
	}
}

// credential reads one key.
func (c *compiler) credential(p *Provider, env, file text, k Credential) {
	if file.ok {
		k.Name, k.File = file.value, file.value
		p.Keys = append(p.Keys, k)
		return
	}
	if !variableName.MatchString(env.value) {
		if len(env.value) >= 16 { // perhaps a key of a shape we do not know
			c.hide(env.value)
		}
		c.problem(env.at, "write the variable's name alone: key_env: OPENAI_API_KEY", "key_env is not the name of an environment variable: %s", quoted(env.value))
		return
	}
	k.Name = env.value
	if k.Value = strings.TrimSpace(c.env(env.value)); k.Value == "" {
		p.Unavailable = fmt.Sprintf("environment variable %s is not set", env.value)
		c.warn(env.at, "its targets are not used until it is", "provider %q: %s", p.Name, p.Unavailable)
		return
	}
	p.Keys = append(p.Keys, k)
}

// amazon takes the keys of Amazon's own variables, as its tools do.
func (c *compiler) amazon(p *Provider, file *providerEntry) {
	k := Credential{Name: "AWS_BEARER_TOKEN_BEDROCK", Value: strings.TrimSpace(c.env("AWS_BEARER_TOKEN_BEDROCK")), Weight: 1}
	if k.Value == "" {
		id, secret := strings.TrimSpace(c.env("AWS_ACCESS_KEY_ID")), strings.TrimSpace(c.env("AWS_SECRET_ACCESS_KEY"))
		if id == "" || secret == "" {
			p.Unavailable = "neither AWS_BEARER_TOKEN_BEDROCK nor AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY is set"
			c.warn(file.At, "its targets are not used until it is; or name a key_file", "provider %q: %s", p.Name, p.Unavailable)
			return
		}
		k.Name, k.Value = "AWS_ACCESS_KEY_ID", strings.TrimRight(id+":"+secret+":"+strings.TrimSpace(c.env("AWS_SESSION_TOKEN")), ":")
	}
	p.Keys = append(p.Keys, k)
}
