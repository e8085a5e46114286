package events

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// told remembers which events each webhook has taken, so that a restart does not tell them again. It is a file of JSON lines, appended
// to; one that is lost costs some repetitions, so it is not synced.
type told struct {
	mu   sync.Mutex
	file *os.File // nil: remembered in memory only
	all  map[toldKey]time.Time
}

type toldKey struct{ hook, id string }

type toldLine struct {
	Hook  string    `json:"hook"`
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// toldFile is its name in a data folder.
const toldFile = "events.jsonl"

// openTold reads what was told, and leaves out what does not matter any more.
func openTold(dir string, now time.Time) (*told, error) {
	t := &told{all: map[toldKey]time.Time{}}
	if dir == "" {
		return t, nil
	}
	path := filepath.Join(dir, toldFile)
	old, err := os.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read which events were told: %w", err)
	}
	kept, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("remember which events were told: %w", err)
	}
	t.file = kept
	if old != nil {
		defer old.Close()
		for lines := bufio.NewScanner(old); lines.Scan(); {
			var l toldLine
			if json.Unmarshal(lines.Bytes(), &l) != nil || !l.Until.After(now) { // a torn line costs one repetition
				continue
			}
			t.all[toldKey{l.Hook, l.ID}] = l.Until
			if _, err := kept.Write(append(lines.Bytes(), '\n')); err != nil {
				return nil, fmt.Errorf("remember which events were told: %w", err)
			}
		}
	}
	if err := os.Rename(path+".new", path); err != nil {
		return nil, fmt.Errorf("remember which events were told: %w", err)
	}
	return t, nil
}

func (t *told) has(hook, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.all[toldKey{hook, id}]
	return ok
}

// mostTold bounds the memory of a gateway that runs for long.
const mostTold = 1 << 16

func (t *told) note(hook string, e *Event, now time.Time) error {
	until := e.until(now)
	t.remember(toldKey{hook, e.ID}, until, now)
	if t.file == nil {
		return nil
	}
	line, err := json.Marshal(toldLine{hook, e.ID, now.UTC(), until.UTC()})
	if err == nil {
		_, err = t.file.Write(append(line, '\n')) // whole, beside others; and nobody who asks waits for the disk
	}
	return err
}

func (t *told) remember(key toldKey, until, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= mostTold {
		for key, until := range t.all {
			if !until.After(now) || len(t.all) >= mostTold {
				delete(t.all, key)
			}
		}
	}
	t.all[key] = until
}

// until is how long an event is remembered as told.
func (e *Event) until(now time.Time) time.Time {
	if e.Matters.After(now) {
		return e.Matters
	}
	return now.Add(24 * time.Hour)
}

func (t *told) close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
