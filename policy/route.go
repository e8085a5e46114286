package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"bursar/exchange"
)

// Route is one rule of the table. The first whose When matches, and that is not merely observed, decides.
type Route struct {
	Name     string
	When     *When              // never nil; matches everything if the file gives no condition
	To       *Model             // nil means asked: what the client named and, for auto, the policy's default
	Escalate *Model             // what answers instead of an answer that fails its checks; nil if the route has none
	Cascade  *exchange.Cascade  // how they are checked; nil if and only if Escalate is
	Cache    exchange.CacheMode // what the route lets the cache do; CacheOff if the policy caches nothing
	CacheTTL time.Duration      // how long its answers may be given again; 0 if the policy caches nothing
	Observe  bool               // log what it would do, change nothing
	// StopRepeats is after how many repetitions of one piece a streamed answer is ended; 0 is never.
	StopRepeats int
	Squeezes    *exchange.Squeezes // shorter texts for system prompts; nil if the route has none
	Line        int                // where it stands in the file
}

func (c *compiler) routes() {
	list := &c.file.Routes
	names := map[string]int{}
	var last *Route // the one that matches everything
	for i := range list.items {
		file := &list.items[i]
		if file.At.line == 0 {
			continue // not even a mapping; told already
		}
		r := c.route(file, fmt.Sprintf("routes[%d]", i+1))
		if line := names[r.Name]; line > 0 && file.Name.ok {
			c.problem(file.Name.at, "give each route a name of its own", "the route on line %d is already called %s", line, quoted(r.Name))
		} else {
			names[r.Name] = file.At.line
		}
		if last != nil {
			c.problem(file.At, fmt.Sprintf("move it above line %d, or remove it", last.Line),
				"route %s can never decide: %s on line %d matches everything", quoted(r.Name), quoted(last.Name), last.Line)
		} else if !r.Observe && file.When == nil {
			last = r
		}
		c.policy.Routes = append(c.policy.Routes, r)
	}
	if last != nil || !list.ok {
		return
	}
	at := list.at
	if n := len(list.items); n > 0 && list.items[n-1].At.line > 0 {
		at = list.items[n-1].At
	}
	c.problem(at, "end the routes with - { name: everything else, to: asked }", "no route matches every request: the last one must have no condition and must not be observed")
}

func (c *compiler) route(file *routeEntry, where string) *Route {
	r := &Route{Name: file.Name.value, Line: file.At.line, Observe: file.Mode.value == "observe", When: c.when(file.When, where+".when"), StopRepeats: int(file.StopRepetitionAfter.value)}
	r.Squeezes = c.squeezes(&file.Squeeze)
	if file.To.value != Asked {
		r.To = c.model(file.To, where+".to", Asked)
	}
	if c.policy.Cache.TTL > 0 {
		r.Cache = cacheMode(file.Cache.value)
		r.CacheTTL = cmp.Or(file.CacheTTL.value, c.policy.Cache.TTL)
		if file.CacheTTL.ok && r.Cache == exchange.CacheOff {
			c.warn(file.CacheTTL.at, "remove it, or let the route cache", "route %s has a cache_ttl, but cache is off", quoted(r.Name))
		}
	} else if file.Cache.ok && file.Cache.value != "off" {
		c.warn(file.Cache.at, "add cache: { exact: { ttl: 24h } }", "route %s: cache is %s, but the policy caches nothing", quoted(r.Name), file.Cache.value)
	} else if file.CacheTTL.ok {
		c.warn(file.CacheTTL.at, "add cache: { exact: { ttl: 24h } }", "route %s has a cache_ttl, but the policy caches nothing", quoted(r.Name))
	}
	if file.Escalate != nil {
		c.escalate(r, file.Escalate, where+".escalate")
	}
	return r
}

func cacheMode(word string) exchange.CacheMode {
	switch word {
	case "off":
		return exchange.CacheOff
	case "refresh":
		return exchange.CacheRefresh
	case "read":
		return exchange.CacheRead
	default:
		return exchange.CacheOn
	}
}

// squeezes reads the reviewed texts of a route, nil if there are none.
func (c *compiler) squeezes(file *list[squeezeEntry]) *exchange.Squeezes {
	if len(file.items) == 0 {
		return nil
	}
	all := &exchange.Squeezes{Texts: make(map[[sha256.Size]byte]string, len(file.items))}
	whole := sha256.New()
	for i := range file.items {
		s := &file.items[i]
		if !s.SHA256.ok || !s.To.ok {
			continue // told already
		}
		digest, err := hex.DecodeString(s.SHA256.value)
		if err != nil || len(digest) != sha256.Size {
			c.problem(s.SHA256.at, "run `bursar squeeze`, which prints the row of a system prompt", "squeeze.sha256 is not 64 hexadecimal digits")
			continue
		}
		if _, twice := all.Texts[[sha256.Size]byte(digest)]; twice {
			c.problem(s.SHA256.at, "keep one of the two", "the route has a text for this system prompt already")
		}
		all.Texts[[sha256.Size]byte(digest)] = s.To.value
		fmt.Fprintf(whole, "%x %d %s", digest, len(s.To.value), s.To.value)
	}
	all.Digest = hex.EncodeToString(whole.Sum(nil)[:8])
	return all
}
