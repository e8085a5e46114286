// Package keys says who may call: it issues keys, keeps their digests in a file, and finds the identity behind a key.
// It is separate because keys change without a commit of the policy and without a restart, and are nobody's money.
package keys

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"bursar/exchange"
)

// Why a key is refused. Find returns exactly these values: none of them holds text of the key.
var (
	ErrMalformed = errors.New("the key is not a Bursar key, or was mistyped: its checksum is wrong; copy it again")
	ErrUnknown   = errors.New("the key is well formed but was not issued here; check which gateway it belongs to")
	ErrRevoked   = errors.New("the key was revoked; ask an operator for a new one")
	ErrExpired   = errors.New("the key has expired; ask an operator for a new one")
)

// Ring finds the identity behind a key. It is safe for concurrent use, and follows changes that other processes make to the
// file within two polls.
type Ring struct {
	path    string
	options RingOptions
	current atomic.Pointer[holders]
	problem atomic.Pointer[error]
	seen    os.FileInfo // the file as it was before it was last read; nil if there was none. Only the poller touches it.
	stop    chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

// RingOptions tune a ring. The zero value of a field takes its default.
type RingOptions struct {
	Now     func() time.Time // the clock that keys expire by; default time.Now
	Poll    time.Duration    // how often the file is looked at; default 250 ms
	Changed func(error)      // called by the poller after each reload, with its error or nil; must return soon
}

// holders are the keys of one reading of the file, by digest of the key.
type holders map[[sha256.Size]byte]holder

type holder struct {
	identity exchange.Identity
	expires  time.Time // zero: never
	revoked  bool
}

// Open reads DIR/keys.jsonl and follows it until Close. A file that does not exist yet holds no keys. A file that cannot be
// understood is an error now; later, the ring keeps the last good reading and tells of it through Problem and Changed.
func Open(dir string, options RingOptions) (*Ring, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Poll <= 0 {
		options.Poll = 250 * time.Millisecond
	}
	r := &Ring{path: filepath.Join(dir, fileName), options: options, stop: make(chan struct{})}
	if err := r.reload(); err != nil {
		return nil, err
	}
	r.running.Go(r.follow)
	return r, nil
}

// Find returns who holds a key, or ErrMalformed, ErrUnknown, ErrRevoked or ErrExpired.
//
// The lookup is not constant-time and need not be: what is compared is the key's SHA-256. A caller who times it learns at most
// how far a digest agrees with a stored one, and cannot make keys whose digest agrees further without inverting SHA-256.
func (r *Ring) Find(key []byte) (exchange.Identity, error) {
	h, known := (*r.current.Load())[sha256.Sum256(key)]
	switch {
	case !known && !wellFormed(key):
		return exchange.Identity{}, ErrMalformed
	case !known:
		return exchange.Identity{}, ErrUnknown
	case h.revoked:
		return exchange.Identity{}, ErrRevoked
	case !h.expires.IsZero() && !r.options.Now().Before(h.expires):
		return exchange.Identity{}, ErrExpired
	}
	return h.identity, nil
}

// Len returns how many keys the ring knows, revoked and expired ones included.
func (r *Ring) Len() int { return len(*r.current.Load()) }

// Problem returns why the file as it is now could not be read, or nil. The ring answers from the last good reading meanwhile.
func (r *Ring) Problem() error {
	if p := r.problem.Load(); p != nil {
		return *p
	}
	return nil
}

// Close stops following the file. The ring still answers from what it knows.
func (r *Ring) Close() {
	r.once.Do(func() { close(r.stop) })
	r.running.Wait()
}

// follow polls rather than waits for events: four stats a second cost nothing, and work on every file system and through
// every way of replacing a file.
func (r *Ring) follow() {
	tick := time.NewTicker(r.options.Poll)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.poll()
		}
	}
}

func (r *Ring) poll() {
	now, err := os.Stat(r.path)
	if err == nil && r.seen != nil && unchanged(r.seen, now) && r.Problem() == nil {
		return
	}
	if errors.Is(err, os.ErrNotExist) && r.seen == nil {
		return // still no file
	}
	before := r.Problem()
	err = r.reload()
	if err == nil {
		r.problem.Store(nil)
	} else {
		r.problem.Store(&err)
	}
	repeated := err != nil && before != nil && err.Error() == before.Error() // a lasting problem is told once
	if r.options.Changed != nil && !repeated {
		r.options.Changed(err)
	}
}

// reload reads the file. It looks at the file before it reads: what is appended in between is seen again by the next poll.
func (r *Ring) reload() error {
	info, err := os.Stat(r.path)
	if errors.Is(err, os.ErrNotExist) && r.seen == nil {
		r.current.Store(new(holders))
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the key file: %w; restore it", err)
	}
	keys, err := readFile(r.path)
	if err != nil {
		return err
	}
	next := make(holders, len(keys))
	for _, k := range keys {
		next[k.digest] = holder{
			identity: exchange.Identity{KeyID: k.ID, Team: k.Team, Project: k.Project, User: k.User},
			expires:  k.Expires,
			revoked:  !k.Revoked.IsZero(),
		}
	}
	r.current.Store(&next)
	r.seen = info
	return nil
}

// unchanged compares what every change of the file moves: an append its size, an edit its time, a replacement its inode.
func unchanged(a, b os.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}
