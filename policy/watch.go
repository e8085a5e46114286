package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher keeps the policy of a file current. A file that does not load changes nothing: the last good policy stays.
type Watcher struct {
	path    string
	options WatchOptions
	current atomic.Pointer[Policy]
	done    chan struct{}

	mu     sync.Mutex // one load at a time
	read   []byte     // the bytes last tried, good or bad
	result error      // what came of them
}

// WatchOptions are how a Watcher looks and whom it tells.
type WatchOptions struct {
	Env      func(string) string // reads the environment; nil is the process's
	Debounce time.Duration       // how long to wait after a change for more of it; 0 is 100 ms
	// OnLoad is told each outcome of a changed file, the first load included: the policy that now holds, nil if none did yet, and
	// why the file did not load, nil if it did. Calls never overlap; it must not call Reload.
	OnLoad func(p *Policy, err error)
	// OnWatchError is told that the file can no longer be watched, or not at all. Reload still works then.
	OnWatchError func(err error)
}

// Watch loads the policy at path and keeps it current until ctx ends. It fails if the file does not load at first. That the file
// cannot be watched is no failure: OnWatchError hears of it.
func Watch(ctx context.Context, path string, options WatchOptions) (*Watcher, error) {
	if options.Env == nil {
		options.Env = os.Getenv
	}
	if options.Debounce <= 0 {
		options.Debounce = 100 * time.Millisecond
	}
	if options.OnLoad == nil {
		options.OnLoad = func(*Policy, error) {}
	}
	if options.OnWatchError == nil {
		options.OnWatchError = func(error) {}
	}
	w := &Watcher{path: path, options: options, done: make(chan struct{})}
	// The watch stands before the first read, or a change between the two would be lost.
	system, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.follow(system); err != nil {
			err = errors.Join(err, system.Close())
		}
	}
	if err != nil {
		system = nil
		options.OnWatchError(fmt.Errorf("watch %s: %w", path, err))
	}
	if err := w.Reload(); err != nil {
		if system != nil {
			err = errors.Join(err, system.Close())
		}
		return nil, err
	}
	if system == nil {
		close(w.done)
		return w, nil
	}
	go func() {
		defer close(w.done)
		defer system.Close()
		w.run(ctx, system.Events, system.Errors, func() error { return w.follow(system) })
	}()
	return w, nil
}

// Policy returns the policy that holds now. It is never nil.
func (w *Watcher) Policy() *Policy { return w.current.Load() }

// Done is closed once nothing is watched any more.
func (w *Watcher) Done() <-chan struct{} { return w.done }

// Reload reads the file now. Bytes that were read before are not read again: it then returns what came of them. On an error the
// last good policy stays.
func (w *Watcher) Reload() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	src, err := readFile(w.path)
	if err != nil {
		err = fmt.Errorf("read policy: %w", err)
		if w.result == nil || w.result.Error() != err.Error() {
			w.read, w.result = nil, err
			w.options.OnLoad(w.current.Load(), err)
		}
		return err
	}
	if w.read != nil && bytes.Equal(src, w.read) {
		return w.result
	}
	p, err := Parse(w.path, src, w.options.Env)
	w.read, w.result = src, err
	if last := w.current.Load(); err != nil {
		p = last
	} else if last != nil && last.Hash == p.Hash {
		p = last // back to what still holds: nobody need rebuild anything
	}
	if p != nil {
		w.current.Store(p)
	}
	w.options.OnLoad(p, err)
	return err
}

// follow watches the directories that the file's name and the file itself are in: editors replace a file by renaming another
// over it, and Kubernetes swaps a symbolic link beside it, so the file itself is the wrong thing to watch.
func (w *Watcher) follow(system *fsnotify.Watcher) error {
	if err := system.Add(filepath.Dir(w.path)); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(w.path); err == nil {
		return system.Add(filepath.Dir(real)) // a directory that is watched already is fine
	}
	return nil
}

// run reloads after changes until ctx ends. A change is waited on for Debounce from its first event, however many follow, so that
// a directory that never rests cannot keep a change from loading.
func (w *Watcher) run(ctx context.Context, events <-chan fsnotify.Event, faults <-chan error, follow func() error) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	waiting := false
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-events:
			if !ok {
				return
			}
			if event.Op != fsnotify.Chmod && !waiting {
				waiting = true
				timer.Reset(w.options.Debounce)
			}
		case <-timer.C:
			waiting = false
			if err := follow(); err != nil {
				w.options.OnWatchError(fmt.Errorf("watch %s: %w", w.path, err))
			}
			_ = w.Reload() // OnLoad has been told
		case err, ok := <-faults:
			if !ok {
				return
			}
			// Events may have been lost; the bytes tell whether anything changed.
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				w.options.OnWatchError(fmt.Errorf("watch %s: %w", w.path, err))
			}
			if !waiting {
				waiting = true
				timer.Reset(w.options.Debounce)
			}
		}
	}
}
