package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bursar/cache/semantic"
)

// openSemantic opens the semantic cache: in this process, or of the fleet.
func (g *gateway) openSemantic() error {
	secret, err := semanticSecret(&g.options)
	if err != nil {
		return err
	}
	o := semantic.CacheOptions{Secret: secret}
	if g.stores.redis != nil {
		o.Fleet = &semantic.FleetOptions{Client: g.stores.redis, Org: g.options.org, Mark: g.stores.cache.Mark, Hides: g.stores.cache.Hides, Warn: g.warn}
	}
	g.semantic = semantic.NewCache(o)
	return nil
}

// secretFile, in the data folder, holds the secret of a gateway that is alone.
const secretFile = "semantic-secret"

// shortestSecret is in bytes.
const shortestSecret = 16

// semanticSecret is what -semantic-secret names, or else a secret of this gateway's own. A fleet without the flag has its secret in Redis.
func semanticSecret(o *gatewayOptions) ([]byte, error) {
	switch {
	case o.semanticSecret != "":
		text, err := os.ReadFile(o.semanticSecret)
		if err != nil {
			return nil, fmt.Errorf("-semantic-secret: %w", err)
		}
		if text = bytes.TrimSpace(text); len(text) < shortestSecret {
			return nil, fmt.Errorf("-semantic-secret: %s holds %d bytes; give at least %d, such as `openssl rand -hex 32` prints", o.semanticSecret, len(text), shortestSecret)
		}
		return text, nil
	case o.redis != "":
		return nil, nil
	}
	path := filepath.Join(o.data, secretFile)
	text, err := os.ReadFile(path)
	if err == nil && len(text) >= shortestSecret {
		return bytes.TrimSpace(text), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	made := []byte(rand.Text() + rand.Text())
	return made, os.WriteFile(path, append(made, '\n'), 0o600)
}
