package proxy

import (
	"context"
	"io"
	"sync"
	"time"

	"bursar/cache"

	"github.com/valyala/fasthttp"
)

// refreshes are the answers that are being fetched anew behind the stale ones that were served. Each is a request of its own, with the key of the
// one that found the answer stale: it holds money, is settled, and has a row, whose cache column says refresh.
type refreshes struct {
	mu      sync.Mutex
	under   map[cache.Key]bool
	running sync.WaitGroup
}

// mostRefreshes bounds those of this gateway; what is beyond it stays stale a little longer.
const mostRefreshes = 64

func (r *refreshes) begin(key cache.Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.under[key] || len(r.under) >= mostRefreshes {
		return false
	}
	if r.under == nil {
		r.under = map[cache.Key]bool{}
	}
	r.under[key] = true
	return true
}

func (r *refreshes) end(key cache.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.under, key)
}

// refresh fetches an answer anew that is older than ttl, unless somebody in the fleet does so already.
func (s *Server) refresh(t *trip, ttl time.Duration) {
	if s.draining.Load() || !s.renewing.begin(t.key) {
		return
	}
	ctx := new(fasthttp.RequestCtx)
	t.ctx.Request.CopyTo(&ctx.Request)
	using, e, ask := t.using, t.endpoint, cache.Ask{Key: t.key, MaxAge: ttl, Behind: true}
	labels := t.labels()
	ask.Labels = func() []string { return labels }
	s.renewing.running.Go(func() {
		defer s.renewing.end(ask.Key)
		if _, seat := s.cache.Join(context.Background(), &ask); seat != nil && seat.Leads() {
			s.serveBehind(ctx, e, using, seat)
		} else if seat != nil {
			seat.Leave(false)
		}
	})
}

// drain waits until none is under way, or ctx ends.
func (r *refreshes) drain(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		r.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// serveBehind carries a request that no client waits for through the nine steps. It may be refused before it takes the seat, or decided for another
// model than the stale answer was made by: then its answer is none for those who wait.
func (s *Server) serveBehind(ctx *fasthttp.RequestCtx, e *endpoint, using *generation, seat *cache.Seat) {
	defer seat.Leave(false)
	t := s.begin(ctx, e)
	t.using, t.refreshes, t.behind = using, seat, true
	s.carryOut(t)
	if stream, ok := ctx.Response.BodyStream().(stream); ok {
		_, err := stream.WriteTo(io.Discard)
		_ = stream.CloseWithError(err)
	}
}

// stream is a relay, or a following.
type stream interface {
	io.WriterTo
	CloseWithError(err error) error
}
