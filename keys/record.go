package keys

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"bursar/exchange"
)

// record is one change of one key, a JSON object on a line of its own. Records are only ever appended, so what was done, when and
// by whom is never lost.
type record struct {
	Op     string    `json:"op"` // added, changed, rotated or revoked
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	ID     string    `json:"id"`
	SHA256 string    `json:"sha256,omitempty"` // of the whole secret, in hex; of an added and of a rotated key

	// All terms of an added and of a changed key.
	Team    string            `json:"team,omitempty"`
	Project string            `json:"project,omitempty"`
	User    string            `json:"user,omitempty"`
	Name    string            `json:"name,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	Models  []string          `json:"models,omitempty"`
	Routes  []string          `json:"routes,omitempty"`
	NoPin   bool              `json:"no_pin,omitempty"`
	Expires time.Time         `json:"expires,omitzero"`

	Until time.Time `json:"until,omitzero"` // of a rotated key: when its earlier secrets stop to work; zero: at once
}

func (r *record) setTerms(t *Terms) {
	r.Team, r.Project, r.User, r.Name = t.Team, t.Project, t.User, t.Name
	r.Models, r.Routes, r.NoPin, r.Expires = t.Models, t.Routes, t.NoPin, t.Expires
	for _, tag := range t.Tags {
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		r.Tags[tag.Name] = tag.Value
	}
}

func (r *record) terms() Terms {
	t := Terms{
		Team: r.Team, Project: r.Project, User: r.User, Name: r.Name, Models: r.Models, Routes: r.Routes, NoPin: r.NoPin, Expires: r.Expires,
	}
	for name, value := range r.Tags {
		t.Tags = append(t.Tags, exchange.Tag{Name: name, Value: value})
	}
	return t.normal()
}

// digest returns SHA256, which readRecord has checked.
func (r *record) digest() (d [sha256.Size]byte) {
	_, _ = hex.Decode(d[:], []byte(r.SHA256))
	return d
}

// read returns the keys of records in the order they were added, and how many of the bytes are whole lines.
//
// A last line that was torn by a crash is left out: its change was never confirmed to anybody. Any other line that cannot be
// understood is an error, because the line may be a revocation. A line never shows up in the error: it might hold a key that
// somebody pasted into the wrong file.
func read(src []byte) (keys []Key, whole int, err error) {
	var all []record
	seen := map[string]bool{} // a line that stands twice counts once: a fleet's gateways may both have restored it
	for line := 1; whole < len(src); line++ {
		text, _, ended := bytes.Cut(src[whole:], []byte("\n"))
		if len(bytes.TrimSpace(text)) > 0 {
			r, err := readRecord(text)
			if err != nil && !ended {
				break
			}
			if err != nil {
				return nil, 0, fmt.Errorf("line %d: %w; restore the line from a backup, or remove it", line, err)
			}
			if !seen[string(text)] {
				seen[string(text)] = true
				all = append(all, r)
			}
		}
		whole += len(text)
		if ended {
			whole++
		}
	}
	keys, err = fold(all)
	if err != nil {
		return nil, 0, err
	}
	return keys, whole, nil
}

// readRecord reads one line. It accepts nothing that it does not know: a member of a newer version may restrict a key.
func readRecord(line []byte) (record, error) {
	var r record
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, errors.New("not a JSON object with the members of a key record")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("more than one JSON object on the line")
	}
	if r.ID == "" || r.At.IsZero() {
		return r, errors.New("a record needs op, id and at")
	}
	return r, r.check()
}

func (r *record) check() error {
	switch r.Op {
	case "revoked":
		return nil
	case "changed":
		return validTeam(r.Team)
	case "added", "rotated":
		digest, err := hex.DecodeString(r.SHA256)
		if err != nil || len(digest) != sha256.Size {
			return errors.New("sha256 is not 64 hexadecimal digits")
		}
		if r.Op == "rotated" {
			return nil
		}
		if want := idOf([sha256.Size]byte(digest)); r.ID != want {
			return fmt.Errorf("id is not %s, as its sha256 says", want)
		}
		return validTeam(r.Team)
	default:
		return errors.New("op is not one of added, changed, rotated and revoked")
	}
}

// fold makes keys of records. Within a key they count in the order of their times, and a revocation counts wherever it stands: copies
// of a fleet's records may be merged in another order than they were written in.
func fold(all []record) ([]Key, error) {
	var keys []Key
	at := map[string]int{}
	for i := range all {
		r := &all[i]
		if r.Op != "added" {
			continue
		}
		if _, twice := at[r.ID]; twice {
			return nil, fmt.Errorf("key %s was added twice; remove one of the two records", r.ID)
		}
		at[r.ID] = len(keys)
		keys = append(keys, Key{
			ID: r.ID, Terms: r.terms(), Added: r.At, secrets: []secret{{digest: r.digest()}}, Changes: []Change{{r.At, r.By, "added for team " + r.Team}},
		})
	}
	later := slices.SortedStableFunc(slices.Values(all), func(a, b record) int { return a.At.Compare(b.At) })
	for i := range later {
		if k, known := at[later[i].ID]; known && later[i].Op != "added" {
			keys[k].apply(&later[i])
		}
	}
	return keys, nil
}

func (k *Key) apply(r *record) {
	change := Change{At: r.At, By: r.By, What: r.Op}
	switch r.Op {
	case "revoked":
		if k.Revoked.IsZero() {
			k.Revoked = r.At
		}
	case "changed":
		terms := r.terms()
		change.What = cmp.Or(k.Terms.differences(&terms), "nothing")
		k.Terms = terms
	case "rotated":
		until := r.Until
		if change.What = "rotated; earlier secrets work until " + dateText(until); until.IsZero() {
			change.What, until = "rotated; earlier secrets ended at once", time.Unix(0, 0) // by any clock
		}
		for i := range k.secrets {
			if s := &k.secrets[i]; s.until.IsZero() || s.until.After(until) {
				s.until = until
			}
		}
		k.secrets = append(k.secrets, secret{digest: r.digest()})
	}
	k.Changes = append(k.Changes, change)
}
