// Package keys says who may call: it issues keys, keeps their digests in a file or in Redis, and finds the identity behind a key.
// It is separate because keys change without a commit of the policy and without a restart, and are nobody's money.
package keys

import (
	"context"
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
	ErrReplaced  = errors.New("the key was given a new secret, and the time of this one is over; use the new one")
)

// Ring finds the identity behind a key, among the keys of a data directory, those of the fleet and those of the policy. It is safe for
// concurrent use, and follows changes that other processes make within two polls.
type Ring struct {
	path    string
	options RingOptions
	current atomic.Pointer[holders]

	mu       sync.Mutex // guards what current is made of
	file     []Key
	fleet    []Key
	declared []Key
	failed   [2]error // why the file and the fleet's keys could not be read; nil if they could

	seen    os.FileInfo // the file as it was before it was last read; nil if there was none. Only its poller touches it.
	replica *replica    // of the fleet's keys; nil without a fleet. Only its poller touches it.
	synced  atomic.Int64
	stop    context.CancelFunc
	running sync.WaitGroup
}

// RingOptions tune a ring. The zero value of a field takes its default.
type RingOptions struct {
	Now     func() time.Time // the clock that keys expire by; default time.Now
	Poll    time.Duration    // how often the file and the fleet's keys are looked at; default 250 ms
	Changed func(error)      // called by a poller after each reload, with its error or nil; must return soon
	Fleet   *Shared          // the fleet's keys; nil without a fleet
}

// holders are who holds which secret, by its digest.
type holders map[[sha256.Size]byte]holder

type holder struct {
	identity exchange.Identity
	expires  time.Time // zero: never
	until    time.Time // when the secret stops to work; zero: never
	revoked  bool
}

// The sources that can fail.
const (
	ofFile = iota
	ofFleet
)

// Open reads DIR/keys.jsonl and the fleet's keys, and follows both until Close. A file that does not exist yet holds no keys. A file that
// cannot be understood is an error now; later, the ring keeps the last good reading and tells of it through Problem and Changed. While Redis
// does not answer the ring goes by its copy of the fleet's keys, which is also in DIR.
func Open(dir string, options RingOptions) (*Ring, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Poll <= 0 {
		options.Poll = 250 * time.Millisecond
	}
	if options.Changed == nil {
		options.Changed = func(error) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Ring{path: filepath.Join(dir, fileName), options: options, stop: stop}
	r.current.Store(new(holders))
	if err := r.reload(); err != nil {
		stop()
		return nil, err
	}
	if options.Fleet != nil {
		if err := r.join(ctx, dir); err != nil {
			stop()
			return nil, err
		}
		r.running.Go(func() { r.follow(ctx, r.pollFleet) })
	}
	r.running.Go(func() { r.follow(ctx, r.pollFile) })
	return r, nil
}

// join reads the fleet's keys: from Redis, else from the copy. A Redis that is down is no error, as it comes back.
func (r *Ring) join(ctx context.Context, dir string) (err error) {
	if r.replica, err = openReplica(r.options.Fleet, dir); err != nil {
		return err
	}
	if keys, err := r.replica.keys(); err == nil {
		r.publish(&r.fleet, keys)
	}
	r.pollFleet(ctx)
	return nil
}

// Find returns who holds a key, or ErrMalformed, ErrUnknown, ErrRevoked, ErrExpired or ErrReplaced.
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
	case h.expires.IsZero() && h.until.IsZero():
		return h.identity, nil
	}
	now := r.options.Now()
	switch {
	case !h.expires.IsZero() && !now.Before(h.expires):
		return exchange.Identity{}, ErrExpired
	case !h.until.IsZero() && !now.Before(h.until):
		return exchange.Identity{}, ErrReplaced
	}
	return h.identity, nil
}

// Len returns how many secrets the ring knows, those of revoked and expired keys included.
func (r *Ring) Len() int { return len(*r.current.Load()) }

// Problem returns why the keys as they are now could not be read, or nil. The ring answers from the last good reading meanwhile.
func (r *Ring) Problem() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.failed[:]...)
}

// Behind returns how long ago the fleet's keys were last found to be as they are in Redis; 0 without a fleet. False: they were never
// read, not even from a copy on disk.
func (r *Ring) Behind() (time.Duration, bool) {
	if r.options.Fleet == nil {
		return 0, true
	}
	at := r.synced.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	if at == 0 {
		return 0, r.fleet != nil
	}
	return time.Since(time.Unix(0, at)), true
}

// Close stops following. The ring still answers from what it knows.
func (r *Ring) Close() {
	r.stop()
	r.running.Wait()
}

// follow polls rather than waits for events: a few looks a second cost nothing, and work on every file system, through every way of
// replacing a file, and through every way of losing a subscription.
func (r *Ring) follow(ctx context.Context, poll func(context.Context)) {
	tick := time.NewTicker(r.options.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			poll(ctx)
		}
	}
}

func (r *Ring) pollFile(context.Context) {
	now, err := os.Stat(r.path)
	if err == nil && r.seen != nil && unchanged(r.seen, now) && r.problem(ofFile) == nil {
		return
	}
	if errors.Is(err, os.ErrNotExist) && r.seen == nil {
		return // still no file
	}
	r.tell(ofFile, true, r.reload())
}

// reload reads the file. It looks at the file before it reads: what is appended in between is seen again by the next poll.
func (r *Ring) reload() error {
	info, err := os.Stat(r.path)
	if errors.Is(err, os.ErrNotExist) && r.seen == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the key file: %w; restore it", err)
	}
	src, err := os.ReadFile(r.path)
	if err != nil {
		return fmt.Errorf("read the key file: %w", err)
	}
	keys, _, err := read(src)
	if err != nil {
		return fmt.Errorf("key file %s: %w", r.path, err)
	}
	r.publish(&r.file, keys)
	r.seen = info
	return nil
}

func (r *Ring) pollFleet(ctx context.Context) {
	changed, err := r.replica.sync(ctx)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		r.synced.Store(time.Now().UnixNano())
	}
	if changed {
		keys, failed := r.replica.keys()
		if failed == nil {
			r.publish(&r.fleet, keys)
		}
		err = errors.Join(err, failed)
	}
	r.tell(ofFleet, changed, err)
}

func (r *Ring) problem(of int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed[of]
}

// tell notes a source's problem, or that it has none, and says so if that or the keys are new.
func (r *Ring) tell(of int, changed bool, err error) {
	r.mu.Lock()
	before := r.failed[of]
	r.failed[of] = err
	r.mu.Unlock()
	repeated := err != nil && before != nil && err.Error() == before.Error() // a lasting problem is told once
	if (changed || err != nil || before != nil) && !repeated {
		r.options.Changed(err)
	}
}

// publish makes one source's keys known.
func (r *Ring) publish(source *[]Key, keys []Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*source = keys
	next, revoked := holders{}, map[string]bool{} // by id: each store may know secrets of a key that the other one does not
	for _, store := range [...][]Key{r.file, r.fleet} {
		for i := range store {
			if k := &store[i]; !k.Revoked.IsZero() {
				revoked[k.ID] = true
			}
		}
	}
	for _, store := range [...][]Key{r.file, r.fleet} {
		for i := range store {
			next.add(&store[i], revoked[store[i].ID])
		}
	}
	for i := range r.declared {
		next.add(&r.declared[i], false)
	}
	r.current.Store(&next)
}

// add lets in a key. Where two sources have one, the later terms hold; but a secret that was revoked or replaced anywhere is.
func (h holders) add(k *Key, revoked bool) {
	who := exchange.Identity{KeyID: k.ID, Team: k.Team, Project: k.Project, User: k.User, Scope: k.Scope()}
	for _, s := range k.secrets {
		before, until := h[s.digest], s.until
		if until.IsZero() || !before.until.IsZero() && before.until.Before(until) {
			until = before.until
		}
		h[s.digest] = holder{identity: who, expires: k.Expires, until: until, revoked: revoked || before.revoked}
	}
}

// unchanged compares what every change of the file moves: an append its size, an edit its time, a replacement its inode.
func unchanged(a, b os.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}
