package policy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loaded is one call of OnLoad.
type loaded struct {
	policy *Policy
	err    error
}

// watched starts a watcher on a file and returns what OnLoad is told.
func watched(t *testing.T, path string) (*Watcher, <-chan loaded) {
	t.Helper()
	loads := make(chan loaded, 100)
	ctx, cancel := context.WithCancel(context.Background())
	w, err := Watch(ctx, path, WatchOptions{
		Env: noEnv, Debounce: time.Millisecond,
		OnLoad:       func(p *Policy, err error) { loads <- loaded{p, err} },
		OnWatchError: func(err error) { t.Errorf("watch: %v", err) },
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		<-w.Done()
	})
	if first := <-loads; first.err != nil || first.policy != w.Policy() {
		t.Fatalf("first load: %+v", first)
	}
	return w, loads
}

// until waits for a load that the test is about. Loads of a file half written may come before it.
func until(t *testing.T, loads <-chan loaded, want func(loaded) bool) loaded {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case l := <-loads:
			if want(l) {
				return l
			}
		case <-late:
			t.Fatal("no such load within 30 s")
		}
	}
}

func write(t *testing.T, path string, src []byte) {
	t.Helper()
	if err := os.WriteFile(path, src, 0o644); err != nil {
		t.Fatal(err)
	}
}

func capIs(want int64) func(loaded) bool {
	return func(l loaded) bool { return l.err == nil && l.policy.Output.MaxTokens == want }
}

func failed(l loaded) bool { return l.err != nil }

func TestWatchWriteInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	write(t, path, small(""))
	w, loads := watched(t, path)
	write(t, path, small("output: { max_tokens: 7 }\n"))
	if l := until(t, loads, capIs(7)); l.policy != w.Policy() {
		t.Error("the policy told is not the one that holds")
	}
}

func TestWatchAtomicRename(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policies.yaml")
	write(t, path, small(""))
	_, loads := watched(t, path)
	for _, text := range []string{"output: { max_tokens: 7 }\n", "output: { max_tokens: 8 }\n"} { // twice: the first inode is gone by then
		write(t, filepath.Join(dir, ".policies.swp"), small(text))
		if err := os.Rename(filepath.Join(dir, ".policies.swp"), path); err != nil {
			t.Fatal(err)
		}
		until(t, loads, capIs(int64(text[len(text)-4]-'0')))
	}
}

// Kubernetes mounts a ConfigMap as policies.yaml -> ..data/policies.yaml and swaps the link ..data.
func TestWatchSymlinkSwap(t *testing.T) {
	dir := t.TempDir()
	generation := func(name, text string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "policies.yaml"), small(text))
		if err := os.Symlink(name, filepath.Join(dir, "..new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	generation("..1", "")
	path := filepath.Join(dir, "policies.yaml")
	if err := os.Symlink(filepath.Join("..data", "policies.yaml"), path); err != nil {
		t.Fatal(err)
	}
	_, loads := watched(t, path)
	generation("..2", "output: { max_tokens: 7 }\n")
	until(t, loads, capIs(7))
	if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
		t.Fatal(err)
	}
	generation("..3", "output: { max_tokens: 8 }\n")
	until(t, loads, capIs(8))
}

// A plain link to a file in another directory must be followed too.
func TestWatchLinkedFile(t *testing.T) {
	real, path := filepath.Join(t.TempDir(), "real.yaml"), filepath.Join(t.TempDir(), "policies.yaml")
	write(t, real, small(""))
	if err := os.Symlink(real, path); err != nil {
		t.Fatal(err)
	}
	_, loads := watched(t, path)
	write(t, real, small("output: { max_tokens: 7 }\n"))
	until(t, loads, capIs(7))
}

func TestWatchKeepsTheLastGoodPolicy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	write(t, path, small(""))
	w, loads := watched(t, path)
	good := w.Policy()

	write(t, path, []byte("version: 2\n"))
	l := until(t, loads, failed)
	if l.policy != good || w.Policy() != good {
		t.Error("a bad file replaced the policy")
	}
	if err := w.Reload(); err == nil {
		t.Error("Reload of a bad file gives no error")
	}
	write(t, path, small("")) // back to what held all the time
	if l := until(t, loads, func(l loaded) bool { return l.err == nil }); l.policy != good {
		t.Error("the same bytes gave another policy")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	until(t, loads, func(l loaded) bool { return errors.Is(l.err, os.ErrNotExist) && l.policy == good })
}

func TestReloadOfTheSameBytesDoesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	write(t, path, small(""))
	calls := 0
	ctx, cancel := context.WithCancel(context.Background())
	w, err := Watch(ctx, path, WatchOptions{Env: noEnv, Debounce: time.Hour, OnLoad: func(*Policy, error) { calls++ }})
	if err != nil {
		t.Fatal(err)
	}
	p := w.Policy()
	for range 3 {
		if err := w.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path, small("output: { max_tokens: 7 }\n"))
	if err := w.Reload(); err != nil || w.Policy() == p || calls != 2 {
		t.Errorf("error %v, same policy %v, %d calls", err, w.Policy() == p, calls)
	}
	cancel()
	<-w.Done()
}

func TestWatchNeedsAFirstPolicy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	if _, err := Watch(context.Background(), path, WatchOptions{Env: noEnv}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	write(t, path, []byte("version: 2\n"))
	var problems *Problems
	if _, err := Watch(context.Background(), path, WatchOptions{Env: noEnv}); !errors.As(err, &problems) {
		t.Errorf("bad file: %v", err)
	}
}

// Many events within the debounce are one load, and a directory that never rests cannot put it off.
func TestDebounce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	write(t, path, small(""))
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		w := &Watcher{path: path, options: WatchOptions{
			Env: noEnv, Debounce: 100 * time.Millisecond,
			OnLoad:       func(*Policy, error) { at = append(at, time.Since(start)) },
			OnWatchError: func(err error) { t.Errorf("watch: %v", err) },
		}}
		ctx, cancel := context.WithCancel(t.Context())
		events, faults := make(chan fsnotify.Event), make(chan error)
		go w.run(ctx, events, faults, func() error { return nil })
		for i := range 50 { // an event each 10 ms, a change of the bytes each 250 ms
			if i%25 == 0 {
				write(t, path, small("output: { max_tokens: "+strings.Repeat("1", i/25+1)+" }\n"))
			}
			events <- fsnotify.Event{Op: fsnotify.Write}
			time.Sleep(10 * time.Millisecond)
		}
		events <- fsnotify.Event{Op: fsnotify.Chmod} // changes no bytes
		synctest.Wait()
		cancel()
		if len(at) != 2 || at[0] != 100*time.Millisecond || at[1] > 360*time.Millisecond {
			t.Errorf("loads at %v", at)
		}
	})
}

func TestWatchReportsItsOwnFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policies.yaml")
	write(t, path, small(""))
	synctest.Test(t, func(t *testing.T) {
		var told []string
		loads := 0
		w := &Watcher{path: path, options: WatchOptions{
			Env: noEnv, Debounce: time.Second,
			OnLoad:       func(*Policy, error) { loads++ },
			OnWatchError: func(err error) { told = append(told, err.Error()) },
		}}
		events, faults := make(chan fsnotify.Event), make(chan error)
		go w.run(t.Context(), events, faults, func() error { return errors.New("too many watches") })
		faults <- fsnotify.ErrEventOverflow // events were lost: look, but there is nothing to tell
		faults <- errors.New("broken")
		time.Sleep(2 * time.Second)
		close(events)
		synctest.Wait()
		if len(told) != 2 || !strings.Contains(told[0], "broken") || !strings.Contains(told[1], "too many watches") || loads != 1 {
			t.Errorf("told %q, %d loads", told, loads)
		}
	})
}
