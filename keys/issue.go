package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Options say for whom a key is made.
type Options struct {
	Team    string    // lower-case letters, digits and -; 1 to 63 characters
	Project string    // "" if the key stands for no project
	User    string    // "" if the key stands for no user; at most 200 bytes, as are Project and Name
	Name    string    // what its owner calls it, for lists
	Expires time.Time // zero: never
	Now     func() time.Time
}

// Add issues a key and returns it, the only time it is seen: DIR/keys.jsonl keeps its digest. The key is on disk when Add returns.
func Add(dir string, o Options) (Secret, Key, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	now := o.Now().UTC().Truncate(time.Second)
	if err := o.validate(now); err != nil {
		return Secret{}, Key{}, fmt.Errorf("add key: %w", err)
	}
	var secret Secret
	var key Key
	err := change(dir, func(known []Key) (*record, error) {
		secret = newSecret(o.Team)
		digest := sha256.Sum256([]byte(secret.text))
		for find(known, idOf(digest)) != nil { // 48 bits of id may meet once in a blue moon
			secret = newSecret(o.Team)
			digest = sha256.Sum256([]byte(secret.text))
		}
		key = Key{ID: idOf(digest), Team: o.Team, Project: o.Project, User: o.User, Name: o.Name, Added: now, Expires: o.Expires, digest: digest}
		return &record{
			Op: "added", At: now, ID: key.ID, SHA256: hex.EncodeToString(digest[:]),
			Team: o.Team, Project: o.Project, User: o.User, Name: o.Name, Expires: o.Expires,
		}, nil
	})
	if err != nil {
		return Secret{}, Key{}, fmt.Errorf("add key for team %s: %w", o.Team, err)
	}
	return secret, key, nil
}

// List returns the keys of DIR/keys.jsonl in the order they were added, revoked and expired ones included. No file is no keys.
func List(dir string) ([]Key, error) {
	keys, err := readFile(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return keys, err
}

// Revoke ends a key, named by its id or by its text. Gateways that follow the file refuse it within a second. To revoke it again
// is no error.
func Revoke(dir, idOrKey string) error {
	id := idOrKey
	if strings.HasPrefix(id, prefix) { // whoever found a leaked key has no id of it; and the text must not get into an error
		id = idOf(sha256.Sum256([]byte(idOrKey)))
	}
	if !validID(id) { // may be a part of a key, so it is not repeated
		return errors.New("revoke key: what was given is neither a key's id (k- and 12 hexadecimal digits) nor a key; `bursar keys list` shows the ids")
	}
	err := change(dir, func(known []Key) (*record, error) {
		k := find(known, id)
		switch {
		case k == nil:
			return nil, errors.New("no such key; `bursar keys list` shows the ids")
		case !k.Revoked.IsZero():
			return nil, nil
		}
		return &record{Op: "revoked", At: time.Now().UTC().Truncate(time.Second), ID: id}, nil
	})
	if err != nil {
		return fmt.Errorf("revoke key %s: %w", id, err)
	}
	return nil
}

// change appends one record under the file's lock, decided by what the file holds then; nil changes nothing.
func change(dir string, decide func(known []Key) (*record, error)) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	file, release, err := openLocked(filepath.Join(dir, fileName))
	if err != nil {
		return err
	}
	defer release()
	src, err := os.ReadFile(file.Name())
	if err != nil {
		return fmt.Errorf("read the key file: %w", err)
	}
	known, whole, err := read(src)
	if err != nil {
		return fmt.Errorf("key file %s: %w", file.Name(), err)
	}
	r, err := decide(known)
	if r == nil || err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the record: %w", err)
	}
	line = append(line, '\n')
	if whole > 0 && src[whole-1] != '\n' {
		line = append([]byte{'\n'}, line...) // somebody's editor left out the last line end
	}
	return appendLine(file, whole, line)
}

// appendLine writes a line behind the whole ones and waits for the disk. What a crash left torn behind them is cut off first;
// what we fail to write whole is cut off after.
func appendLine(file *os.File, whole int, line []byte) error {
	err := file.Truncate(int64(whole))
	if err == nil {
		_, err = file.WriteAt(line, int64(whole))
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		_ = file.Truncate(int64(whole))
		return fmt.Errorf("write the key file: %w", err)
	}
	if whole == 0 { // a new file's name must be on disk, too
		if d, err := os.Open(filepath.Dir(file.Name())); err == nil {
			_ = d.Sync() // not every file system can
			_ = d.Close()
		}
	}
	return nil
}

func find(keys []Key, id string) *Key {
	for i := range keys {
		if keys[i].ID == id {
			return &keys[i]
		}
	}
	return nil
}

func (o *Options) validate(now time.Time) error {
	if err := validTeam(o.Team); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{{"project", o.Project}, {"user", o.User}, {"name", o.Name}} {
		switch {
		case strings.Contains(f.value, prefix):
			return fmt.Errorf("%s holds the text of a key, which must not be stored; give it another", f.name)
		case len(f.value) > 200:
			return fmt.Errorf("%s has %d bytes; use at most 200", f.name, len(f.value))
		case !utf8.ValidString(f.value) || strings.ContainsFunc(f.value, unicode.IsControl):
			return fmt.Errorf("%s has control characters or is not UTF-8; use plain text", f.name)
		}
	}
	if !o.Expires.IsZero() && !o.Expires.After(now) {
		return fmt.Errorf("the expiry %s is past; give a later time, or none for a key that does not expire", o.Expires.Format(time.RFC3339))
	}
	return nil
}

func validID(id string) bool {
	digits, ok := strings.CutPrefix(id, "k-")
	_, err := hex.DecodeString(digits)
	return ok && err == nil && len(digits) == 12
}

// validTeam keeps team names fit for a key's text, a header, a metric label and a file name. It does not repeat what it refuses.
func validTeam(team string) error {
	ok := len(team) >= 1 && len(team) <= 63 && team[0] != '-' && team[len(team)-1] != '-'
	for i := 0; i < len(team) && ok; i++ {
		c := team[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	if !ok {
		return errors.New("the team's name is not 1 to 63 lower-case letters, digits and inner -; for example: search, data-science")
	}
	return nil
}
