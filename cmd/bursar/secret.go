package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"bursar/cache/semantic"

	"github.com/redis/go-redis/v9"
)

// secret is what this gateway, or its whole fleet, seals with: names of semantic caches, ids of stored responses. Who seals derives a key of its own
// from it.
type secret struct {
	given []byte // by a file; nil if a fleet has it in Redis

	fetched atomic.Pointer[[]byte]
	stop    context.CancelFunc
	running sync.WaitGroup
}

// openSecret reads the secret. A fleet's is asked of Redis until that tells it; requests do not wait for it.
func (g *gateway) openSecret() (err error) {
	if g.secret.given, err = givenSecret(&g.options); err != nil || g.secret.given != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	g.secret.stop = stop
	g.secret.running.Go(func() { g.secret.fetch(ctx, g.stores.redis, g.options.org, g.warn) })
	return nil
}

// get is the secret, nil while Redis has not told it.
func (s *secret) get() []byte {
	if found := s.fetched.Load(); found != nil {
		return *found
	}
	return s.given
}

const (
	secretWithin = 2 * time.Second
	secretAgain  = time.Second
)

func (s *secret) fetch(ctx context.Context, client redis.UniversalClient, org string, warn func(string, error)) {
	for tries := 1; ; tries++ {
		patience, done := context.WithTimeout(ctx, secretWithin)
		found, err := semantic.FleetSecret(patience, client, org)
		done()
		if err == nil {
			s.fetched.Store(&found)
			return
		}
		if tries == 1 && ctx.Err() == nil {
			warn("ask Redis for the fleet's secret; stored responses cannot be gone on from until it answers", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(secretAgain):
		}
	}
}

func (s *secret) close() {
	if s.stop != nil {
		s.stop()
		s.running.Wait()
	}
}

// In the data folder, the secret of a gateway that is alone. Earlier versions sealed semantic caches alone, and called it so.
const (
	secretFile      = "secret"
	olderSecretFile = "semantic-secret"
)

// shortestSecret is in bytes.
const shortestSecret = 16

// givenSecret is what -secret names, or else a secret of this gateway's own. A fleet without the flag has its secret in Redis.
func givenSecret(o *gatewayOptions) ([]byte, error) {
	switch {
	case o.secret != "":
		text, err := os.ReadFile(o.secret)
		if err != nil {
			return nil, fmt.Errorf("-secret: %w", err)
		}
		if text = bytes.TrimSpace(text); len(text) < shortestSecret {
			return nil, fmt.Errorf("-secret: %s holds %d bytes; give at least %d, such as `openssl rand -hex 32` prints", o.secret, len(text), shortestSecret)
		}
		return text, nil
	case o.redis != "":
		return nil, nil
	}
	for _, name := range []string{secretFile, olderSecretFile} {
		text, err := os.ReadFile(filepath.Join(o.data, name))
		if err == nil && len(text) >= shortestSecret {
			return bytes.TrimSpace(text), nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	made := []byte(rand.Text() + rand.Text())
	return made, os.WriteFile(filepath.Join(o.data, secretFile), append(made, '\n'), 0o600)
}
