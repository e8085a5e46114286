package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// fileName is the file of a data directory that holds the keys: one JSON line per change, never rewritten.
const fileName = "keys.jsonl"

// Key is what is known of an issued key. The key itself is not: only its digest is stored.
type Key struct {
	ID      string // public, safe to log
	Team    string
	Project string // "" if the key stands for no project
	User    string // "" if the key stands for no user
	Name    string // what its owner calls it
	Added   time.Time
	Expires time.Time // zero: never
	Revoked time.Time // zero: not revoked

	digest [sha256.Size]byte
}

// record is one line of the file.
type record struct {
	Op      string    `json:"op"` // added or revoked
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	SHA256  string    `json:"sha256,omitempty"` // of the whole key, in hex
	Team    string    `json:"team,omitempty"`
	Project string    `json:"project,omitempty"`
	User    string    `json:"user,omitempty"`
	Name    string    `json:"name,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

func readFile(path string) ([]Key, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	keys, _, err := read(src)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return keys, nil
}

// read returns the keys of a file in the order they were added, and how many of its bytes are whole lines.
//
// A last line that was torn by a crash is left out: its change was never confirmed to anybody. Any other line that cannot be
// understood is an error, because the line may be a revocation. A line never shows up in the error: it might hold a key that
// somebody pasted into the wrong file.
func read(src []byte) (keys []Key, whole int, err error) {
	at := map[string]int{}            // the line that added a key
	revoked := map[string]time.Time{} // apart from the keys, so that a revocation holds wherever it stands
	for line := 1; whole < len(src); line++ {
		text, _, ended := bytes.Cut(src[whole:], []byte("\n"))
		var r record
		if len(bytes.TrimSpace(text)) > 0 {
			r, err = readRecord(text)
		}
		switch {
		case err != nil && !ended:
			return withRevocations(keys, revoked), whole, nil
		case err != nil:
			return nil, 0, fmt.Errorf("line %d: %w; restore the line from a backup, or remove it", line, err)
		case r.Op == "revoked":
			revoked[r.ID] = r.At
		case r.Op == "added":
			k := Key{ID: r.ID, Team: r.Team, Project: r.Project, User: r.User, Name: r.Name, Added: r.At, Expires: r.Expires}
			_, _ = hex.Decode(k.digest[:], []byte(r.SHA256)) // readRecord has checked it
			if first, twice := at[r.ID]; twice {
				return nil, 0, fmt.Errorf("line %d: key %s was added by line %d already; remove one of them", line, r.ID, first)
			}
			at[r.ID] = line
			keys = append(keys, k)
		}
		whole += len(text)
		if ended {
			whole++
		}
	}
	return withRevocations(keys, revoked), whole, nil
}

func withRevocations(keys []Key, revoked map[string]time.Time) []Key {
	for i := range keys {
		keys[i].Revoked = revoked[keys[i].ID]
	}
	return keys
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
	switch r.Op {
	case "revoked":
		if r.ID == "" || r.At.IsZero() {
			return r, errors.New("a revocation needs id and at")
		}
	case "added":
		digest, err := hex.DecodeString(r.SHA256)
		if err != nil || len(digest) != sha256.Size {
			return r, errors.New("sha256 is not 64 hexadecimal digits")
		}
		if want := idOf([sha256.Size]byte(digest)); r.ID != want {
			return r, fmt.Errorf("id is not %s, as its sha256 says", want)
		}
		if err := validTeam(r.Team); err != nil {
			return r, err
		}
	default:
		return r, errors.New("op is neither added nor revoked")
	}
	return r, nil
}
