package keys

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Store is where keys are issued, changed and revoked: File for one gateway, Shared for a fleet. Gateways follow it within a second.
type Store struct {
	By  string           // who is said to have made the changes
	Now func() time.Time // the clock; never nil
	log log
}

// log holds records, oldest first, one on a line.
type log interface {
	// read returns all lines.
	read(ctx context.Context) ([]byte, error)
	// change appends the line that decide makes of what is known, while nobody else changes the log; nil changes nothing. The
	// line is safe when it returns. Decide may be called again if somebody else was faster.
	change(ctx context.Context, decide func(known []Key) (line []byte, err error)) error
}

// Add issues a key and returns it, the only time it is seen: the store keeps its digest.
func (s *Store) Add(ctx context.Context, terms Terms) (Secret, Key, error) {
	terms = terms.normal()
	if err := s.check(&terms); err != nil {
		return Secret{}, Key{}, fmt.Errorf("add key: %w", err)
	}
	var issued Secret
	var key Key
	err := s.change(ctx, func(known []Key) (*record, error) {
		issued = newSecret(terms.Team)
		digest := issued.digest()
		for find(known, idOf(digest)) != nil { // 48 bits of id may meet once in a blue moon
			issued = newSecret(terms.Team)
			digest = issued.digest()
		}
		r := &record{Op: "added", ID: idOf(digest), SHA256: hex.EncodeToString(digest[:])}
		r.setTerms(&terms)
		key = Key{ID: r.ID, Terms: terms, Added: s.now(), secrets: []secret{{digest: digest}}}
		return r, nil
	})
	if err != nil {
		return Secret{}, Key{}, fmt.Errorf("add key for team %s: %w", terms.Team, err)
	}
	return issued, key, nil
}

// check tells what is wrong with new terms. An expiry that is past was surely a slip.
func (s *Store) check(t *Terms) error {
	if err := t.validate(); err != nil {
		return err
	}
	if !t.Expires.IsZero() && !t.Expires.After(s.Now()) {
		return fmt.Errorf("the expiry %s is past; give a later time, or none for a key that does not expire", t.Expires.Format(time.RFC3339))
	}
	return nil
}

// List returns the keys in the order they were added, revoked and expired ones included.
func (s *Store) List(ctx context.Context) ([]Key, error) {
	src, err := s.log.read(ctx)
	if err != nil {
		return nil, err
	}
	keys, _, err := read(src)
	return keys, err
}

// Edit changes the terms of a key, named by its id or by a secret of it. Requests count on the new team from then on; what the key
// has spent stays where it was booked, and a budget of the key itself goes on as it stands, because the key keeps its id.
func (s *Store) Edit(ctx context.Context, idOrKey string, edit func(*Terms)) (Key, error) {
	var edited Key
	err := s.on(ctx, "edit", idOrKey, func(k *Key) (*record, error) {
		edited = *k
		terms := k.Terms
		edit(&terms)
		terms = terms.normal()
		edited.Terms = terms
		if err := terms.validate(); err != nil {
			return nil, err
		}
		if k.Terms.differences(&terms) == "" {
			return nil, nil
		}
		if !terms.Expires.Equal(k.Expires) {
			if err := s.check(&terms); err != nil {
				return nil, err
			}
		}
		r := &record{Op: "changed", ID: k.ID}
		r.setTerms(&terms)
		return r, nil
	})
	return edited, err
}

// Rotate gives a key a new secret and returns it, the only time it is seen. Earlier secrets work on until the grace is over; with a
// grace of 0 they end at once.
func (s *Store) Rotate(ctx context.Context, idOrKey string, grace time.Duration) (Secret, Key, error) {
	if grace < 0 {
		return Secret{}, Key{}, fmt.Errorf("rotate key: a grace of %s is negative; give 0 to end the old secret at once", grace)
	}
	var issued Secret
	var key Key
	err := s.on(ctx, "rotate", idOrKey, func(k *Key) (*record, error) {
		issued, key = newSecret(k.Team), *k
		digest := issued.digest()
		r := &record{Op: "rotated", ID: k.ID, SHA256: hex.EncodeToString(digest[:])}
		if grace > 0 {
			r.Until = s.now().Add(grace)
		}
		return r, nil
	})
	if err != nil {
		return Secret{}, Key{}, err
	}
	return issued, key, nil
}

// Revoke ends a key with all its secrets, named by its id or by a secret of it. To revoke it again is no error.
func (s *Store) Revoke(ctx context.Context, idOrKey string) error {
	err := s.on(ctx, "revoke", idOrKey, func(k *Key) (*record, error) {
		return &record{Op: "revoked", ID: k.ID}, nil
	})
	if errors.Is(err, errIsRevoked) {
		return nil
	}
	return err
}

var errIsRevoked = errors.New("the key is revoked; add a new one")

// on changes one key that is not revoked.
func (s *Store) on(ctx context.Context, verb, idOrKey string, decide func(*Key) (*record, error)) error {
	byText := strings.HasPrefix(idOrKey, prefix) // whoever found a leaked key has no id of it; and the text must not get into an error
	digest := sha256.Sum256([]byte(idOrKey))
	id := idOrKey
	if byText {
		id = idOf(digest)
	}
	if !validID(id) { // may be a part of a key, so it is not repeated
		return fmt.Errorf("%s key: what was given is neither a key's id (k- and 12 hexadecimal digits) nor a key; `bursar keys list` shows the ids", verb)
	}
	err := s.change(ctx, func(known []Key) (*record, error) {
		k := find(known, id)
		if byText {
			k = holding(known, digest) // after a rotation the id is that of another secret
		}
		switch {
		case k == nil:
			return nil, errors.New("no such key; `bursar keys list` shows the ids")
		case !k.Revoked.IsZero():
			return nil, errIsRevoked
		}
		r, err := decide(k)
		if r != nil { // records count by their times, and the clock of whoever came before may be ahead of ours
			r.At = k.Changes[len(k.Changes)-1].At.Add(time.Millisecond)
		}
		return r, err
	})
	if err != nil {
		return fmt.Errorf("%s key %s: %w", verb, id, err)
	}
	return nil
}

// change appends a record, decided by what the log holds then; nil changes nothing.
func (s *Store) change(ctx context.Context, decide func(known []Key) (*record, error)) error {
	return s.log.change(ctx, func(known []Key) ([]byte, error) {
		r, err := decide(known)
		if r == nil || err != nil {
			return nil, err
		}
		if r.By = s.By; s.now().After(r.At) {
			r.At = s.now()
		}
		line, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("encode the record: %w", err)
		}
		return line, nil
	})
}

func (s *Store) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

func find(keys []Key, id string) *Key {
	for i := range keys {
		if keys[i].ID == id {
			return &keys[i]
		}
	}
	return nil
}

func holding(keys []Key, digest [sha256.Size]byte) *Key {
	for i := range keys {
		for _, s := range keys[i].secrets {
			if s.digest == digest {
				return &keys[i]
			}
		}
	}
	return nil
}

func validID(id string) bool {
	digits, ok := strings.CutPrefix(id, "k-")
	_, err := hex.DecodeString(digits)
	return ok && err == nil && len(digits) == 12
}
