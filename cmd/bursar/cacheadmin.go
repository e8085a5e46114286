package main

import (
	"context"
	"errors"

	"bursar/admin"
	"bursar/proxy"
)

// cacheDeps join the admin address to the cache.
func (g *gateway) cacheDeps() admin.Cache {
	return admin.Cache{
		Stats:    g.stores.cache.Stats,
		Semantic: g.semantic.Stats,
		Purge:    g.proxy.Purge,
		Why: func(id string) (any, bool) {
			why, missing := g.proxy.Why(id)
			return why, !missing
		},
		Evict: func(ctx context.Context, requestID, cacheKey string) error {
			err := g.proxy.Evict(ctx, proxy.FalseHit{RequestID: requestID, CacheKey: cacheKey}, nil)
			if errors.Is(err, proxy.ErrNoSuchAnswer) {
				return admin.ErrNoSuchAnswer
			}
			return err
		},
	}
}
