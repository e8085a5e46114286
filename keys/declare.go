package keys

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Declared is a key that stands in the policy by the digest of its secret.
type Declared struct {
	ID     string // "" is that of the digest; a secret that replaces another one keeps the key's id
	SHA256 [sha256.Size]byte
	Terms
}

// Declare makes the keys of a policy known, in place of those of the policy before. A key is gone with its row.
func (r *Ring) Declare(all []Declared) {
	keys := make([]Key, len(all))
	for i, d := range all {
		keys[i] = Key{ID: cmp.Or(d.ID, idOf(d.SHA256)), Terms: d.Terms.normal(), secrets: []secret{{digest: d.SHA256}}}
	}
	r.publish(&r.declared, keys)
}

// Make draws a key that no store keeps, for a row of a policy.
func Make(terms Terms) (Secret, Key, error) {
	if err := validTeam(terms.Team); err != nil {
		return Secret{}, Key{}, fmt.Errorf("make key: %w", err)
	}
	made := newSecret(terms.Team)
	key, err := Of(made.text, terms)
	return made, key, err
}

// Of returns the key of a secret that was made before.
func Of(text string, terms Terms) (Key, error) {
	text = strings.TrimSpace(text)
	if !wellFormed([]byte(text)) {
		return Key{}, ErrMalformed
	}
	terms = terms.normal()
	if err := terms.validate(); err != nil {
		return Key{}, err
	}
	digest := sha256.Sum256([]byte(text))
	return Key{ID: idOf(digest), Terms: terms, secrets: []secret{{digest: digest}}}, nil
}

// SHA256 returns the digest of the key's newest secret, in hex: what a policy names the key by.
func (k *Key) SHA256() string { return hex.EncodeToString(k.secrets[len(k.secrets)-1].digest[:]) }

// TeamOf returns the team in the text of a key, which is only what it was issued for: it may have moved since.
func TeamOf(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), prefix)
	return text[:max(0, strings.LastIndexByte(text, '-'))]
}
