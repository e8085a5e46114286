package proxy

import (
	"context"
	"io"

	"bursar/cache"
	"bursar/exchange"
)

// keep stores a complete answer for the next one who asks the same, and gives it to those who wait for it.
func (s *Server) keep(t *trip, body []byte, stream bool) {
	a := t.answerOf(body, stream)
	t.keptAnswer = true
	life := t.Decision.CacheTTL + t.using.policy.Cache.Stale
	if t.escalated && t.keepsAnswers() { // the conversation goes on with this model: its next request asks for the answer by that name
		other := *a
		other.Labels, other.Mark = append(t.labels(), a.Labels...), t.mark
		s.cache.Put(context.Background(), t.cacheKey(), &other, life)
	}
	switch {
	case t.seat != nil:
		t.seat.Land(a, life)
	case t.caching == exchange.CacheOn || t.caching == exchange.CacheRefresh:
		a.Labels, a.Mark = append(t.labels(), a.Labels...), t.mark
		s.cache.Put(context.Background(), t.key, a, life)
	}
}

// answerOf is what the provider answered, as the cache keeps it.
func (t *trip) answerOf(body []byte, stream bool) *cache.Answer {
	a := &cache.Answer{
		Body: body, Usage: cache.Usage(t.Outcome.Usage), Finish: t.Outcome.Finish, Target: t.Outcome.Served.Target, Stored: t.Start,
	}
	if stream {
		a.Form = cache.Stream
	}
	if a.Target != t.Decision.Model {
		a.Labels = []string{cache.Label(cache.LabelModel, a.Target)}
	}
	return a
}

// keepsAnswers tells whether what the provider answers is worth keeping: for later, or for those who wait.
func (t *trip) keepsAnswers() bool {
	return t.seat != nil || t.caching == exchange.CacheOn || t.caching == exchange.CacheRefresh
}

// scatter tells those who wait that this answer is not for them. What a stream has said so far is an answer to those who have read it, if it has
// come to its end.
func (t *trip) scatter(whole *cache.Answer) {
	if t.seat != nil {
		t.seat.Scatter(whole)
	}
}

// leaveSeat gives up the request's place in a flight, if it has one still. Where its call has failed, those who wait do not try one after the other
// for ever.
func (s *Server) leaveSeat(t *trip, failed bool) {
	if t.seat != nil {
		t.seat.Leave(failed)
		t.seat = nil
	}
}

// followedCaller is a client for whose request others wait: the call to the provider outlives it for their sake.
type followedCaller struct {
	*clientConn
	seat *cache.Seat
}

// Attach publishes the upstream connection, to be closed when the client leaves and nobody waits.
func (c followedCaller) Attach(upstream io.Closer) bool {
	return c.clientConn.Attach(unlessFollowed{upstream, c.seat}) || c.seat.Followed()
}

// Gone tells whether nobody is there for the answer.
func (c followedCaller) Gone() bool { return c.clientConn.Gone() && !c.seat.Followed() }

type unlessFollowed struct {
	io.Closer
	seat *cache.Seat
}

func (u unlessFollowed) Close() error {
	if u.seat.Followed() {
		return nil
	}
	return u.Closer.Close()
}
