package events

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Claims let one gateway of a fleet tell an event, while the others leave it alone. A nil one is that of a gateway alone.
type Claims struct {
	client redis.UniversalClient
	prefix string
	owner  string
}

// NewClaims makes the claims of one gateway of an org.
func NewClaims(client redis.UniversalClient, org, gateway string) *Claims {
	return &Claims{client: client, prefix: "bursar:{" + org + "}:event:", owner: gateway}
}

// claimLease is how long a gateway that dies keeps the others from telling an event.
const claimLease = time.Minute

// isTold stands where an event was told.
const isTold = "told"

type claim uint8

const (
	mine    claim = iota // or nobody can say
	claimed              // another gateway is at it
	done                 // it was told
)

// patience bounds one call to Redis.
const patience = 2 * time.Second

// claim takes an event, or renews that it is taken.
func (c *Claims) claim(ctx context.Context, hook string, e *Event) claim {
	if c == nil || e.Kind == Test {
		return mine
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	key := c.key(hook, e)
	if first, err := c.client.SetNX(ctx, key, c.owner, claimLease).Result(); err != nil || first {
		return mine
	}
	switch owner, err := c.client.Get(ctx, key).Result(); {
	case err != nil && !errors.Is(err, redis.Nil):
		return mine
	case owner == isTold:
		return done
	case owner == c.owner:
		c.client.PExpire(ctx, key, claimLease)
		return mine
	default:
		return claimed
	}
}

// done notes that an event was told.
func (c *Claims) done(ctx context.Context, hook string, e *Event) {
	if c == nil || e.Kind == Test {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c.client.Set(ctx, c.key(hook, e), isTold, time.Until(e.until(time.Now())))
}

// release gives an event back that could not be told: another gateway may reach the webhook.
func (c *Claims) release(hook string, e *Event) {
	if c == nil || e.Kind == Test {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	key := c.key(hook, e)
	if owner, err := c.client.Get(ctx, key).Result(); err == nil && owner == c.owner {
		c.client.Del(ctx, key)
	}
}

func (c *Claims) key(hook string, e *Event) string { return c.prefix + hook + ":" + e.ID }
