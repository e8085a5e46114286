package budget

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// Servers notices when another server answers than before: a Redis that was restarted, or a replica that took its place, may have lost its
// last moments, and must grant nothing before it has been told of them. It looks at each connection before its first command, so no call
// reaches a new server unnoticed.
type Servers struct {
	mu    sync.Mutex
	known map[string]bool // by run_id: of a cluster there are several
	armed atomic.Bool     // something was granted: from now on a new server matters
	moved atomic.Bool     // a connection to a new server was refused, and nobody has looked into it yet
}

var errAnotherServer = errors.New("another server answers than before; the call was not sent")

// Watch makes the connections of a client known to s. Connect takes its outcome.
func (s *Servers) Watch(o *redis.UniversalOptions) *redis.UniversalOptions {
	own := *o
	own.OnConnect = s.look
	return &own
}

// look refuses the first connection to a server that is not known: the call that made it was meant for the one before.
func (s *Servers) look(ctx context.Context, conn *redis.Conn) error {
	info, err := conn.Info(ctx, "server").Result()
	if err != nil {
		return nil //nolint:nilerr // a server that does not tell (a test double) cannot be told apart
	}
	id := runID(info)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[id] {
		return nil
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[id] = true
	if !s.armed.Load() {
		return nil
	}
	s.moved.Store(true)
	return errAnotherServer
}

func runID(info string) string {
	_, rest, _ := strings.Cut(info, "run_id:")
	id, _, _ := strings.Cut(rest, "\r\n")
	return id
}
