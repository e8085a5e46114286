package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// replica is one gateway's whole copy of the fleet's records, in memory and on disk. With it the gateway knows every key also while
// Redis is down, and after a restart meanwhile. Should Redis have forgotten records (a failover, a flush), the replica brings them
// back: nobody's key ends, and no revocation is undone, because a server lost its memory.
type replica struct {
	shared *Shared
	path   string
	lines  [][]byte
	read   bool // from Redis, or from the disk: until then nothing is known
	unkept bool // the copy on disk is older than the lines
}

// openReplica reads the copy on disk, if there is one.
func openReplica(shared *Shared, dir string) (*replica, error) {
	r := &replica{shared: shared, path: filepath.Join(dir, "keys."+url.PathEscape(shared.org)+".jsonl")}
	src, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the copy of the fleet's keys: %w", err)
	}
	if _, _, err := read(src); err != nil {
		return nil, fmt.Errorf("copy of the fleet's keys %s: %w", r.path, err)
	}
	r.lines, r.read = split(src), true
	return r, nil
}

// keys returns what the replica knows.
func (r *replica) keys() ([]Key, error) {
	keys, _, err := read(lined(r.lines))
	return keys, err
}

// patience bounds one look at Redis.
const patience = 2 * time.Second

// sync brings the replica up to Redis, and Redis up to the replica where it has forgotten something.
func (r *replica) sync(ctx context.Context) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last []byte
	if n := len(r.lines); n > 0 {
		last = r.lines[n-1]
	}
	more, continued, err := r.shared.since(ctx, len(r.lines), last)
	if err != nil {
		return false, err
	}
	next := append(r.lines[:len(r.lines):len(r.lines)], more...)
	if !continued {
		if next, _, err = r.shared.merge(ctx, r.lines); err != nil {
			return false, err
		}
	} else if len(more) == 0 && r.read && !r.unkept {
		return false, nil
	}
	whole := lined(next)
	if _, _, err := read(whole); err != nil {
		return false, fmt.Errorf("the fleet's keys in Redis (%s): %w", r.shared.key, err)
	}
	changed = len(next) != len(r.lines) || !r.read
	r.lines, r.read = next, true
	err = r.save(whole) // a revocation holds all the same, also on a full disk
	r.unkept = err != nil
	return changed, err
}

// save replaces the copy on disk.
func (r *replica) save(src []byte) error {
	file, err := os.OpenFile(r.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = file.Write(src)
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err == nil {
		err = os.Rename(r.path+".new", r.path)
	}
	if err != nil {
		return fmt.Errorf("save the copy of the fleet's keys: %w", err)
	}
	syncDir(filepath.Dir(r.path))
	return nil
}
