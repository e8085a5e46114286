package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Shared is where a fleet keeps its keys: a list in Redis of the same records that a file has, only ever appended to. A list, because
// its length tells in one call whether anything is new.
type Shared struct {
	client redis.UniversalClient
	org    string
	key    string
}

// NewShared makes the shared records of one org.
func NewShared(client redis.UniversalClient, org string) (*Shared, error) {
	if org == "" || strings.ContainsAny(org, "{}\n") {
		return nil, fmt.Errorf("org %q: it must not be empty nor contain braces or line breaks, because it is the hash tag of its keys", org)
	}
	return &Shared{client: client, org: org, key: "bursar:{" + org + "}:keys"}, nil
}

// Store issues and changes keys for the fleet.
func (s *Shared) Store() *Store { return &Store{Now: time.Now, log: s} }

// Take copies the keys of a data directory into the fleet's, and returns how many records that added. What is there already is left
// alone, so it may be repeated.
func (s *Shared) Take(ctx context.Context, dir string) (added int, err error) {
	src, err := fileLog{dir}.read(ctx)
	if err != nil {
		return 0, err
	}
	_, whole, err := read(src)
	if err != nil {
		return 0, fmt.Errorf("key file %s: %w", filepath.Join(dir, fileName), err)
	}
	if whole == 0 {
		return 0, fmt.Errorf("%s has no keys: %w", filepath.Join(dir, fileName), os.ErrNotExist)
	}
	_, added, err = s.merge(ctx, split(src[:whole]))
	return added, err
}

func (s *Shared) read(ctx context.Context) ([]byte, error) {
	lines, err := s.client.LRange(ctx, s.key, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the fleet's keys from Redis: %w", err)
	}
	return join(lines), nil
}

// change appends one line if nobody else has changed the list meanwhile; else it decides again.
func (s *Shared) change(ctx context.Context, decide func(known []Key) ([]byte, error)) error {
	return s.exclusively(ctx, func(lines []string) ([]any, error) {
		known, _, err := read(join(lines))
		if err != nil {
			return nil, fmt.Errorf("the fleet's keys in Redis (%s): %w", s.key, err)
		}
		line, err := decide(known)
		if line == nil || err != nil {
			return nil, err
		}
		return []any{line}, nil
	})
}

// merge appends the lines of mine that the list does not have: Redis has forgotten them. It returns all lines there are then.
func (s *Shared) merge(ctx context.Context, mine [][]byte) (all [][]byte, added int, err error) {
	err = s.exclusively(ctx, func(lines []string) ([]any, error) {
		all, added = all[:0], 0
		has := make(map[string]bool, len(lines))
		for _, line := range lines {
			has[line] = true
			all = append(all, []byte(line))
		}
		var missing []any
		for _, line := range mine {
			if !has[string(line)] {
				has[string(line)] = true
				missing, all = append(missing, line), append(all, line)
			}
		}
		added = len(missing)
		if _, _, err := read(lined(all)); err != nil {
			return nil, fmt.Errorf("the fleet's keys in Redis (%s) and the copy of this gateway do not fit together: %w", s.key, err)
		}
		return missing, nil
	})
	return all, added, err
}

// mostTries bounds how often a change is decided anew because others were faster.
const mostTries = 32

// exclusively appends what decide makes of the list, if the list did not change meanwhile.
func (s *Shared) exclusively(ctx context.Context, decide func(lines []string) ([]any, error)) error {
	var refused error // by decide, not by Redis
	for try := range mostTries {
		if try > 0 { // whoever met once would else meet again
			time.Sleep(rand.N(time.Duration(try) * 2 * time.Millisecond))
		}
		err := s.client.Watch(ctx, func(tx *redis.Tx) error {
			lines, err := tx.LRange(ctx, s.key, 0, -1).Result()
			if err != nil {
				return err
			}
			var more []any
			if more, refused = decide(lines); refused != nil || len(more) == 0 {
				return nil
			}
			_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.RPush(ctx, s.key, more...).Err() })
			return err
		}, s.key)
		switch {
		case errors.Is(err, redis.TxFailedErr):
			continue
		case err != nil:
			return fmt.Errorf("change the fleet's keys in Redis: %w", err)
		}
		return refused
	}
	return errors.New("change the fleet's keys in Redis: others change them all the time; try again")
}

// since returns the lines behind the first n, if the last of those is still known: else the list has been changed by somebody who should
// not have, or Redis has forgotten some of it.
func (s *Shared) since(ctx context.Context, n int, known []byte) (more [][]byte, continued bool, err error) {
	from := max(0, n-1)
	lines, err := s.client.LRange(ctx, s.key, int64(from), -1).Result()
	if err != nil {
		return nil, false, fmt.Errorf("read the fleet's keys from Redis: %w", err)
	}
	if n > 0 {
		if len(lines) == 0 || lines[0] != string(known) {
			return nil, false, nil
		}
		lines = lines[1:]
	}
	for _, line := range lines {
		more = append(more, []byte(line))
	}
	return more, true, nil
}

// join and lined end each line, also the last one: none of them is torn.
func join(lines []string) []byte {
	var b bytes.Buffer
	for _, line := range lines {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func lined(lines [][]byte) []byte {
	var b bytes.Buffer
	for _, line := range lines {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// split cuts whole lines apart and leaves out empty ones.
func split(src []byte) (lines [][]byte) {
	for line := range bytes.Lines(src) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}
