package main

import "bursar/cache/semantic"

// openSemantic opens the semantic cache: in this process, or of the fleet.
func (g *gateway) openSemantic() error {
	o := semantic.CacheOptions{Secret: g.secret.given}
	if g.stores.redis != nil {
		o.Fleet = &semantic.FleetOptions{Client: g.stores.redis, Org: g.options.org, Mark: g.stores.cache.Mark, Hides: g.stores.cache.Hides, Warn: g.warn}
	}
	g.semantic = semantic.NewCache(o)
	return nil
}
