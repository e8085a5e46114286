package exchange

import (
	"slices"
	"strings"
)

// KeyScope is what a key may use, and what it brings along. All requests of the key share it, so it never changes. A nil one allows
// everything.
type KeyScope struct {
	Models []string // models of the policy, and targets as provider/model; * stands for any text. Empty allows every model
	Routes []string // names of routes. Empty allows every route
	NoPin  bool     // x-bursar-pin is refused
	Tags   []Tag    // what every request of the key is tagged with, whatever the client says; sorted by name
}

// Allows tells whether a candidate may serve: its tier or its target must be among the models.
func (s *KeyScope) Allows(c *Candidate) bool {
	return s == nil || len(s.Models) == 0 || slices.ContainsFunc(s.Models, func(pattern string) bool {
		return c.Tier != "" && Glob(pattern, c.Tier) || Glob(pattern, c.Target)
	})
}

// AllowsAny tells whether one of several candidates may serve.
func (s *KeyScope) AllowsAny(all []*Candidate) bool { return slices.ContainsFunc(all, s.Allows) }

// AllowsAll tells whether each of several candidates may serve.
func (s *KeyScope) AllowsAll(all []*Candidate) bool {
	return !slices.ContainsFunc(all, func(c *Candidate) bool { return !s.Allows(c) })
}

// AllowsRoute tells whether a route may decide.
func (s *KeyScope) AllowsRoute(name string) bool {
	return s == nil || len(s.Routes) == 0 || slices.Contains(s.Routes, name)
}

// AllowsPin tells whether the key may pin a model. A key that is bound to routes may not, as a pinned request goes by none.
func (s *KeyScope) AllowsPin() bool { return s == nil || !s.NoPin && len(s.Routes) == 0 }

// Glob tells whether a name matches a pattern, in which each * stands for any text.
func Glob(pattern, name string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	for ok && starred {
		if head, rest, starred = strings.Cut(rest, "*"); !starred {
			return strings.HasSuffix(name, head)
		}
		_, name, ok = strings.Cut(name, head)
	}
	return false
}
