package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/cache/semantic"
)

// The values of -semantic-index.
const (
	inMemory = "memory"
	inRedis  = "redis"
)

// openSemantic opens the semantic cache: in this process, or of the fleet.
func (g *gateway) openSemantic() error {
	o := semantic.CacheOptions{Secret: g.secret.given}
	if g.stores.redis != nil {
		o.Fleet = &semantic.FleetOptions{Client: g.stores.redis, Org: g.options.org, Mark: g.stores.cache.Mark, Hides: g.stores.cache.Hides, Warn: g.warn}
		if g.options.semanticIndex == inRedis {
			patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			switch err := semantic.ProbeVectorSets(patience, g.stores.redis); {
			case errors.Is(err, semantic.ErrNoVectorSets):
				return fmt.Errorf("-semantic-index redis: %w", err)
			case err != nil:
				g.warn("semantic index in Redis: questions are found in memory only until it answers", err)
			}
			o.Fleet.VectorSets = true
		}
	}
	g.semantic = semantic.NewCache(o)
	return nil
}
